"""`impasto.grade`: pictures in and out."""

import numpy as np
import pytest
import torch
from PIL import Image

import impasto
from impasto.errors import ImageError, UsageError
from impasto.grading.grader import GradedBands, Grader
from impasto.grading.looks import read_look, write_look
from impasto.grading.lut import identity
from impasto.imaging import io
from impasto.imaging.sources import Planes


@pytest.fixture
def photo(picture):
    return picture("coffee", 96)


def test_photo_in_picture_out(photo, picture, tmp_path):
    made = impasto.grade(photo, picture("astronaut", 96), save_lut=tmp_path / "a.cube", method="linear")
    assert (made.mode, made.size) == ("RGB", (photo.shape[2], photo.shape[1]))
    applied = impasto.grade(photo, lut=tmp_path / "a.cube")
    assert np.abs(np.asarray(made, int) - np.asarray(applied, int)).max() <= 1


def test_alpha_stays(photo):
    rgba = torch.cat([photo, torch.linspace(0, 1, photo.shape[2]).expand(1, *photo.shape[1:])])
    made = impasto.grade(io.to_pil(rgba[:3], rgba[3:]), photo.flip(0), method="reinhard")
    assert made.mode == "RGBA"
    assert np.asarray(made)[0, -1, 3] == 255


def test_bands_join(photo, monkeypatch):
    monkeypatch.setattr("impasto.grading.grader._BAND", 5 * photo.shape[2])
    lut = identity(17)
    lut = lut.with_outputs(1 - lut.inputs)
    bands = list(GradedBands(lut).bands(Planes(photo), 16))
    assert [len(band) for band in bands[:-1]] == [5] * (len(bands) - 1)
    whole = torch.from_numpy(np.concatenate(bands).astype(np.float32) / 65535).permute(2, 0, 1)
    assert torch.allclose(whole, 1 - photo, atol=1e-4)


def test_looks_by_their_names(tmp_path):
    lut = identity(5)
    for name in ("a.cube", "a.png", "a.CUBE"):
        write_look(tmp_path / name, lut)
        assert torch.allclose(read_look(tmp_path / name)(lut.inputs), lut.inputs, atol=1e-4)


def test_the_record_tells_what_was_done(photo, tmp_path):
    one, other = (Grader(photo, options=impasto.GradeOptions(amount=a)).record() for a in (1.0, 0.5))
    assert one != other
    assert one["grade"]["method"] == "transport"
    write_look(tmp_path / "a.cube", identity(3))
    assert "lut" in Grader(lut=tmp_path / "a.cube").record()["grade"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"amount": 2}, "amount must be from 0 to 1"),
        ({"method": "best"}, "method must be one of transport, linear, reinhard"),
        ({"lut_size": 20}, "lut_size is 17, 33 or 65, not 20"),
        ({"strength": 1}, "there is no option strength: choose among method"),
        ({"lut": "a.cube"}, "either a reference picture or a LUT"),
        ({"save_lut": "a.jpg"}, "a.jpg is not the name of a LUT; end it with .cube"),
    ],
)
def test_what_cannot_be_asked(photo, options, said):
    with pytest.raises(UsageError, match=said):
        impasto.grade(photo, photo, **options)


def test_no_reference(photo):
    with pytest.raises(UsageError, match="either a reference picture or a LUT"):
        impasto.grade(photo)
    with pytest.raises(ImageError, match="is of one color"):
        impasto.grade(photo, Image.new("RGB", (64, 64), "red"))
