"""Load metrics of others: SSIM from scikit-image, LPIPS from torchmetrics, ArtFID from its authors."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from io import StringIO
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor

from impasto.errors import ImpastoError, MissingExtraError, UsageError
from impasto.evaluation import pictures
from impasto.evaluation.measuring import Method
from impasto.evaluation.metrics import Likeness, layout
from impasto.evaluation.outcome import Outcome
from impasto.evaluation.pictures import CONTROLS
from impasto.imaging import io
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


Trio = tuple[Tensor, Tensor, Tensor]  # picture, photo and style, (1, 3, H, W) each


class ArtFid:
    """ArtFID (Wright & Ommer, GCPR 2022): (1 + LPIPS) (1 + FID), by the package art-fid.

    One number for all pictures together. FID is between the pictures and their styles, each style as often as
    it was used, as in StyleID. Few pictures make ArtFID large: compare only equal numbers of pictures.

    Raises UsageError if the package, or one of its requirements, is not installed.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = "cuda" if device.type == "cuda" else "cpu"
        with explained("ArtFID"):
            self._package: Any = import_module("art_fid.art_fid")

    def __call__(self, pictures: Iterable[Trio]) -> float:
        """Compute ArtFID of pictures of their photos' sizes; NaN for fewer than two pictures."""
        with TemporaryDirectory(prefix="impasto-artfid-") as folder, explained("ArtFID"):
            kinds = [Path(folder, kind) for kind in ("stylized", "style", "content")]
            count = _lay_out(kinds, pictures)
            if count < 2:  # fewer than two pictures have no covariance
                return math.nan
            # one at a time, as sizes differ; the infinity variant of FID needs 5,000 pictures and more
            with redirect_stdout(StringIO()):
                value = self._package.compute_art_fid(
                    str(kinds[0]), str(kinds[1]), str(kinds[2]), 1, self._device, "art_fid", "lpips", 0
                )
        return float(value)


def _lay_out(kinds: list[Path], pictures: Iterable[Trio]) -> int:
    """Write files of equal names into the three folders, which the package sorts; returns their number."""
    for kind in kinds:
        kind.mkdir()
    count = 0
    for picture, photo, style in pictures:
        for kind, image in zip(kinds, (picture, style, photo), strict=True):
            io.write(kind / f"{count:06}.png", image[0])
        count += 1
    return count


def measure_artfid(
    photos: Mapping[str, Path],
    styles: Mapping[str, Path],
    methods: Sequence[Method],
    outcome: Outcome,
    artfid: ArtFid,
) -> dict[str, float]:
    """Measure ArtFID of all methods and controls, over the pairs that were measured for all of them."""

    def trios(name: str, own: Mapping[tuple[str, str], Path] | None) -> Iterator[Trio]:
        pairs = product(enumerate(photos), enumerate(styles))
        for (row, photo), (column, style) in pairs:
            if outcome.common[row, column]:
                content, look = (pictures.read(path, size) for path in (photos[photo], styles[style]))
                if own is None:
                    yield pictures.control(name, content, look), content, look
                else:
                    yield pictures.read_like(own[photo, style], content)[0], content, look

    size = outcome.options.size
    made = {method.name: method.pictures for method in methods}
    numbers = {name: artfid(trios(name, made.get(name))) for name in (*made, *CONTROLS)}
    return {name: number for name, number in numbers.items() if not math.isnan(number)}
