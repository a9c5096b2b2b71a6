"""Picture files of every kind, whole, odd and broken."""

import os
import sys
from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps
from skimage import data

from impasto.errors import ImageError, MissingExtraError
from impasto.imaging import io
from impasto.imaging.color import to_srgb
from tests.imaging.profiles import ADOBE, gray_profile, rgb_profile

COFFEE = Image.fromarray(data.coffee()).resize((24, 16))
FORMATS = {
    "JPEG": {},
    "PNG": {},
    "WEBP": {},
    "TIFF": {},
    "GIF": {},
    "BMP": {},
    "AVIF": {},
    "JPEG2000": {},
    "PPM": {},
}
LZW = {"TIFF-LZW": {"format": "TIFF", "compression": "tiff_lzw"}}


def encode(picture, format="PNG", **options):
    buffer = BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def levels(image):
    """(H, W, 3) float64 in 0..255."""
    return image.double().permute(1, 2, 0).numpy() * 255


@pytest.fixture
def read_bytes(tmp_path):
    """Reads bytes through a file, and checks what holds for every picture."""

    def read(content, **options):
        path = tmp_path / "picture"
        path.write_bytes(content)
        image, info = io.read(path, **options)
        assert image.dtype == torch.float32
        assert image.shape == (3, *info.size)
        assert 0 <= image.min() <= image.max() <= 1
        return image, info

    return read


@pytest.mark.parametrize("kind", FORMATS)
def test_every_kind_of_file(read_bytes, kind):
    image, info = read_bytes(encode(COFFEE, kind))
    tolerance = {"JPEG": 12, "WEBP": 12, "GIF": 12, "AVIF": 12, "JPEG2000": 2}.get(kind, 1e-4)
    assert info.size == (16, 24)
    assert np.abs(levels(image) - np.asarray(COFFEE)).mean() < tolerance
    assert info.notes == ()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "deep"])
def test_exif_orientation(tmp_path, orientation, kind):
    """The tag says where the stored first row and column lie: rebuilt here point by point."""
    stored = np.asarray(COFFEE)
    height, width = stored.shape[:2]
    place = {
        1: lambda row, column: (row, column),
        2: lambda row, column: (row, width - 1 - column),
        3: lambda row, column: (height - 1 - row, width - 1 - column),
        4: lambda row, column: (height - 1 - row, column),
        5: lambda row, column: (column, row),
        6: lambda row, column: (column, height - 1 - row),
        7: lambda row, column: (width - 1 - column, height - 1 - row),
        8: lambda row, column: (width - 1 - column, row),
    }[orientation]
    upright = np.zeros((height, width, 3) if orientation < 5 else (width, height, 3))
    for row in range(height):
        for column in range(width):
            upright[place(row, column)] = stored[row, column]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Maker"
    path = tmp_path / "picture.tif"
    if kind == "deep":
        io.write(path, io.read(stored)[0], bit_depth=16, exif=exif.tobytes())
    else:
        path.write_bytes(encode(COFFEE, kind, exif=exif))
    image, info = io.read(path)
    assert np.allclose(levels(image), upright)
    assert info.size == upright.shape[:2]
    kept = Image.Exif()
    kept.load(info.exif)
    assert dict(kept) == {ExifTags.Base.Make: "Maker"}
    with Image.open(path) as picture:
        assert np.allclose(levels(io.read(picture)[0]), upright, atol=0.5)
        assert np.array_equal(ImageOps.exif_transpose(picture), upright)


def test_profiles_are_converted(read_bytes):
    profile = rgb_profile(ADOBE, 2.2)
    expected = np.asarray(to_srgb(COFFEE, profile)[0])
    assert np.abs(expected.astype(int) - np.asarray(COFFEE)).max() > 5
    for kind in ("PNG", "TIFF"):
        image, info = read_bytes(encode(COFFEE, kind, icc_profile=profile))
        assert np.allclose(levels(image), expected)
        assert info.notes == ()
    transparent = COFFEE.copy()
    transparent.putalpha(100)
    image, info = read_bytes(encode(transparent, icc_profile=profile))
    assert np.allclose(levels(image), expected)
    assert torch.allclose(info.alpha, torch.tensor(100 / 255))
    image, info = read_bytes(encode(COFFEE, icc_profile=b"nonsense"))
    assert np.allclose(levels(image), np.asarray(COFFEE))
    assert "color profile that cannot be used" in info.notes[0]


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_gray_profiles_are_converted(read_bytes, mode):
    picture = COFFEE.convert("L").convert(mode)
    expected, _ = to_srgb(picture.convert("L"), gray_profile(1.8))
    image, info = read_bytes(encode(picture, icc_profile=gray_profile(1.8)))
    assert np.allclose(levels(image), np.asarray(expected))
    assert info.notes == ()


