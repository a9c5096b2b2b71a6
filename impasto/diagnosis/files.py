"""Test writing files and reading them again: pictures with metadata, and a video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image
from torch import Tensor

from impasto.diagnosis.pictures import Unexpected
from impasto.imaging import io
from impasto.imaging.metadata import load_exif, pack_exif
from impasto.imaging.video.clip import Pixels
from impasto.imaging.video.open import open_clip
from impasto.stylizing.frames import StylerState
from impasto.stylizing.options import VideoOptions
from impasto.stylizing.video import VideoJob

_SIZE = 48, 64  # pixels; even, as most videos have to be
_FRAMES = 5
_ARTIST, _RECORD = "impasto doctor", '{"doctor": true}'
# allowed mean difference of a format, in [0, 1]: half a level, and the loss of lossy formats
_FORMATS = {".png": (8, 0.002), ".tif": (16, 1e-5), ".jpg": (8, 0.01), ".webp": (8, 0.01)}
_LOST_IN_VIDEO = 0.02


def pictures(folder: Path) -> str:
    """Test each format that impasto writes, with EXIF and record, and a photo with a rotated orientation."""
    for suffix, (depth, allowed) in _FORMATS.items():
        _check_format(folder / f"picture{suffix}", depth, allowed)
    _check_upright(folder / "sideways.jpg")
    return "PNG, TIFF of 16 bits, JPEG and WebP written and read, with EXIF and the record"


def video(folder: Path) -> str:
    """Write pictures to a video and read them back, by the steps of `impasto video` without a style."""
    photo, frames, target = _waves(_SIZE), folder / "frames", folder / "clip.mp4"
    frames.mkdir()
    for number in range(_FRAMES):
        io.write(frames / f"{number}.png", photo)
    VideoJob(open_clip(frames), _AsItIs(), {}, VideoOptions()).run(target)
    clip = open_clip(target)
    found = [torch.from_numpy(frame.pixels).permute(2, 0, 1) / 255 for frame in clip.frames()]
    if len(found) != _FRAMES:
        raise Unexpected(f"of {_FRAMES} frames {len(found)} came back")
    for number, frame in enumerate(found):
        _compare(f"frame {number} of the video", frame, photo, _LOST_IN_VIDEO)
    return f"{_FRAMES} frames written as H.264 and read again"


class _AsItIs:
    """`FrameStyler` that returns the photos unchanged."""

    part_frames = 250
    state: StylerState = {}  # noqa: RUF012  # no state

    def __call__(self, photo: Pixels) -> Pixels:
        return photo

    def restore(self, state: StylerState) -> None:
        """Do nothing, as there is no state."""


def _check_format(path: Path, depth: int, allowed: float) -> None:
    picture = _waves(_SIZE)
    exif = pack_exif({ExifTags.Base.Artist: _ARTIST}, {}, {})
    io.write(path, picture, exif=exif, bit_depth=depth, record=_RECORD)
    found, info = io.read(path)
    _compare(path.name, found, picture, allowed)
    if info.bit_depth != depth:
        raise Unexpected(f"{path.name} has {info.bit_depth} bits instead of {depth}")
    if info.exif is None or load_exif(info.exif).get(ExifTags.Base.Artist) != _ARTIST:
        raise Unexpected(f"{path.name} has lost its EXIF")
    if io.read_record(path) != _RECORD:
        raise Unexpected(f"{path.name} has lost its record")


def _check_upright(path: Path) -> None:
    """Check that a photo with an EXIF orientation is read upright."""
    photo = _waves(_SIZE)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # a quarter turn clockwise makes it upright
    io.to_pil(photo).save(path, quality=95, exif=exif)
    found, _ = io.read(path)
    _compare(path.name, found, photo.rot90(-1, (1, 2)), _FORMATS[".jpg"][1])


def _compare(name: str, found: Tensor, expected: Tensor, allowed: float) -> None:
    """Raise Unexpected unless two pictures, (3, H, W), have one size and nearly the same values."""
    if found.shape != expected.shape:
        raise Unexpected(f"{name} has the size {tuple(found.shape)} instead of {tuple(expected.shape)}")
    if not (off := float((found - expected).abs().mean())) <= allowed:
        raise Unexpected(f"{name} differs from what was written by {255 * off:.1f}/255 on average")


def _waves(size: tuple[int, int]) -> Tensor:
    """Make a smooth picture without symmetry, (3, H, W), with many colors."""
    down, right = (np.linspace(0, 1, side, dtype=np.float32) for side in size)
    planes = [0.5 + 0.4 * np.sin(turn * down[:, None] + 3 * right[None]) for turn in (2.0, 3.0, 5.0)]
    return torch.from_numpy(np.stack(planes))
