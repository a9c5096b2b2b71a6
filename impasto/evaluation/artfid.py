"""ArtFID, by the package of its authors: one number for all pictures of a contender together."""

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

Trio = tuple[Tensor, Tensor, Tensor]  # a picture, its photo and its style, (1, 3, H, W) each


class ArtFid:
    """ArtFID (Wright & Ommer, GCPR 2022): (1 + LPIPS) (1 + FID), by the package art-fid.

    One number for all pictures together; FID is between these and their styles, each style as often as it
    was used, as StyleID has it. Few pictures make it large: compare equally many only.

    Raises UsageError where the package, or what it needs, is not here.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = "cuda" if device.type == "cuda" else "cpu"
        with explained("ArtFID"):
            self._package: Any = import_module("art_fid.art_fid")

    def __call__(self, pictures: Iterable[Trio]) -> float:
        """Of pictures with photos and styles, a picture of its photo's size; NaN for fewer than two."""
        with TemporaryDirectory(prefix="impasto-artfid-") as folder, explained("ArtFID"):
            kinds = [Path(folder, kind) for kind in ("stylized", "style", "content")]
            count = _lay_out(kinds, pictures)
            if count < 2:  # which have no covariance
                return math.nan
            # one at a time: sizes differ. Its infinity variant extrapolates from 5,000 pictures and more.
            with redirect_stdout(StringIO()):
                value = self._package.compute_art_fid(
                    str(kinds[0]), str(kinds[1]), str(kinds[2]), 1, self._device, "art_fid", "lpips", 0
                )
        return float(value)


def _lay_out(kinds: list[Path], pictures: Iterable[Trio]) -> int:
    """Files of equal names in the three folders, which the package sorts; how many of each."""
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
    contenders: Sequence[Method],
    outcome: Outcome,
    artfid: ArtFid,
) -> dict[str, float]:
    """ArtFID of all contenders and controls, over the pairs that were measured for all."""

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
    made = {contender.name: contender.pictures for contender in contenders}
    numbers = {name: artfid(trios(name, made.get(name))) for name in (*made, *CONTROLS)}
    return {name: number for name, number in numbers.items() if not math.isnan(number)}
