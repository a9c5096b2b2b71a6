"""Large pictures by parts: read whole or streamed, and written as they come."""

import sys

import numpy as np
import pytest
import tifffile
import torch
from PIL import ExifTags, Image, ImageCms
from skimage import data

from impasto.errors import ImageError, MissingExtraError, UsageError
from impasto.imaging import io
from impasto.imaging.codecs import tiff
from impasto.imaging.geometry import resize
from impasto.imaging.io import write_bands
from impasto.imaging.sources import Planes, find_size, open_large, open_streamed, shrunk

SIZE = (150, 97)  # width, height


@pytest.fixture
def photo() -> Image.Image:
    return Image.fromarray(data.coffee()).resize(SIZE)


def turned(orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Artist] = orientation, "Ana"
    return exif


def save(photo, path, kind):
    """A picture file of a kind that its own branch of the code reads."""
    deep = np.asarray(photo).astype(np.uint16) * 257 - np.asarray(photo) // 3
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, SIZE[0]).astype(np.uint8), (SIZE[1], 1)))
    if kind == "deep":
        tifffile.imwrite(path, deep, photometric="rgb", compression="zlib", predictor=True, tile=(32, 48))
    elif kind == "deep gray":
        Image.fromarray(deep[..., 0]).save(path)
    elif kind == "deep profile":
        tifffile.imwrite(path, deep, photometric="rgb", iccprofile=swapped_profile())
    elif kind == "alpha":
        photo = photo.copy()
        photo.putalpha(ramp)
        photo.save(path)
    elif kind == "opaque":
        photo.convert("RGBA").save(path)
    elif kind == "profile":
        photo.save(path, icc_profile=swapped_profile(), quality=90)
    elif kind.startswith("turned"):
        photo.save(path, exif=turned(int(kind[-1])))
    else:
        photo.convert(kind).save(path)
    return path


