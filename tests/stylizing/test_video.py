"""Videos from one file to another, with a styler whose result is known."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from impasto.atomic_files import only_writer
from impasto.errors import UsageError, VideoError
from impasto.imaging.video.clip import Pixels
from impasto.imaging.video.open import open_clip
from impasto.stylizing.finishing import FramePostprocessor, Postprocessor
from impasto.stylizing.options import StyleControls, VideoOptions
from impasto.stylizing.parts import Progress
from impasto.stylizing.video import VideoJob
from tests.clips import pan, read_clip, write_clip


class Negative:
    """Each picture is the negative, and darker by how many frames came before: a state to go on from."""

    part_frames = 5

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, photo: Pixels) -> Pixels:
        self.count += 1
        return np.clip(255 - photo.astype(int) - self.count, 0, 255).astype(np.uint8)

    @property
    def state(self) -> Mapping[str, Pixels]:
        return {"count": np.array([self.count], np.uint8)}

    def restore(self, state: Mapping[str, Pixels]) -> None:
        self.count = int(state["count"][0]) if state else 0


def make_job(
    source: Path,
    record: Mapping[str, Any] | None = None,
    finish: FramePostprocessor | None = None,
    **options: Any,
) -> VideoJob:
    chosen = VideoOptions(**{"steady": False, "crf": 4} | options)
    return VideoJob(open_clip(source), Negative(), record or {"style": "negative"}, chosen, finish)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", pan(18), sound=True)


def expected(count: int = 18, first: int = 0) -> list[Pixels]:
    return [
        np.clip(255 - photo.astype(int) - number - 1, 0, 255).astype(np.uint8)
        for number, photo in enumerate(pan(first + count)[first:])
    ]


def assert_close(found: list[Pixels], wanted: list[Pixels], within: float = 5) -> None:
    assert len(found) == len(wanted)
    for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
        assert one.shape == other.shape
        assert np.abs(one.astype(int) - other).mean() < within, number


def test_frames_sound_and_times(clip: Path, tmp_path: Path) -> None:
    target, seen = tmp_path / "out.mp4", list[Progress]()
    assert make_job(clip).run(target, seen.append)
    assert_close(read_clip(target), expected())
    with av.open(str(clip)) as before, av.open(str(target)) as after:
        assert after.streams.video[0].average_rate == before.streams.video[0].average_rate
        for kind in ("audio", "video"):
            packets = [
                [p for p in box.demux(getattr(box.streams, kind)[0]) if p.size] for box in (before, after)
            ]
            times = [[float(p.pts * p.time_base) for p in some] for some in packets]
            assert times[0] == pytest.approx(times[1], abs=1e-3)
            if kind == "audio":
                assert [bytes(p) for p in packets[0]] == [bytes(p) for p in packets[1]]
    assert [p.frames for p in seen] == list(range(1, 19))
    assert seen[-1].done == pytest.approx(1)
    assert not (tmp_path / "out.mp4.parts").exists()


@pytest.mark.parametrize(("even", "size"), [(None, (46, 62)), (True, (46, 62)), (False, (47, 63))])
def test_a_pixel_of_odd_sides(tmp_path: Path, even: bool | None, size: tuple[int, int]) -> None:
    source, target = write_clip(tmp_path / "odd.mp4", pan(4, (47, 63))), tmp_path / "out.mp4"
    job = make_job(source, even=even)
    assert job.run(target)
    wanted = [np.clip(255 - photo.astype(int) - n - 1, 0, 255) for n, photo in enumerate(pan(4, (47, 63)))]
    assert_close(read_clip(target), [picture[: size[0], : size[1]] for picture in wanted])
    assert any("odd side (63 x 47)" in note for note in job.notes)


def test_part_of_a_clip(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    make_job(clip, start=0.4, end=1.0).run(target)
    assert_close(read_clip(target), expected(6, first=4))


def test_every_third_frame_lasts_three_times_as_long(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    make_job(clip, every=3).run(target)
    with av.open(str(target)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([0.3 * n for n in range(6)], abs=1e-3)


def test_side_by_side_and_size(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    make_job(clip, side_by_side=True, size=32, end=0.3).run(target)
    frames = read_clip(target)
    assert frames[0].shape == (24, 64, 3)
    photo, picture = frames[0][:, :32].astype(int), frames[0][:, 32:]
    assert np.abs(255 - photo - picture).mean() < 8


@pytest.mark.parametrize("name", ["out.gif", "out.webp", "frames", "frames-%03d.png"])
def test_other_targets(clip: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    make_job(clip, end=0.5).run(target)
    if target.suffix == ".png":
        assert len(list(tmp_path.glob("frames-*.png"))) == 5
    else:
        assert open_clip(target).info.frames == 5


def test_stopping_keeps_what_is_done(clip: Path, tmp_path: Path) -> None:
    target, stop = tmp_path / "out.mp4", Event()
    job = make_job(clip)
    assert not job.run(target, lambda p: stop.set() if p.frames == 7 else None, stop)
    assert not target.exists()
    seen = list[Progress]()
    assert make_job(clip).run(target, seen.append)
    assert seen[0].frames == 8  # the first seven were not made again
    assert_close(read_clip(target), expected())  # and the styler went on from its state


def test_a_stop_may_cut_the_video_there(clip: Path, tmp_path: Path) -> None:
    target, stop = tmp_path / "out.mp4", Event()
    job = make_job(clip, start=0.4)
    assert not job.run(target, lambda p: stop.set() if p.frames == 7 else None, stop, cut=True)
    assert_close(read_clip(target), expected(7, first=4))
    with av.open(str(target)) as container:
        sound = container.streams.audio[0]
        assert float(sound.duration * sound.time_base) == pytest.approx(0.7, abs=0.15)
    assert not (tmp_path / "out.mp4.parts").exists()
    early = Event()
    early.set()  # before the first frame
    assert not make_job(clip).run(tmp_path / "none.mp4", stop=early, cut=True)
    assert list(tmp_path.glob("none*")) == []


def test_parts_of_another_job_are_not_used(clip: Path, tmp_path: Path) -> None:
    target, stop = tmp_path / "out.mp4", Event()
    make_job(clip).run(target, lambda p: stop.set(), stop)
    with pytest.raises(UsageError, match="made otherwise"):
        make_job(clip, {"style": "another"}).run(target)
    seen = list[Progress]()
    make_job(clip, {"style": "another"}, overwrite=True).run(target, seen.append)
    assert seen[0].frames == 1


def test_what_is_there_stays(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"mine")
    with pytest.raises(UsageError, match="overwrite=True"):
        make_job(clip).run(target)
    assert target.read_bytes() == b"mine"
    with pytest.raises(UsageError, match="is the same file as the input"):
        make_job(clip, overwrite=True).run(clip)
    make_job(clip, overwrite=True, end=0.2).run(target)
    assert len(read_clip(target)) == 2


def test_two_runs_do_not_write_one_video(clip: Path, tmp_path: Path) -> None:
    for name in ("out.mp4", "out.gif", "frames"):
        with (
            only_writer(tmp_path / name),
            pytest.raises(UsageError, match=rf"another impasto is writing .*{name}"),
        ):
            make_job(clip).run(tmp_path / name)
        assert not (tmp_path / name).exists()
    assert make_job(clip, end=0.2).run(tmp_path / "out.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "out.mp4"]


KILLED = """
import sys, time
from pathlib import Path
from tests.stylizing.test_video import Negative, make_job
make_job(Path(sys.argv[1])).run(Path(sys.argv[2]), lambda p: (print(p.frames, flush=True), time.sleep(0.1)))
"""


def test_kill_and_go_on(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    command = [sys.executable, "-c", KILLED, str(clip), str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as run:
        assert run.stdout is not None
        while run.stdout.readline().strip() != "13":
            pass
        os.kill(run.pid, signal.SIGKILL)
    assert not target.exists()
    seen = list[Progress]()
    assert make_job(clip).run(target, seen.append)
    assert seen[0].frames == 11  # after two parts of five
    assert_close(read_clip(target), expected())
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_clip_cut_short_is_made_up_to_there(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", pan(40))
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    target = tmp_path / "out.mp4"
    with pytest.raises(VideoError, match="ends there"):
        make_job(broken).run(target)
    found = read_clip(target)
    assert 5 < len(found) < 40
    assert_close(found, expected(len(found)))


def test_preview(clip: Path, tmp_path: Path) -> None:
    picture = make_job(clip).preview(7)
    assert np.abs(picture - (254.0 - pan(8)[7])).mean() < 4
    with pytest.raises(UsageError, match="no frame 99"):
        make_job(clip).preview(99)


def test_steady_frames_join_over_parts(clip: Path, tmp_path: Path) -> None:
    """A stop between two frames changes nothing, as the steadier goes on from its state, too."""
    made = []
    for name, stops in (("whole.mp4", ()), ("stopped.mp4", (3, 9))):
        target = tmp_path / name
        for at in (*stops, None):
            stop = Event()
            make_job(clip, steady=True).run(
                target, lambda p, at=at, stop=stop: stop.set() if p.frames == at else None, stop
            )
        made.append(read_clip(target))
    assert_close(*made, within=1.5)  # the encoder begins anew, at other frames


def test_pictures_are_finished_once_they_are_steady(clip: Path, tmp_path: Path) -> None:
    """And a stop between two frames changes nothing: colors go on from those of the frames before."""
    made = []
    for name, stops in (("whole.mkv", ()), ("stopped.mkv", (3, 9))):
        target = tmp_path / name
        for at in (*stops, None):
            finish, stop = (
                FramePostprocessor(Postprocessor(StyleControls(keep_color="lab-transfer"))),
                Event(),
            )
            job = make_job(clip, steady=True, finish=finish)
            job.run(target, lambda p, at=at, stop=stop: stop.set() if p.frames == at else None, stop)
        made.append(read_clip(target))
    assert_close(*made, within=1.5)
    make_job(clip, steady=True).run(tmp_path / "plain.mkv")
    plain = read_clip(tmp_path / "plain.mkv")
    assert all(np.abs(one.astype(int) - other).mean() > 5 for one, other in zip(made[0], plain, strict=True))
    mask = np.zeros((48, 64), np.uint8)
    mask[:, :32] = 255
    masked = make_job(clip, finish=FramePostprocessor(Postprocessor(StyleControls(), mask))).preview(7)
    assert np.abs(masked[:, 36:].astype(int) - pan(8)[7][:, 36:]).mean() < 4


def test_nothing_in_the_span(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no frames"):
        make_job(clip, start=100.0).run(tmp_path / "out.mp4")
    assert list(tmp_path.glob("out*")) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": -1.0}, "start"),
        ({"start": 2.0, "end": 1.0}, "after start"),
        ({"every": 0}, "every"),
        ({"deinterlace": "yes"}, "deinterlace is auto, on or off, not yes"),
    ],
)
def test_options_that_cannot_mean_anything(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        VideoOptions(**options)


def test_a_clip_that_changed_is_not_gone_on_with(clip: Path, tmp_path: Path) -> None:
    """Not even if it has the same name, length, size and rate: one byte in the middle is another."""
    target, stop = tmp_path / "out.mp4", Event()
    make_job(clip).run(target, lambda p: stop.set(), stop)
    known, data = clip.stat(), bytearray(clip.read_bytes())
    data[len(data) // 2] ^= 1
    clip.write_bytes(data)
    os.utime(clip, ns=(known.st_atime_ns, known.st_mtime_ns))
    with pytest.raises(UsageError, match="or the clip has changed since: throw it away with overwrite=True"):
        make_job(clip).run(target)
    seen = list[Progress]()
    make_job(clip, overwrite=True, end=0.3).run(target, seen.append)
    assert seen[0].frames == 1


def test_a_folder_of_frames_of_which_one_was_edited(tmp_path: Path) -> None:
    folder, target, stop = tmp_path / "frames", tmp_path / "out.mp4", Event()
    folder.mkdir()
    for number, picture in enumerate(pan(8)):
        Image.fromarray(picture).save(folder / f"{number}.bmp")
    make_job(folder).run(target, lambda p: stop.set() if p.frames == 3 else None, stop)
    Image.fromarray(255 - pan(8)[5]).save(folder / "5.bmp")
    with pytest.raises(UsageError, match="or the clip has changed since"):
        make_job(folder).run(target)


def test_a_part_that_was_removed_by_hand_is_made_again(clip: Path, tmp_path: Path) -> None:
    target, stop = tmp_path / "out.mp4", Event()
    make_job(clip).run(target, lambda p: stop.set() if p.frames == 12 else None, stop)
    first, *_ = sorted((tmp_path / "out.mp4.parts").glob("*.mp4"))
    first.unlink()
    assert make_job(clip).run(target)
    assert_close(read_clip(target), expected())


@pytest.fixture
def cutout(tmp_path: Path) -> Path:
    """A folder of frames whose left halves are transparent."""
    folder = tmp_path / "cutout"
    folder.mkdir()
    for number, pixels in enumerate(pan(4)):
        alpha = np.full(pixels.shape[:2], 255, np.uint8)
        alpha[:, :32] = 0
        Image.fromarray(np.dstack([pixels, alpha])).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize("name", ["out.mov", "out.webm", "out.webp", "out"])
def test_transparency_is_kept(cutout: Path, tmp_path: Path, name: str) -> None:
    job = make_job(cutout, crf=None, steady=True, fast=True, side_by_side=True)
    assert job.run(tmp_path / name)
    assert job.notes == ()
    frames = list(open_clip(tmp_path / name).frames())
    assert len(frames) == 4
    for frame in frames:
        assert frame.alpha is not None
        assert frame.alpha.shape == (48, 128), "beside the photo, which is as transparent"
        assert frame.alpha[:, [4, 40, 68, 120]].mean(0).round().tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize("name", ["out.mp4", "out/%d.jpg"])
def test_transparency_is_laid_over_white(cutout: Path, tmp_path: Path, name: str) -> None:
    job = make_job(cutout)
    assert job.run(tmp_path / name)
    assert "does not keep transparency: frames are laid over white" in job.notes[0]
    if name == "out.mp4":
        assert read_clip(tmp_path / name)[0][:, :28].max() < 30, "the negative of white"


def test_a_preview_is_laid_over_white(cutout: Path) -> None:
    assert make_job(cutout).preview(0)[:, :28].max() < 30
