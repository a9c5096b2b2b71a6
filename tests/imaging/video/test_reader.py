"""Videos made here, whole, turned, odd and broken; their frames are known."""

import struct
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from impasto.errors import MissingExtraError, UsageError, VideoError
from impasto.imaging.video import open_clip
from tests.imaging.films import RATE, SIZE, index_of, picture, write_film

REAL_FILM = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "video" / "flower.mp4"


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """20 frames, some after frames that follow them, with sound."""
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", audio=["aac"])


def indices(frames):
    return [index_of(frame.pixels) for frame in frames]


def test_frames_times_and_facts(film):
    clip = open_clip(film)
    info = clip.info
    assert (info.name, info.size, info.rate, info.frames) == (str(film), SIZE, RATE, 20)
    assert (info.duration, info.has_audio, info.bit_depth, info.sample_aspect) == (0.8, True, 8, 1)
    frames = list(clip.frames())
    assert indices(frames) == [frame.index for frame in frames] == list(range(20))
    assert [frame.time for frame in frames] == [index / RATE for index in range(20)]
    assert {frame.duration for frame in frames} == {1 / RATE}
    for frame in frames:
        assert frame.pixels.dtype == np.uint8
        assert frame.pixels.flags.c_contiguous
        assert np.abs(frame.pixels.astype(int) - picture(frame.index)).mean() < 4
    assert all((frame.time / info.time_base).denominator == 1 for frame in frames)
    assert clip.notes == info.notes == ()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi", ".h264"])
def test_starting_in_the_middle_gives_the_same_frames(tmp_path, suffix):
    clip = open_clip(write_film(tmp_path / f"film{suffix}"))
    whole = [(frame.index, frame.time, frame.pixels.tobytes()) for frame in clip.frames()]
    assert [index for index, _, _ in whole] == list(range(20))
    for start in (1, 7, 8, 9, 19):
        part = [
            (frame.index, frame.time, frame.pixels.tobytes()) for frame in clip.frames(float(start / RATE))
        ]
        assert part == whole[start:]
    assert [frame.index for frame in clip.frames(0.2, 0.6, 3)] == [5, 8, 11, 14]
    assert list(clip.frames(0.8)) == []


def test_a_varying_rate(tmp_path):
    stamps = [0, 1, 5, 6, 20, 30, 70]
    clip = open_clip(write_film(tmp_path / "a.mp4", 7, stamps=stamps, time_base=Fraction(1, 100)))
    frames = list(clip.frames())
    assert [frame.time for frame in frames] == [Fraction(stamp, 100) for stamp in stamps]
    assert [frame.duration for frame in frames][:-1] == [Fraction(d, 100) for d in (1, 4, 1, 14, 10, 40)]
    assert [frame.index for frame in clip.frames(0.06, 0.5)] == [3, 4, 5]
    assert list(clip.frames(0.06, 0.5))[-1].duration == Fraction(1, 5)


@pytest.mark.parametrize(
    ("turn", "upright"),
    [
        ((90,), lambda stored: np.rot90(stored)),
        ((180,), lambda stored: np.rot90(stored, 2)),
        ((-90,), lambda stored: np.rot90(stored, 3)),
        ((0, True), lambda stored: stored[:, ::-1]),
        ((0, False, True), lambda stored: stored[::-1]),
        ((90, True), lambda stored: np.rot90(stored)[:, ::-1]),
    ],
)
def test_frames_are_upright(tmp_path, turn, upright):
    clip = open_clip(write_film(tmp_path / "a.mov", 2, turn=turn, aspect=Fraction(4, 3)))
    expected = upright(picture(1))
    frame = list(clip.frames())[1]
    assert clip.info.size == frame.pixels.shape[:2] == expected.shape[:2]
    assert clip.info.sample_aspect == (
        Fraction(3, 4) if expected.shape[0] > expected.shape[1] else Fraction(4, 3)
    )
    assert np.abs(frame.pixels.astype(int) - expected).mean() < 4


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("a.webm", {"codec": "libvpx-vp9", "b_frames": 0, "options": {"crf": "8"}}),
        ("a.mkv", {"codec": "ffv1", "pixel_format": "bgr0", "tags": (1, 13, 0), "options": {}}),
        ("a.mp4", {"size": (63, 95), "pixel_format": "yuv444p"}),
    ],
)
def test_other_codecs_and_odd_sizes(tmp_path, name, made):
    clip = open_clip(write_film(tmp_path / name, 5, **made))
    frames = list(clip.frames())
    assert clip.info.size == made.get("size", SIZE)
    assert [frame.index for frame in frames] == indices(frames) == [0, 1, 2, 3, 4]
    expected = picture(4, clip.info.size)
    assert np.abs(frames[4].pixels.astype(int) - expected).mean() < (0.01 if name == "a.mkv" else 4)


def test_cut_short(tmp_path):
    options = {"movflags": "faststart"}
    for name in ("a.mp4", "a.mkv", "a.avi"):
        path = write_film(tmp_path / name, 32, container_options=options if name == "a.mp4" else {})
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        clip, seen = open_clip(path), []
        with pytest.raises(VideoError, match=r"is damaged or cut short at 0\.\d s"):
            seen.extend(clip.frames())
        seen = [frame for frame, _ in zip(clip.frames(), range(6), strict=False)]
        assert indices(seen) == [0, 1, 2, 3, 4, 5]
        assert len(list(clip.frames(end=0.2))) == 5  # before the damage, all is well


