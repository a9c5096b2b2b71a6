"""Styled video: how steady, at what cost, how fast; numbers in benchmarks/results/video.json.

steady  the warping error of each clip, frame by frame, held steady, and with every second frame painted,
        with flow by DIS, and with the true flow on pans over a still photo; how sharp the
        pictures are, and sheets of frames to look at
speed   frames a second of the whole command, decoding and encoding included, at 640 x 480 and 1280 x 720

Nothing else should run meanwhile. Without the reference folder, the pans over a shipped photo remain.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise, product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks.report import console, machine, print_table, save_section
from benchmarks.settings import REFERENCE, ROOT, SHIPPED_PHOTO
from benchmarks.speed import run_command
from impasto.evaluation import WarpingError
from impasto.imaging.flow import Motion
from impasto.imaging.video.clip import ClipInfo, Frame, Pixels
from impasto.imaging.video.encoding import choose_encoding
from impasto.imaging.video.open import open_clip
from impasto.imaging.video.segments import SegmentWriter, join
from impasto.stylizing.frames import NetworkStyler
from impasto.stylizing.frames import Sequence as VideoSequence
from impasto.stylizing.motion import TemporalSmoother
from impasto.stylizing.stylizer import Stylizer

SECTIONS = ("steady", "speed")
PANS = {"pan 3 right, 1 down": (3, 1), "pan 8 right, 8 down": (8, 8), "pan 1.5 right": (1.5, 0)}
SIZES = {"640 x 480": (480, 640), "1280 x 720": (720, 1280)}
TARGETS = {"less": 0.4, "640 x 480": 30, "1280 x 720": 12}


@dataclass(frozen=True)
class VideoSettings:
    """What the command line asked for."""

    styles: tuple[str, ...] = ("starry-night", "great-wave")
    frames: int = 60
    reference: Path = REFERENCE
    results: Path = ROOT / "benchmarks" / "results"
    pictures: Path = ROOT / "out" / "benchmarks"


def measure_steadiness(settings: VideoSettings) -> dict[str, Any]:
    """A row for each clip and style."""
    rows = []
    for style in settings.styles:
        stylizer = Stylizer(style)
        for name, photos, motion in _clips(settings):
            rows.append(
                {"style": style, "clip": name} | _steadiness(settings, stylizer, name, photos, motion)
            )
            console.print(f"steady: {style}, {name}", style="dim")
    columns = ("clip", "style", "by frame", "steady", "less", "sharpness kept", "fast", "ms a frame")
    print_table("Warping error", columns, [[row[column] for column in columns] for row in rows])
    return {"rows": rows, "targets": TARGETS}


def _steadiness(
    settings: VideoSettings, stylizer: Stylizer, name: str, photos: Sequence[Pixels], motion: Motion | None
) -> dict[str, Any]:
    styled = [stylizer.frame(photo) for photo in photos]
    steadier, ticks = TemporalSmoother(), cv2.getTickCount()
    shown = [steadier(photo, picture) for photo, picture in zip(photos, styled, strict=True)]
    seconds = (cv2.getTickCount() - ticks) / cv2.getTickFrequency()
    fast = _fast(stylizer, photos)
    sheet = settings.pictures / f"video-{stylizer.name}-{name.split()[0]}.png"
    _save_sheet(sheet, photos, styled, shown, fast)
    before, after = _error(photos, styled, motion), _error(photos, shown, motion)
    return {
        "photos": _error(photos, photos, motion),
        "by frame": before,
        "steady": after,
        "less": 1 - after / before,
        "sharpness kept": _sharpness(shown) / _sharpness(styled),
        "fast": _error(photos, fast, motion),
        "sharpness kept, fast": _sharpness(fast) / _sharpness(styled),
        "ms a frame": 1e3 * seconds / len(photos),
    }


def _fast(stylizer: Stylizer, photos: Sequence[Pixels]) -> list[Pixels]:
    frames = (Frame(n, Fraction(n, 30), Fraction(1, 30), photo) for n, photo in enumerate(photos))
    return [shown.picture for shown in VideoSequence(NetworkStyler(stylizer), steady=True, fast=True)(frames)]


def _clips(settings: VideoSettings) -> Iterator[tuple[str, list[Pixels], Motion | None]]:
    """Name, photos, and the true motion where it is known."""
    folder = settings.reference / "data" / "video"
    for path in sorted(folder.glob("*.mp4")):
        frames = open_clip(path).frames(1.0)
        yield path.stem, [frame.pixels for frame in islice(frames, settings.frames)], None
    with Image.open(SHIPPED_PHOTO) as picture:
        wide = np.asarray(picture.convert("RGB").resize((1400, 1050), Image.Resampling.LANCZOS))
    for name, (right, down) in PANS.items():
        count = min(settings.frames, 60)
        yield name, [_window(wide, right * n, down * n) for n in range(count)], _true_motion(right, down)


def _window(wide: Pixels, right: float, down: float, size: tuple[int, int] = (480, 640)) -> Pixels:
    shift = np.array([[1, 0, -60 - right], [0, 1, -40 - down]], np.float32)
    window: Pixels = cv2.warpAffine(wide, shift, size[::-1], flags=cv2.INTER_CUBIC)
    return window


def _true_motion(right: float, down: float, size: tuple[int, int] = (480, 640)) -> Motion:
    flow = np.empty((*size, 2), np.float32)
    flow[:] = right, down
    seen = np.ones(size, np.float32)
    seen[:, size[1] - int(np.ceil(right)) :] = 0
    seen[size[0] - int(np.ceil(down)) :] = 0
    return Motion(flow, seen)


def _error(photos: Sequence[Pixels], pictures: Sequence[Pixels], motion: Motion | None) -> float:
    measure = WarpingError()
    for photo, picture in zip(photos, pictures, strict=True):
        measure.add(photo, picture, motion)
    return measure.value


def _sharpness(pictures: Sequence[Pixels]) -> float:
    """Mean strength of edges, once the steadier is under way."""
    gray = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures[len(pictures) // 4 :]]
    return float(np.mean([np.abs(cv2.Laplacian(g, cv2.CV_32F)).mean() for g in gray]))


def _save_sheet(path: Path, *rows: Sequence[Pixels]) -> None:
    """Photos, frame by frame, steady, fast, and what each of the three changes from a frame to the next."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = [[row[n] for n in (10, 11, 12, 13)] for row in rows]
    changes = [[cv2.absdiff(a, b) for a, b in pairwise([*row, row[-1]])] for row in shown[1:]]
    sheet = np.vstack([np.hstack(row) for row in (*shown, *changes)])
    Image.fromarray(sheet).save(path)


