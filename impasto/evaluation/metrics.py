"""Style and content errors of a picture, from the features of a backbone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from impasto import losses
from impasto.backbones import Backbone
from impasto.options import StyleLoss
from impasto.perception import ContentTerm, Features, Perception, StyleTerm
from impasto.perception.comparisons import COMPARISONS

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
        known = hashlib.sha256()
        for tensor in (*self._backbone.state_dict().values(), *self._backbone.maps.values()):
            known.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return f"{_VERSION}-{known.hexdigest()[:16]}"

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
