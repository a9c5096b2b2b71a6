"""Large-scale light returned: what moves, what stays, and how far it reaches."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.imaging.color_transfer import color_moments, map_colors
from impasto.imaging.light import HALO, cell_means, replace_light, return_light

Picture = Callable[[str, int], Tensor]
CELL = 16


@pytest.fixture(scope="module")
def photo(picture: Picture) -> Tensor:
    return picture("coffee", 150)  # 150 x 100


@pytest.fixture(scope="module")
def painted(photo: Tensor) -> Tensor:
    """The photo in other colors under clouds and strokes."""
    down, across = torch.meshgrid(*(torch.arange(side) for side in photo.shape[1:]), indexing="ij")
    clouds = 0.15 * torch.sin(down / 14) * torch.cos(across / 17)
    strokes = 0.04 * torch.sin(across * 1.1)
    return (photo[[2, 0, 1]] * 0.5 + 0.25 + clouds + strokes).clamp(0, 1)


def of_cells(image: Tensor) -> np.ndarray:
    """Means of all cells by loops, those at the border of what is there."""
    pixels = image.double().numpy()
    tops, lefts = (range(0, side, CELL) for side in pixels.shape[1:])
    cells = [[pixels[:, t : t + CELL, x : x + CELL].mean((1, 2)) for x in lefts] for t in tops]
    return np.moveaxis(np.array(cells), -1, 0)


def test_means_of_cells(photo: Tensor) -> None:
    np.testing.assert_allclose(cell_means(photo), of_cells(photo), atol=1e-5)
    np.testing.assert_allclose(
        cell_means(photo[:, 5:, 7:], (5, 7))[:, 1:, 1:], of_cells(photo)[:, 1:, 1:], atol=1e-5
    )


@pytest.mark.parametrize(("amount", "most"), [(0.0, 1.0), (0.5, 0.45), (1.0, 0.1)])
def test_clouds_go_by_the_amount(photo: Tensor, painted: Tensor, amount: float, most: float) -> None:
    wanted = map_colors(photo, color_moments(photo), color_moments(painted)).clamp(0, 1)

    def clouds(image: Tensor) -> float:
        return float((cell_means(image) - cell_means(wanted)).square().mean())

    found = return_light(painted, photo, amount)
    assert clouds(found) <= clouds(painted) * most
    assert (found is painted) == (amount == 0)


def test_strokes_stay(photo: Tensor, painted: Tensor) -> None:
    """What is smaller than a cell moves as a whole: differences of neighbors are as before."""
    middle = (0.3 + 0.4 * painted, 0.3 + 0.4 * photo)  # nothing is clipped
    before, after = (image.diff(dim=2) for image in (middle[0], return_light(*middle, 1.0)))
    assert torch.corrcoef(torch.stack([before.flatten(), after.flatten()]))[0, 1] > 0.95


def test_a_photo_in_its_own_style_is_left_alone(photo: Tensor) -> None:
    torch.testing.assert_close(return_light(photo, photo, 1.0), photo, atol=2e-3, rtol=0)


def test_replacing_is_linear_between_the_centers_of_cells(photo: Tensor) -> None:
    """A ramp of wanted means becomes a ramp of pixels."""
    wanted = cell_means(torch.zeros(3, 64, 64)) + torch.arange(4.0)
    moved = replace_light(torch.zeros(3, 64, 64), wanted, 1.0)
    np.testing.assert_allclose(moved[0, 20, 8:56], (np.arange(8, 56) - 7.5) / 16, atol=1e-6)


def test_a_batch_is_its_images(photo: Tensor, painted: Tensor) -> None:
    expected = torch.stack([return_light(painted, photo, 0.7), return_light(photo, painted, 0.7)])
    found = return_light(torch.stack([painted, photo]), torch.stack([photo, painted]), 0.7)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("box", [(0, 0, 70, 90), (13, 21, 100, 150), (3, 5, 99, 149)])
def test_a_part_is_as_in_the_whole(photo: Tensor, painted: Tensor, box: tuple[int, int, int, int]) -> None:
    top, left, bottom, right = box
    whole = return_light(painted, photo, 0.75)
    parts = (image[:, top:bottom, left:right] for image in (painted, photo))
    part = return_light(*parts, 0.75, seen=(painted, photo), offset=(top, left))
    margins = [HALO if start else 0 for start in (top, left)]
    ends = [end - (HALO if end < side else 0) for end, side in zip((bottom, right), (100, 150), strict=True)]
    inner = (slice(margins[0] + top, ends[0]), slice(margins[1] + left, ends[1]))
    found = part[:, inner[0].start - top : inner[0].stop - top, inner[1].start - left : inner[1].stop - left]
    torch.testing.assert_close(found, whole[:, *inner])
    assert found.numel() > 0


def test_hidden_colors_do_not_rule_the_range(photo: Tensor, painted: Tensor) -> None:
    """Of the mapping; each cell's own mean is of all its pixels."""
    alpha = torch.ones(1, 100, 150)
    alpha[..., 96:] = 0
    loud = photo.clone()
    loud[..., 96:] = torch.tensor([1.0, 0.0, 1.0]).view(3, 1, 1)
    found, expected = (return_light(painted, image, 1.0, alpha=alpha) for image in (loud, photo))
    torch.testing.assert_close(found[..., :80], expected[..., :80])
    assert (return_light(painted, loud, 1.0) - expected)[..., :80].abs().max() > 0.05


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (16, 16), (17, 5)])
def test_small_pictures(size: tuple[int, int]) -> None:
    found = return_light(torch.rand(3, *size), torch.rand(3, *size), 1.0)
    assert found.shape == (3, *size)
    assert found.isfinite().all()
    assert 0 <= found.min() <= found.max() <= 1
