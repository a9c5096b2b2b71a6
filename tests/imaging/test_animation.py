"""Animations, opened again."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch.nn.functional import interpolate

from impasto.errors import ImageError, MissingExtraError, UsageError
from impasto.imaging import animation, io
from impasto.imaging.animation import AnimationWriter


@pytest.fixture(scope="module")
def photo():
    return io.read(data.coffee()[::4, ::4])[0]  # (3, 100, 150)


def painting(photo, count):
    """Frames that go from gray to the photo, each different, growing from a quarter to full size."""
    for index in range(count):
        share = index / max(1, count - 1)
        scale = 0.25 if share < 0.3 else 0.5 if share < 0.6 else 1.0
        yield interpolate(photo[None] * share + 0.5 * (1 - share), scale_factor=scale)[0]


def frames_of(path):
    """Every frame as (H, W, 3) in 0..255, and its duration in ms."""
    with Image.open(path) as picture:
        for index in range(picture.n_frames):
            picture.seek(index)
            picture.load()
            yield np.asarray(picture.convert("RGB"), float), picture.info["duration"]


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_frames_size_and_time(tmp_path, photo, suffix):
    path = tmp_path / f"painting{suffix}"
    with AnimationWriter(path, fps=10, max_side=120) as writer:
        for frame in painting(photo, 20):
            writer.add(frame)
    frames, durations = zip(*frames_of(path), strict=True)
    assert len(frames) == 20
    assert {frame.shape for frame in frames} == {(80, 120, 3)}
    assert list(durations) == [100] * 19 + [1500]
    last = np.asarray(io.to_pil(photo).resize((120, 80), Image.Resampling.BICUBIC), float)
    assert np.abs(frames[-1] - last).mean() < 6
    assert np.abs(frames[0] - 128).mean() < 4
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_video(tmp_path, photo):
    av = pytest.importorskip("av")
    path = tmp_path / "painting.mp4"
    with AnimationWriter(path, fps=10) as writer:
        for frame in painting(photo[:, :99, :149], 20):
            writer.add(frame)
    with av.open(path) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24").astype(float) for frame in container.decode(stream)]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert float(container.duration / av.time_base) == pytest.approx(1.9 + 1.5, abs=0.11)
    assert {frame.shape for frame in frames} == {(98, 148, 3)}
    assert np.abs(frames[-1] - np.asarray(io.to_pil(photo))[:98, :148]).mean() < 6
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100, 129])
def test_thinning_is_bounded_even_and_keeps_the_last(tmp_path, monkeypatch, count):
    shown = []

    def capture(path, clip):
        path.touch()
        shown.extend(frame.getpixel((0, 0))[0] for frame in clip.frames)

    monkeypatch.setitem(animation._SAVERS, ".gif", capture)
    with AnimationWriter(tmp_path / "a.gif", fps=4, max_seconds=2.0) as writer:
        for index in range(count):
            writer.add(torch.full((3, 16, 16), index / 255))
            assert len(writer._kept) <= 8
    assert shown[0] == 0
    assert shown[-1] == count - 1
    assert len(set(np.diff(shown[:-1]))) <= 1
    assert min(count, 5) <= len(shown) <= 9


def test_frames_are_held_small(tmp_path):
    writer = AnimationWriter(tmp_path / "a.gif", max_side=4000)
    writer.add(torch.rand(3, 600, 900))
    assert writer._kept[0].size == (400, 267)


def test_an_error_in_the_block_writes_nothing(tmp_path, photo):
    with pytest.raises(RuntimeError, match="stop"), AnimationWriter(tmp_path / "a.gif") as writer:
        writer.add(photo)
        raise RuntimeError("stop")
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_failing_encoder_leaves_the_old_file(tmp_path, photo, monkeypatch):
    def broken(path, clip):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.gif"
    path.write_bytes(b"old")
    monkeypatch.setitem(animation._SAVERS, ".gif", broken)
    writer = AnimationWriter(path)
    writer.add(photo)
    with pytest.raises(ImageError, match=r"a\.gif could not be written: No space"):
        writer.close()
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.gif"]


def test_what_cannot_work_is_said_at_once(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"\.gif, \.webp, \.mp4"):
        AnimationWriter(tmp_path / "a.avi")
    with pytest.raises(ImageError, match="there is no folder"):
        AnimationWriter(tmp_path / "absent" / "a.gif")
    for wrong in ({"fps": 0}, {"max_side": 2}, {"max_seconds": 0.0}):
        with pytest.raises(UsageError, match="at least"):
            AnimationWriter(tmp_path / "a.gif", **wrong)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"impasto\[video\]"):
        AnimationWriter(tmp_path / "a.mp4")
