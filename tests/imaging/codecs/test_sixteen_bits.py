"""Sixteen bits: read exactly from other writers' files, and written so that other readers agree."""

import struct
import sys
import zlib
from io import BytesIO
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from impasto.errors import ImageError
from impasto.imaging import io
from impasto.imaging.color import to_srgb
from impasto.imaging.sources import find_size, open_large
from impasto.training.crops import CropPosition, cut_square
from impasto.training.photos import open_photo
from tests.imaging.profiles import ADOBE, gray_profile, rgb_profile

HEIGHT, WIDTH = 11, 13
HEIGHT_RAW, WIDTH_RAW = 96, 128
_MATRIX = (32406, -15372, -4986, -9689, 18758, 415, 557, -2040, 10570)  # XYZ to linear sRGB, in 1/10000


@pytest.fixture
def samples():
    """(11, 13, 4) uint16."""
    return np.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH, 4), dtype=np.uint16)


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png16(samples, *extra, interlace=False):
    """A 16-bit PNG of (H, W, 1 to 4), not filtered, written from the specification."""
    height, width, channels = samples.shape
    passes = [
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ]
    rows = b""
    for top, left, down, right in passes if interlace else [(0, 0, 1, 1)]:
        part = samples[top::down, left::right].astype(">u2")
        rows += b"".join(b"\0" + row.tobytes() for row in part if row.size)
    header = struct.pack(">IIBBBBB", width, height, 16, [0, 4, 2, 6][channels - 1], 0, 0, interlace)
    body = (
        chunk(b"IHDR", header) + b"".join(extra) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body


def icc_chunk(profile):
    return chunk(b"iCCP", b"p\0\0" + zlib.compress(profile))


def read(tmp_path, content):
    (tmp_path / "deep").write_bytes(content)
    return io.read(tmp_path / "deep")


def assert_exact(image, info, samples):
    """The picture holds (H, W, 1 to 4) uint16 exactly."""
    colors = samples[..., :3] if samples.shape[-1] > 2 else samples[..., :1].repeat(3, axis=-1)
    assert np.array_equal(np.rint(image.double().numpy() * 65535), colors.transpose(2, 0, 1))
    assert info.bit_depth == 16
    if samples.shape[-1] in (2, 4):
        assert np.array_equal(np.rint(info.alpha[0].double().numpy() * 65535), samples[..., -1])
    else:
        assert info.alpha is None


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("interlace", [False, True])
def test_png_is_read_exactly(tmp_path, samples, channels, interlace):
    samples = samples[..., :channels]
    assert_exact(*read(tmp_path, png16(samples, interlace=interlace)), samples)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_with_a_transparent_color(tmp_path, samples, channels):
    samples = samples[..., :channels]
    key = chunk(b"tRNS", samples[2, 3].astype(">u2").tobytes())
    image, info = read(tmp_path, png16(samples, key))
    assert info.alpha[0, 2, 3] == 0
    assert info.alpha.sum() == HEIGHT * WIDTH - 1
    assert image[0, 2, 3] == pytest.approx(samples[2, 3, 0] / 65535)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"compression": "zlib", "predictor": 2}])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_is_read_exactly(tmp_path, samples, order, options, channels):
    samples = samples[..., :channels]
    tifffile.imwrite(
        tmp_path / "a.tif",
        samples[..., 0] if channels == 1 else samples,
        photometric="minisblack" if channels == 1 else "rgb",
        extrasamples=["unassalpha"] if channels == 4 else None,
        byteorder=order,
        rowsperstrip=4,
        **options,
    )
    assert_exact(*io.read(tmp_path / "a.tif"), samples)


