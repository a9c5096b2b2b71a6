"""A session at work on frames that are fed to it one by one."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Empty, Queue
from threading import Event

import numpy as np
import pytest

from impasto.errors import ImageError, VideoError
from impasto.imaging import io
from impasto.imaging.video.camera import Camera, Shot
from impasto.imaging.video.clip import Pixels
from impasto.stylizing.live import Display, LiveStyle, LiveStyler, WebcamSession
from tests.clips import pan, read_clip


class Stage:
    """A camera that is fed, a styler that makes negatives, and a session that works on them in a thread."""

    def __init__(self, record: Path | None = None, size: int = 64) -> None:
        self._feed: Queue[Pixels] = Queue()
        self._count, self.told = 0, list[str]()
        self.live = LiveStyler(lambda choice: lambda photo: 255 - photo, LiveStyle("negative"), steady=False)
        self.camera = Camera("camera 0", self._source, patience=20)
        self.session = WebcamSession(self.camera, self.live, size, self.told.append, record)
        self._thread = ThreadPoolExecutor(1)
        self.work: Future[None] = self._thread.submit(self.session.work)

    def __call__(self, photo: Pixels) -> Display:
        """What is shown for a frame; they come 10 a second."""
        self._feed.put(photo)
        deadline = time.monotonic() + 20
        while not self.session.newest:
            assert time.monotonic() < deadline
            if self.work.done():
                self.work.result()
            time.sleep(0.001)
        return self.session.newest.popleft()

    def end(self) -> None:
        self.camera.close()
        self._thread.shutdown()
        self.live.close()
        self.work.result()

    def _source(self, stop: Event) -> Iterator[Shot | None]:
        while not stop.is_set():
            try:
                pixels = self._feed.get(timeout=0.01)
            except Empty:
                yield None
                continue
            yield Shot(self._count / 10, pixels)
            self._count += 1


@pytest.fixture
def photo() -> Pixels:
    return pan(1)[0]


def test_mirror_and_views(photo: Pixels) -> None:
    stage = Stage()
    shown = stage(photo)
    np.testing.assert_array_equal(shown.pixels, 255 - photo[:, ::-1])
    assert (shown.choice, shown.recorded) == (LiveStyle("negative"), None)
    stage.session.mirror = False
    stage.session.view = "side by side"
    np.testing.assert_array_equal(stage(photo).pixels, np.hstack([photo, 255 - photo]))
    stage.session.view = "photo"
    shown = stage(photo)
    np.testing.assert_array_equal(shown.pixels, photo)
    assert shown.rate > 0
    stage.end()


@pytest.mark.parametrize(("size", "expected"), [(32, (24, 32)), (50, (38, 50)), (128, (96, 128))])
def test_size(photo: Pixels, size: int, expected: tuple[int, int]) -> None:
    stage = Stage(size=size)
    assert stage(photo).pixels.shape == (*expected, 3)
    stage.end()


def test_a_recording_keeps_its_view(tmp_path: Path) -> None:
    stage, target, frames = Stage(), tmp_path / "out.mp4", pan(8)
    stage.session.mirror, stage.session.view = False, "side by side"
    assert stage(frames[0]).recorded is None
    stage.session.record(target)
    assert [stage(frame).recorded for frame in frames[1:4]] == pytest.approx([0, 0.1, 0.2])
    stage.session.view = "picture"
    stage(frames[4])
    stage.session.record(target)
    assert stage(frames[5]).recorded is None
    found = read_clip(target)
    for recorded, frame in zip(found, frames[1:5], strict=True):
        assert np.abs(recorded - np.hstack([frame, 255 - frame]).astype(int)).mean() < 8
    assert stage.told == [f"{target}: 4 frames, 0 s"]
    stage.end()


def test_the_end_finishes_a_recording(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "out.mp4")
    for frame in pan(3):
        stage(frame)
    assert not (tmp_path / "out.mp4").exists()
    stage.end()
    assert len(read_clip(tmp_path / "out.mp4")) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_camera_that_vanishes_costs_no_recording(tmp_path: Path, photo: Pixels) -> None:
    def source(stop: Event) -> Iterator[Shot | None]:
        yield Shot(0.0, photo)
        while not stop.wait(0.01):
            yield None

    live = LiveStyler(lambda choice: lambda photo: 255 - photo, LiveStyle("negative"), steady=False)
    with Camera("camera 0", source, patience=0.3) as camera:
        session = WebcamSession(camera, live, 64, print, tmp_path / "out.mp4")
        with pytest.raises(VideoError, match="camera 0 gives no picture any more"):
            session.work()
    live.close()
    assert len(read_clip(tmp_path / "out.mp4")) == 1


def test_saving(tmp_path: Path, photo: Pixels) -> None:
    stage, target = Stage(), tmp_path / "out.png"
    stage.session.save(tmp_path / "nowhere" / "out.png")
    stage.session.record(tmp_path / "nowhere" / "out.mp4")
    stage.session.save(target)
    shown = stage(photo)
    image, _ = io.read(target)
    np.testing.assert_array_equal((image * 255).round().byte().permute(1, 2, 0).numpy(), shown.pixels)
    assert ["no folder" in told for told in stage.told] == [True, True, False]  # and it goes on
    assert stage(photo).recorded is None
    stage.end()


def test_the_recording_to_begin_with_must_be_possible(tmp_path: Path, photo: Pixels) -> None:
    stage = Stage(tmp_path / "nowhere" / "out.mp4")
    with pytest.raises(ImageError, match="no folder"):
        stage(photo)
    with pytest.raises(ImageError, match="no folder"):
        stage.end()
