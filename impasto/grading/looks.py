"""Looks in files: .cube by its suffix, anything else as a HaldCLUT picture.

In such a picture every color of the grid is a pixel, red changing fastest.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch

from impasto.errors import ImageError, UsageError
from impasto.grading.cube import read_cube, write_cube
from impasto.grading.lut import Lut, identity
from impasto.imaging import io
from impasto.imaging.files import check_target

_MOST_LEVEL = 11  # 1331 x 1331 pixels, 121 points on a side
_WRITTEN_LEVEL = 8  # 512 x 512 pixels, 64 points on a side
_HALD = (".png", ".tif", ".tiff")  # which hold 16 bits


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
