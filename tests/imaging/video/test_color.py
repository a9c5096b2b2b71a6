"""Colors of videos, against the formulas of their standards."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from impasto.grading.lut import Lut, identity
from impasto.imaging.video import ClipInfo, Color, Frame, SegmentWriter, choose_encoding, join, open_clip
from impasto.imaging.video.color import (
    HLG,
    PQ,
    WHITE,
    ColorTable,
    Converter,
    find_palette,
    from_hlg,
    from_pq,
    roll_off,
    to_pq,
    to_sdr,
)
from impasto.imaging.video.open import holds_alpha
from tests.imaging.films import SIZE, picture, write_film

DOCS = Path(__file__).parents[3] / "docs" / "video.md"
HLG_ROWS, PQ_ROWS = (
    (0.1, 0.25, 0.38, 0.5, 0.6, 0.75, 0.85, 0.95, 1.0),
    (0.1, 0.2, 0.38, 0.5, 0.58, 0.65, 0.7, 0.75),
)
TIMES = [Fraction(n, 10) for n in (0, 1, 2, 4, 5, 7)]  # a varying rate
INFO = ClipInfo("film", SIZE, Fraction(10), Fraction(1, 1000), has_alpha=True, color=Color())


def patches(index, size):
    """Squares of plain colors, of which each stays itself with chroma at half the resolution."""
    colors = np.random.default_rng(3).integers(0, 256, (4, 6, 3))
    return np.kron(colors, np.ones((16, 16, 1))).astype(np.uint8)


def centers(pixels):
    return pixels.reshape(4, 16, 6, 16, 3)[:, 8, :, 8].astype(int)


@pytest.mark.parametrize(
    ("pixel_format", "matrix", "color_range", "depth"),
    [
        ("yuv420p", 1, 1, 8),
        ("yuv420p", 6, 1, 8),
        ("yuv444p", 9, 1, 8),
        ("yuvj420p", 1, 2, 8),
        ("yuvj420p", 6, 2, 8),
        ("yuv420p10le", 1, 1, 10),
        ("yuv422p10le", 6, 1, 10),
    ],
)
def test_colors_follow_matrix_and_range(tmp_path, pixel_format, matrix, color_range, depth):
    path = write_film(
        tmp_path / "a.mp4", 2, pixel_format=pixel_format, matrix=matrix, color_range=color_range,
        tags=(1, 1, matrix), draw=patches, options={"crf": "1", "preset": "veryfast"},
    )  # fmt: skip
    clip = open_clip(path)
    assert clip.info.bit_depth == depth
    assert (clip.info.color.matrix, clip.info.color.range) == (matrix, 1)
    assert any(f"{depth} bits" in note for note in clip.notes) == (depth > 8)
    shown = next(clip.frames()).pixels
    assert np.abs(centers(shown) - centers(patches(0, SIZE))).max() <= 3


@pytest.mark.parametrize(("width", "red", "blue"), [(96, 0.299, 0.114), (1280, 0.2126, 0.0722)])
def test_untagged_colors_are_guessed_by_size(width, red, blue):
    """Against the definition of luma and color differences, in limited range."""
    luma, blueness, redness = 120, 90, 170
    frame = av.VideoFrame(width, 64, "yuv444p")
    for plane, value in zip(frame.planes, (luma, blueness, redness), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    y, b, r = (luma - 16) / 219, (blueness - 128) / 224, (redness - 128) / 224
    color = np.array([y + 2 * (1 - red) * r, 0, y + 2 * (1 - blue) * b])
    color[1] = (y - red * color[0] - blue * color[2]) / (1 - red - blue)
    shown = Converter(find_palette(frame), (64, width))(frame)
    assert np.abs(shown[32, 32] - 255 * color.clip(0, 1)).max() <= 1.5


def gray(codes, transfer):
    """A frame of 10 bits with squares of these gray signals, from 0 to 1."""
    frame = av.VideoFrame(len(codes) * 16, 16, "yuv420p10le")
    luma, none = np.repeat(64 + codes * 876, 16), np.array([512])
    for plane, values in zip(frame.planes, (luma, none, none), strict=True):
        lines = np.zeros((plane.height, plane.line_size // 2), "<u2")
        lines[:, : plane.width] = values.round()
        plane.update(lines.tobytes())
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc = 9, 1, 9, transfer
    return frame


def shown_grays(codes, transfer):
    frame = gray(codes, transfer)
    pixels = Converter(find_palette(frame), (16, len(codes) * 16))(frame)[8, 8::16]
    assert np.ptp(pixels.astype(int), axis=1).max() <= 1
    return pixels[:, 1].astype(int)


def test_dark_hdr_stays_as_bright():
    """Gray steps below the knee against the formula of SMPTE ST 2084, with white at 203 cd/m2 (BT.2408)."""
    codes = np.arange(0, 0.5, 0.08)
    palette = find_palette(gray(codes, 16))
    assert palette.hdr == "PQ"
    assert (palette.shown.primaries, palette.shown.transfer, palette.shown.matrix) == (1, 1, 1)
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 107 / 128, 2413 / 128, 2392 / 128
    power = codes ** (1 / m2)
    nits = 10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    assert np.abs(shown_grays(codes, 16) - 255 * (nits / 203) ** (1 / 2.4)).max() < 2


@pytest.mark.parametrize(("transfer", "top"), [(16, 0.7518), (18, 1.0)])
def test_highlights_do_not_clip(transfer, top):
    """Nine tenths of the signal are told apart; the curve is flat at its very end."""
    levels = shown_grays(np.linspace(0.3, 1, 15) * top, transfer)
    assert (np.diff(levels[:-1]) > 0).all()
    assert levels[-4] < 252
    assert levels[-1] >= 254


def test_colors_of_hdr(tmp_path):
    """Through a file and the table as by the formulas, but for rounding and chroma at half resolution."""

    def muted(index, size):
        return 90 + patches(index, size) // 4

    path = write_film(
        tmp_path / "a.mp4", 2, pixel_format="yuv420p10le", matrix=9, tags=(9, 18, 9), draw=muted,
        options={"crf": "1", "preset": "veryfast"},
    )  # fmt: skip
    shown = centers(next(open_clip(path).frames()).pixels)
    expected = 255 * to_sdr(centers(muted(0, SIZE)) / 255, 18, 9)
    assert np.abs(shown - expected).mean() < 1.5
    assert np.abs(shown - expected).max() < 9


def test_hdr_is_told(tmp_path):
    path = write_film(tmp_path / "a.mp4", 1, pixel_format="yuv420p10le", matrix=9, tags=(9, 18, 9))
    clip = open_clip(path)
    assert "HDR (HLG)" in clip.notes[0]
    assert "curve of BT.2390" in clip.notes[0]
    assert clip.info.color.transfer == 1
    assert next(clip.frames()).pixels.shape == (*SIZE, 3)


def test_the_display_that_a_video_was_made_on_counts(tmp_path):
    path = write_film(
        tmp_path / "a.mp4", 2, pixel_format="yuv420p10le", matrix=9, tags=(9, 16, 9),
        options={
            "x264-params": "mastering-display=G(13250,34500)B(7500,3000)R(34000,16000)"
            "WP(15635,16450)L(40000000,50)"
        },
    )  # fmt: skip
    with av.open(path) as container:
        palette = find_palette(next(container.decode(video=0)))
    assert palette.peak == 4000
    assert find_palette(gray(np.array([0.5]), 16)).peak == 1000


def test_identity_is_exact():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8)
    assert (ColorTable(identity(5).table.reshape(-1, 3).numpy()).of_pixels(pixels) == pixels).all()


def test_agrees_with_tetrahedral_interpolation():
    lut = Lut(torch.rand(9, 9, 9, 3))
    pixels = np.random.default_rng(1).integers(0, 256, (64, 48, 3), np.uint8)
    image = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    expected = lut(image).mul(255).round().permute(1, 2, 0).numpy()
    difference = np.abs(ColorTable(lut.table.reshape(-1, 3).numpy()).of_pixels(pixels) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


def grays(signal):
    return np.repeat(np.asarray(signal, float)[:, None], 3, 1)


def test_anchors_of_the_signals():
    """BT.2408, table 1: HLG and PQ of reference white and of an 18 % gray card."""
    assert from_pq(np.array([0.58, 0.38])) == pytest.approx([203, 26], rel=0.04)
    assert from_hlg(grays([0.75, 0.38]))[:, 0] == pytest.approx([203, 26], rel=0.04)
    assert from_hlg(grays([1.0]))[0] == pytest.approx(1000, rel=1e-3)
    light = np.array([0.0, 0.01, 1, 100, 1000, 10_000])
    assert from_pq(to_pq(light)) == pytest.approx(light, rel=1e-6, abs=1e-6)


def test_the_curve():
    """It is the identity up to its knee, then grows ever more slowly, without a step, to white."""
    light = np.linspace(0.1, 1000, 20_000)
    shown = roll_off(light, 1000)
    knee = from_pq(np.array(1.5 * to_pq(np.array(WHITE)) - 0.5 * to_pq(np.array(1000.0))))
    assert (shown[light < knee] == light[light < knee]).all()
    assert (np.diff(shown) >= 0).all()
    assert np.diff(shown).max() < 1.01 * (light[1] - light[0])
    assert shown[-1] == pytest.approx(WHITE)
    assert roll_off(np.array([4000.0, 9000]), 4000) == pytest.approx(WHITE)
    assert (roll_off(light[:100], 150) == light[:100]).all(), "a darker display than white needs no curve"


def test_hue_stays():
    """A bright color is as red as before: its parts go down together."""
    signal = np.array([[0.9, 0.7, 0.7]])
    linear = to_sdr(signal, HLG, 1) ** 2.4
    light = from_hlg(signal)
    assert linear[0] / linear[0].max() == pytest.approx(light[0] / light[0].max(), rel=1e-6)


def test_the_table_in_the_documentation():
    """Each row: the signal, the light it means, what clipping made of it, and what the curve makes."""
    rows = []
    for name, transfer, signals in (("HLG", HLG, HLG_ROWS), ("PQ", PQ, PQ_ROWS)):
        signal = grays(signals)
        light = (from_hlg(signal) if transfer == HLG else from_pq(signal))[:, 0]
        clipped = 255 * np.minimum(light / WHITE, 1) ** (1 / 2.4)
        mapped = 255 * to_sdr(signal, transfer, 9)[:, 1]
        rows += [
            f"| {name} {100 * s:.0f} % | {n:.{2 if n < 10 else 0}f} | {round(c)} | {round(m)} |"
            for s, n, c, m in zip(signals, light, clipped, mapped, strict=True)
        ]
    text = DOCS.read_text(encoding="utf-8")
    assert "\n".join(rows) in text, "put these rows into docs/video.md:\n" + "\n".join(rows)


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
