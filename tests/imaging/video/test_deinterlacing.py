"""Interlaced videos: one whole frame for each, at its own time."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from impasto.errors import VideoError
from impasto.imaging.video import Clip, open_clip
from tests.imaging.films import RATE, SIZE, index_of, write_film

INTERLACED = {"x264-params": "tff=1", "crf": "4"}
COUNT = 20


def fields(index, size):
    """A bright bar that moves from one field to the next: the upper lines are earlier than the lower ones."""
    height, width = size
    pixels = np.full((height, width, 3), 60, np.uint8)
    for line in range(16, height):
        left = 4 * (2 * index + line % 2) % (width - 24)
        pixels[line, left : left + 24] = 200
    pixels[:16, :16] = 16 + index * 7
    return pixels


def write_fields(path: Path, options=INTERLACED, count: int = COUNT, **made) -> Path:
    return write_film(path, count, draw=fields, options=options, **made)


def combing(clip: Clip) -> float:
    """How much lines differ from both of their neighbors in one direction."""
    found = []
    for frame in clip.frames():
        luma = frame.pixels[16:].mean(2)
        above, below = luma[1:-1] - luma[:-2], luma[1:-1] - luma[2:]
        found.append(np.clip(np.minimum(above, below), 0, None).mean())
    return float(np.mean(found))


def test_flagged_frames_are_deinterlaced(tmp_path):
    path = write_fields(tmp_path / "a.mp4")
    clip, combed = open_clip(path), open_clip(path, deinterlace="off")
    assert clip.notes == (f"{path} is interlaced; it is deinterlaced by bwdif",)
    assert "combs" in combed.notes[0]
    assert combing(clip) < combing(combed) / 5
    frames, before = list(clip.frames()), list(combed.frames())
    assert [index_of(frame.pixels) for frame in frames] == list(range(COUNT))
    assert [(f.time, f.duration) for f in frames] == [(f.time, f.duration) for f in before]
    assert all(b.time - a.time == 1 / RATE for a, b in pairwise(frames))


def test_on_and_off(tmp_path):
    path = write_fields(tmp_path / "a.mp4", {"crf": "4"})
    assert open_clip(path).notes == open_clip(path, deinterlace="on").notes == ()
    assert combing(open_clip(path, deinterlace="on")) < combing(open_clip(path)) / 5


def test_progressive_frames_of_an_unflagged_file_are_left_alone(tmp_path):
    path = write_film(tmp_path / "a.mp4", 4)
    auto, off = (list(open_clip(path, deinterlace=way).frames()) for way in ("auto", "off"))
    assert all((a.pixels == b.pixels).all() for a, b in zip(auto, off, strict=True))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi"])
def test_starting_in_the_middle_gives_the_same_frames(tmp_path, suffix):
    clip = open_clip(write_fields(tmp_path / f"a{suffix}", b_frames=0))
    whole = [(frame.index, frame.time, frame.pixels.tobytes()) for frame in clip.frames()]
    for first in (1, 7, 8, 9, 19):
        part = [(f.index, f.time, f.pixels.tobytes()) for f in clip.frames(whole[first][1])]
        assert part == whole[first:]


def test_all_frames_before_damage_come_first(tmp_path):
    path = write_film(
        tmp_path / "a.mp4", COUNT, options=INTERLACED, container_options={"movflags": "faststart"}
    )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    counts = []
    for way in ("auto", "off"):
        seen = []
        with pytest.raises(VideoError, match="cut short"):
            for frame in open_clip(path, deinterlace=way).frames():
                seen.append(frame.index)
        counts.append(len(seen))
    assert counts[0] == counts[1] > 5


def test_frames_of_another_size(tmp_path):
    path = tmp_path / "both.ts"
    for start, size in ((0, SIZE), (100, (96, 128))):
        options = {"output_ts_offset": str(start)}
        part = write_fields(tmp_path / "part.ts", count=6, size=size, container_options=options)
        with path.open("ab") as file:
            file.write(part.read_bytes())
    frames = list(open_clip(path).frames())
    assert len(frames) == 12
    assert {frame.pixels.shape for frame in frames} == {(*SIZE, 3)}


def test_what_the_filter_says_is_not_shown(tmp_path, capfd):
    list(open_clip(write_fields(tmp_path / "a.mkv")).frames())
    assert capfd.readouterr() == ("", "")
