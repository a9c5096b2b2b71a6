"""Squares of photos of every kind, and that a number always gives the same one."""

import random
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageCms
from skimage import data
from torch import Tensor

from impasto.errors import ImageError, UsageError
from impasto.training.crops import CropPosition, Crops, Windows, _turn_hues, cut_square, held_out_crops
from impasto.training.photos import PhotoFiles, Photos, find_photos, open_photo

ORIENTATION = ExifTags.Base.Orientation


class Plain(Photos):
    """Photo k is all of one gray level, k; those in `broken` cannot be read."""

    def __init__(self, count: int, broken: frozenset[int] = frozenset()) -> None:
        self.count, self.broken = count, broken

    @property
    def description(self) -> str:
        return f"{self.count} plain photos"

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"plain {index}"

    def open(self, index: int) -> Image.Image:
        if index in self.broken:
            raise OSError(f"plain {index} is gone")
        return Image.new("L", (12, 10), index)


def level(sample: Tensor) -> int:
    return round(255 * float(sample.mean()))


@pytest.fixture(scope="module")
def chelsea(tmp_path_factory: pytest.TempPathFactory) -> PhotoFiles:
    """One photo of a cat, 451 x 300."""
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(data.chelsea()).save(folder / "chelsea.jpg", quality=95)
    return PhotoFiles(folder, ["chelsea.jpg"])


def saved(tmp_path: Path, image: Image.Image, name: str, **options: object) -> Image.Image:
    """The square of a picture after a file of it was read, upright and whole in height or width."""
    path = tmp_path / name
    image.save(path, **options)
    return read(path)


def read(path: Path, size: int = 32) -> Image.Image:
    square = cut_square(open_photo(path.read_bytes(), path.name), CropPosition(), size, path.name)
    assert (square.mode, square.size) == ("RGB", (size, size))
    return square


def assert_close(image: Image.Image, other: Image.Image, tolerance: float) -> None:
    difference = np.abs(np.asarray(image, float) - np.asarray(other.convert("RGB"), float))
    assert difference.mean() < tolerance


@pytest.fixture(scope="module")
def small() -> Image.Image:
    """A quarter of the cat's face, 64 x 64, with all colors smooth."""
    return Image.fromarray(data.chelsea()[40:240, 100:300]).resize((64, 64), Image.Resampling.LANCZOS)


@pytest.fixture(scope="module")
def square(small: Image.Image) -> Image.Image:
    return small.resize((32, 32), Image.Resampling.BICUBIC)


def test_samples_are_tensors_in_range(chelsea: PhotoFiles) -> None:
    for augment in (False, True):
        for number in range(8):
            sample = Crops(chelsea, 48, seed=1, augment=augment).sample(number)
            assert (sample.shape, sample.dtype) == ((3, 48, 48), torch.float32)
            assert 0 <= sample.min() < sample.max() <= 1


def test_a_number_is_always_the_same_sample(chelsea: PhotoFiles) -> None:
    for augment in (False, True):
        crops = Crops(chelsea, 32, seed=5, augment=augment)
        first = [crops.sample(number) for number in range(6)]
        random.seed(1)
        torch.manual_seed(9)
        np.random.seed(3)
        again = Crops(chelsea, 32, seed=5, augment=augment)
        for number in reversed(range(6)):
            assert torch.equal(again.sample(number), first[number])
        assert not torch.equal(first[0], first[1])
        assert not torch.equal(replace(crops, seed=6).sample(0), first[0])


def test_every_epoch_shows_each_photo_once_in_an_order_of_its_own() -> None:
    crops = Crops(Plain(40), 4, seed=2)
    epochs = [[level(crops.sample(number)) for number in range(start, start + 40)] for start in (0, 40, 80)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(40))
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_in_place_of_unreadable_photos_stand_the_next_ones() -> None:
    whole, damaged = Crops(Plain(10), 4), Crops(Plain(10, frozenset({3, 4})), 4)
    order = [level(whole.sample(number)) for number in range(10)]
    shown, skipped = zip(*(damaged.draw(number) for number in range(10)), strict=True)
    for number, photo in enumerate(order):
        readable = (order[(number + more) % 10] for more in range(10))
        assert level(shown[number]) == next(p for p in readable if p not in (3, 4))
        assert bool(skipped[number]) == (photo in (3, 4))
    assert Counter(name for names in skipped for name in names).keys() == {"plain 3", "plain 4"}


