"""JPEG: written at full color resolution; read also from files that were cut short."""

from __future__ import annotations

from io import SEEK_END, BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from impasto.imaging.codecs.base import SampleArray, wholly
from impasto.imaging.color import SRGB_PROFILE
from impasto.imaging.limits import END, SCAN, jpeg_segments

MOST_MISSING = 0.25  # of the rows: with more, a file counts as damaged

_END_MARKER = b"\xff\xd9"
# Stands for what is missing. A decoder that still needs data makes other pixels of this than of nothing.
_NOISE = bytes(byte for byte in range(1, 255)) * 16
_COEFFICIENTS = 64  # of a block
_EXIF_LIMIT = 65_533  # bytes


def save(path: Path, picture: SampleArray) -> None:
    """Write a JPEG of 4:4:4, so that fine strokes keep their color. EXIF over JPEG's 64 kB is left out.

    Large pictures get the usual code tables: to find the best ones, libjpeg would hold the picture for a
    second time, in six bytes a pixel.
    """
    exif = picture.exif or b""
    with path.open("wb") as file:
        picture.to_pil().save(
            wholly(file),
            "JPEG",
            quality=picture.quality,
            subsampling=0,
            optimize=not picture.is_large,
            icc_profile=SRGB_PROFILE,
            exif=exif if len(exif) <= _EXIF_LIMIT else b"",
            xmp=picture.xmp or b"",
            **picture.density,
        )


def lacks_end(file: IO[bytes]) -> bool:
    """Return whether a JPEG has pixels, but no end marker behind them."""
    file.seek(-len(_END_MARKER), SEEK_END)
    if file.read() == _END_MARKER:
        return False
    file.seek(0)
    markers = {marker for marker, _ in jpeg_segments(file)}
    return SCAN in markers and END not in markers


class CutJpeg(JpegImageFile):
    """A JPEG of which `lacks_end` holds. Loading it raises OSError if more than `MOST_MISSING` is missing.

    Attributes:
        missing_rows: after loading, the rows at the bottom that lack data; gray, or in a progressive file
            coarse.
    """

    missing_rows = 0

    def __init__(self, file: IO[bytes], filename: str = "") -> None:
        file.seek(0)
        self._content = file.read().rstrip(b"\xff")  # half of a marker
        super().__init__(BytesIO(self._content + _END_MARKER), filename)

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> None:
        """Do nothing: rows are counted at full size."""

    def load(self) -> Any:
        if self.tile:
            if not _has_all_passes(self._content):
                raise OSError("the file ends before its last pass")
            super().load()
            self.missing_rows = self._count_missing()
            if self.missing_rows > MOST_MISSING * self.height:
                raise OSError(f"the last {self.missing_rows} of its {self.height} rows are missing")
        return super().load()

    @property
    def note(self) -> str:
        """Describe the missing rows, as the end of a sentence."""
        if not self.missing_rows:
            return "lacks the marker at its end; no rows are missing"
        return f"is cut short: the last {self.missing_rows} of its {self.height} rows are missing"

    def _count_missing(self) -> int:
        with JpegImageFile(BytesIO(self._content + _NOISE + _END_MARKER), "") as other:
            differs = np.asarray(other) != np.asarray(self)
        rows = differs.reshape(self.height, -1).any(axis=1)
        return self.height - int(rows.argmax()) if rows.any() else 0


def _has_all_passes(content: bytes) -> bool:
    """Return whether every coefficient of every component is there to its last bit, or has begun to be."""
    file, components = BytesIO(content), 0
    left: dict[int, set[int]] = {}
    for marker, length in jpeg_segments(file):
        segment = file.read(length)
        if marker == SCAN and segment and len(segment) == 2 * segment[0] + 4:
            first, last, bits = segment[-3:]
            for component in segment[1:-3:2]:
                missing = left.setdefault(component, set(range(_COEFFICIENTS)))
                if not bits & 15:
                    missing -= set(range(first, last + 1))
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(segment) > 5:
            components = segment[5]
    return len(left) == components and not any(left.values())
