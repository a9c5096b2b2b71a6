"""Recordings, read back with PyAV."""

from pathlib import Path

import av
import numpy as np
import pytest

from impasto.errors import ImageError, UsageError
from impasto.imaging.video.recording import Recorder
from tests.clips import pan, read_clip

TIMES = (3.25, 3.28, 3.35, 3.6, 3.61)  # of a camera that began before, at no steady rate


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
def test_frames_keep_their_times(tmp_path: Path, name: str) -> None:
    target, frames = tmp_path / name, pan(len(TIMES))
    recorder = Recorder(target, (48, 64))
    for time, pixels in zip(TIMES, frames, strict=True):
        recorder.write(time, pixels)
    assert recorder.seconds == pytest.approx(0.36)
    assert not target.exists()
    assert recorder.close() == len(TIMES)
    with av.open(str(target)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([time - TIMES[0] for time in TIMES], abs=1e-3)
    for found, pixels in zip(read_clip(target), frames, strict=True):
        assert np.abs(found.astype(int) - pixels).mean() < 8
    assert list(tmp_path.iterdir()) == [target]


def test_time_that_stands_still(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", (48, 64))
    for time, pixels in zip((0.0, 0.1, 0.1, 0.05, 0.2), pan(5), strict=True):
        recorder.write(time, pixels)
    assert recorder.close() == 3


def test_no_frame_no_file(tmp_path: Path) -> None:
    assert Recorder(tmp_path / "out.mp4", (48, 64)).close() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4", (48, 64))
    recorder.write(0.0, pan(1, size=(24, 64))[0])
    with pytest.raises(UsageError, match="a frame is"):
        recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_targets_that_are_none(tmp_path: Path) -> None:
    mine = tmp_path / "mine.mp4"
    mine.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists"):
        Recorder(mine, (48, 64))
    with pytest.raises(UsageError, match="not the name of a video"):
        Recorder(tmp_path / "out.gif", (48, 64))
    with pytest.raises(ImageError, match="there is no folder"):
        Recorder(tmp_path / "nowhere" / "out.mp4", (48, 64))
    assert mine.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [mine]