def measure_speed(settings: VideoSettings) -> dict[str, Any]:
    """The whole command on a clip of some seconds; start-up is told apart."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, size in SIZES.items():
            clip = _make_clip(Path(folder, f"{size[0]}.mp4"), size, 240)
            for steady, fast in product((True, False), repeat=2):
                words = ["--steady" if steady else "--no-steady", "--fast" if fast else "--no-fast"]
                row = {"size": name, "steady": steady, "fast": fast}
                rows.append(row | _measure(clip, settings, words, 240))
    columns = ("size", "steady", "fast", "frames a second", "with start-up", "peak MB")
    print_table("From file to file", columns, [[row[column] for column in columns] for row in rows])
    return {"rows": rows, "targets": TARGETS}


def _measure(clip: Path, settings: VideoSettings, flags: list[str], frames: int) -> dict[str, Any]:
    """Start-up is what a clip of a few frames takes."""
    words = ["video", str(clip), "", "--style", settings.styles[0], "--overwrite", *flags]
    measured = {}
    for name, end in (("short", "0.5"), ("long", "60")):
        words[2] = str(clip.with_name(f"{name}.mp4"))
        measured[name] = run_command([*words, "--end", end])
    short, long = measured["short"], measured["long"]
    return {
        "frames a second": (frames - 15) / (long["seconds"] - short["seconds"]),
        "with start-up": frames / long["seconds"],
        "peak MB": long["peak_bytes"] / 1e6,
    }


def _make_clip(path: Path, size: tuple[int, int], count: int) -> Path:
    """A slow pan over a photo, in H.264 at 30 frames a second."""
    with Image.open(SHIPPED_PHOTO) as picture:
        wide = np.asarray(picture.convert("RGB").resize((size[1] + 400, size[0] + 300)))
    info = ClipInfo(str(path), size, Fraction(30), Fraction(1, 30))
    segment = path.with_suffix(".part.mp4")
    with SegmentWriter(segment, info, choose_encoding(path, info)) as writer:
        for n in range(count):
            frame = _window(wide, n % 240, n % 120, size)
            writer.write(Frame(n, Fraction(n, 30), Fraction(1, 30), frame))
    join([segment], None, path, info)
    return path


MEASURES = {"steady": measure_steadiness, "speed": measure_speed}


def main(arguments: Sequence[str] | None = None) -> None:
    given = vars(_parser().parse_args(arguments))
    only = given.pop("only")
    settings = VideoSettings(**{name: tuple(v) if isinstance(v, list) else v for name, v in given.items()})
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    for section in only:
        console.rule(section)
        written = save_section(settings.results / "video.json", section, MEASURES[section](settings))
        console.print(f"written: {written}", style="dim")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.video",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="sections to run (default: all)")
    add("--styles", nargs="+", default=list(VideoSettings.styles), help="names or cards")
    add("--frames", type=int, default=VideoSettings.frames, help="of each clip (default: %(default)s)")
    add("--reference", type=Path, default=VideoSettings.reference, help="folder with data/video")
    add("--results", type=Path, default=VideoSettings.results, help="for video.json")
    add("--pictures", type=Path, default=VideoSettings.pictures, help="for sheets of frames")
    return parser


if __name__ == "__main__":
    main()
