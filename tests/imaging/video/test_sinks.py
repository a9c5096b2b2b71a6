"""Folders and animations, opened again."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from impasto.errors import ImageError, UsageError, VideoError
from impasto.imaging.video import ClipInfo, Frame, open_clip, open_sink
from tests.imaging.films import SIZE, picture

INFO = ClipInfo("clip", SIZE, Fraction(25), Fraction(1, 1000))


def frames(milliseconds, alpha=None, first=0):
    time = Fraction(7)  # the start of a part
    for index, duration in enumerate(milliseconds, first):
        yield Frame(index, time, Fraction(duration, 1000), picture(index), alpha)
        time += Fraction(duration, 1000)


def write(target, shown, info=INFO):
    with open_sink(target, info) as sink:
        for frame in shown:
            sink.write(frame)


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_an_animation_keeps_frames_and_times(tmp_path, name):
    durations = [40, 120, 500, 30]
    write(tmp_path / name, frames(durations))
    shown = list(open_clip(tmp_path / name).frames())
    assert [frame.duration * 1000 for frame in shown] == durations
    for frame in shown:
        assert np.abs(frame.pixels.astype(int) - picture(frame.index)).mean() < 8
        assert frame.alpha is None
    with Image.open(tmp_path / name) as image:
        assert image.info["loop"] == 0
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_roundings_do_not_add_up(tmp_path):
    write(tmp_path / "a.gif", frames([Fraction(1000, 30)] * 30))
    clip = open_clip(tmp_path / "a.gif")
    assert clip.info.duration == 1.0
    assert {frame.duration for frame in clip.frames()} == {Fraction(3, 100), Fraction(4, 100)}
    write(tmp_path / "b.gif", frames([Fraction(1000, 100)] * 30))  # faster than browsers play
    fast = open_clip(tmp_path / "b.gif")
    assert (fast.info.frames, fast.info.duration) == (15, 0.3)


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_transparency_is_kept(tmp_path, name):
    alpha = np.zeros(SIZE, np.uint8)
    alpha[:, 48:] = 255
    write(tmp_path / name, frames([100, 100], alpha))
    shown = list(open_clip(tmp_path / name).frames())
    for frame in shown:
        assert np.abs(frame.alpha.astype(int) - alpha).max() == 0
        difference = np.abs(frame.pixels.astype(int) - picture(frame.index))[:, 48:]
        assert difference.mean() < 8


def test_one_color_only(tmp_path):
    gray = Frame(0, Fraction(0), Fraction(1, 10), np.full((*SIZE, 3), 90, np.uint8))
    after = Frame(1, Fraction(1, 10), Fraction(1, 10), np.full((*SIZE, 3), 91, np.uint8))
    write(tmp_path / "a.gif", [gray, after])
    assert [frame.pixels.mean() for frame in open_clip(tmp_path / "a.gif").frames()] == [90, 91]


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_an_error_leaves_the_old_animation(tmp_path, monkeypatch, name):
    path = tmp_path / name
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="stop"), open_sink(path, INFO) as sink:
        for frame in frames([100, 100, 100]):
            sink.write(frame)
        raise RuntimeError("stop")
    with open_sink(path, INFO):
        pass  # no frames
    with pytest.raises(UsageError, match="a frame is"), open_sink(path, INFO) as sink:
        sink.write(Frame(0, Fraction(0), Fraction(1), picture(0, (32, 40))))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with pytest.raises(VideoError, match="could not be written: No space"), open_sink(path, INFO) as sink:
        monkeypatch.setattr(type(sink), "_append", full)
        for frame in frames([100, 100]):
            sink.write(frame)
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_a_folder_of_numbered_pictures(tmp_path):
    alpha = np.full(SIZE, 200, np.uint8)
    write(tmp_path / "out", frames([40, 40], alpha, first=8))
    assert sorted(item.name for item in (tmp_path / "out").iterdir()) == ["000009.png", "000010.png"]
    with Image.open(tmp_path / "out" / "000009.png") as image:
        assert np.array_equal(np.asarray(image), np.dstack([picture(8), alpha]))
    write(tmp_path / "deep" / "er" / "x-%03d.jpg", frames([40, 40]))
    assert sorted(item.name for item in (tmp_path / "deep" / "er").iterdir()) == ["x-001.jpg", "x-002.jpg"]


def test_a_folder_with_the_names_of_the_source(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    for index, name in enumerate(("b2.jpg", "b10.bmp")):
        Image.fromarray(picture(index)).save(source / name, quality=95)
    clip = open_clip(source)
    write(tmp_path / "out", clip.frames(), clip.info)
    assert sorted(item.name for item in (tmp_path / "out").iterdir()) == ["b10.png", "b2.jpg"]
    with pytest.raises(UsageError, match="holds the frames to read"):
        open_sink(source, clip.info)
    Image.fromarray(picture(0)).save(source / "b10.png")
    with pytest.raises(UsageError, match="differ in the suffix only"):
        open_sink(tmp_path / "out", open_clip(source).info)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.wmv", r"end it as a video \(.mp4, .m4v, .mov, .mkv, .webm, .avi, .ts\) or an animation"),
        ("a.apng", r"end it as a video \(.mp4"),
        ("a-%05d.bmp", "no suffix that says how to write"),
        ("a-%d-%d.png", "no place for the frame's number"),
        ("100%.png", "no place for the frame's number"),
    ],
)
def test_targets_that_mean_nothing(tmp_path, name, message):
    with pytest.raises(UsageError, match=message):
        open_sink(tmp_path / name, INFO)


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(ImageError, match="there is no folder"):
        open_sink(tmp_path / "absent" / "a.gif", INFO)
    (tmp_path / "file").write_text("")
    with pytest.raises(ImageError, match="cannot be made"):
        open_sink(tmp_path / "file" / "sub", INFO)
    wide = ClipInfo("clip", (16, 20_000), Fraction(25), Fraction(1, 25))
    with pytest.raises(UsageError, match="16383 pixels a side"):
        open_sink(tmp_path / "a.webp", wide)
    assert [item.name for item in tmp_path.iterdir()] == ["file"]