def test_damage_in_the_middle_is_passed_over_and_told(tmp_path, capfd):
    path = write_film(tmp_path / "a.mp4", 32, container_options={"movflags": "faststart"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = np.random.default_rng(5).bytes(300)
    path.write_bytes(content)
    clip = open_clip(path)
    frames = list(clip.frames())
    assert 28 <= len(frames) <= 32
    assert frames[-1].time == 31 / RATE
    assert indices(frames)[:8] == list(range(8))
    assert any("damaged" in note and " s" in note for note in clip.notes)
    assert capfd.readouterr() == ("", "")


def as_is(content):
    def make(path):
        path.write_bytes(content)

    return make


def saved(format):
    def make(path):
        Image.new("RGB", (16, 16)).save(path, format)

    return make


def changed(old, new):
    def make(path):
        content = write_film(path, 2).read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new))

    return make


def sound_only(path):
    whole = write_film(path.with_name("whole.mp4"), 2, audio=["aac"])
    with av.open(whole) as source, av.open(path, "w") as target:
        track = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = track
                target.mux(packet)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("missing.mp4", lambda path: None, "does not exist"),
        ("empty.mp4", as_is(b""), "is empty"),
        ("text.mp4", as_is(b"not a video " * 50), "is not a video, or it is damaged"),
        ("text.txt", as_is(b"not a video " * 50), "has no moving picture"),
        ("png.mp4", saved("PNG"), "is a single picture"),
        ("jpeg.mov", saved("JPEG"), "is a single picture"),
        ("still.avif", saved("AVIF"), "is a single picture"),
        ("sound.mp4", sound_only, "only sound"),
        ("no-index.mp4", changed(b"moov", b"moox"), "is not a video, or it is damaged or cut short"),
        ("unknown.mp4", changed(b"avc1", b"zzzz"), "coded in a way that this FFmpeg does not know"),
        ("fast.mp4", lambda path: write_film(path, 9, rate=Fraction(5000)), "5000 frames a second"),
        ("list.m3u8", as_is(b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n"), "is not a video"),
    ],
)  # fmt: skip
def test_what_is_no_video_is_said(tmp_path, capfd, name, make, message):
    path = tmp_path / name
    make(path)
    capfd.readouterr()
    with pytest.raises(VideoError, match=message) as caught:
        open_clip(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_arguments_are_checked_at_once(film, monkeypatch):
    clip = open_clip(film)
    with pytest.raises(UsageError, match="after its start"):
        clip.frames(2, 1)
    with pytest.raises(UsageError, match="rate of its own"):
        open_clip(film, rate=Fraction(10))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"film\.mp4 needs PyAV: pip install 'impasto\[video\]'"):
        open_clip(film)


@pytest.mark.skipif(not REAL_FILM.exists(), reason="needs a real video")
def test_a_real_video_from_the_middle():
    clip = open_clip(REAL_FILM)
    assert (clip.info.rate, clip.info.frames, clip.info.size) == (Fraction(30000, 1001), 150, (540, 960))
    with av.open(REAL_FILM) as container:
        expected = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    frames = [(frame.index, frame.time) for frame in clip.frames(4.0)]
    assert frames == [(index, time) for index, time in enumerate(expected) if time >= 4]


def test_frames_as_large_as_a_bomb(tmp_path, monkeypatch):
    """Judged by the header, and again by the decoder, which may meet another size than the header's."""
    film = write_film(tmp_path / "a.mp4", 2)
    monkeypatch.setattr("impasto.imaging.video.probe.MOST_PIXELS", 1000)
    with pytest.raises(VideoError, match=r"damaged before its first frame|has no frame that can"):
        open_clip(film)
    monkeypatch.setattr("impasto.imaging.video.clip.MOST_PIXELS", 1000)
    with pytest.raises(VideoError, match="has frames of 96 x 64 pixels, more than the limit of 1,000"):
        open_clip(film)


def test_colors_that_nothing_converts(tmp_path):
    path = write_film(tmp_path / "a.mov", 2, codec="prores_ks", pixel_format="yuv422p10le", options={})
    data = bytearray(path.read_bytes())
    at = data.find(b"icpf")
    while at >= 0:
        data[at + 20] = 64  # the matrix, by a number that means none
        at = data.find(b"icpf", at + 1)
    path.write_bytes(data)
    with pytest.raises(VideoError, match=r"a\.mov has colors that cannot be converted"):
        list(open_clip(path).frames())


def test_sound_that_begins_late_is_left_out(tmp_path):
    """An FLV says what tracks it has by having them; PyAV fails over one that FFmpeg did not see at first."""
    film = write_film(tmp_path / "film.flv")

    def tag(kind, content):
        head = bytes([kind]) + struct.pack(">I", len(content))[1:] + struct.pack(">I", 900)[1:] + bytes(4)
        return head + content + struct.pack(">I", len(head + content))

    sound = tag(8, b"\x2f" + bytes(200))
    film.write_bytes(film.read_bytes() + tag(18, bytes(6_000_000)) + sound)
    clip = open_clip(film)
    assert not clip.info.has_audio
    assert indices(clip.frames()) == list(range(20))
