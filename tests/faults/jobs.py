"""The jobs that are disturbed, small enough to be done hundreds of times. A new one is an entry in JOBS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from tests.clips import pan, write_clip

OUT = "out"  # the folder that all results go to

Words = tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """A command, given as words.

    Attributes:
        name: of the command, and of what is special.
        prepare: makes what it reads, in an empty folder, in which it then runs.
        begin: the words of the command.
        go_on: what goes on from the state of a folder after an interruption; None where all is done.
        roughly: names of results that need not be equal to the byte, as patterns: see `checks.compare`.
        first: of `nursery.FIRST`, in the process before it starts.
    """

    name: str
    prepare: Callable[[Path], None]
    begin: Words
    go_on: Callable[[Path, Words], Words | None] = lambda folder, words: words
    roughly: tuple[str, ...] = ()
    first: tuple[str, ...] = ()


def picture(path: Path, name: str, size: tuple[int, int], left: int = 0) -> None:
    """A part of a picture that scikit-image ships, (width, height), in the format of the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.ascontiguousarray(getattr(data, name)()[:, left:]))
    image.resize(size, Image.Resampling.LANCZOS).save(path)


def _for_painting(folder: Path) -> None:
    picture(folder / "photo.jpg", "coffee", (96, 64))
    picture(folder / "wave.jpg", "immunohistochemistry", (80, 80))
    (folder / OUT).mkdir()


def _for_stylizing(folder: Path) -> None:
    for number in range(16):
        suffix = (".png", ".jpg", ".tif", ".webp")[number % 4]
        picture(folder / f"photos/{number:02}{suffix}", "coffee", (128, 96), 8 * number)
    (folder / OUT).mkdir()


def _for_training(folder: Path) -> None:
    for number in range(12):
        picture(folder / f"photos/{number:02}.jpg", "coffee", (96, 64), 16 * number)
    picture(folder / "wave.jpg", "immunohistochemistry", (80, 80))
    (folder / OUT).mkdir()


def _for_filming(folder: Path) -> None:
    write_clip(folder / "clip.mp4", pan(40), sound=True)
    (folder / OUT).mkdir()


def _go_on_training(folder: Path, words: Words) -> Words | None:
    if (folder / OUT / "card.training/checkpoint.pt").exists():
        return (*words, "--resume")
    return None if (folder / OUT / "card.safetensors").exists() else words


def _go_on_filming(folder: Path, words: Words) -> Words | None:
    return None if (folder / OUT / "painted.mp4").exists() else words


_STYLE = ("--style", "starry-night", "--runtime", "torch")

JOBS = (
    Job(
        "paint",
        _for_painting,
        ("paint", "photo.jpg", "wave.jpg", "-o", "out/painting.png", "--animate", "out/making.gif",
         "--size", "96", "--iterations", "24", "--save-every", "8"),
    ),
    Job("stylize", _for_stylizing, ("stylize", "photos", "-o", "out/painted", *_STYLE)),
    Job(
        "train",
        _for_training,
        ("train", "wave.jpg", "--photos", "photos", "-o", "out/card.safetensors",
         "--steps", "24", "--size", "32", "--batch", "2"),
        _go_on_training,
        roughly=("*/losses.csv", "*/losses.png"),  # a row of means begins anew where a run does
        first=("save often",),
    ),
    Job(
        "video",
        _for_filming,
        ("video", "clip.mp4", "out/painted.mp4", *_STYLE),
        _go_on_filming,
        roughly=("painted.mp4",),  # x264 with AVX-512 sometimes rounds otherwise on a machine that is busy
        first=("short parts",),
    ),
    Job("video to pictures", _for_filming, ("video", "clip.mp4", "out/frames/%03d.png", *_STYLE)),
)  # fmt: skip