def test_no_photo_can_be_read() -> None:
    crops = Crops(Plain(7, frozenset(range(7))), 4)
    with pytest.raises(ImageError, match=r"^none of the 7 plain photos can be read: plain \d is gone$"):
        crops.sample(3)
    with pytest.raises(ImageError, match=r"^none of the 7 plain photos can be read: plain 0 is gone"):
        held_out_crops(crops.photos, 4)


def test_search_for_a_readable_photo_ends() -> None:
    crops = Crops(Plain(100_000, frozenset(range(100_000))), 4)
    with pytest.raises(
        ImageError, match=r"^100 photos in a row, of 100000 plain photos, cannot be read: plain"
    ):
        crops.sample(0)


@pytest.mark.parametrize(("photos", "size"), [(Plain(3), 0), (Plain(0), 4)])
def test_crops_that_cannot_be(photos: Photos, size: int) -> None:
    with pytest.raises(UsageError):
        Crops(photos, size)


def test_crops_are_pieces_of_the_photo_at_several_scales(chelsea: PhotoFiles) -> None:
    """A ramp in x and y tells of every crop where it lies, how large it is and whether it is mirrored."""
    ramp = np.zeros((100, 160, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(160), np.arange(100)[:, None] * 2

    class Ramp(Plain):
        def open(self, index: int) -> Image.Image:
            return Image.fromarray(ramp)

    for augment, least in ((False, 0.6), (True, 0.35)):
        crops = Crops(Ramp(1), 50, augment=augment)
        cuts = [crops.sample(number)[:2, :, 1:-1] * 255 for number in range(60)]
        if augment:
            assert len({round(float(cut.std()), 1) for cut in cuts}) > 40
            continue
        widths = torch.stack([(c[0, 0, -1] - c[0, 0, 0]) * 50 / 47 for c in cuts])
        assert (widths < 0).float().mean() == pytest.approx(0.5, abs=0.2)
        assert least * 100 - 3 < widths.abs().min() < 70
        assert 90 < widths.abs().max() < 103
        assert min(cut[0].min() for cut in cuts) < 20
        assert max(cut[0].max() for cut in cuts) > 140


def test_turned_squares_have_no_corners_from_outside(tmp_path: Path) -> None:
    Image.new("RGB", (90, 61), (200, 200, 200)).save(tmp_path / "gray.png")
    for angle in (-45, -15, 3, 14.9):
        for side in (0.3, 0.99):
            for place in (0.0, 1.0):
                photo = open_photo((tmp_path / "gray.png").read_bytes(), "gray.png")
                cut = cut_square(photo, CropPosition(side, place, 1 - place, angle), 33, "gray.png")
                assert cut.getextrema() == ((200, 200),) * 3


def test_turned_square_shows_the_same_middle(small: Image.Image) -> None:
    turned = cut_square(small.copy(), CropPosition(side=0.5, angle=90.0), 32, "cat")
    upright = cut_square(small.copy(), CropPosition(side=0.5), 32, "cat").rotate(90)
    assert_close(turned, upright, 2.0)


def test_mirrored(small: Image.Image) -> None:
    plain, mirrored = (cut_square(small.copy(), CropPosition(mirrored=m), 32, "cat") for m in (False, True))
    assert np.array_equal(np.asarray(plain)[:, ::-1], np.asarray(mirrored))


def test_augmented_samples_vary_in_color_but_not_beyond_recognition(chelsea: PhotoFiles) -> None:
    means = torch.stack([Crops(chelsea, 32, augment=True).sample(n).mean((1, 2)) for n in range(40)])
    plain = torch.stack([Crops(chelsea, 32).sample(n).mean((1, 2)) for n in range(40)])
    assert (means.std(0) > 1.3 * plain.std(0)).all()
    assert (means.mean(0) - plain.mean(0)).abs().max() < 0.1


def test_large_jpegs_are_decoded_smaller(tmp_path: Path) -> None:
    Image.fromarray(data.chelsea()).resize((1804, 1200)).save(tmp_path / "large.jpg", quality=95)
    photo = open_photo((tmp_path / "large.jpg").read_bytes(), "large.jpg")
    fast = cut_square(photo, CropPosition(), 140, "large.jpg")
    assert photo.size == (226, 150)
    whole = (
        Image.open(tmp_path / "large.jpg")
        .convert("RGB")
        .resize((140, 140), Image.Resampling.BICUBIC, (302, 0, 1502, 1200))
    )
    assert_close(fast, whole, 3.0)


def test_small_photos_are_enlarged(tmp_path: Path) -> None:
    assert saved(tmp_path, Image.new("RGB", (5, 3), (9, 99, 199)), "tiny.png").getpixel((31, 0)) == (
        9,
        99,
        199,
    )
    assert saved(tmp_path, Image.new("L", (1, 1), 7), "dot.png").getpixel((0, 31)) == (7, 7, 7)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.bmp", "a.ppm", "a.jp2"])
def test_formats(tmp_path: Path, small: Image.Image, square: Image.Image, name: str) -> None:
    assert_close(saved(tmp_path, small, name), square, 6.0)


@pytest.mark.parametrize(
    ("mode", "name"), [("L", "a.jpg"), ("L", "a.png"), ("LA", "a.png"), ("1", "a.png"), ("L", "a.tif")]
)
def test_gray_photos_become_rgb(
    tmp_path: Path, small: Image.Image, square: Image.Image, mode: str, name: str
) -> None:
    found = saved(tmp_path, small.convert(mode), name)
    assert_close(found, square.convert("L"), 40.0 if mode == "1" else 3.0)


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk(tmp_path: Path, small: Image.Image, square: Image.Image, name: str) -> None:
    assert_close(saved(tmp_path, small.convert("CMYK"), name), square, 6.0)


def test_lab(tmp_path: Path, small: Image.Image, square: Image.Image) -> None:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(small, *profiles, outputMode="LAB")
    assert lab is not None
    assert_close(saved(tmp_path, lab, "a.tif"), square, 4.0)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_gray_of_16_bits(tmp_path: Path, small: Image.Image, square: Image.Image, name: str) -> None:
    deep = np.asarray(small.convert("L"), np.uint16) * 257
    assert_close(saved(tmp_path, Image.fromarray(deep), name), square.convert("L"), 2.0)


def test_floats_and_their_scale(tmp_path: Path, small: Image.Image, square: Image.Image) -> None:
    values = np.asarray(small.convert("L"), np.float32) / 255
    assert_close(saved(tmp_path, Image.fromarray(values), "a.tif"), square.convert("L"), 2.0)
    with pytest.raises(ImageError, match=r"b\.tif has values from .*scale them"):
        saved(tmp_path, Image.fromarray(values - 2), "b.tif")


def test_palette_with_transparency_lies_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(0, (0, 0, 4, 8))
    found = saved(tmp_path, image, "a.png", transparency=0)
    assert (found.getpixel((2, 9)), found.getpixel((29, 9))) == ((255, 255, 255), (0, 0, 255))


def test_alpha_is_laid_over_white(tmp_path: Path) -> None:
    found = saved(tmp_path, Image.new("RGBA", (8, 8), (255, 0, 0, 102)), "a.png")
    assert found.getpixel((4, 4)) == (255, 153, 153)


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    for name in ("a.gif", "a.webp", "a.png"):
        options = {"lossless": True} if name == "a.webp" else {}
        found = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:], **options)
        assert found.getpixel((4, 4)) == (255, 0, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_orientation(
    tmp_path: Path, small: Image.Image, square: Image.Image, name: str, orientation: int
) -> None:
    """The file holds the picture as a turned camera stores it."""
    flip = Image.Transpose
    stored = {
        2: flip.FLIP_LEFT_RIGHT, 3: flip.ROTATE_180, 4: flip.FLIP_TOP_BOTTOM, 5: flip.TRANSPOSE,
        6: flip.ROTATE_90, 7: flip.TRANSVERSE, 8: flip.ROTATE_270,
    }  # fmt: skip
    turned = small if orientation == 1 else small.transpose(stored[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    assert_close(saved(tmp_path, turned, name, exif=exif), square, 4.0)


def test_damaged_exif_costs_no_photo(tmp_path: Path, small: Image.Image, square: Image.Image) -> None:
    assert_close(
        saved(tmp_path, small, "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x99"), square, 6.0
    )


def test_warnings_of_pillow_stay_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: Image.Image
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)  # of a TIFF, Pillow warns when it makes room
    small.save(tmp_path / "a.tif")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        read(tmp_path / "a.tif")
        small.save(tmp_path / "b.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01\x99")
        read(tmp_path / "b.jpg")
    assert seen == []


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.gif", "a.tif"])
def test_truncated_files_are_unreadable(tmp_path: Path, small: Image.Image, name: str) -> None:
    small.save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ImageError, match=f"^{name} is damaged"):
        read(tmp_path / name)


def test_a_jpeg_without_its_end_is_read(tmp_path: Path, small: Image.Image) -> None:
    small.save(tmp_path / "a.jpg")
    whole = read(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-2])
    change = np.asarray(read(tmp_path / "a.jpg"), float) - np.asarray(whole)
    assert np.abs(change).mean() < 8  # it is not decoded to a smaller size


