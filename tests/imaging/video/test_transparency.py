"""Transparent videos stay so where the file can hold it."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.imaging.video import ClipInfo, Color, Frame, SegmentWriter, choose_encoding, join, open_clip
from impasto.imaging.video.open import holds_alpha
from tests.imaging.films import SIZE, picture

TIMES = [Fraction(n, 10) for n in (0, 1, 2, 4, 5, 7)]  # a varying rate
INFO = ClipInfo("film", SIZE, Fraction(10), Fraction(1, 1000), has_alpha=True, color=Color())


def opacity(index: int) -> np.ndarray:
    """A wall that moves, soft at one edge."""
    across = np.arange(SIZE[1]) - 10 - 3 * index
    return np.tile(np.clip(8 * across, 0, 255).astype(np.uint8), (SIZE[0], 1))


def film(target: Path, codec: str | None = None) -> Path:
    """In two segments."""
    encoding = choose_encoding(target, INFO, codec)
    assert encoding.has_alpha
    frames = [
        Frame(index, time, after - time, picture(index), opacity(index))
        for index, (time, after) in enumerate(pairwise([*TIMES, Fraction(1)]))
    ]
    segments = []
    for part in (frames[:3], frames[3:]):
        segments.append(target.with_name(f"segment{len(segments)}"))
        with SegmentWriter(segments[-1], INFO, encoding) as writer:
            for frame in part:
                writer.write(frame)
    assert join(segments, None, target, INFO) == ()
    return target


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mov", None), ("a.webm", None), ("a.mkv", "vp9"), ("a.mkv", "prores")]
)
def test_alpha_goes_out_and_comes_in(tmp_path: Path, capfd, name: str, codec: str | None) -> None:
    clip = open_clip(film(tmp_path / name, codec))
    assert clip.info.has_alpha
    frames = list(clip.frames())
    assert [frame.time for frame in frames] == TIMES
    assert frames[-1].time + frames[-1].duration == pytest.approx(1, abs=0.21)
    for index, frame in enumerate(frames):
        assert frame.alpha is not None
        assert np.abs(frame.alpha.astype(int) - opacity(index)).max() < 12
        seen = opacity(index) > 0
        assert np.abs(frame.pixels.astype(int) - picture(index))[seen].mean() < 6
    (late,) = clip.frames(0.7)
    assert (late.index, late.alpha.tolist()) == (5, frames[5].alpha.tolist())
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", None), ("a.webm", "av1"), ("a.mov", "h264")])
def test_others_are_laid_over_white(tmp_path: Path, name: str, codec: str | None) -> None:
    encoding = choose_encoding(tmp_path / name, INFO, codec)
    assert not encoding.has_alpha
    assert encoding.notes[0].startswith(
        f"{tmp_path / name} does not keep transparency: frames are laid over white"
    )
    with SegmentWriter(tmp_path / "segment", INFO, encoding) as writer:
        writer.write(Frame(0, Fraction(0), Fraction(1), picture(0), opacity(0)))
    (frame,) = open_clip(tmp_path / "segment").frames()
    assert frame.alpha is None
    assert frame.pixels[:, :9].min() > 240


def test_opaque_films_are_written_as_ever(tmp_path: Path) -> None:
    opaque = ClipInfo("film", SIZE, Fraction(10), Fraction(1, 10))
    assert choose_encoding(tmp_path / "a.mov", opaque).codec == "h264"
    assert choose_encoding(tmp_path / "a.webm", opaque).container == "mp4"
    assert choose_encoding(tmp_path / "a.mov", opaque, "prores").pixel_format == "yuv422p10le"


def test_pictures_and_animations(tmp_path: Path) -> None:
    named = ClipInfo("frames", SIZE, Fraction(10), Fraction(1, 10), names=("1.png", "2.jpg"))
    for target in ("a.webp", "a.gif", "folder", "folder/%03d.png"):
        assert holds_alpha(tmp_path / target, INFO)
    assert not holds_alpha(tmp_path / "folder/%03d.jpg", INFO)
    assert not holds_alpha(tmp_path / "folder", named)


def test_animations_that_use_no_transparency_are_opaque(tmp_path: Path) -> None:
    """As many a GIF declares a color for it."""
    frames = [Image.fromarray(picture(index)).quantize(200) for index in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], transparency=255)
    assert not open_clip(tmp_path / "a.gif").info.has_alpha
    frames[1].putpixel((5, 5), 0)
    frames[0].save(tmp_path / "b.gif", save_all=True, append_images=frames[1:], transparency=0, disposal=2)
    assert open_clip(tmp_path / "b.gif").info.has_alpha


def test_the_color_of_what_is_hidden_is_white() -> None:
    frame = Frame(0, Fraction(0), Fraction(1), picture(0), opacity(0))
    shown = frame.white_where_hidden()
    assert (shown[:, :10] == 255).all()
    np.testing.assert_array_equal(shown[:, 12:], picture(0)[:, 12:])
