"""Fine structure returned: what comes back, what stays away, and how far it reaches."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.imaging.color_transfer import luma
from impasto.imaging.detail import HALO, return_detail

Picture = Callable[[str, int], Tensor]


@pytest.fixture(scope="module")
def photo(picture: Picture) -> Tensor:
    return picture("astronaut", 160)


@pytest.fixture(scope="module")
def painting(photo: Tensor) -> Tensor:
    """The photo in other colors without what is finer than four pixels, under strokes."""
    coarse = torch.nn.functional.avg_pool2d(photo[None], 9, 1, 4, count_include_pad=False)[0]
    strokes = 0.08 * torch.sin(torch.arange(photo.shape[2]) * 1.1)
    return (coarse.roll(1, 0) * 0.8 + 0.1 + strokes).clamp(0, 1)


def finest(image: Tensor) -> Tensor:
    gray = luma(image)
    return gray - torch.nn.functional.avg_pool2d(gray[None], 5, 1, 2, count_include_pad=False)[0]


def alike(one: Tensor, other: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])


def test_the_photos_structure_returns_by_the_amount(photo: Tensor, painting: Tensor) -> None:
    found = [return_detail(painting, photo, amount) for amount in (0.0, 0.5, 1.0)]
    likeness = [alike(finest(image), finest(photo)) for image in found]
    assert likeness[0] < 0.2
    assert likeness[1] > likeness[0] + 0.3
    assert likeness[2] > 0.85
    assert torch.equal(found[0], painting)


def test_colors_are_the_paintings(photo: Tensor, painting: Tensor) -> None:
    """All channels move by the same, where none ends at black or white."""
    moved = return_detail(painting, photo, 1.0)
    inside = ((moved > 0) & (moved < 1)).all(0)
    assert inside.float().mean() > 0.9
    assert torch.allclose((moved - luma(moved))[:, inside], (painting - luma(painting))[:, inside], atol=1e-5)


def test_strokes_stay_where_the_photo_is_flat(painting: Tensor) -> None:
    flat = torch.full_like(painting, 0.6)
    assert torch.allclose(return_detail(painting, flat, 1.0), painting, atol=1e-6)
    noise = torch.randn(painting.shape, generator=torch.Generator().manual_seed(0)) * 0.004
    change = return_detail(painting, flat + noise, 1.0) - painting
    assert change.abs().max() < 0.02


def test_an_edge_that_is_there_already_gets_no_halo() -> None:
    photo = torch.full((3, 64, 64), 0.2)
    photo[..., 32:] = 0.8
    assert torch.allclose(return_detail(photo, photo, 1.0), photo, atol=1e-6)
    soft = 0.5 + 0.6 * torch.atan((torch.arange(64) - 31.5) / 2) / torch.pi
    soft = soft.expand(3, 64, 64)
    found = return_detail(soft, photo, 1.0)
    assert found.max() < 0.85 and found.min() > 0.15
    assert (found - photo).abs().mean() < 0.8 * (soft - photo).abs().mean()


def gaussian(image: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    """Row by row and column by column, borders repeated."""
    reach = int(np.ceil(3 * deviation))
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * deviation**2))
    kernel /= kernel.sum()
    for _ in range(2):
        wide = np.pad(image, ((0, 0), (reach, reach)), mode="edge")
        image = np.stack([np.convolve(row, kernel, "valid") for row in wide]).T
    return image


def test_against_numpy(photo: Tensor, painting: Tensor) -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])
    ours, seen = (np.tensordot(weights, image.double().numpy(), 1) for image in (painting, photo))
    expected = painting.double().numpy().copy()
    for scale in (1.0, 2.0):
        below, under = gaussian(ours, scale), gaussian(seen, scale)
        strokes, structure = ours - below, seen - under
        energies = [gaussian(band**2, 2 * scale) for band in (strokes, structure)]
        share = energies[1] / (energies[1] + energies[0] / 4 + 1e-4)
        expected += 0.7 * share * (structure - strokes)
        ours, seen = below, under
    found = return_detail(painting, photo, 0.7).double().numpy()
    np.testing.assert_allclose(found, expected.clip(0, 1), atol=2e-6)


def test_a_part_comes_out_as_in_the_whole(photo: Tensor, painting: Tensor) -> None:
    """But for a halo, which is as narrow as it can be."""
    top, left = 20, 31
    whole = return_detail(painting, photo, 1.0)[:, top + HALO : -HALO, left + HALO : -HALO]
    part = return_detail(painting[:, top:, left:], photo[:, top:, left:], 1.0)
    assert torch.allclose(part[:, HALO:-HALO, HALO:-HALO], whole, atol=1e-6)
    spot = photo.clone()
    spot[:, 80, 80] = 1 - spot[:, 80, 80]
    reached = (return_detail(painting, spot, 1.0) - return_detail(painting, photo, 1.0)).abs().amax((0, 1))
    columns = reached.nonzero().flatten()
    assert 80 - int(columns.min()) <= HALO and int(columns.max()) - 80 <= HALO
    assert 80 - int(columns.min()) > HALO / 2


def test_a_batch_is_its_pictures_and_small_ones_are_no_trouble(photo: Tensor, painting: Tensor) -> None:
    pictures, photos = torch.stack([painting, photo]), torch.stack([photo, painting])
    for found, *pair in zip(return_detail(pictures, photos, 0.5), pictures, photos, strict=True):
        assert torch.allclose(found, return_detail(*pair, 0.5), atol=1e-6)
    tiny = return_detail(painting[:, :2, :1], photo[:, :2, :1], 1.0)
    assert tiny.shape == (3, 2, 1) and tiny.isfinite().all()
