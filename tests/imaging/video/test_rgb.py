"""Colors of videos, against the formulas of their standards."""

from fractions import Fraction

import av
import numpy as np
import pytest

from impasto.imaging.video import open_clip
from impasto.imaging.video.rgb import Converter, find_palette
from impasto.imaging.video.tone_mapping import to_sdr
from tests.imaging.films import SIZE, write_film


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