def test_unreadable_files_are_skipped_and_named(tmp_path: Path, small: Image.Image) -> None:
    small.save(tmp_path / "good.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "good.jpg").read_bytes()[:700])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not a picture at all, but long enough")
    crops = Crops(PhotoFiles(tmp_path, ["cut.jpg", "empty.jpg", "good.jpg", "gone.jpg", "text.jpg"]), 16)
    samples, skipped = zip(*(crops.draw(number) for number in range(20)), strict=True)
    assert all(0.2 < sample.mean() < 0.8 for sample in samples)
    found = {Path(name).name for names in skipped for name in names}
    assert found == {"cut.jpg", "empty.jpg", "gone.jpg", "text.jpg"}


def test_held_out_crops_are_middles(chelsea: PhotoFiles) -> None:
    crops = held_out_crops(chelsea, 60)
    cat = Image.fromarray(data.chelsea()).resize((60, 60), Image.Resampling.BICUBIC, (75.5, 0, 375.5, 300))
    assert crops.shape == (1, 3, 60, 60)
    assert crops.is_contiguous(memory_format=torch.channels_last)
    assert (crops[0] - torch.from_numpy(np.array(cat)).permute(2, 0, 1) / 255).abs().mean() < 0.02


def test_held_out_crops_of_readable_photos() -> None:
    crops = held_out_crops(Plain(9, frozenset({0, 2})), 4, 3)
    assert [level(crop) for crop in crops] == [1, 3, 4]
    assert len(held_out_crops(Plain(5), 4, 99)) == 5


