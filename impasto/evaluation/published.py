"""Load metrics of other libraries: SSIM from scikit-image, LPIPS from torchmetrics."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor

from impasto.errors import ImpastoError, MissingExtraError, UsageError
from impasto.evaluation.metrics import Likeness, layout
from impasto.imaging.color_transfer import luma

_BUILD = "the build that belongs to your PyTorch: see pytorch.org"


def load_likenesses(also: Collection[str], device: torch.device) -> tuple[dict[str, Likeness], list[str]]:
    """Load the layout metric, SSIM and, if in `also`, LPIPS; returns them with notes for the user.

    A metric in `also` that is not available raises an error; a default metric that is missing causes a note.
    """
    likenesses: dict[str, Likeness] = {"layout": layout}
    notes: list[str] = []
    try:
        likenesses["ssim"] = load_ssim()
    except MissingExtraError as error:
        notes.append(f"{error}; all other metrics are measured")
    if "lpips" in also:
        likenesses["lpips"] = load_lpips(device)
    return likenesses, notes


def load_ssim() -> Likeness:
    """Load structural similarity of lumas, with the window of Wang et al. 2004; 1 means equal.

    Raises MissingExtraError without scikit-image.
    """
    try:
        metrics: Any = import_module("skimage.metrics")
    except ImportError as error:
        raise MissingExtraError("scikit-image", "evaluate", "SSIM") from error
    # 11 pixels; positions near the borders, where the window would exceed the picture, are left out
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}

    def ssim(picture: Tensor, photo: Tensor) -> float:
        one, two = (luma(image)[0, 0].double().numpy() for image in (picture, photo))
        return float(metrics.structural_similarity(one, two, data_range=1.0, **window))

    return ssim


def load_lpips(device: torch.device) -> Likeness:
    """Load learned perceptual similarity (Zhang et al. 2018) with AlexNet, version 0.1; 0 means equal.

    torchvision provides AlexNet, and downloads its weights once, 233 MB.

    Raises:
        MissingExtraError: without torchmetrics.
        UsageError: without torchvision, with a torchvision that does not fit PyTorch, or without the weights.
    """
    with explained("LPIPS"):
        import_module("torchvision")  # first: torchmetrics does not load if torchvision does not
        network = _lpips_network().to(device)

    def lpips(picture: Tensor, photo: Tensor) -> float:
        network.reset()
        return float(network(picture.to(device), photo.to(device)))

    return lpips


def _lpips_network() -> Any:
    try:
        metrics: Any = import_module("torchmetrics.image.lpip")
    except ModuleNotFoundError as error:
        raise MissingExtraError("torchmetrics", "evaluate", "LPIPS") from error
    return metrics.LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True)


@contextmanager
def explained(metric: str) -> Iterator[None]:
    """Turn the errors of an unavailable metric into messages with the reason and the remedy."""
    try:
        yield
    except ImpastoError:
        raise
    except ModuleNotFoundError as error:
        named = (error.name or "").partition(".")[0]
        raise UsageError(
            f"{metric} cannot be measured: {_missing(named)}; leave the metric out, or install that"
        ) from error
    except URLError as error:
        raise UsageError(
            f"{metric} cannot be measured: its published weights could not be downloaded ({error.reason}); "
            "check the connection, or leave the metric out"
        ) from error
    except (ImportError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"{metric} cannot be measured: what it needs does not work here ({reason}); torchvision must be "
            f"{_BUILD}"
        ) from error


def _missing(library: str) -> str:
    if library == "art_fid":
        return "pip install art-fid, which needs NumPy below 2 and hence an environment of its own"
    if library == "torchvision":
        return f"it needs torchvision, {_BUILD}"
    return f"it needs {library}: pip install {library}"
