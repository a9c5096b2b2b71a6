"""Self-test: a few seconds of small real jobs, whose results are checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import ExifTags, Image
from torch import Tensor

from impasto import styles
from impasto.diagnosis.findings import Finding, reason_of
from impasto.errors import ImpastoError, MissingExtraError
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.metadata import load_exif, pack_exif
from impasto.imaging.video.clip import Pixels
from impasto.imaging.video.open import open_clip
from impasto.painting.options import PaintOptions
from impasto.painting.paint import Painter
from impasto.stylizing.frames import StylerState
from impasto.stylizing.options import VideoOptions
from impasto.stylizing.runners import difference
from impasto.stylizing.stylizer import Stylizer
from impasto.stylizing.video import VideoJob

_REPORT = "report it with: impasto doctor --json"
_SLOWER = "try --device cpu --precision float32; if that helps, " + _REPORT
_AGAIN = "pip install --force-reinstall impasto"
_ELSEWHERE = "name a folder that can be written to in TMPDIR"


_SIZE = 48, 64  # pixels; even, as most videos have to be
_FRAMES = 5
_ARTIST, _RECORD = "impasto doctor", '{"doctor": true}'
# allowed mean difference of a format, in [0, 1]: half a level, and the loss of lossy formats
_FORMATS = {".png": (8, 0.002), ".tif": (16, 1e-5), ".jpg": (8, 0.01), ".webp": (8, 0.01)}
_LOST_IN_VIDEO = 0.02


def write_pictures(folder: Path) -> str:
    """Test each format that impasto writes, with EXIF and record, and a photo with a rotated orientation."""
    for suffix, (depth, allowed) in _FORMATS.items():
        _check_format(folder / f"picture{suffix}", depth, allowed)
    _check_upright(folder / "sideways.jpg")
    return "PNG, TIFF of 16 bits, JPEG and WebP written and read, with EXIF and the record"


def write_video(folder: Path) -> str:
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


_SIDE = 160  # pixels
_OTHERWISE = 0.03  # allowed difference from the CPU in float32, in [0, 1]; its bfloat16 differs by 0.004
_CHANGE, _LIKENESS = 0.05, 0.3  # the shipped styles change a photo by 0.15 and more, and correlate by 0.5
_GRADIENTS, _FALL = 10, 0.8  # the objective falls to 0.3 of its first value


class Unexpected(ImpastoError):
    """A test ran without an error, but gave a wrong result."""


def stylize(folder: Path) -> str:
    """Stylize a photo with each shipped style: plausible, and equal to the CPU's result in float32."""
    photo = _photo()
    names = list(styles.cards())
    if not names:
        raise Unexpected("no trained styles are in this installation")
    for name in names:
        picture = Stylizer(name, runtime="torch").picture(photo)
        check_picture(name, picture, photo)
        exact = Stylizer(name, runtime="torch", device="cpu", precision="float32").picture(photo)
        if not (off := difference(picture, exact)) <= _OTHERWISE:
            raise Unexpected(f"{name} is off by {255 * off:.0f}/255 from what the CPU paints in float32")
    return f"{len(names)} shipped styles on a photo of {_SIDE} pixels, all as the CPU paints them in float32"


def stylize_any(folder: Path) -> str:
    """Encode a shipped picture as a style, and stylize a photo with it."""
    photo, (name, path) = _photo(), next(iter(styles.pictures().items()))
    check_picture(name, Stylizer(styles.load(path), runtime="torch").picture(photo), photo)
    return f"a photo in the style of {name}, a picture"


def paint(folder: Path) -> str:
    """Paint a photo with a few gradients: the objective falls, and the picture is plausible."""
    photo = _photo()
    options = PaintOptions(size=_SIDE // 2, scales=1, iterations=_GRADIENTS, init="photo")
    painter = Painter(photo, next(iter(styles.pictures().values())), options)
    steps = list(painter.steps())
    first, last = (step.losses["total"] for step in (steps[0], steps[-1]))
    if not last < _FALL * first:
        raise Unexpected(f"the objective went from {first:.3g} to {last:.3g} in {len(steps)} gradients")
    picture, _ = painter.finish(steps[-1])
    check_picture("the painting", picture, resize(photo[None], painter.size)[0])
    return f"{len(steps)} gradients, the objective fell from {first:.2f} to {last:.2f}"


def check_picture(name: str, picture: Tensor, photo: Tensor) -> None:
    """Raise Unexpected unless a picture is a plausible result for a photo, (3, H, W): changed but similar."""
    if picture.shape != photo.shape:
        raise Unexpected(f"{name} has the size {tuple(picture.shape)}, the photo {tuple(photo.shape)}")
    if not bool(picture.isfinite().all()):
        raise Unexpected(f"{name} holds values that are no numbers")
    if not (change := float((picture - photo).abs().mean())) >= _CHANGE:
        raise Unexpected(f"{name} changes the photo by {255 * change:.0f}/255 only")
    grays = torch.stack([picture.mean(0).flatten(), photo.mean(0).flatten()])
    if not (likeness := float(torch.corrcoef(grays)[0, 1])) >= _LIKENESS:
        raise Unexpected(f"{name} has lost the photo: their correlation is {likeness:.2f}")


def _photo() -> Tensor:
    """Read the shipped photo, (3, H, W)."""
    photo, info = io.read(styles.sample())
    return resize(photo[None], fit_long_side(info.size, _SIDE))[0]


@dataclass(frozen=True)
class SelfTestPart:
    """Part of the self-test: a function that works in a given folder and returns a description.

    If the function raises `Unexpected`, or any other exception, `advice` is shown.
    """

    name: str
    work: Callable[[Path], str]
    advice: str


PARTS = (
    SelfTestPart("stylize", stylize, _SLOWER),
    SelfTestPart("any style", stylize_any, _SLOWER),
    SelfTestPart("paint", paint, _SLOWER),
    SelfTestPart("files", write_pictures, _AGAIN),
    SelfTestPart("videos", write_video, "pip install --upgrade --force-reinstall av opencv-python-headless"),
)


def look() -> Iterator[Finding]:
    """Run all parts of the self-test."""
    for part in PARTS:
        yield attempt(part)


def attempt(part: SelfTestPart) -> Finding:
    """Run a part of the self-test; never raises."""
    started = time.monotonic()

    def found(state: str, text: str, advice: str = "") -> Finding:
        return Finding(part.name, state, text, advice, time.monotonic() - started)  # type: ignore[arg-type]

    try:
        with TemporaryDirectory(prefix="impasto-doctor-") as folder:
            return found("ok", part.work(Path(folder)))
    except MissingExtraError as error:
        wish, _, command = str(error).partition(": ")
        return found("absent", wish, command)
    except ImpastoError as error:
        return found("failed", str(error), part.advice)
    except OSError as error:
        return found("failed", reason_of(error), _ELSEWHERE)
    except Exception as error:
        return found("failed", f"this should not happen: {reason_of(error)}", _REPORT)
