"""Borders of reproductions: found where there are some, and nothing lost where there are none."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

import impasto
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.style import CropBox, crop, find_picture

Picture = Callable[[str, int], Tensor]
FOLDER = Path(impasto.__file__).parent / "styles"
WORKS = sorted((*(FOLDER / "pictures").glob("*.jpg"), *(FOLDER / "textures").glob("*.jpg")))
FRAMED = [path for path in WORKS if "stained" not in path.name][:5]


def read(path: Path) -> Tensor:
    image = io.read(path)[0]
    return resize(image[None], fit_long_side((image.shape[1], image.shape[2]), 360))[0]


def set_in(image: Tensor, canvas: Tensor, left: int, top: int) -> tuple[Tensor, CropBox]:
    height, width = image.shape[1:]
    canvas[:, top : top + height, left : left + width] = image
    return canvas, (left, top, width, height)


def on_paper(image: Tensor) -> tuple[Tensor, CropBox]:
    """A white margin, wider below, with a caption."""
    canvas = torch.full((3, image.shape[1] + 90, image.shape[2] + 60), 0.97)
    canvas += 0.004 * torch.randn(canvas.shape, generator=torch.Generator().manual_seed(0))
    canvas[:, -20:-14, 40:56:2] = 0.2
    return set_in(image, canvas.clamp(0, 1), 30, 30)


def letterboxed(image: Tensor) -> tuple[Tensor, CropBox]:
    return set_in(image, torch.zeros(3, image.shape[1] + 80, image.shape[2]), 0, 40)


def in_wood(image: Tensor) -> tuple[Tensor, CropBox]:
    """A dark frame with a grain and a bright fillet."""
    height, width = image.shape[1] + 72, image.shape[2] + 72
    grain = 0.05 * torch.rand(1, height, width, generator=torch.Generator().manual_seed(1))
    canvas = torch.tensor([0.25, 0.15, 0.08]).view(3, 1, 1) + grain
    canvas[:, 30:-30, 30:-30] = 0.9
    return set_in(image, canvas, 36, 36)


def matted(image: Tensor) -> tuple[Tensor, CropBox]:
    """A frame around a mat."""
    inner, (left, top, _, _) = in_wood(on_paper(image)[0])
    return inner, (left + 30, top + 30, image.shape[2], image.shape[1])


def overlap(one: CropBox, other: CropBox) -> float:
    """Intersection over union."""
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right = min(one[0] + one[2], other[0] + other[2])
    bottom = min(one[1] + one[3], other[1] + other[3])
    both = max(0, right - left) * max(0, bottom - top)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


@pytest.mark.parametrize("border", [on_paper, letterboxed, in_wood, matted])
@pytest.mark.parametrize("path", FRAMED, ids=lambda path: path.stem)
def test_borders_are_found(path: Path, border: Callable[[Tensor], tuple[Tensor, CropBox]]) -> None:
    image, expected = border(read(path))
    found = find_picture(image)
    assert found is not None
    assert overlap(found, expected) > 0.93


@pytest.mark.parametrize("path", WORKS, ids=lambda path: path.stem)
def test_unframed_works_lose_nothing(path: Path) -> None:
    assert find_picture(read(path)) is None


@pytest.mark.parametrize("name", ["coffee", "chelsea", "astronaut", "rocket"])
def test_photos_lose_nothing(picture: Picture, name: str) -> None:
    assert find_picture(picture(name, 300)) is None


def test_an_oval_keeps_the_rectangle_in_it(picture: Picture) -> None:
    image = picture("chelsea", 300)
    height, width = image.shape[1:]
    down, across = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)[None]
    oval = torch.where(down.square() + across.square() <= 1, image, torch.tensor(0.93))
    left, top, wide, high = find_picture(oval) or (0, 0, 0, 0)
    assert (wide / width, high / height) == (pytest.approx(0.71, abs=0.02), pytest.approx(0.71, abs=0.02))
    assert (left, top) == (
        pytest.approx((width - wide) / 2, abs=2),
        pytest.approx((height - high) / 2, abs=2),
    )


def test_plain_backgrounds_are_no_margins(picture: Picture) -> None:
    """A figure before black, as portraits have it."""
    image = torch.zeros(3, 200, 200)
    down, across = torch.linspace(-1, 1, 200)[:, None], torch.linspace(-1, 1, 200)[None]
    figure = (down / 0.9).square() + (across / 0.5).square() <= 1
    image[:, figure] = picture("astronaut", 200)[:, :200, :200].mean() + 0.2
    assert find_picture(image) is None


@pytest.mark.parametrize("color", [0.0, 0.5, 1.0])
def test_pictures_of_one_color_and_tiny_ones(color: float) -> None:
    assert find_picture(torch.full((3, 40, 40), color)) is None
    assert find_picture(torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))) is None


def test_crop() -> None:
    image = torch.arange(2 * 5 * 6.0).view(2, 5, 6)
    assert torch.equal(crop(image, (1, 2, 4, 3)), image[:, 2:5, 1:5])
