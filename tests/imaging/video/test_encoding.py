"""What can be written how, settled before any work."""

from dataclasses import replace
from fractions import Fraction

import pytest

from impasto.errors import ImageError, UsageError
from impasto.imaging import ffmpeg
from impasto.imaging.video import ClipInfo, Color, choose_encoding
from impasto.imaging.video.encoding import CODECS, CONTAINERS, written_color

EVEN = ClipInfo("clip", (64, 96), Fraction(25), Fraction(1, 25))
ODD = ClipInfo("clip", (63, 96), Fraction(25), Fraction(1, 25))


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".mp4", "h264"),
        (".MOV", "h264"),
        (".mkv", "h264"),
        (".webm", "vp9"),
        (".avi", "h264"),
        (".ts", "h264"),
    ],
)
def test_the_suffix_decides(tmp_path, suffix, codec):
    encoding = choose_encoding(tmp_path / f"a{suffix}", EVEN)
    assert (encoding.codec, encoding.pixel_format, encoding.notes) == (codec, "yuv420p", ())
    assert encoding.container == "mp4"


def test_odd_sides(tmp_path):
    for codec, pixel_format in (("h264", "yuv444p"), ("hevc", "yuv444p"), ("vp9", "yuv420p")):
        encoding = choose_encoding(tmp_path / "a.mkv", ODD, codec)
        assert encoding.pixel_format == pixel_format
        assert bool(encoding.notes) == (pixel_format == "yuv444p")
        assert encoding.size == ODD.size
    assert "odd side (96 x 63)" in choose_encoding(tmp_path / "a.mkv", ODD).notes[0]


@pytest.mark.parametrize(
    ("name", "codec", "even", "size"),
    [
        ("a.mp4", None, None, (62, 96)),
        ("a.m4v", None, None, (62, 96)),
        ("a.mp4", "hevc", None, (62, 96)),
        ("a.mp4", "vp9", None, (63, 96)),
        ("a.mp4", None, False, (63, 96)),
        ("a.mov", None, None, (63, 96)),
        ("a.mov", None, True, (62, 96)),
        ("a.webm", None, True, (62, 96)),
    ],
)
def test_even_sides_for_phones(tmp_path, name, codec, even, size):
    encoding = choose_encoding(tmp_path / name, ODD, codec, even=even)
    assert encoding.size == size
    assert encoding.pixel_format == ("yuv420p" if size == (62, 96) or codec == "vp9" else "yuv444p")
    assert any("to 96 x 62; even=False keeps it" in note for note in encoding.notes) == (size == (62, 96))


def test_a_side_of_one_pixel_stays(tmp_path):
    thin = replace(ODD, size=(1, 96))
    assert choose_encoding(tmp_path / "a.mp4", thin).size == (1, 96)


def test_options_reach_the_encoder(tmp_path):
    assert choose_encoding(tmp_path / "a.mp4", EVEN).options == {"crf": "18", "preset": "veryfast"}
    options = choose_encoding(tmp_path / "a.mp4", EVEN, crf=0, preset="slow").options
    assert options == {"crf": "0", "preset": "slow"}
    assert choose_encoding(tmp_path / "a.webm", EVEN, preset="0").options["cpu-used"] == "0"
    assert choose_encoding(tmp_path / "a.mov", EVEN, "prores").container == "mov"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.wmv", {}, "end it with one of .mp4, .m4v, .mov, .mkv, .webm, .avi, .ts"),
        ("a.avi", {"codec": "hevc"}, "cannot hold hevc: choose h264"),
        ("a.mp4", {"codec": "theora"}, "choose one of h264, hevc, vp9, av1, prores"),
        ("a.webm", {"codec": "h264"}, "cannot hold h264: choose vp9 or av1"),
        ("a.mov", {"codec": "vp9"}, "or end the name with .webm or .mkv or .mp4"),
        ("a.mp4", {"codec": "prores"}, "cannot hold prores"),
        ("a.mp4", {"crf": 52}, r"crf of h264 is from 0 \(best\) to 51, not 52"),
        ("a.webm", {"crf": 64}, "crf of vp9 is from 0"),
        ("a.mkv", {"codec": "av1", "crf": 0}, "crf of av1 is from 1"),
        ("a.mov", {"codec": "prores", "crf": 10}, "prores has no crf"),
        ("a.mov", {"codec": "prores", "preset": "slow"}, "prores has no presets"),
        ("a.mp4", {"preset": "soon"}, "from ultrafast to placebo, and soon"),
        ("a.webm", {"preset": "9"}, "from 0 to 8, and 9"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path, name, options, message):
    with pytest.raises(UsageError, match=message):
        choose_encoding(tmp_path / name, EVEN, **options)


def test_the_place_is_checked(tmp_path):
    with pytest.raises(ImageError, match="there is no folder"):
        choose_encoding(tmp_path / "absent" / "a.mp4", EVEN)
    (tmp_path / "b.mp4").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        choose_encoding(tmp_path / "b.mp4", EVEN)


def test_a_missing_encoder_names_what_there_is(tmp_path, monkeypatch):
    av = ffmpeg.load("testing")

    def without_av1(name, mode):
        if name == "libsvtav1":
            raise av.FFmpegError(1, "no")

    monkeypatch.setattr(av, "Codec", without_av1)
    with pytest.raises(UsageError, match=r"no encoder for av1 \(libsvtav1\); it has h264, hevc, vp9, prores"):
        choose_encoding(tmp_path / "a.mkv", EVEN, "av1")


def test_every_codec_has_a_container_and_an_encoder(tmp_path):
    for codec, kind in CODECS.items():
        for suffix in kind.containers:
            assert suffix in CONTAINERS
            assert choose_encoding(tmp_path / f"a{suffix}", EVEN, codec).encoder == kind.encoder


def test_colors_that_cannot_be_made_become_bt709():
    film = Color(9, 14, 10, 1)  # BT.2020 with constant luminance
    for color, written in ((None, Color()), (film, Color()), (Color(6, 6, 6), Color(6, 6, 6))):
        info = ClipInfo("clip", (64, 96), Fraction(25), Fraction(1, 25), color=color)
        assert written_color(info) == written
