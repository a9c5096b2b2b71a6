"""JPEG files without their end."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from impasto.errors import ImageError
from impasto.imaging import io
from impasto.imaging.sources import open_large

ROWS = 160
PHOTO = Image.fromarray(data.coffee()).resize((240, ROWS))
KINDS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "full color": {"subsampling": 0},
    "restarts": {"restart_marker_rows": 1},
    "gray": {"mode": "L"},
    "optimized": {"optimize": True, "quality": 95},
}


def encode(mode="RGB", **options):
    buffer = BytesIO()
    PHOTO.convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.fixture
def read_bytes(tmp_path):
    def read(content):
        (tmp_path / "cut.jpg").write_bytes(content)
        image, info = io.read(tmp_path / "cut.jpg")
        large, large_info = open_large(tmp_path / "cut.jpg")
        assert torch.equal(large.region(0, 0, *large.size), image)
        assert large_info.notes == info.notes
        return image, [note.removeprefix(info.name) for note in info.notes]

    return read


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [1, 2])
def test_without_its_end_marker_a_picture_is_whole(read_bytes, kind, missing):
    content = encode(**KINDS[kind])
    whole, notes = read_bytes(content)
    assert notes == []
    image, notes = read_bytes(content[:-missing])
    assert torch.equal(image, whole)
    assert notes == [" lacks the marker at its end; no rows are missing"]


@pytest.mark.parametrize("kind", KINDS)
def test_missing_rows_are_counted(read_bytes, kind):
    content = encode(**KINDS[kind])
    whole, _ = read_bytes(content)
    image, (note,) = read_bytes(content[:-200])
    words = note.split()
    rows = int(words[words.index("last") + 1])
    assert note == f" is cut short: the last {rows} of its {ROWS} rows are missing"
    assert 8 <= rows <= 40
    assert torch.equal(image[:, :-rows], whole[:, :-rows])
    assert not torch.equal(image[:, -rows:], whole[:, -rows:])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_a_file_that_lacks_more_is_damaged(read_bytes, kind, share):
    content = encode(**KINDS[kind])
    with pytest.raises(ImageError, match=r"cut\.jpg is damaged, cut short"):
        read_bytes(content[: int(len(content) * share)])


def test_a_progressive_file_that_ends_between_two_passes_is_damaged(read_bytes):
    content = encode(progressive=True)
    last_pass = content.rindex(b"\xff\xda")
    with pytest.raises(ImageError, match="the file ends before its last pass"):
        read_bytes(content[:last_pass])


def test_bytes_behind_the_end_marker_are_not_missing_it(read_bytes):
    assert read_bytes(encode() + b"a trailer of a camera")[1] == []


def test_transparent_to_orientation(read_bytes):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encode(exif=exif)
    whole, _ = read_bytes(content)
    image, notes = read_bytes(content[:-2])
    assert np.array_equal(image, whole)
    assert len(notes) == 1
