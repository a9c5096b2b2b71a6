"""Colors of one picture given to another: a style's to a photo, and a photo's to what was painted of it."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.options import KeepColor

_LUMA = (0.2126, 0.7152, 0.0722)  # Rec. 709
_MOST_GAIN = 8.0  # beyond, a nearly gray picture's noise would become color
_LEAST_VARIANCE = 1e-8

# sRGB's primaries in CIE XYZ (IEC 61966-2-1), rows divided by its white, D65
_TO_XYZ = torch.tensor(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
) / torch.tensor([[0.9504700], [1.0], [1.0888300]])
_TO_LAB = torch.tensor([[0.0, 116.0, 0.0], [500.0, -500.0, 0.0], [0.0, 200.0, -200.0]])
_BEND = 6 / 29  # where CIELAB's cube root becomes a line

# Ottosson 2020, "A perceptual color space for image processing": from linear sRGB to cones, and on to Oklab
_TO_CONES = torch.tensor(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_OKLAB = torch.tensor(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)

ColorMoments = tuple[Tensor, Tensor]  # mean (..., 3, 1) and covariance (..., 3, 3) of RGB


def match_colors(image: Tensor, target: Tensor) -> Tensor:
    """Move an image's colors by the affine map that gives them the mean and covariance of another's.

    Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", with the symmetric map of Pitié
    and Kokaram 2007, which moves colors least. No direction is stretched more than eightfold.

    Args:
        image, target: (3, H, W) or (N, 3, H, W) in [0, 1], of any two sizes.

    Returns:
        The shape of `image`, clamped to [0, 1].
    """
    return map_colors(image, color_moments(image), color_moments(target)).clamp(0, 1)


def keep_color(
    picture: Tensor,
    photo: Tensor,
    how: KeepColor,
    amount: float = 1.0,
    *,
    seen: tuple[Tensor, Tensor] | None = None,
    alpha: Tensor | None = None,
) -> Tensor:
    """Give a picture the colors of the photo that it was made of.

    Args:
        picture, photo: (3, H, W) or (N, 3, H, W) in [0, 1], of one size.
        how: "luminance": the picture's luma with the photo's chroma, less of it where it would leave the
            gamut (Gatys et al. 2016); "histogram": `match_colors`; "lab-transfer": mean and deviation of
            each channel of CIELAB (Reinhard et al. 2001, there in l-alpha-beta), but for lightness, whose
            deviation only shrinks, as highlights would burn out; "none".
        amount: from 0, the picture itself, to 1.
        seen: (picture, photo) whose statistics count, where the arguments are parts of larger ones.
        alpha: (1, H, W) or (N, 1, H, W), of what is seen: hidden colors have no influence on statistics.

    Returns:
        The shape of `picture`, in [0, 1].
    """
    if how == "none" or amount == 0:
        return picture
    measured = seen or (picture, photo)
    if how == "luminance":
        kept = _with_luma(photo, luma(picture))
    elif how == "histogram":
        kept = map_colors(picture, *(color_moments(part, alpha) for part in measured))
    else:
        lab = scale_lab(to_lab(picture), *(color_moments(to_lab(part), alpha) for part in measured))
        kept = from_lab(lab)
    return torch.lerp(picture, kept.clamp(0, 1), amount)


def color_moments(image: Tensor, weight: Tensor | None = None) -> ColorMoments:
    """Mean and covariance of the colors of (..., 3, H, W).

    `weight`, (..., 1, H, W) and not negative, says how much each pixel counts; where it is 0 all over, all
    pixels count alike.
    """
    values = image.flatten(-2)
    if weight is None or not bool(weight.any()):
        mean = values.mean(-1, keepdim=True)
        centered = values - mean
        return mean, centered @ centered.mT / values.shape[-1]
    share = weight.to(values).flatten(-2)
    share = share / share.sum(-1, keepdim=True)
    mean = (values * share).sum(-1, keepdim=True)
    centered = values - mean
    return mean, (centered * share) @ centered.mT


def map_colors(
    image: Tensor, source: ColorMoments, target: ColorMoments, *, most: float = _MOST_GAIN
) -> Tensor:
    """Move colors by the symmetric linear map that turns one mean and covariance into another.

    A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2 moves Gaussian colors least of all maps (Pitié & Kokaram 2007). Its
    eigenvalues are limited to `most`: in a nearly gray picture more would turn noise into color.

    Args:
        image: (..., 3, H, W).

    Returns:
        The same shape, not clamped.
    """
    root = _power(source[1].double(), 0.5)
    inverse = _power(source[1].double(), -0.5)
    matrix = inverse @ _power(root @ target[1].double() @ root, 0.5) @ inverse
    matrix = _power(matrix, 1.0, most=most)
    moved: Tensor = matrix.to(image) @ (image.flatten(-2) - source[0]) + target[0]
    return moved.view_as(image)


def scale_lab(lab: Tensor, source: ColorMoments, target: ColorMoments) -> Tensor:
    """Give each channel of CIELAB, (..., 3, H, W), the mean and deviation of another picture's.

    Reinhard et al. 2001, there in l-alpha-beta. The deviation of lightness only shrinks, as highlights would
    burn out.
    """
    variances = (moments[1].diagonal(dim1=-2, dim2=-1).clamp(min=0) for moments in (source, target))
    before, after = (variance.sqrt().unsqueeze(-1) for variance in variances)
    gain = after / before.clamp(min=_LEAST_VARIANCE**0.5)
    gain = gain.minimum(gain.new_tensor([[1.0], [_MOST_GAIN], [_MOST_GAIN]]))
    return ((lab.flatten(-2) - source[0]) * gain + target[0]).view_as(lab)


def luma(image: Tensor) -> Tensor:
    """(..., 3, H, W) in sRGB to its luma by Rec. 709, (..., 1, H, W) in [0, 1]."""
    red, green, blue = image.unbind(-3)
    return (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue).unsqueeze(-3)


def to_lab(image: Tensor) -> Tensor:
    """(..., 3, H, W) in sRGB to CIELAB under D65: L from 0 to 100."""
    xyz = _mixed(_TO_XYZ, _linear(image))
    bent = torch.where(xyz > _BEND**3, xyz.clamp(min=_BEND**3) ** (1 / 3), xyz / (3 * _BEND**2) + 4 / 29)
    lab = _mixed(_TO_LAB, bent)
    lab[..., 0, :, :] -= 16
    return lab


def from_lab(lab: Tensor) -> Tensor:
    """The inverse of `to_lab`; colors beyond sRGB come out beyond [0, 1]."""
    shifted = torch.cat([lab[..., :1, :, :] + 16, lab[..., 1:, :, :]], dim=-3)
    bent = _mixed(torch.linalg.inv(_TO_LAB), shifted)
    xyz = torch.where(bent > _BEND, bent**3, 3 * _BEND**2 * (bent - 4 / 29))
    return _encoded(_mixed(torch.linalg.inv(_TO_XYZ), xyz))


def to_oklab(image: Tensor) -> Tensor:
    """(..., 3, H, W) in sRGB to Oklab (Ottosson 2020): L from 0 to 1."""
    return _mixed(_OKLAB, _mixed(_TO_CONES, _linear(image)).clamp(min=0) ** (1 / 3))


def from_oklab(oklab: Tensor) -> Tensor:
    """The inverse of `to_oklab`; colors beyond sRGB come out beyond [0, 1]."""
    cones = _mixed(torch.linalg.inv(_OKLAB.to(oklab)), oklab) ** 3
    return _encoded(_mixed(torch.linalg.inv(_TO_CONES.to(oklab)), cones))


def _linear(image: Tensor) -> Tensor:
    """sRGB without its transfer curve (IEC 61966-2-1)."""
    return torch.where(image <= 0.04045, image / 12.92, ((image.clamp(min=0) + 0.055) / 1.055) ** 2.4)


def _encoded(linear: Tensor) -> Tensor:
    """The inverse of `_linear`."""
    return torch.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    )


def _mixed(matrix: Tensor, channels: Tensor) -> Tensor:
    """Channels of (..., 3, H, W) mixed by a matrix (3, 3)."""
    return torch.einsum("ij,...jhw->...ihw", matrix.to(channels), channels)


def _with_luma(photo: Tensor, brightness: Tensor) -> Tensor:
    """The photo's chroma around another luma, drawn towards gray until no channel leaves [0, 1]."""
    gray = luma(photo)
    above = (photo.amax(-3, keepdim=True) - gray) / (1 - brightness).clamp(min=1e-6)
    below = (gray - photo.amin(-3, keepdim=True)) / brightness.clamp(min=1e-6)
    excess = torch.maximum(above, below).clamp_(min=1)
    return (photo - gray).div_(excess).add_(brightness)  # in place, as frames of videos pass here


def _power(matrix: Tensor, exponent: float, most: float | None = None) -> Tensor:
    """Of a symmetric matrix (..., 3, 3), with its eigenvalues at least 0 and at most `most`."""
    values, vectors = torch.linalg.eigh(matrix)
    values = values.clamp(_LEAST_VARIANCE if exponent < 0 else 0, most) ** exponent
    powered: Tensor = (vectors * values.unsqueeze(-2)) @ vectors.mT
    return powered
