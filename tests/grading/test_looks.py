"""LUTs in files, as pictures, too."""

import pytest
import torch
from PIL import Image

from impasto.errors import ImageError
from impasto.grading.looks import read_hald, write_hald
from impasto.grading.lut import identity


def test_comes_back_as_it_was(tmp_path):
    lut = identity(9)
    lut = lut.with_outputs(1 - lut.inputs * torch.tensor([1.0, 0.5, 0.25])[:, None, None])
    write_hald(tmp_path / "a.png", lut)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (512, 512)
    back, image = read_hald(tmp_path / "a.png"), torch.rand(3, 16, 16)
    assert back.points == 64
    assert torch.allclose(back(image), lut(image), atol=2e-4)


def test_red_changes_fastest(tmp_path):
    colors = [
        (85 * red, 85 * green, 85 * blue) for blue in range(4) for green in range(4) for red in range(4)
    ]
    picture = Image.new("RGB", (8, 8))
    picture.putdata(colors)
    picture.save(tmp_path / "a.png")
    image = torch.rand(3, 8, 8)
    assert torch.allclose(read_hald(tmp_path / "a.png")(image), image, atol=1e-5)


@pytest.mark.parametrize("size", [(8, 9), (9, 9), (1, 1)])
def test_other_pictures_are_none(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="is not a HaldCLUT"):
        read_hald(tmp_path / "a.png")