def test_inks(read_bytes):
    """CMYK, plain in TIFF and, as Adobe writes it, inverted in JPEG."""
    inks = COFFEE.convert("CMYK")
    assert np.allclose(levels(read_bytes(encode(inks, "TIFF"))[0]), np.asarray(inks.convert("RGB")))
    image, _ = read_bytes(encode(inks, "JPEG", quality=100, subsampling=0))
    assert np.abs(levels(image) - np.asarray(inks.convert("RGB"))).mean() < 3


def test_gray_black_and_white(read_bytes):
    for mode in ("L", "1"):
        picture = COFFEE.convert(mode)
        image, info = read_bytes(encode(picture))
        assert np.allclose(levels(image), np.asarray(picture.convert("RGB")))
        assert (info.alpha, info.bit_depth) == (None, 8)


def test_transparency_of_every_kind(read_bytes):
    ramp = Image.fromarray(np.arange(24 * 16, dtype=np.uint16).reshape(16, 24).clip(0, 255).astype(np.uint8))
    colors, gray, palette = COFFEE.copy(), COFFEE.convert("L"), COFFEE.quantize(16)
    colors.putalpha(ramp)
    gray.putalpha(ramp)
    for picture in (colors, gray):
        image, info = read_bytes(encode(picture))
        assert np.allclose(levels(image), np.asarray(picture.convert("RGBA"))[..., :3])
        assert np.allclose(info.alpha[0] * 255, np.asarray(ramp))
    image, info = read_bytes(encode(palette, transparency=3))
    assert np.array_equal(info.alpha[0] == 0, np.asarray(palette) == 3)
    assert np.allclose(levels(image), np.asarray(palette.convert("RGB")))
    key = COFFEE.getpixel((5, 5))
    image, info = read_bytes(encode(COFFEE, transparency=key))
    assert np.array_equal(info.alpha[0] == 0, (np.asarray(COFFEE) == key).all(-1))
    assert np.allclose(levels(image), np.asarray(COFFEE))


def test_the_first_of_several_pictures(read_bytes):
    frames = [COFFEE, ImageOps.mirror(COFFEE), ImageOps.invert(COFFEE)]
    for kind, words in (
        ("GIF", "is animated (3 frames)"),
        ("PNG", "is animated (3 frames)"),
        ("TIFF", "has 3 pages"),
    ):
        image, info = read_bytes(encode(frames[0], kind, save_all=True, append_images=frames[1:]))
        assert np.abs(levels(image) - np.asarray(COFFEE)).mean() < 12
        assert info.notes == (f"{info.name} {words}; using the first",)


def test_heic(read_bytes):
    """The library turns such pictures itself, so the orientation must not be applied again."""
    heif = pytest.importorskip("pillow_heif")
    turned = COFFEE.resize((48, 32))
    exif = Image.Exif()
    exif.update({ExifTags.Base.Orientation: 6, ExifTags.Base.Make: "Maker"})
    buffer, file = BytesIO(), heif.from_pillow(turned)
    file[0].info["exif"] = exif.tobytes()
    file.save(buffer, quality=95)
    image, info = read_bytes(buffer.getvalue())
    assert info.size == (48, 32)
    assert np.abs(levels(image) - np.rot90(np.asarray(turned), -1)).mean() < 12
    assert b"Maker" in info.exif
    with pytest.raises(ImageError):
        read_bytes(buffer.getvalue()[:200])


def with_brands(content, *brands):
    """A HEIC or AVIF whose first box names these brands, the major one first; all offsets stay."""
    length = int.from_bytes(content[:4])
    names = [brand.encode() for brand in brands]
    box = b"ftyp" + names[0] + bytes(4) + b"".join(names[1:])
    return (length.to_bytes(4) + box).ljust(length, b"\0")[:length] + content[length:]


@pytest.mark.parametrize("brands", [("mif1", "heic"), ("msf1", "hevc", "heic"), ("mif1", "miaf", "heix")])
def test_heic_is_told_from_all_brands(read_bytes, brands):
    heif = pytest.importorskip("pillow_heif")
    buffer = BytesIO()
    heif.from_pillow(COFFEE.resize((48, 32))).save(buffer, quality=95)
    assert read_bytes(with_brands(buffer.getvalue(), *brands))[1].size == (32, 48)