def test_tiff_in_separate_planes_is_refused_rather_than_garbled(tmp_path, samples):
    planes = np.ascontiguousarray(samples[..., :3].transpose(2, 0, 1))
    for compression in (None, "zlib"):
        tifffile.imwrite(
            tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate", compression=compression
        )
        with pytest.raises(ImageError, match="separate planes"):
            io.read(tmp_path / "a.tif")


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("bit_depth", [8, 16])
def test_another_reader_agrees_with_our_tiff(tmp_path, samples, channels, bit_depth):
    if bit_depth == 8:
        samples = (samples >> 8) * 257
    image, info = io.read(samples[..., :channels])
    io.write(tmp_path / "a.tif", image, alpha=info.alpha, bit_depth=bit_depth)
    written = tifffile.imread(tmp_path / "a.tif")
    assert np.array_equal(written, samples[..., :channels] >> (16 - bit_depth))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].iccprofile


def test_large_pictures_span_many_strips_and_chunks(tmp_path):
    values = np.random.default_rng(2).integers(0, 65536, (700, 900, 3), dtype=np.uint16)
    image, _ = io.read(values)
    for suffix in (".png", ".tif"):
        io.write(tmp_path / f"a{suffix}", image, bit_depth=16)
        assert torch.equal(io.read(tmp_path / f"a{suffix}")[0], image)
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), values)


def test_floating_point_tiff(tmp_path):
    ramp = np.linspace(0, 1, 60, dtype=np.float32).reshape(6, 10)
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    image, info = io.read(tmp_path / "a.tif")
    assert np.abs(image[0].numpy() - ramp).max() < 1e-5
    assert info.bit_depth == 16
    for wrong in (ramp - 1, ramp * np.nan):
        Image.fromarray(wrong).save(tmp_path / "a.tif")
        with pytest.raises(ImageError, match="1 is white: scale them"):
            io.read(tmp_path / "a.tif")


def test_pillow_images_with_more_than_eight_bits(samples):
    deep = Image.frombuffer(
        "I;16", (WIDTH, HEIGHT), np.ascontiguousarray(samples[..., 0]), "raw", "I;16", 0, 1
    )
    wide = Image.fromarray(samples[..., 0].astype(np.int32))
    for picture in (deep, wide):
        assert_exact(*io.read(picture), samples[..., :1])
    with pytest.raises(ImageError, match="range 0 to 65535"):
        io.read(Image.fromarray(np.full((2, 2), 70_000, np.int32)))


@pytest.mark.parametrize(("channels", "profile"), [(1, gray_profile(1.8)), (3, rgb_profile(ADOBE, 2.2))])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_foreign_profile_costs_precision_and_says_so(tmp_path, samples, channels, profile, alpha):
    samples = samples[..., 4 - channels - alpha :]
    image, info = read(tmp_path, png16(samples, icc_chunk(profile)))
    shallow = Image.fromarray(np.rint(samples[..., :channels] / 257).astype(np.uint8).squeeze())
    expected = np.asarray(to_srgb(shallow, profile)[0])
    assert np.allclose(image.permute(1, 2, 0) * 255, expected, atol=1e-3)
    assert info.bit_depth == 16
    assert "8 bits per channel" in info.notes[0]
    assert (info.alpha is not None) == alpha


def test_a_broken_profile_costs_nothing(tmp_path, samples):
    image, info = read(tmp_path, png16(samples[..., :3], icc_chunk(b"nonsense")))
    assert_exact(image, info, samples[..., :3])
    assert "cannot be used" in info.notes[0]


