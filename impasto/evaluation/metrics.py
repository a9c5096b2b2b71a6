"""Style and content errors of a picture, from the features of a backbone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto import losses
from impasto.backbones import Backbone
from impasto.imaging.color_transfer import to_oklab
from impasto.imaging.files import short_hash
from impasto.options import StyleLoss
from impasto.perception import COMPARISONS, ContentTerm, Features, Perception, StyleTerm

_VERSION = 1  # version of the metrics; cached values of another version are measured again
_KINDS: tuple[StyleLoss, ...] = ("gram", "moments")

Likeness = Callable[[Tensor, Tensor], float]  # of a picture and its photo, (1, 3, H, W) in [0, 1]


@dataclass(frozen=True)
class PhotoFeatures:
    """Features of a photo: the image, its content features, and its moments."""

    image: Tensor
    content: Sequence[ContentTerm]
    moments: Features


@dataclass(frozen=True)
class StyleFeatures:
    """Features of a style."""

    image: Tensor
    terms: Mapping[StyleLoss, Sequence[StyleTerm]]  # by kind of error


class StyleMetrics:
    """Style and content errors of pictures on a backbone, all relative: 0 is the target itself.

    With f the features of a layer, f~ these features and a constant 1, M = f~ f~^T / hw, and G, m, S the Gram
    matrix, mean and covariance in M:

    - gram: mean over relu1_1 to relu5_1 of |G - G_s|^2 / |G_s|^2 (Gatys et al. 2016, eq. 4, normalized);
    - moments: mean over these layers of W^2 / (|m_s|^2 + tr S_s), W the Wasserstein-2 distance of the
        Gaussians
      with these means and covariances (Dowson & Landau 1982);
    - content: mean over relu3_1 and relu4_1 of mean((f - f_photo)^2) / v, v the photo's variance over
      positions, averaged over channels (Gatys et al. 2016, eq. 1, normalized).

    For a backbone that was distilled from a teacher, features are in the teacher's channels
    (`backbones.base.Backbone.maps`). For a backbone that ends before relu5_1, only its layers count. Painting
    minimizes these errors, except for the factor that balances its losses, 1.5 for moments.

    Args:
        backbone: frozen, on the device that computes.
        likenesses: further metrics by name, such as "ssim", of a picture and its photo.
    """

    def __init__(self, backbone: Backbone, likenesses: Mapping[str, Likeness] | None = None) -> None:
        self._kinds = {kind: Perception(backbone, style_loss=kind) for kind in _KINDS}
        self._perception = self._kinds["moments"]
        self._backbone = backbone
        self._likenesses = dict(likenesses or {})
        self._device = next(backbone.parameters()).device
        # float32 gives the roots of small eigenvalues to some 1e-4 only; Apple's GPUs have no float64
        self._dtype = torch.float32 if self._device.type == "mps" else torch.float64

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that `measure` returns."""
        return (*self._kinds, "content", *self._likenesses)

    @cached_property
    def identity(self) -> str:
        """Hash of the backbone and the version, as values of different backbones cannot be compared."""
        tensors = (*self._backbone.state_dict().values(), *self._backbone.maps.values())
        known = short_hash(tensor.detach().cpu().contiguous().numpy().tobytes() for tensor in tensors)
        return f"{_VERSION}-{known}"

    @torch.inference_mode()
    def photo(self, image: Tensor) -> PhotoFeatures:
        """Encode a photo, (1, 3, H, W) in [0, 1]. Raises UsageError if it is too small for the backbone."""
        features = self._features(image)
        layers = [layer for layer, _ in self._perception.content_layers]
        own = {layer: losses.second_moments(features[layer]) for layer in layers}
        factors = self._perception.content_factors(own)
        content = [ContentTerm(layer, features[layer], factors[layer]) for layer in layers]
        return PhotoFeatures(image, content, self._moments(features))

    @torch.inference_mode()
    def style(self, image: Tensor) -> StyleFeatures:
        """Encode a style, (1, 3, H, W) in [0, 1]. Raises UsageError if it is too small for the backbone."""
        moments = self._moments(self._features(image))
        return StyleFeatures(image, {kind: p.style_terms_of(moments) for kind, p in self._kinds.items()})

    @torch.inference_mode()
    def measure(self, picture: Tensor, photo: PhotoFeatures, style: StyleFeatures) -> dict[str, float]:
        """Measure all `metrics` of a picture of the photo's size, (1, 3, H, W) in [0, 1]."""
        if picture is photo.image:  # the control, whose features are already computed
            content, moments = 0.0, photo.moments
        else:
            features = self._features(picture)
            content = float(self._perception.content_error(features, photo.content))
            moments = self._moments(features)
        errors: dict[str, float] = {}
        for kind, perception in self._kinds.items():
            error = float(perception.style_error_of(moments, style.terms[kind]))
            errors[kind] = max(
                0.0, error / COMPARISONS[kind].balance
            )  # rounding can make a distance negative
        likenesses = {name: like(picture, photo.image) for name, like in self._likenesses.items()}
        return {**errors, "content": content, **likenesses}

    def _features(self, image: Tensor) -> Features:
        perception = self._perception
        layers = {layer for layer, _ in (*perception.content_layers, *perception.style_layers)}
        return perception.features(image.to(self._device), layers)

    def _moments(self, features: Features) -> Features:
        layers = [layer for layer, _ in self._perception.style_layers]
        return {layer: losses.second_moments(features[layer]).to(self._dtype) for layer in layers}


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
