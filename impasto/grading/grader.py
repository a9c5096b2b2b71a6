"""Color grading of photos: pictures in and out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from impasto.errors import UsageError
from impasto.grading.looks import check_look, read_look, write_look
from impasto.grading.lut import Lut, adjusted
from impasto.grading.methods import make_lut, sample_colors
from impasto.grading.options import GradeOptions
from impasto.imaging import io
from impasto.imaging.codecs.base import Samples
from impasto.imaging.encoding import quantize
from impasto.imaging.files import short_hash
from impasto.imaging.sources import ImageSource, Planes
from impasto.imaging.style import read_style
from impasto.options import from_keywords

_BAND = 1 << 20  # pixels


class Grader:
    """The colors of a reference picture, or a LUT, ready to be given to photos.

    Args:
        reference: a picture in the forms that `impasto.grade` takes; None with a LUT.
        lut: a .cube file or a HaldCLUT picture; None with a reference.
        options: of the grade; `method` and `lut_size` do not matter for a LUT.

    Attributes:
        notes: sentences that the user should hear.

    Raises:
        UsageError: neither a reference nor a LUT, or both.
        ImageError: one that cannot be read, or a reference of one color.
    """

    def __init__(
        self,
        reference: io.Source | None = None,
        *,
        lut: str | os.PathLike[str] | None = None,
        options: GradeOptions | None = None,
    ) -> None:
        self.options = options or GradeOptions()
        if (reference is None) == (lut is None):
            raise UsageError("grading needs either a reference picture or a LUT")
        self.notes: tuple[str, ...] = ()
        self._lut: Lut | None = None
        if lut is not None:
            given = read_look(lut)
            self._lut = adjusted(given, self.options.amount, keep_lightness=self.options.keep_lightness)
            self._digest = _digest(given.table, torch.tensor([given.low, given.high]))
        elif reference is not None:
            image, info = read_style(reference)
            self._colors = sample_colors(_as_source(image, info.alpha))
            self._digest, self.notes = _digest(self._colors), info.notes

    def lut(self, photo: ImageSource) -> Lut:
        """The table for a photo; a LUT that was read is the same for all."""
        return self._lut or make_lut(sample_colors(photo), self._colors, self.options)

    def record(self) -> dict[str, Any]:
        """Settings that affect the picture, JSON-serializable."""
        kind = "reference" if self._lut is None else "lut"
        return {"grade": {kind: self._digest, **asdict(self.options)}}


@dataclass(frozen=True)
class GradedBands:
    """A grade as a large photo is made: band by band, of any height in all."""

    lut: Lut

    def bands(self, source: ImageSource, bit_depth: int = 8) -> Iterator[Samples]:
        """The picture from top to bottom: (rows, W, 3 or 4) uint8 or uint16."""
        height, width = source.size
        rows = max(1, _BAND // width)
        for top in range(0, height, rows):
            planes = source.region(top, 0, min(top + rows, height), width)
            yield quantize(torch.cat([self.lut(planes[:3]), planes[3:]]), bit_depth)


def grade(
    photo: io.Source,
    reference: io.Source | None = None,
    *,
    lut: str | os.PathLike[str] | None = None,
    save_lut: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Image.Image:
    """Give a photo the colors of a reference picture, or of a LUT; its drawing stays.

    Args:
        photo: a file, a Pillow image, an array (H, W, 3) of uint8 or floats in [0, 1], or a tensor
            (3, H, W) of floats in [0, 1].
        reference: a picture in the forms that `photo` has; None with a LUT.
        lut: a .cube file or a HaldCLUT picture, instead of a reference.
        save_lut: a .cube, .png or .tif file to write the grade to.
        options: the fields of `GradeOptions`, such as `amount=0.7`, `keep_lightness=True`.

    Returns:
        RGB of the photo's size, or RGBA if it has transparent pixels.

    Raises:
        ImpastoError: base class of all errors; the message says what to do.

    >>> impasto.grade("photo.jpg", "wave.jpg", amount=0.8).save("graded.jpg")
    """
    if save_lut is not None:
        check_look(save_lut)
    grader = Grader(reference, lut=lut, options=from_keywords(GradeOptions, options))
    image, info = io.read(photo)
    table = grader.lut(_as_source(image, info.alpha))
    if save_lut is not None:
        write_look(save_lut, table)
    return io.to_pil(table(image), info.alpha)


def _as_source(image: Tensor, alpha: Tensor | None) -> Planes:
    return Planes(image if alpha is None else torch.cat([image, alpha]))


def _digest(*tensors: Tensor) -> str:
    return short_hash(tensor.numpy().tobytes() for tensor in tensors)
