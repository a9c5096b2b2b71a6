"""Measure ArtFID with its authors' package: one number for all pictures of a method together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from impasto.evaluation import pictures
from impasto.evaluation.measuring import Method
from impasto.evaluation.outcome import Outcome
from impasto.evaluation.pictures import CONTROLS
from impasto.evaluation.published import explained
from impasto.imaging import io

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