@pytest.mark.parametrize("brands", [("mif1", "avif"), ("msf1", "heic", "avif"), ("avif", "mif1", "heic")])
def test_avif_is_told_from_all_brands(read_bytes, brands, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    image, _ = read_bytes(with_brands(encode(COFFEE, "AVIF"), *brands))
    assert np.abs(levels(image) - np.asarray(COFFEE)).mean() < 12


def test_heic_without_its_library(read_bytes, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingExtraError, match=r"picture needs pillow-heif: .*impasto\[heic\]"):
        read_bytes(b"\0\0\0\x1cftypheic" + bytes(100))


def test_damaged_exif_does_not_lose_the_picture(read_bytes):
    image, info = read_bytes(encode(COFFEE, exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert np.allclose(levels(image), np.asarray(COFFEE))
    assert info.exif is None
    assert "damaged EXIF" in info.notes[0]


def test_files_that_are_no_pictures(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("To whom it may concern")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    for name, words in (
        ("absent.png", "does not exist"),
        ("", "is a folder"),
        ("empty.png", "is empty"),
        ("text.png", "not a picture that impasto reads"),
        ("text.png/a.png", "cannot be opened: Not a directory"),
        ("loop.png", "cannot be opened"),
        ("nul\0.png", "cannot be opened"),
    ):
        with pytest.raises(ImageError, match=words):
            io.read(f"{tmp_path}/{name}")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    (tmp_path / "secret.png").write_bytes(encode(COFFEE))

    def refuse(*_):
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr("pathlib.Path.open", refuse)  # root may read anything
    with pytest.raises(ImageError, match=r"secret\.png' cannot be opened: Permission denied"):
        io.read(tmp_path / "secret.png")


@pytest.mark.parametrize("kind", FORMATS | LZW)
def test_truncated_files_are_refused_and_trailing_bytes_ignored(read_bytes, kind):
    content = encode(COFFEE, **({"format": kind} | LZW.get(kind, {})))
    whole, _ = read_bytes(content)
    for share in (0.02, 0.3, 0.6, 0.9):
        with pytest.raises(ImageError):
            read_bytes(content[: int(len(content) * share)])
    assert torch.equal(read_bytes(content + b"trailing bytes")[0], whole)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_pixel_limit_is_ours_alone(read_bytes, kind, monkeypatch):
    content = encode(COFFEE, kind)
    with pytest.raises(ImageError, match="24 x 16 = 384 pixels, more than the limit of 383"):
        read_bytes(content, max_pixels=383)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)  # Pillow would warn
    assert read_bytes(content, max_pixels=384)[1].size == (16, 24)


def test_the_pixel_limit_for_sixteen_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow would refuse
    for suffix in (".png", ".tif"):
        io.write(tmp_path / f"a{suffix}", io.read(COFFEE)[0], bit_depth=16)
        assert io.read(tmp_path / f"a{suffix}")[1].size == (16, 24)
        with pytest.raises(ImageError, match="more than the limit"):
            io.read(tmp_path / f"a{suffix}", max_pixels=383)


def test_a_bomb_is_refused_by_its_header(read_bytes):
    bomb = bytearray(encode(COFFEE, "BMP"))
    bomb[18:26] = np.array([60_000, 60_000], "<i4").tobytes()
    with pytest.raises(ImageError, match="3,600,000,000 pixels"):
        read_bytes(bytes(bomb))


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """One valid file of each kind, with metadata, and the path to fuzz."""
    folder = tmp_path_factory.mktemp("fuzz")
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Orientation] = 6
    files = [
        encode(COFFEE, kind, **({"exif": exif} if kind in ("JPEG", "PNG", "WEBP") else {}))
        for kind in FORMATS
    ]
    files += [
        encode(COFFEE, **LZW["TIFF-LZW"]),
        encode(COFFEE.quantize(8)),
        encode(COFFEE.convert("F"), "TIFF"),
    ]
    image, _ = io.read(COFFEE)
    for suffix in (".png", ".tif"):
        io.write(folder / f"deep{suffix}", image, bit_depth=16, exif=exif.tobytes(), record="{}")
        files.append((folder / f"deep{suffix}").read_bytes())
    return folder / "fuzzed", files


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pick=st.data())
def test_damaged_bytes_give_a_picture_or_an_image_error(seeds, pick):
    path, files = seeds
    content = bytearray(pick.draw(st.sampled_from(files)))
    for position, value in pick.draw(
        st.lists(
            st.tuples(st.integers(0, len(content) - 1) | st.integers(0, 60), st.integers(0, 255)), max_size=12
        )
    ):
        content[min(position, len(content) - 1)] = value
    path.write_bytes(content[: pick.draw(st.none() | st.integers(0, len(content)))])
    try:
        image, info = io.read(path, max_pixels=100_000)
    except ImageError as error:
        assert "\n" not in str(error)
    else:
        assert image.shape == (3, *info.size)
        assert 0 <= image.min() <= image.max() <= 1
