"""Layout: nothing for recolored photos, much for clouds, and what float64 in NumPy says."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.evaluation.metrics import layout
from impasto.imaging.color_transfer import match_colors, to_oklab

Picture = Callable[[str, int], Tensor]


@pytest.fixture(scope="module")
def photo(picture: Picture) -> Tensor:
    return picture("coffee", 128)[None]


def clouds(photo: Tensor) -> Tensor:
    noise = torch.rand(1, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, size=photo.shape[2:], mode="bicubic").clamp(0, 1)


def test_a_recolored_photo_has_none(photo: Tensor, picture: Picture) -> None:
    assert layout(photo, photo) < 1e-6
    assert layout(0.2 + 0.6 * match_colors(photo, picture("chelsea", 64)[None]), photo) < 0.02
    assert layout(1 - photo, photo) < 0.02


def test_clouds_are_layout(photo: Tensor) -> None:
    assert layout(clouds(photo), photo) > 0.5
    assert 0.05 < layout(torch.lerp(photo, clouds(photo), 0.4), photo) < 0.5


def test_fine_strokes_are_not(photo: Tensor) -> None:
    strokes = 0.2 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(1))
    assert layout((0.25 + photo / 2 + strokes).clamp(0, 1), photo) < 0.1


def test_a_picture_of_one_color_is_a_number(photo: Tensor) -> None:
    assert 0 <= layout(torch.full_like(photo, 0.5), photo) < 1e-2
    assert np.isfinite(layout(photo, torch.full_like(photo, 0.5)))


def test_numpy_agrees(photo: Tensor) -> None:
    picture = torch.lerp(photo, clouds(photo), 0.5)

    def seen(image: Tensor) -> np.ndarray:
        pixels = image[0].double().numpy()
        deviation = 0.02 * max(pixels.shape[1:])
        reach = int(3 * deviation)
        weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * deviation**2))
        weights /= weights.sum()
        wide = np.pad(pixels, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
        for axis in (1, 2):
            wide = np.apply_along_axis(np.convolve, axis, wide, weights, mode="valid")
        linear = np.where(wide <= 0.04045, wide / 12.92, ((wide + 0.055) / 1.055) ** 2.4)[:, ::4, ::4]
        cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                 [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
        lab = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099],
               [0.0259040371, 0.7827717662, -0.808675766]]  # fmt: skip
        return np.asarray(lab) @ np.cbrt(np.asarray(cones) @ linear.reshape(3, -1))

    made, (light, a, b) = seen(picture).T, seen(photo)
    known = np.stack([np.ones_like(light), light, a, b, light**2, a * a, b * b, light * a, light * b, a * b,
                      light**3], 1)  # fmt: skip
    left = made - known @ np.linalg.lstsq(known, made, rcond=None)[0]
    expected = np.square(left).sum() / np.square(made - made.mean(0)).sum()
    assert layout(picture, photo) == pytest.approx(expected, rel=1e-3)


def test_oklab_of_known_colors() -> None:
    """Ottosson's own examples: white is (1, 0, 0), and red's lightness is 0.628."""
    colors = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]).T[:, :, None]
    found = to_oklab(colors)[..., 0]
    torch.testing.assert_close(found[:, 0], torch.tensor([1.0, 0.0, 0.0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(found[:, 1], torch.tensor([0.62796, 0.22486, 0.12585]), atol=1e-4, rtol=0)
