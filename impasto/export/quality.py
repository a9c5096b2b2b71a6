"""Check an exported model: agreement with PyTorch on odd sizes, and the quality loss of reduced precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor, nn

from impasto import backbones, styles
from impasto.errors import ExportError, ImageError, UsageError
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.style import read_style
from impasto.networks.card import Card
from impasto.perception import Perception, StyleTerm

LIMITS = {"float16": 40.0, "int8": 30.0}  # dB: an export below its limit is rejected


@dataclass(frozen=True)
class Quality:
    """Quality of an export, averaged over photos.

    Attributes:
        photos: number of photos.
        psnr, worst: peak signal-to-noise ratio to float32's pictures, in dB: mean, and of the worst photo.
        style, content: errors of float32's pictures and of the export's, as painting minimizes them.
        of_work: True if the style error is relative to the artwork's picture, else to float32's pictures.
    """

    photos: int
    psnr: float
    worst: float
    style: tuple[float, float]
    content: tuple[float, float]
    of_work: bool


def compare(
    paint: Paint, exact: Paint, photos: Sequence[Tensor], cards: Sequence[tuple[Card, float]]
) -> Quality:
    """Compare an export with float32 on photos, (1, 3, H, W); `cards` are the styles with their shares."""
    perception = Perception(backbones.load("compact"))
    works = _works(perception, cards)
    ratios, errors = [], []
    for photo in photos:
        with torch.inference_mode():
            reference, picture = exact(photo), paint(photo)
            ratios.append(psnr(picture, reference))
            terms = works or perception.style_terms(reference)
            errors.append(_errors(perception, photo, [reference, picture], terms))
    style, content = ([fmean(e[kind][which] for e in errors) for which in (0, 1)] for kind in (0, 1))
    return Quality(
        photos=len(photos),
        psnr=fmean(ratios),
        worst=min(ratios),
        style=(style[0], style[1]),
        content=(content[0], content[1]),
        of_work=bool(works),
    )


def psnr(picture: Tensor, reference: Tensor) -> float:
    """Peak signal-to-noise ratio in dB, of values in [0, 1]; infinite for equal pictures, never NaN."""
    square = float((picture - reference).square().mean())
    return math.inf if square == 0 else -10 * math.log10(square) if math.isfinite(square) else -math.inf


def _works(perception: Perception, cards: Sequence[tuple[Card, float]]) -> list[StyleTerm]:
    """Encode the pictures of the styles' artworks; empty unless all of them ship with the package."""
    found = [(styles.find(card.style), share) for card, share in cards]
    terms: list[StyleTerm] = []
    for path, share in found:
        if path is None:
            return []
        with torch.inference_mode():
            terms += perception.style_terms(read_style(path)[0][None], share=share)
    return terms


def _errors(
    perception: Perception, photo: Tensor, pictures: Sequence[Tensor], terms: Sequence[StyleTerm]
) -> tuple[list[float], list[float]]:
    contents = perception.content_terms(photo)
    layers = {*dict(perception.style_layers), *dict(perception.content_layers)}
    features = [perception.features(picture, layers) for picture in pictures]
    style = [float(perception.style_error(each, terms)) for each in features]
    return style, [float(perception.content_error(each, contents)) for each in features]


TOLERANCE = 1e-3  # of the full range, for every value: a quarter of an 8-bit level
SIZES = ((1, 37, 53), (2, 64, 95), (1, 240, 321), (1, 96, 96), (3, 5, 9))  # photos, height, width

Paint = Callable[[Tensor], Tensor]


def check(paint: Paint, graph: nn.Module, target: str) -> float:
    """Return the largest difference of an exported model from its float32 PyTorch module.

    Raises ExportError if the difference exceeds TOLERANCE, or a picture has another shape.
    """
    worst = 0.0
    for image in trials():
        with torch.inference_mode():
            expected = graph(image)
        found = shaped(paint, image, target)
        difference = float((found - expected).abs().max())
        if not difference <= TOLERANCE:
            count, _, height, width = image.shape
            raise ExportError(
                f"the {target} file differs from PyTorch: {count} photos of {width} x {height} pixels "
                f"differ by {difference:.2g}, and {TOLERANCE:g} is allowed; nothing was written"
            )
        worst = max(worst, difference)
    return worst


def shaped(paint: Paint, image: Tensor, target: str) -> Tensor:
    """Run a model on an image. Raises ExportError if it fails, or its picture has another shape."""
    try:
        painted = paint(image)
    except Exception as error:  # runtimes raise various exceptions
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ExportError(f"the {target} file does not run ({reason:.200}); nothing was written") from error
    if painted.shape != image.shape:
        raise ExportError(
            f"the {target} file turns {tuple(image.shape)} into {tuple(painted.shape)}; nothing was written"
        )
    return painted


def trials() -> list[Tensor]:
    """Make test batches in all SIZES from the shipped photo, mirrored and turned within a batch."""
    photo = io.read(styles.sample())[0][None]
    batches = []
    for count, height, width in SIZES:
        seen = resize(photo, (height, width)).clamp(0, 1)
        batches.append(torch.cat([seen, seen.flip(3), seen.flip(2)][:count]))
    return batches


MOST, LONG_SIDE, LEAST_SIDE = 32, 384, 64  # photos; pixels


def read_photos(paths: Sequence[Path]) -> list[Tensor]:
    """Read up to MOST photos, (1, 3, H, W) in [0, 1], up to LONG_SIDE pixels; by default the shipped one.

    From more than MOST photos, an evenly spaced selection is taken, in the order of names. Files in folders
    that are not pictures are skipped.

    Raises:
        ImageError: a file that cannot be read.
        UsageError: a path that does not exist, or no photo in any folder.
    """
    files = _files(paths) if paths else [styles.sample()]
    photos: list[Tensor] = []
    for path in _evenly(files):
        try:
            image, _ = io.read(path)
        except ImageError:
            if path in paths:
                raise
            continue
        if min(image.shape[1:]) >= LEAST_SIDE:
            size = (image.shape[1], image.shape[2])
            photos.append(resize(image[None], fit_long_side(size, min(LONG_SIDE, max(size)))).clamp(0, 1))
    if not photos:
        names = ", ".join(map(str, paths))
        raise UsageError(f"there are no photos of {LEAST_SIDE} pixels or more in {names}")
    return photos


def _files(paths: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist; check its name and folder")
        found += sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return found


def _evenly(files: Sequence[Path]) -> list[Path]:
    count = min(MOST, len(files))
    return [files[place * len(files) // count] for place in range(count)]