def swapped_profile():
    """sRGB with red and blue exchanged: what ignores it is far off."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ", 128), profile.index(b"bXYZ", 128)
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def whole(source):
    return source.region(0, 0, *source.size)


def as_read(path):
    image, info = io.read(path)
    return image if info.alpha is None else torch.cat([image, info.alpha]), info


KINDS = [
    ("p.jpg", "RGB"), ("p.png", "L"), ("p.gif", "P"), ("p.jpg", "CMYK"), ("p.png", "LA"), ("p.png", "alpha"),
    ("p.png", "1"), ("p.png", "opaque"), ("p.jpg", "profile"), ("p.tif", "deep"), ("p.png", "deep gray"),
    ("p.tif", "deep profile"), ("p.webp", "RGB"), ("p.tif", "RGB"), ("p.jpg", "turned6"),
    ("p.jpg", "turned2"), ("p.png", "turned7"), ("p.tif", "turned8"), ("p.jpg", "turned3"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_regions_are_those_of_the_picture(photo, tmp_path, name, kind):
    path = save(photo, tmp_path / name, kind)
    expected, info = as_read(path)
    source, large = open_large(path)
    assert (source.size, source.channels) == (info.size, len(expected))
    assert torch.equal(whole(source), expected)
    assert torch.equal(source.region(7, 11, 60, 83), expected[:, 7:60, 11:83])
    assert (large.bit_depth, large.exif, large.notes) == (info.bit_depth, info.exif, info.notes)
    assert sorted(find_size(path)) == sorted(info.size)


STREAMED = [pair for pair in KINDS if pair[1] not in ("P", "1", "LA", "opaque", "CMYK", "turned7")]


@pytest.mark.parametrize(("name", "kind"), STREAMED)
def test_streamed_regions_are_those_of_the_picture(photo, tmp_path, name, kind):
    """To a few levels: decoders of JPEG round differently, and Pillow converts profiles at 8 bits."""
    path = save(photo, tmp_path / name, kind)
    expected, info = as_read(path)
    source, large = open_streamed(path)
    assert (source.size, source.channels) == (info.size, len(expected))
    for top, left, bottom, right in ((0, 0, 40, 50), (20, 11, 70, 83), (80, 0, 90, 9), (3, 5, 97, 93)):
        part = source.region(top, left, bottom, right)
        assert (part - expected[:, top:bottom, left:right]).abs().max() * 255 < 3.1
    assert (large.bit_depth, large.exif) == (info.bit_depth, info.exif)


def test_parts_of_a_tensor():
    planes = torch.rand(4, 9, 7)
    source = Planes(planes)
    assert (source.size, source.channels) == ((9, 7), 4)
    assert torch.equal(source.region(2, 1, 5, 6), planes[:, 2:5, 1:6])


@pytest.mark.parametrize("door", [open_large, open_streamed, lambda path: (Planes(as_read(path)[0]), None)])
@pytest.mark.parametrize("kind", ["RGB", "deep"])
def test_what_is_closed_has_no_regions(photo, tmp_path, door, kind):
    source, _ = door(save(photo, tmp_path / "p.tif", kind))
    whole(source)
    source.close()
    with pytest.raises((AttributeError, ImageError, ValueError)):
        whole(source)


@pytest.mark.parametrize("size", [(20, 31), (97, 150), (9, 14), (120, 186)])
def test_shrunk_is_resized(photo, tmp_path, monkeypatch, size):
    monkeypatch.setattr("impasto.imaging.sources._STRIP", 16)
    source, _ = open_large(save(photo, tmp_path / "p.png", "alpha"))
    small = shrunk(source, size)
    assert small.shape == (4, *size)
    difference = (small - resize(whole(source)[None], size)[0]).abs()
    assert difference.mean() < 0.02


# --- writing ------------------------------------------------------------------------------------------------


def write(path, samples, height=40, **options):
    parts = (samples[top : top + height] for top in range(0, len(samples), height))
    write_bands(path, parts, samples.shape[:2], channels=samples.shape[2], **options)


@pytest.mark.parametrize("limit", [0, 4_000_000_000])
@pytest.mark.parametrize(("channels", "depth"), [(3, 8), (4, 8), (3, 16), (4, 16)])
def test_a_tiff_grows_by_bands(photo, tmp_path, monkeypatch, limit, channels, depth):
    """Classic, or a BigTIFF; read by two others."""
    monkeypatch.setattr(tiff, "_CLASSIC_BYTES", limit)
    monkeypatch.setattr(tiff, "_TILE", 32)
    noise = np.random.RandomState(0).randint(0, 2**depth, (97, 150, channels))
    samples = noise.astype(np.uint8 if depth == 8 else np.uint16)
    path, exif = tmp_path / "out.tif", turned(1).tobytes()
    write(path, samples, bit_depth=depth, exif=exif, record='{"a": 1}')
    with tifffile.TiffFile(path) as file:
        assert (file.is_bigtiff, file.pages[0].tilewidth) == (limit == 0, 32)
        assert np.array_equal(file.asarray(), samples)
    image, info = as_read(path)
    assert np.array_equal(image.mul(2**depth - 1).round().permute(1, 2, 0).numpy(), samples)
    assert info.bit_depth == depth
    assert b"Ana" in info.exif
    assert io.read_record(path) == '{"a": 1}'


@pytest.mark.parametrize("name", ["out.png", "out.webp", "out.jpg"])
def test_other_kinds_are_as_they_are_from_a_tensor(photo, tmp_path, name):
    photo.putalpha(photo.convert("L"))
    samples = np.asarray(photo)
    write(tmp_path / name, samples, quality=80, record="r", exif=turned(1).tobytes())
    planes = torch.from_numpy(samples.copy()).permute(2, 0, 1) / 255
    io.write(
        tmp_path / f"a{name}", planes[:3], alpha=planes[3:], quality=80, record="r", exif=turned(1).tobytes()
    )
    by_bands, by_tensor = as_read(tmp_path / name), as_read(tmp_path / f"a{name}")
    assert torch.equal(by_bands[0], by_tensor[0])
    assert by_bands[1].exif == by_tensor[1].exif
    assert io.read_record(tmp_path / name) == "r"
    assert (tmp_path / name).stat().st_size < 1.1 * (tmp_path / f"a{name}").stat().st_size


def test_what_fails_leaves_nothing(tmp_path):
    def broken():
        yield np.zeros((5, 10, 3), np.uint8)
        raise ZeroDivisionError

    for name in ("out.tif", "out.png"):
        with pytest.raises(ZeroDivisionError):
            write_bands(tmp_path / name, broken(), (20, 10))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "size", "options", "error", "words"),
    [
        ("out.jpg", (10, 70_000), {}, UsageError, "JPEG ends at 65500 pixels"),
        ("out.gif", (10, 10), {}, UsageError, "suffix"),
        ("out.jpg", (10, 10), {"bit_depth": 16}, UsageError, "16 bits"),
        ("none/out.tif", (10, 10), {}, ImageError, "no folder"),
    ],
)
def test_told_before_the_work(tmp_path, name, size, options, error, words):
    def work():
        pytest.fail("a band was asked for")
        yield

    with pytest.raises(error, match=words):
        write_bands(tmp_path / name, work(), size, **options)


# --- what cannot be read ------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", [find_size, open_large, open_streamed])
def test_no_picture(tmp_path, door):
    with pytest.raises(ImageError, match=r"none\.jpg"):
        door(tmp_path / "none.jpg")
    (tmp_path / "text.png").write_text("no picture at all")
    with pytest.raises(ImageError, match=r"text\.png"):
        door(tmp_path / "text.png")


def test_too_many_pixels(photo, tmp_path):
    with pytest.raises(ImageError, match="150 x 97 = 14,550 pixels, more than the limit of 100"):
        open_large(save(photo, tmp_path / "p.png", "RGB"), max_pixels=100)


@pytest.mark.parametrize(("name", "kind"), [("p.jpg", "RGB"), ("p.png", "RGB"), ("p.tif", "deep")])
def test_cut_short(photo, tmp_path, name, kind):
    path = save(photo, tmp_path / name, kind)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    for door in (open_large, open_streamed):
        with pytest.raises(ImageError, match="is damaged, cut short"):
            whole(door(path)[0])


def test_streaming_needs_a_library(photo, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvips", None)
    with pytest.raises(MissingExtraError, match=r"by parts needs pyvips: pip install 'impasto\[huge\]'"):
        open_streamed(save(photo, tmp_path / "p.tif", "RGB"))
