"""Streams that behave like cameras, and a stand-in for a device."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import cv2
import numpy as np
import pytest

from impasto.errors import MissingExtraError, VideoError
from impasto.imaging.video import camera as module
from impasto.imaging.video.camera import Camera, Shot, open_camera
from tests.clips import pan, write_clip

BLACK = np.zeros((4, 6, 3), np.uint8)


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