# --- windows of paintings -----------------------------------------------------------------------------------


@pytest.fixture
def windows(folder: Path) -> Windows:
    return Windows(find_photos([folder]), 48, seed=1)


def test_windows_by_number(windows: Windows) -> None:
    again = Windows(windows.photos, 48, seed=1)
    for number in (0, 5, 17):
        sample = windows.sample(number)
        assert sample.shape == (3, 48, 48)
        assert 0 <= sample.min() < sample.max() <= 1
        assert torch.equal(sample, again.sample(number))
    assert not torch.equal(windows.sample(0), Windows(windows.photos, 48, seed=2).sample(0))


def test_colors_vary(windows: Windows) -> None:
    """Far more than the four photos do."""
    reds = torch.stack([windows.sample(number).mean((1, 2)) for number in range(40)])
    hues = (reds - reds.mean(1, keepdim=True)).argmax(1)
    assert len(hues.unique()) == 3


def test_turning_hues() -> None:
    turn = _turn_hues(2.0943951)  # a third of a circle: red to green
    assert torch.allclose(turn @ torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]), atol=1e-6)
    assert torch.allclose(_turn_hues(0.7) @ torch.ones(3), torch.ones(3), atol=1e-6)


def test_the_scale_is_that_of_a_style(tmp_path: Path) -> None:
    """A window of 128 pixels of a painting of any size shows what 400 to 620 pixels hold of the whole."""
    stripes = Image.fromarray(data.brick()).convert("RGB").resize((1000, 700))
    stripes.save(tmp_path / "painting.png")
    windows = Windows(find_photos([tmp_path]), 128, seed=3)
    for number in range(20):
        image = windows.photos.open(0)
        cut = windows._place(image, random.Random(number))
        assert 128 / 620 <= cut.side * 0.7 <= 128 / 400 + 1e-6
