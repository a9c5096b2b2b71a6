"""TIFF files of floats, of YCbCr, and of cameras."""

import struct
import sys
from io import BytesIO

import numpy as np
import pytest
import tifffile
import torch
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from skimage import data

from impasto.errors import ImageError, MissingExtraError
from impasto.imaging import io
from impasto.imaging.sources import find_size, open_large
from impasto.training.crops import CropPosition, cut_square
from impasto.training.photos import open_photo

PHOTO = np.asarray(Image.fromarray(data.coffee()).resize((48, 32)))
LIGHT = (PHOTO / np.float32(255)) ** np.float32(2.2) * 4  # up to 4
TAG = ExifTags.Base


def levels(image):
    """(H, W, 3) float64 in 0..255."""
    return image.double().permute(1, 2, 0).numpy() * 255


@pytest.fixture
def read_tiff(tmp_path):
    """Reads a file whole and by parts, which agree."""

    def read(samples, **options):
        path = tmp_path / "picture.tif"
        tifffile.imwrite(path, samples, **options)
        image, info = io.read(path)
        source, large_info = open_large(path)
        assert torch.equal(source.region(0, 0, *source.size)[:3], image)
        assert large_info.notes == info.notes
        assert find_size(path) == info.size == image.shape[1:]
        assert 0 <= image.min() <= image.max() <= 1
        return image, info

    return read


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}, {"planarconfig": "separate"}])
def test_floats_up_to_one_are_a_picture(read_tiff, dtype, options):
    samples = (PHOTO / 255).astype(dtype)
    if "planarconfig" in options:
        samples = np.moveaxis(samples, 2, 0).astype(np.float32)
    image, info = read_tiff(samples, photometric="rgb", **options)
    assert np.allclose(levels(image), PHOTO, atol=0.1)
    assert (info.bit_depth, info.notes) == (16, ())


@pytest.mark.parametrize("gray", [True, False])
def test_floats_above_one_are_light_and_tone_mapped(read_tiff, gray):
    light = LIGHT[..., 1] if gray else LIGHT
    image, info = read_tiff(light, photometric="minisblack" if gray else "rgb")
    (note,) = info.notes
    assert note.startswith(f"{info.name} has values up to {light.max():g}: ")
    assert note.endswith("taken for linear light and tone-mapped by Reinhard's curve")
    green, order = levels(image)[..., 1], np.argsort(LIGHT[..., 1], axis=None)
    if gray:
        assert (np.diff(green.ravel()[order]) >= 0).all()
        assert green.max() == 255
    dark = LIGHT.max(axis=2) < 0.05
    encoded = 255 * (1.055 * LIGHT[..., 1] ** (1 / 2.4) - 0.055)
    assert np.abs(green - encoded)[dark & (LIGHT[..., 1] > 0.01)].max() < 6  # shadows stay as they are
    assert info.bit_depth == 16


def test_half_floats_in_planes_are_refused(read_tiff):
    with pytest.raises(ImageError, match="channels in separate planes; save it interleaved"):
        read_tiff(np.moveaxis(LIGHT, 2, 0).astype("float16"), photometric="rgb", planarconfig="separate")


def test_floats_with_alpha(read_tiff):
    alpha = np.full((32, 48, 1), 0.5, np.float32)
    samples = np.concatenate([LIGHT, alpha], axis=2)
    _, info = read_tiff(samples, photometric="rgb", extrasamples=["unassalpha"])
    assert torch.allclose(info.alpha, torch.tensor(0.5), atol=1e-4)


@pytest.mark.parametrize("value", [-0.5, float("nan"), float("inf")])
def test_floats_that_are_no_light_are_refused(read_tiff, value):
    samples = LIGHT.copy()
    samples[3, 4, 1] = value
    with pytest.raises(ImageError, match=r"picture\.tif has values from .*1 is white: scale them"):
        read_tiff(samples, photometric="rgb")


def test_ycbcr_without_compression(read_tiff):
    stored = np.asarray(Image.fromarray(PHOTO).convert("YCbCr"))
    image, info = read_tiff(stored, photometric="ycbcr", software="a scanner")
    assert np.abs(levels(image) - PHOTO).mean() < 2
    assert b"a scanner" in info.exif
    assert (info.bit_depth, info.notes) == (8, ())


