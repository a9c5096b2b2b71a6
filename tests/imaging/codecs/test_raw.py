"""Raw photos, developed by LibRaw, and by a stand-in where it is not here."""

import sys
from io import BytesIO
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import tifffile
import torch

from impasto.errors import ImageError
from impasto.imaging import io
from impasto.imaging.sources import find_size, open_large
from impasto.training.crops import CropPosition, cut_square
from impasto.training.photos import open_photo

HEIGHT, WIDTH = 96, 128
_MATRIX = (32406, -15372, -4986, -9689, 18758, 415, 557, -2040, 10570)  # XYZ to linear sRGB, in 1/10000


def camera_dng(orientation=1):
    """A DNG whose sensor saw red grow to the right and green to the bottom; its thumbnail is black."""
    down, across = np.mgrid[:HEIGHT, :WIDTH] / np.array([HEIGHT, WIDTH])[:, None, None]
    sensor = np.where(np.indices((HEIGHT, WIDTH)).sum(0) % 2, down, 0.2)
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
        self.sizes = SimpleNamespace(height=HEIGHT, width=WIDTH, flip=6)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def postprocess(self, use_camera_wb, output_bps):
        assert use_camera_wb and output_bps == 16
        return np.arange(WIDTH * HEIGHT * 3, dtype=np.uint16).reshape(WIDTH, HEIGHT, 3)


@pytest.fixture
def stand_in(monkeypatch):
    rawpy = ModuleType("rawpy")
    rawpy.imread = StandIn
    monkeypatch.setitem(sys.modules, "rawpy", rawpy)


def test_a_raw_photo_is_developed_upright_and_deep(tmp_path, stand_in):
    path = tmp_path / "IMG_1.dng"
    path.write_bytes(camera_dng(orientation=6))
    image, info = io.read(path)
    assert (info.size, info.bit_depth, info.notes) == ((WIDTH, HEIGHT), 16, ())
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


@pytest.mark.parametrize(("orientation", "size"), [(1, (HEIGHT, WIDTH)), (6, (WIDTH, HEIGHT))])
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
