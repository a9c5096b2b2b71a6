"""Windows of paintings: the same by their number, near enough, and of many colors."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage import data

from impasto.training.crops import Windows, _turn_hues
from impasto.training.photos import find_photos


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


def test_colours_vary(windows: Windows) -> None:
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
        import random

        cut = windows._place(image, random.Random(number))
        assert 128 / 620 <= cut.side * 0.7 <= 128 / 400 + 1e-6