def test_ycbcr_of_half_the_colors(tmp_path):
    """As scanners write it: two by two pixels share a color."""
    units = np.asarray(Image.fromarray(PHOTO).convert("YCbCr")).reshape(16, 2, 24, 2, 3)
    light = units[..., 0].transpose(0, 2, 1, 3).reshape(16, 24, 4)
    stored = np.concatenate([light, units[:, 0, :, 0, 1:]], axis=2).tobytes()
    directory = ImageFileDirectory_v2()
    directory[TAG.ImageWidth], directory[TAG.ImageLength], directory[TAG.RowsPerStrip] = 48, 32, 32
    directory[TAG.BitsPerSample], directory[TAG.SamplesPerPixel] = (8, 8, 8), 3
    directory[TAG.Compression], directory[TAG.PhotometricInterpretation] = 1, 6
    directory[TAG.YCbCrSubSampling] = (2, 2)
    directory[TAG.StripOffsets], directory[TAG.StripByteCounts] = 0, len(stored)
    with (tmp_path / "a.tif").open("wb") as file:
        directory.save(file)
        file.write(stored)
    assert np.abs(levels(io.read(tmp_path / "a.tif")[0]) - PHOTO).mean() < 8


@pytest.mark.parametrize(("samples", "photometric"), [(LIGHT, "rgb"), (PHOTO, "ycbcr")])
def test_training_reads_them_too(tmp_path, samples, photometric):
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric=photometric)
    photo = open_photo((tmp_path / "a.tif").read_bytes(), "a.tif")
    square = cut_square(photo, CropPosition(0.5, 0.5, 1.0, 0.0, False), 16, "a.tif")
    assert (square.mode, square.size) == ("RGB", (16, 16))
    assert np.asarray(square).std() > 10


def test_floats_without_libvips(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvips", None)
    tifffile.imwrite(tmp_path / "a.tif", LIGHT, photometric="rgb")
    with pytest.raises(MissingExtraError, match=r"a\.tif, a TIFF of floats, needs pyvips: .*impasto\[huge\]"):
        io.read(tmp_path / "a.tif")


def camera_file(**tags):
    """A TIFF of 16 x 12 pixels with further tags in its first directory."""
    directory = ImageFileDirectory_v2()
    for name, value in tags.items():
        directory[getattr(TAG, name)] = value
    buffer = BytesIO()
    Image.fromarray(PHOTO).resize((16, 12)).save(buffer, "TIFF", tiffinfo=directory)
    return buffer.getvalue()


def with_sub_picture(first, kind, width):
    """A TIFF whose first picture, 16 pixels wide, names another in its SubIFDs."""
    buffer = BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(PHOTO[:12, :16], photometric="rgb", subifds=1, subfiletype=first)
        channels = () if kind == "cfa" else (3,)
        other = np.zeros((12, width, *channels), np.uint16)
        file.write(other, photometric=kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        camera_file(DNGVersion=b"\1\4\0\0"),
        with_sub_picture(1, "cfa", 64),
        with_sub_picture(0, "linear_raw", 64),
        camera_file()[:8] + b"CR\2\0" + bytes(40),
        b"FUJIFILMCCD-RAW 0201" + bytes(80),
        b"IIRO\x08\0\0\0" + bytes(80),
        b"IIU\0\x18\0\0\0" + bytes(80),
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(80),
    ],
    ids=["DNG", "NEF", "linear", "CR2", "RAF", "ORF", "RW2", "CR3"],
)
def test_raw_photos_are_never_taken_for_their_thumbnail(tmp_path, monkeypatch, content):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    (tmp_path / "IMG_1.jpg").write_bytes(content)  # under any name
    for read in (io.read, find_size, open_large):
        with pytest.raises(
            MissingExtraError, match=r"IMG_1\.jpg, a raw photo, needs rawpy: .*impasto\[raw\]"
        ):
            read(tmp_path / "IMG_1.jpg")


def test_a_thumbnail_before_its_picture_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    for content in (with_sub_picture(1, "rgb", 8), with_sub_picture(0, "rgb", 64)):
        path.write_bytes(content)
        with pytest.raises(ImageError, match=r"first picture of .*a\.tif is a thumbnail .* save the main"):
            io.read(path)
    tifffile.imwrite(path, PHOTO[None, :12, :16], photometric="rgb", subfiletype=1)
    with tifffile.TiffWriter(path, append=True) as file:
        file.write(PHOTO, photometric="rgb")
    with pytest.raises(ImageError, match="is a thumbnail"):
        io.read(path)


def test_copies_and_pages_behind_the_main_picture_are_no_reason(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(with_sub_picture(0, "rgb", 8))  # a pyramid
    assert io.read(path)[1].size == (12, 16)
    path.write_bytes(camera_file(NewSubfileType=1))  # the only picture that there is
    assert io.read(path)[1].size == (12, 16)
    tifffile.imwrite(path, PHOTO[:12, :16], photometric="rgb")
    tifffile.imwrite(path, PHOTO, photometric="rgb", append=True)
    assert io.read(path)[1].size == (12, 16)


def test_directories_that_lead_nowhere_are_damage(tmp_path):
    content = bytearray(with_sub_picture(0, "rgb", 8))
    struct.pack_into("<I", content, 4, 2**32 - 1)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(ImageError, match="damaged"):
        io.read(tmp_path / "a.tif")
