"""Looks: tables of colors in files, as .cube or as pictures."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from impasto.errors import ImageError, UsageError
from impasto.grading.lut import Ends, Lut, identity
from impasto.imaging import io
from impasto.imaging.files import check_target, open_file, replacing

_MOST_LEVEL = 11  # 1331 x 1331 pixels, 121 points on a side
_WRITTEN_LEVEL = 8  # 512 x 512 pixels, 64 points on a side
_HALD = (".png", ".tif", ".tiff")  # which hold 16 bits
MOST_POINTS = 129  # on each side; programs write up to 65
_MOST_BYTES = 256 << 20
_MOST_LINE = 1000  # bytes
_MOST_VALUE = 1000.0  # beyond, a number is no color
_LEAST_DOMAIN = 1e-3  # narrower ones are mistakes


def read_look(path: str | os.PathLike[str]) -> Lut:
    """Read a .cube file or a HaldCLUT picture. Raises ImageError."""
    return read_cube(path) if _is_cube(path) else read_hald(path)


def write_look(path: str | os.PathLike[str], lut: Lut) -> None:
    """Write a .cube file, or a HaldCLUT as .png or .tif. Raises as `check_look` and ImageError."""
    check_look(path)
    (write_cube if _is_cube(path) else write_hald)(path, lut)


def check_look(path: str | os.PathLike[str]) -> None:
    """Raise UsageError or ImageError where no look can be written."""
    if _is_cube(path):
        check_target(path)
    elif Path(path).suffix.lower() in _HALD:
        io.check_output(path, bit_depth=16)
    else:
        raise UsageError(f"{path} is not the name of a LUT; end it with .cube, or with .png for a HaldCLUT")


def read_hald(path: str | os.PathLike[str]) -> Lut:
    """Read a picture of level L, which has L * L * L pixels on each side and L * L points on each side of the
    grid. Raises ImageError for a picture of another size.
    """
    image, info = io.read(path, max_pixels=(_MOST_LEVEL**3) ** 2)
    height, width = info.size
    level = round(height ** (1 / 3))
    if height != width or level**3 != height or level < 2:
        raise ImageError(
            f"{info.name} is not a HaldCLUT: it has {width} x {height} pixels, and such pictures are square "
            f"with a side of 8, 27, 64, up to {_MOST_LEVEL**3}"
        )
    return Lut(image.flatten(1).T.reshape(*[level**2] * 3, 3).contiguous())


def write_hald(path: str | os.PathLike[str], lut: Lut) -> None:
    """Write a PNG or TIFF of level 8 with 16 bits per channel. Raises as `imaging.io.write`."""
    colors = lut(identity(_WRITTEN_LEVEL**2).inputs)
    side = _WRITTEN_LEVEL**3
    io.write(path, torch.reshape(colors, (3, side, side)), bit_depth=16)


def _is_cube(path: str | os.PathLike[str]) -> bool:
    return Path(path).suffix.lower() == ".cube"


def read_cube(path: str | os.PathLike[str]) -> Lut:
    """Read a .cube file.

    Raises ImageError, which names the line: one-dimensional, of another size than it says, not numbers.
    """
    name = str(Path(path))
    with open_file(name) as file:
        if os.fstat(file.fileno()).st_size > _MOST_BYTES:
            raise ImageError(f"{name} is too large for a LUT: it has more than {_MOST_BYTES >> 20} MB")
        lines = (line.decode("utf-8-sig", "replace") for line in iter(lambda: file.readline(_MOST_LINE), b""))
        return _CubeReader(name).read(lines)


def write_cube(path: str | os.PathLike[str], lut: Lut) -> None:
    """Write a .cube file, whole or not at all. Raises ImageError or UsageError for a path that cannot be."""
    target = check_target(path)
    with replacing(target) as temporary:
        temporary.write_text("\n".join(_lines(lut)) + "\n", encoding="utf-8")


def _lines(lut: Lut) -> Iterator[str]:
    title = "".join(letter for letter in lut.title if letter.isprintable() and letter != '"')
    yield f'TITLE "{title}"'
    yield f"LUT_3D_SIZE {lut.points}"
    yield f"DOMAIN_MIN {_numbers(lut.low)}"
    yield f"DOMAIN_MAX {_numbers(lut.high)}"
    yield from map(_numbers, lut.table.reshape(-1, 3).tolist())


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{value:.7f}" for value in values)


class _CubeReader:
    """Reads the lines of one file."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._number = 0  # of the line
        self._title = ""
        self._size = 0
        self._ends: dict[str, Ends] = {"DOMAIN_MIN": (0.0, 0.0, 0.0), "DOMAIN_MAX": (1.0, 1.0, 1.0)}
        self._rows: list[Ends] = []

    def read(self, lines: Iterable[str]) -> Lut:
        for line in lines:
            self._number += 1
            words = line.split()
            if words and not words[0].startswith("#"):
                self._take(words, line)
        if not self._size:
            raise ImageError(f"{self._name} is not a 3-D LUT: it has no line LUT_3D_SIZE")
        if len(self._rows) < self._size**3:
            raise ImageError(
                f"{self._name} ends after {len(self._rows):,} of {self._size**3:,} colors: it may not have "
                "been copied to its end"
            )
        table = torch.from_numpy(np.array(self._rows, np.float32)).view(*[self._size] * 3, 3)
        return Lut(table, self._title, self._ends["DOMAIN_MIN"], self._ends["DOMAIN_MAX"])

    def _take(self, words: list[str], line: str) -> None:
        keyword = words[0]
        if not keyword[0].isalpha() or keyword.lower() in ("nan", "inf", "infinity"):
            self._add_row(words)
        elif keyword == "TITLE":
            self._title = line.partition("TITLE")[2].strip().strip('"')
        elif keyword == "LUT_3D_SIZE":
            self._set_size(words)
        elif keyword in self._ends:
            self._ends[keyword] = self._three(words[1:])
            self._check_domain()
        elif keyword == "LUT_3D_INPUT_RANGE" and len(words) == 3:
            low, high, _ = self._three([*words[1:], "0"])
            self._ends = {"DOMAIN_MIN": (low,) * 3, "DOMAIN_MAX": (high,) * 3}
            self._check_domain()
        elif keyword == "LUT_1D_SIZE":
            raise self._fault("it is a 1-D LUT; save the look as a 3-D LUT in the program that made it")
        else:
            raise self._fault(f"{keyword[:40]} is not a keyword of .cube files that impasto knows")

    def _set_size(self, words: list[str]) -> None:
        text = words[1] if len(words) == 2 else ""
        size = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
        if self._size:
            raise self._fault("LUT_3D_SIZE stands there twice")
        if not 2 <= size <= MOST_POINTS:
            raise self._fault(f"LUT_3D_SIZE must be a whole number from 2 to {MOST_POINTS}")
        self._size = size

    def _add_row(self, words: list[str]) -> None:
        if not self._size:
            raise self._fault("colors come before LUT_3D_SIZE")
        if len(self._rows) == self._size**3:
            raise self._fault(f"there are more than the {self._size**3:,} colors of LUT_3D_SIZE {self._size}")
        self._rows.append(self._three(words))

    def _three(self, words: list[str]) -> Ends:
        try:
            red, green, blue = (float(word) for word in words)
        except ValueError:
            raise self._fault("there must be three numbers") from None
        if not all(math.isfinite(value) and abs(value) <= _MOST_VALUE for value in (red, green, blue)):
            raise self._fault("a number is not finite, or too large for a color")
        return red, green, blue

    def _check_domain(self) -> None:
        low, high = self._ends["DOMAIN_MIN"], self._ends["DOMAIN_MAX"]
        if any(most - least < _LEAST_DOMAIN for least, most in zip(low, high, strict=True)):
            raise self._fault("DOMAIN_MAX must be above DOMAIN_MIN")

    def _fault(self, reason: str) -> ImageError:
        return ImageError(f"{self._name}, line {self._number}: {reason}")
