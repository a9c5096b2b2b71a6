"""Folders of pictures and animations as clips."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from impasto.errors import ImageError, UsageError, VideoError
from impasto.imaging.video import open_clip
from tests.imaging.films import SIZE, picture

DURATIONS = [40, 120, 0, 500]


def test_a_folder_in_natural_order(tmp_path):
    for number in (10, 9, 1, 2):
        Image.fromarray(picture(number)).save(tmp_path / f"Frame{number}.png")
    Image.fromarray(picture(0)).save(tmp_path / "frame0.tiff")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    clip = open_clip(tmp_path, rate=Fraction(30000, 1001))
    assert clip.info.names == ("frame0.tiff", "Frame1.png", "Frame2.png", "Frame9.png", "Frame10.png")
    assert (clip.info.size, clip.info.frames, clip.info.color) == (SIZE, 5, None)
    frames = list(clip.frames())
    for frame, number in zip(frames, (0, 1, 2, 9, 10), strict=True):
        assert np.array_equal(frame.pixels, picture(number))
        assert frame.alpha is None
    assert frames[3].time == 3 * frames[0].duration == Fraction(3 * 1001, 30000)
    assert [frame.index for frame in clip.frames(0.05, None, 2)] == [2, 4]
    assert open_clip(tmp_path).info.rate == 25


def test_turned_pictures_and_alpha_in_a_folder(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(0)).save(tmp_path / "a.png", exif=exif)
    upright = np.dstack([np.rot90(picture(1), -1), np.full(SIZE[::-1], 128, np.uint8)])
    Image.fromarray(upright).save(tmp_path / "b.png")
    clip = open_clip(tmp_path)
    first, second = clip.frames()
    assert clip.info.size == SIZE[::-1]
    assert np.array_equal(first.pixels, np.rot90(picture(0), -1))
    assert (second.alpha == 128).all()
    laid = second.over_white()
    assert np.abs(laid - (upright[..., :3] * (128 / 255) + 255 * (127 / 255))).max() <= 0.5 + 1e-6


def test_folders_that_are_no_clip(tmp_path):
    with pytest.raises(VideoError, match="has no pictures in it"):
        open_clip(tmp_path)
    Image.fromarray(picture(0)).save(tmp_path / "a.png")
    Image.fromarray(picture(1, (32, 40))).save(tmp_path / "b.png")
    with pytest.raises(VideoError, match=r"b\.png has 40 x 32 pixels, but a\.png has 96 x 64"):
        open_clip(tmp_path)
    (tmp_path / "b.png").write_bytes(b"broken")
    with pytest.raises(ImageError, match=r"b\.png is not a picture"):
        open_clip(tmp_path)
    with pytest.raises(UsageError, match="more than 0 frames"):
        open_clip(tmp_path, rate=Fraction(0))


def animation(path, **options):
    frames = [Image.fromarray(picture(index)) for index in range(4)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=DURATIONS, loop=0, **options)
    return path


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "named-as-a.mp4"])
def test_an_animation(tmp_path, name):
    path = animation(tmp_path / name, format="WEBP" if "webp" in name else "GIF")
    clip = open_clip(path)
    frames = list(clip.frames())
    milliseconds = [40, 120, 100, 500]  # what claims no time gets a tenth of a second
    assert [frame.duration for frame in frames] == [Fraction(part, 1000) for part in milliseconds]
    assert [frame.time * 1000 for frame in frames] == [0, 40, 160, 260]
    assert (clip.info.size, clip.info.frames, clip.info.duration) == (SIZE, 4, 0.76)
    assert clip.info.rate == Fraction(4000, 760)
    for frame in frames:
        assert np.abs(frame.pixels.astype(int) - picture(frame.index)).mean() < 12
    assert [frame.index for frame in clip.frames(0.16)] == [2, 3]


def test_transparency_of_an_animation(tmp_path):
    first = Image.fromarray(np.dstack([picture(0), np.full(SIZE, 255, np.uint8)]))
    second = first.copy()
    second.putalpha(Image.new("L", first.size, 60))
    first.save(tmp_path / "a.webp", save_all=True, append_images=[second], duration=50, lossless=True)
    first, second = open_clip(tmp_path / "a.webp").frames()
    assert first.alpha is None
    assert (second.alpha == 60).all()


def test_a_damaged_animation_gives_what_comes_before(tmp_path):
    path = animation(tmp_path / "a.gif")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    clip, seen = open_clip(path), []
    with pytest.raises(VideoError, match=r"a\.gif is damaged at 0\.\d s"):
        for frame in clip.frames():
            seen.append(frame.index)
    assert seen == list(range(clip.info.frames))
    assert len(seen) >= 2


def test_frames_that_reach_beyond_the_first_are_cut(tmp_path):
    path = animation(tmp_path / "a.gif")
    whole = bytearray(path.read_bytes())
    second = whole.index(b"\x21\xf9", whole.index(b"\x21\xf9") + 1) + 8  # after its graphic control extension
    assert whole[second] == 0x2C
    whole[second + 1 : second + 5] = (20).to_bytes(2, "little") + (10).to_bytes(2, "little")  # moved
    path.write_bytes(whole)
    clip = open_clip(path)
    assert {frame.pixels.shape for frame in clip.frames()} == {(*clip.info.size, 3)}


def test_frames_as_large_as_a_bomb(tmp_path):
    path = tmp_path / "a.gif"
    first, *others = (Image.new("P", (9000, 8000), color) for color in range(2))
    first.save(path, save_all=True, append_images=others)
    with pytest.raises(VideoError, match=r"frames of 9000 x 8000 pixels, more than the limit of 67,108,864"):
        open_clip(path)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_a_single_picture_is_no_animation(tmp_path, suffix):
    Image.fromarray(picture(0)).save(tmp_path / f"a{suffix}")
    with pytest.raises(VideoError, match="single picture, not an animation"):
        open_clip(tmp_path / f"a{suffix}")
