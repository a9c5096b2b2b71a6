"""Layout metric: large-scale light and color of a picture that the photo does not explain."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.imaging.color_transfer import to_oklab

_BLUR = 0.02  # standard deviation of the Gaussian, relative to the long side
_STEP = 4  # pixels between the positions that are compared


def layout(picture: Tensor, photo: Tensor) -> float:
    """Share of a picture's large-scale variance that no smooth change of the photo's colors explains.

    Picture and photo are blurred by 2 % of the long side and converted to Oklab (Ottosson 2020). Least
    squares fit the picture's three channels by a polynomial of the photo's channels, cubic in lightness and
    quadratic in color. The layout is the residual variance divided by the picture's variance. A recolored
    photo has 0; clouds of a style's colors, which style and content errors do not detect, reach 0.4 to 0.8.

    Args:
        picture, photo: (1, 3, H, W) in [0, 1], of one size.
    """
    made, seen = (to_oklab(_blurred(image))[0].flatten(1).double() for image in (picture, photo))
    light, a, b = seen
    terms = [torch.ones_like(light), light, a, b]
    terms += [light**2, a**2, b**2, light * a, light * b, a * b, light**3]
    known, wanted = torch.stack(terms, 1).cpu(), made.T.cpu()
    left = wanted - known @ torch.linalg.lstsq(known, wanted, driver="gelsd").solution
    spread = (wanted - wanted.mean(0)).square().sum().clamp_min(1e-9)
    return float(left.square().sum() / spread)


def _blurred(image: Tensor) -> Tensor:
    """Blur (1, 3, H, W) with a Gaussian, at every fourth position; border pixels are repeated."""
    deviation = _BLUR * max(image.shape[2:])
    reach = int(3 * deviation)
    steps = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    kernel = torch.softmax(-steps.square() / (2 * deviation**2), 0).expand(3, 1, 1, -1)
    wide = F.pad(image, [reach] * 4, mode="replicate")
    blurred = F.conv2d(F.conv2d(wide, kernel, groups=3), kernel.mT, groups=3)
    return blurred[..., ::_STEP, ::_STEP]
