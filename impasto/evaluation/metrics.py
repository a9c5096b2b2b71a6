"""Style and content error of a picture, as a backbone sees it."""

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

_VERSION = 1  # of what is measured; kept numbers of another are measured again
_KINDS: tuple[StyleLoss, ...] = ("gram", "moments")

Likeness = Callable[[Tensor, Tensor], float]  # of a picture and its photo, (1, 3, H, W) in [0, 1] each


@dataclass(frozen=True)
class PhotoFeatures:
    """A photo as the yardstick sees it: the picture, its content, and its own moments."""

    image: Tensor
    content: Sequence[ContentTerm]
    moments: Features


@dataclass(frozen=True)
class StyleFeatures:
    """A style as the yardstick sees it."""

    image: Tensor
    terms: Mapping[StyleLoss, Sequence[StyleTerm]]  # by kind of error


class StyleMetrics:
    """Style and content errors of pictures on a backbone, all relative: 0 is the target itself.

    With f the features of a layer, f~ these and a constant 1, M = f~ f~^T / hw, and G, m, S the Gram matrix,
    mean and covariance in it:

    - gram: mean over relu1_1 to relu5_1 of |G - G_s|^2 / |G_s|^2 (Gatys et al. 2016, eq. 4, normalised);
    - moments: mean over the same of W^2 / (|m_s|^2 + tr S_s), W the Wasserstein-2 distance of the Gaussians
      with these means and covariances (Dowson & Landau 1982);
    - content: mean over relu3_1 and relu4_1 of mean((f - f_photo)^2) / v, v the photo's variance over
      positions, averaged over channels (Gatys et al. 2016, eq. 1, normalised).

    A backbone that was taught by another is taken at its teacher's channels (`backbones.base.Backbone.maps`).
    A backbone that ends before relu5_1 is taken at what it has. These are the errors that painting minimizes,
    but for the factor by which that evens out its losses, 1.5 for moments.

    Args:
        backbone: frozen, on the device that computes.
        likenesses: further numbers by name, such as "ssim", of a picture beside its photo.
    """

    def __init__(self, backbone: Backbone, likenesses: Mapping[str, Likeness] | None = None) -> None:
        self._kinds = {kind: Perception(backbone, style_loss=kind) for kind in _KINDS}
        self._perception = self._kinds["moments"]
        self._backbone = backbone
        self._likenesses = dict(likenesses or {})
        self._device = next(backbone.parameters()).device
        # in float32 the roots of small eigenvalues are known to some 1e-4 only; Apple's devices have no more
        self._dtype = torch.float32 if self._device.type == "mps" else torch.float64

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of what `measure` gives."""
        return (*self._kinds, "content", *self._likenesses)

    @cached_property
    def identity(self) -> str:
        """A digest of the backbone: numbers of another are no numbers of this one."""
        known = hashlib.sha256()
        for tensor in (*self._backbone.state_dict().values(), *self._backbone.maps.values()):
            known.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return f"{_VERSION}-{known.hexdigest()[:16]}"

    @torch.inference_mode()
    def photo(self, image: Tensor) -> PhotoFeatures:
        """A photo, (1, 3, H, W) in [0, 1]. Raises UsageError for one too small for the backbone."""
        features = self._features(image)
        layers = [layer for layer, _ in self._perception.content_layers]
        own = {layer: losses.second_moments(features[layer]) for layer in layers}
        factors = self._perception.content_factors(own)
        content = [ContentTerm(layer, features[layer], factors[layer]) for layer in layers]
        return PhotoFeatures(image, content, self._moments(features))

    @torch.inference_mode()
    def style(self, image: Tensor) -> StyleFeatures:
        """A style, (1, 3, H, W) in [0, 1]. Raises UsageError for one too small for the backbone."""
        moments = self._moments(self._features(image))
        return StyleFeatures(image, {kind: p.style_terms_of(moments) for kind, p in self._kinds.items()})

    @torch.inference_mode()
    def measure(self, picture: Tensor, photo: PhotoFeatures, style: StyleFeatures) -> dict[str, float]:
        """All `metrics` of a picture of the photo's size, (1, 3, H, W) in [0, 1]."""
        if picture is photo.image:  # the control, whose features are at hand
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
            )  # of rounding, a distance is below zero
        likenesses = {name: like(picture, photo.image) for name, like in self._likenesses.items()}
        return {**errors, "content": content, **likenesses}

    def _features(self, image: Tensor) -> Features:
        perception = self._perception
        layers = {layer for layer, _ in (*perception.content_layers, *perception.style_layers)}
        return perception.features(image.to(self._device), layers)

    def _moments(self, features: Features) -> Features:
        layers = [layer for layer, _ in self._perception.style_layers]
        return {layer: losses.second_moments(features[layer]).to(self._dtype) for layer in layers}
