"""Streams that behave like cameras, and a stand-in for a device."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import av
import cv2
import numpy as np
import pytest

from impasto.errors import ImageError, MissingExtraError, UsageError, VideoError
from impasto.imaging.video import camera as module
from impasto.imaging.video.camera import Camera, Recorder, Shot, open_camera
from tests.clips import pan, read_clip, write_clip

BLACK = np.zeros((4, 6, 3), np.uint8)
TIMES = (3.25, 3.28, 3.35, 3.6, 3.61)  # of a camera that began before, at no steady rate


def test_the_newest_is_given_once_and_older_ones_never() -> None:
    all_given, ended = Event(), Event()

    def source(stop: Event) -> Iterator[Shot]:
        for number in range(10):
            yield Shot(float(number), BLACK)
        all_given.set()
        stop.wait()
        ended.set()

    with Camera("it", source) as camera:
        assert all_given.wait(20)
        shot = camera.next()
        assert shot is not None
        assert shot.time == 9
        assert not ended.is_set()
        camera.close()
        assert camera.next() is None
    assert ended.is_set()


def test_an_error_comes_after_the_last_frame() -> None:
    def source(stop: Event) -> Iterator[Shot]:
        yield Shot(0.0, BLACK)
        raise VideoError("the film tore")

    with Camera("it", source) as camera:
        while True:
            try:
                assert camera.next()
            except VideoError as error:
                assert str(error) == "the film tore"
                break


def test_a_camera_that_vanishes() -> None:
    def source(stop: Event) -> Iterator[Shot | None]:
        yield Shot(0.0, BLACK)
        while not stop.wait(0.01):
            yield None

    with Camera("camera 7", source, patience=0.2) as camera:
        assert camera.next()
        with pytest.raises(VideoError, match="camera 7 gives no picture any more"):
            camera.next()


def test_a_clip_plays_at_its_own_speed(tmp_path: Path) -> None:
    frames = pan(6)
    path = write_clip(tmp_path / "clip.mp4", frames, rate=10)
    began, shots = time.monotonic(), []
    with open_camera(str(path)) as camera:
        while shot := camera.next():
            shots.append(shot)
            assert time.monotonic() - began > shot.time - 0.01  # a busy machine is late, and never early
    times = [shot.time for shot in shots]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(0.5)
    for shot in shots:
        assert np.abs(shot.pixels.astype(int) - frames[round(10 * shot.time)]).mean() < 3


def test_a_clip_may_pause_longer_than_a_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    with open_camera(str(write_clip(tmp_path / "clip.mp4", pan(2), rate=5))) as camera:
        shots = list(iter(camera.next, None))
    assert shots[-1].time == pytest.approx(0.2)


class Device:
    """As OpenCV has it: three frames, blue as it stores them, and then none."""

    made: "list[Device]"

    def __init__(self, number: int) -> None:
        self.number, self.left, self.asked, self.released = number, 3, dict[int, float](), False
        Device.made.append(self)

    def isOpened(self) -> bool:
        return self.number == 0

    def set(self, what: int, value: float) -> None:
        self.asked[what] = value

    def read(self) -> tuple[bool, Any]:
        self.left -= 1
        if self.left < 0:
            return False, None
        return True, np.full((4, 6, 3), (255, 0, 10), np.uint8)

    def release(self) -> None:
        self.released = True


def test_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    Device.made = []
    monkeypatch.setattr(cv2, "VideoCapture", Device)
    monkeypatch.setattr(module, "_PATIENCE", 0.2)
    with open_camera("0", 320) as camera:
        shot = camera.next()
        assert shot is not None
        assert shot.pixels[0, 0].tolist() == [10, 0, 255]
        with pytest.raises(VideoError, match="camera 0 gives no picture any more"):
            while True:
                camera.next()
    (device,) = Device.made
    assert device.released
    assert device.asked == {cv2.CAP_PROP_FRAME_WIDTH: 320, cv2.CAP_PROP_FRAME_HEIGHT: 240}


def test_a_camera_that_is_not_there(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(VideoError, match="camera 99 cannot be opened"):
        open_camera("99")
    assert capfd.readouterr() == ("", "")


def test_a_clip_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="does not exist"):
        open_camera(str(tmp_path / "nothing.mp4"))


def test_without_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"A camera needs OpenCV: pip install 'impasto\[video\]'"):
        open_camera("0")


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
def test_frames_keep_their_times(tmp_path: Path, name: str) -> None:
    target, frames = tmp_path / name, pan(len(TIMES))
    recorder = Recorder(target, (48, 64))
    for at, pixels in zip(TIMES, frames, strict=True):
        recorder.write(at, pixels)
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
    for at, pixels in zip((0.0, 0.1, 0.1, 0.05, 0.2), pan(5), strict=True):
        recorder.write(at, pixels)
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
