"""Segments, opened again."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from impasto.errors import UsageError, VideoError
from impasto.imaging.video import ClipInfo, Color, Frame, SegmentWriter, choose_encoding, open_clip
from impasto.imaging.video import segments as module
from tests.imaging.films import SIZE, index_of, packets_of, picture

INFO = ClipInfo("clip", SIZE, Fraction(30000, 1001), Fraction(1, 30000))
STEP = 1 / INFO.rate


def frames(times=None, size=SIZE):
    times = times or [index * STEP for index in range(7)]
    for index, time in enumerate(times):
        yield Frame(index, time, STEP, picture(index, size))


def write(path, info=INFO, target="a.mkv", shown=None, **options):
    encoding = choose_encoding(path.with_name(target), info, **options)
    with SegmentWriter(path, info, encoding) as writer:
        for frame in shown or frames(size=info.size):
            writer.write(frame)
    return path


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1", "prores"])
def test_frames_come_back_at_their_times(tmp_path, capfd, codec):
    times = [100 + Fraction(stamp, 30000) for stamp in (17, 1018, 5000, 5001, 90000)]
    path = write(tmp_path / "segment", codec=codec, shown=frames(times))
    assert capfd.readouterr() == ("", "")
    with av.open(path) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert [packet.pts * packet.time_base for packet in packets] == times
        assert all(packet.pts == packet.dts for packet in packets)
        assert packets[0].is_keyframe
        assert (stream.start_time + stream.duration) * stream.time_base == times[-1] + STEP
        tags = stream.codec_context
        assert (tags.colorspace, tags.color_range) == (1, 1)
    for shown in open_clip(path).frames():
        assert index_of(shown.pixels) == shown.index
        assert np.abs(shown.pixels.astype(int) - picture(shown.index)).mean() < 9
    assert [item.name for item in tmp_path.iterdir()] == ["segment"]


@pytest.mark.parametrize("color", [None, Color(1, 1, 1), Color(6, 6, 6), Color(9, 14, 9)])
def test_the_matrix_is_used_and_written(tmp_path, color):
    info = replace(INFO, color=color)
    path = write(tmp_path / "segment", info, crf=1)
    with av.open(path) as container:
        frame = next(container.decode(video=0))
    matrix = color.matrix if color else 1
    assert (frame.colorspace, frame.color_range) == (matrix, 1)
    red, blue = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}[matrix]
    weights = np.array([red, 1 - red - blue, blue])
    expected = 16 + 219 / 255 * (picture(0) @ weights)
    luma = frame.to_ndarray()[: SIZE[0], : SIZE[1]]
    assert np.abs(luma - expected).mean() < 0.7


def test_odd_sides_and_the_shape_of_pixels(tmp_path):
    info = replace(INFO, size=(63, 95), sample_aspect=Fraction(4, 3))
    clip = open_clip(write(tmp_path / "segment", info, crf=4))
    assert (clip.info.size, clip.info.sample_aspect) == ((63, 95), Fraction(4, 3))
    assert np.abs(next(clip.frames()).pixels.astype(int) - picture(0, (63, 95))).mean() < 3


def test_odd_sides_are_cut(tmp_path):
    path = write(tmp_path / "segment", replace(INFO, size=(63, 95)), "a.mp4", crf=4)
    clip = open_clip(path)
    assert np.abs(next(clip.frames()).pixels.astype(int) - picture(0, (62, 94))).mean() < 4
    with av.open(path) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


@pytest.mark.parametrize("base", [Fraction(1, 1000), Fraction(1001, 30000), Fraction(1, 10_000_000)])
def test_other_units_of_time(tmp_path, base):
    info = replace(INFO, time_base=base)
    path = write(tmp_path / "segment", info)
    times = [time for time, _ in packets_of(path, "video")]
    finest = max(base, Fraction(1, 1_000_000))
    assert times == [round(index * STEP / finest) * finest for index in range(7)]


def test_an_error_writes_nothing(tmp_path):
    encoding = choose_encoding(tmp_path / "a.mp4", INFO)
    with pytest.raises(RuntimeError, match="stop"), SegmentWriter(tmp_path / "s", INFO, encoding) as writer:
        writer.write(next(frames()))
        raise RuntimeError("stop")
    with SegmentWriter(tmp_path / "s", INFO, encoding):
        pass  # no frames
    with (
        pytest.raises(UsageError, match=r"a frame is \(64, 96, 3\), not \(32, 40, 3\)"),
        SegmentWriter(tmp_path / "s", INFO, encoding) as writer,
    ):
        writer.write(next(frames(size=(32, 40))))
    assert list(tmp_path.iterdir()) == []


def test_what_the_encoder_refuses_is_said(tmp_path, monkeypatch):
    encoding = choose_encoding(tmp_path / "a.mp4", INFO)
    with pytest.raises(VideoError, match="s could not be written"):
        SegmentWriter(tmp_path / "s", INFO, replace(encoding, pixel_format="rgb24"))
    monkeypatch.setattr(module.SegmentWriter, "_open", lambda self: _full(self))
    with pytest.raises(VideoError, match=r"s could not be written \(no space left"):
        SegmentWriter(tmp_path / "s", INFO, encoding)
    assert list(tmp_path.iterdir()) == []


def _full(writer):
    raise av.error.OSError(28, "No space left on device")
