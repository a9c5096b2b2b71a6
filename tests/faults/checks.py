"""What must be true of a folder of results after a fault, and after the run that went on from there."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image, ImageSequence
from safetensors import safe_open

from tests.faults.jobs import OUT, Job

_CACHES = ("torchinductor_",)  # of libraries, in the folder for temporary files


_ROUNDING = 3.0  # of 255, the mean over a frame: 1.7 was seen; another frame in its place is far more


def broken(folder: Path) -> list[str]:
    """Files under their final names that cannot be read to the end, with the reasons."""
    found = []
    for path in _files(folder / OUT):
        if path.name.startswith("."):
            continue
        if path.suffix not in _READERS:
            found.append(f"{path.name}: nobody knows how to read it")
            continue
        try:
            _READERS[path.suffix](path)
        except Exception as error:  # whatever a damaged file does to its reader
            found.append(f"{path.relative_to(folder)}: {type(error).__name__}: {error}")
    return found


def compare(job: Job, folder: Path, undisturbed: Path) -> list[str]:
    """How the results differ from those of an undisturbed run: files too many or too few, or other bytes."""
    made, expected = (
        {path.relative_to(one / OUT) for path in _all(one / OUT)} for one in (folder, undisturbed)
    )
    found = [f"{path} was left behind" for path in sorted(made - expected)]
    found += [f"{path} is missing" for path in sorted(expected - made)]
    for path in sorted(made & expected):
        one, other = folder / OUT / path, undisturbed / OUT / path
        if not one.is_file() or one.read_bytes() == other.read_bytes():
            continue
        if not any(path.match(pattern) for pattern in job.roughly):
            found.append(f"{path} has other bytes")
        elif path.suffix == ".mp4" and (difference := _film_difference(one, other)) > _ROUNDING:
            found.append(f"{path} differs by {difference:.2f}")
    left = [path for path in _all(folder / "tmp") if not path.name.startswith(_CACHES)]
    return found + [f"{path.relative_to(folder)} was left behind" for path in left]


def _all(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.rglob("*")))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in _all(folder) if path.is_file())


def _read_picture(path: Path) -> None:
    with Image.open(path) as image:
        for frame in ImageSequence.Iterator(image):
            frame.load()


def _read_video(path: Path) -> None:
    with av.open(str(path)) as container:
        told, count = container.streams.video[0].frames, sum(1 for _ in container.decode(video=0))
    assert count > 0, "no frames"
    assert count == told or not told, f"{count} of {told} frames"  # a file may end between two of them


def _film_difference(one: Path, other: Path) -> float:
    """The largest mean over a frame of absolute differences, of 255; infinite if one has other frames."""
    films = []
    for path in (one, other):
        try:
            with av.open(str(path)) as container:
                frames = list(container.decode(video=0))
        except av.FFmpegError:
            return np.inf
        films.append([(frame.time, frame.to_ndarray(format="rgb24").astype(float)) for frame in frames])
    if [time for time, _ in films[0]] != [time for time, _ in films[1]]:
        return np.inf
    return max(float(np.abs(a - b).mean()) for (_, a), (_, b) in zip(*films, strict=True))


def _read_tensors(path: Path) -> None:
    with safe_open(path, "pt") as file:
        for name in file.keys():  # noqa: SIM118
            file.get_tensor(name)


def _read_table(path: Path) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        assert all(None not in row.values() for row in csv.DictReader(file)), "a row cut short"


_READERS: dict[str, Callable[[Path], object]] = {
    **dict.fromkeys((".png", ".jpg", ".tif", ".webp", ".gif"), _read_picture),
    ".mp4": _read_video,
    **dict.fromkeys((".safetensors", ".mark"), _read_tensors),
    ".pt": lambda path: torch.load(path, weights_only=True),
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    ".csv": _read_table,
}