def camera_dng(orientation=1):
    """A DNG whose sensor saw red grow to the right and green to the bottom; its thumbnail is black."""
    down, across = np.mgrid[:HEIGHT_RAW, :WIDTH_RAW] / np.array([HEIGHT_RAW, WIDTH_RAW])[:, None, None]
    sensor = np.where(np.indices((HEIGHT_RAW, WIDTH_RAW)).sum(0) % 2, down, 0.2)
    sensor[::2, ::2] = across[::2, ::2]
    matrix = [number for value in _MATRIX for number in (value, 10000)]
    of_camera = [
        (50706, 1, 4, b"\1\4\0\0", True),  # DNGVersion
        (50708, 2, 0, "Camera", True),
        (50721, 10, 9, matrix, True),  # ColorMatrix1
        (50728, 5, 3, [1, 1, 1, 1, 1, 1], True),  # AsShotNeutral
        (50778, 3, 1, 21, True),  # CalibrationIlluminant1: D65
        (271, 2, 0, "Maker", True),
        (274, 3, 1, orientation, True),
    ]
    of_sensor = [(33421, 3, 2, [2, 2], True), (33422, 1, 4, b"\0\1\1\2", True), (50717, 3, 1, 4000, True)]
    buffer = BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        thumbnail = np.zeros((12, 16, 3), np.uint8)
        file.write(thumbnail, photometric="rgb", subifds=1, subfiletype=1, metadata=None, extratags=of_camera)
        file.write((sensor * 4000).astype(np.uint16), photometric="cfa", metadata=None, extratags=of_sensor)
    return buffer.getvalue()


class StandIn:
    """What rawpy gives for a file, as far as it is asked for."""

    def __init__(self, file):
        if b"Maker" not in file.read():
            raise ValueError("no camera's")
        self.sizes = SimpleNamespace(height=HEIGHT_RAW, width=WIDTH_RAW, flip=6)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def postprocess(self, use_camera_wb, output_bps):
        assert use_camera_wb and output_bps == 16
        return np.arange(WIDTH_RAW * HEIGHT_RAW * 3, dtype=np.uint16).reshape(WIDTH_RAW, HEIGHT_RAW, 3)


@pytest.fixture
def stand_in(monkeypatch):
    rawpy = ModuleType("rawpy")
    rawpy.imread = StandIn
    monkeypatch.setitem(sys.modules, "rawpy", rawpy)


def test_a_raw_photo_is_developed_upright_and_deep(tmp_path, stand_in):
    path = tmp_path / "IMG_1.dng"
    path.write_bytes(camera_dng(orientation=6))
    image, info = io.read(path)
    assert (info.size, info.bit_depth, info.notes) == ((WIDTH_RAW, HEIGHT_RAW), 16, ())
    assert find_size(path) == info.size
    developed = StandIn(BytesIO(b"Maker")).postprocess(True, 16)
    assert np.array_equal(np.rint(image.double().permute(1, 2, 0).numpy() * 65535), developed)
    assert b"Maker" in info.exif
    source, large = open_large(path)
    assert torch.equal(source.region(0, 0, *source.size), image)
    assert large.exif == info.exif


def test_a_raw_photo_that_libraw_does_not_read(tmp_path, stand_in):
    (tmp_path / "IMG_1.raf").write_bytes(b"FUJIFILMCCD-RAW 0201" + bytes(80))
    with pytest.raises(ImageError, match=r"IMG_1\.raf is a raw photo that LibRaw does not read: develop it"):
        io.read(tmp_path / "IMG_1.raf")


def test_training_reads_raw_photos(stand_in):
    photo = open_photo(camera_dng(), "a.dng")
    square = cut_square(photo, CropPosition(0.5, 0.5, 1.0, 0.0, False), 16, "a.dng")
    assert (square.mode, square.size) == ("RGB", (16, 16))


@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (HEIGHT_RAW, WIDTH_RAW)), (6, (WIDTH_RAW, HEIGHT_RAW))]
)
def test_libraw_itself(tmp_path, orientation, size):
    pytest.importorskip("rawpy")
    path = tmp_path / "IMG_1.dng"
    path.write_bytes(camera_dng(orientation))
    image, info = io.read(path)
    assert info.size == find_size(path) == size
    stored = image if orientation == 1 else image.rot90(1, (1, 2))
    red, green = stored[0], stored[1]
    assert red[:, -40:].mean() > red[:, :40].mean() + 0.3
    assert green[-30:].mean() > green[:30].mean() + 0.1
    path.write_bytes(camera_dng()[:2000])
    with pytest.raises(ImageError, match="IMG_1"):
        io.read(path)
