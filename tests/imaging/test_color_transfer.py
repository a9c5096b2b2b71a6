"""Colors matched and kept, against float64 in NumPy and LittleCMS."""

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms
from torch import Tensor

from impasto.imaging.color_transfer import from_lab, keep_color, luma, match_colors, to_lab
from impasto.options import KeepColor

Picture = Callable[[str, int], Tensor]
HOWS = [how for how in get_args(KeepColor) if how != "none"]


def pixels(image: Tensor) -> NDArray[np.float64]:
    """(3, H W)."""
    return image.double().flatten(-2).numpy()


def soft(image: Tensor) -> Tensor:
    """Of low contrast around the middle, so that nothing that is matched to it leaves [0, 1]."""
    return 0.5 + (image - image.mean((-2, -1), keepdim=True)) * 0.3


@pytest.fixture(scope="module")
def coffee(picture: Picture) -> Tensor:
    return picture("coffee", 60)


@pytest.fixture(scope="module")
def cat(picture: Picture) -> Tensor:
    return picture("chelsea", 60)[..., :40, :]


@pytest.fixture(scope="module")
def rocket(picture: Picture) -> Tensor:
    return picture("rocket", 60)[..., :40, :]


def test_matched_colors_have_the_mean_and_covariance_of_the_target(coffee: Tensor, cat: Tensor) -> None:
    target = soft(cat)
    found = match_colors(coffee, target)
    assert found.shape == coffee.shape
    assert found.min() > 0 and found.max() < 1, "what is clamped has other moments"
    np.testing.assert_allclose(pixels(found).mean(1), pixels(target).mean(1), atol=1e-5)
    np.testing.assert_allclose(np.cov(pixels(found)), np.cov(pixels(target)), atol=1e-4 * 0.05)


def test_the_map_is_the_symmetric_one(coffee: Tensor, cat: Tensor) -> None:
    """Of Gaussians, the map with the least transport: A = Cs^-1/2 (Cs^1/2 Ct Cs^1/2)^1/2 Cs^-1/2."""
    source, target = pixels(coffee), pixels(soft(cat))

    def power(matrix: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
        values, vectors = np.linalg.eigh(matrix)
        return np.asarray(vectors @ np.diag(values**exponent) @ vectors.T)

    root = power(np.cov(source, bias=True), 0.5)
    inverse = np.linalg.inv(root)
    matrix = inverse @ power(root @ np.cov(target, bias=True) @ root, 0.5) @ inverse
    expected = matrix @ (source - source.mean(1, keepdims=True)) + target.mean(1, keepdims=True)
    np.testing.assert_allclose(pixels(match_colors(coffee, soft(cat))), expected, atol=1e-5)


def test_matching_a_batch_is_matching_each(coffee: Tensor, cat: Tensor, rocket: Tensor) -> None:
    batch = torch.stack([cat, rocket])
    for found, one in zip(match_colors(batch, coffee), batch, strict=True):
        assert torch.allclose(found, match_colors(one, coffee), atol=1e-6)


def test_noise_of_a_nearly_gray_picture_does_not_become_color(coffee: Tensor) -> None:
    dice = torch.Generator().manual_seed(0)
    gray = soft(coffee.mean(0, keepdim=True).expand(3, -1, -1))
    noisy = gray + torch.randn(coffee.shape, generator=dice) / 255
    found = match_colors(noisy, coffee)
    noise = found - match_colors(gray, coffee)
    assert noise.std() < 8.1 / 255


def as_lab(image: Tensor) -> NDArray[np.float64]:
    """CIELAB by Pillow's LittleCMS, (H, W, 3), whose profile has D50 for white as ICC profiles do."""
    bytes_of = (image.permute(1, 2, 0) * 255).round().byte().numpy()
    lab = ImageCms.createProfile("LAB")
    change = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), lab, "RGB", "LAB")
    encoded = ImageCms.applyTransform(Image.fromarray(bytes_of), change)
    assert encoded is not None
    planes = np.asarray(encoded).astype(np.int16)
    planes[..., 1:] = planes[..., 1:].astype(np.int8)
    return planes * np.array([100 / 255, 1, 1])


def test_lightness_agrees_with_littlecms(coffee: Tensor) -> None:
    """a and b differ a little, by the adaptation of D65 to D50."""
    found = to_lab((coffee * 255).round() / 255).permute(1, 2, 0).numpy()
    expected = as_lab(coffee)
    assert np.abs(found[..., 0] - expected[..., 0]).max() < 2.5
    assert np.abs(found - expected).mean() < 1.5


@pytest.mark.parametrize(
    ("color", "lab"),
    [
        ((1, 1, 1), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((1, 0, 0), (53.2408, 80.0925, 67.2032)),
        ((0, 1, 0), (87.7347, -86.1827, 83.1793)),
        ((0, 0, 1), (32.2970, 79.1875, -107.8602)),
        ((0.01, 0.01, 0.01), (0.6991, 0, 0)),
    ],
)
def test_lab_of_known_colors(color: tuple[float, ...], lab: tuple[float, ...]) -> None:
    """Of the primaries as color tables have them, D65."""
    found = to_lab(torch.tensor(color, dtype=torch.float32).view(3, 1, 1))
    np.testing.assert_allclose(found.flatten(), lab, atol=0.02)


def test_lab_and_back(coffee: Tensor) -> None:
    assert torch.allclose(from_lab(to_lab(coffee)), coffee, atol=1e-4)
    assert torch.allclose(from_lab(to_lab(coffee[None].double())), coffee[None].double(), atol=1e-6)


def test_lab_transfer_gives_the_mean_and_deviation_of_each_channel(cat: Tensor, rocket: Tensor) -> None:
    picture, photo = soft(rocket), soft(cat) * 0.7 + 0.15
    found = to_lab(keep_color(picture, photo, "lab-transfer"))
    assert to_lab(photo)[0].std() < to_lab(picture)[0].std()
    assert torch.allclose(found.mean((1, 2)), to_lab(photo).mean((1, 2)), atol=0.05)
    assert torch.allclose(found.std((1, 2)), to_lab(photo).std((1, 2)), atol=0.05)


def test_lab_transfer_does_not_add_contrast(cat: Tensor, rocket: Tensor) -> None:
    """Of a photo in hard light, only the colors' deviations are taken."""
    picture, photo = soft(rocket) * 0.5 + 0.25, soft(cat)
    found = to_lab(keep_color(picture, photo, "lab-transfer"))
    assert torch.allclose(found[0].std(), to_lab(picture)[0].std(), atol=0.05)
    assert torch.allclose(found[1:].std((1, 2)), to_lab(photo)[1:].std((1, 2)), atol=0.05)


def test_luminance_is_the_pictures_and_chroma_the_photos(cat: Tensor, rocket: Tensor) -> None:
    found = keep_color(rocket, cat, "luminance")
    assert found.min() >= 0 and found.max() <= 1
    assert torch.allclose(luma(found), luma(rocket), atol=1e-6)
    weights = np.array([0.2126, 0.7152, 0.0722])
    chroma = pixels(cat) - weights @ pixels(cat)
    kept = pixels(found) - weights @ pixels(found)
    share = (kept * chroma).sum(0) / (chroma**2).sum(0)
    np.testing.assert_allclose(kept, share * chroma, atol=1e-5, err_msg="the hue moved")
    inside = ((pixels(luma(rocket)) + chroma > 0.001) & (pixels(luma(rocket)) + chroma < 0.999)).all(0)
    assert inside.mean() > 0.2
    np.testing.assert_allclose(share[inside], 1, atol=1e-3, err_msg="less chroma without need")


def test_histogram_is_matching(cat: Tensor, rocket: Tensor) -> None:
    assert torch.equal(keep_color(rocket, cat, "histogram"), match_colors(rocket, cat))


@pytest.mark.parametrize("how", HOWS)
def test_the_amount_mixes(cat: Tensor, rocket: Tensor, how: KeepColor) -> None:
    whole = keep_color(rocket, cat, how)
    assert not torch.allclose(whole, rocket, atol=0.05)
    assert torch.allclose(keep_color(rocket, cat, how, 0.25), rocket * 0.75 + whole * 0.25, atol=1e-6)
    assert torch.equal(keep_color(rocket, cat, how, 0), rocket)
    assert torch.equal(keep_color(rocket, cat, "none"), rocket)


@pytest.mark.parametrize("how", HOWS)
def test_parts_come_out_as_in_the_whole(cat: Tensor, rocket: Tensor, how: KeepColor) -> None:
    whole = keep_color(rocket, cat, how)
    part = keep_color(rocket[:, 5:20, 9:30], cat[:, 5:20, 9:30], how, seen=(rocket, cat))
    assert torch.allclose(part, whole[:, 5:20, 9:30], atol=1e-6)


@pytest.mark.parametrize("how", HOWS)
def test_hidden_colors_have_no_influence(cat: Tensor, rocket: Tensor, how: KeepColor) -> None:
    alpha = torch.ones(1, *cat.shape[1:])
    alpha[..., :15] = 0
    hidden = cat.clone()
    hidden[..., :15] = 0
    found = keep_color(rocket, hidden, how, alpha=alpha)[..., 15:]
    assert torch.allclose(found, keep_color(rocket[..., 15:], cat[..., 15:], how), atol=1e-4)
    nothing = keep_color(rocket, cat, how, alpha=torch.zeros_like(alpha))
    assert torch.allclose(nothing, keep_color(rocket, cat, how), atol=1e-6)


@pytest.mark.parametrize("how", HOWS)
def test_a_batch_is_its_pictures(cat: Tensor, rocket: Tensor, how: KeepColor) -> None:
    pictures, photos = torch.stack([rocket, cat]), torch.stack([cat, rocket])
    for found, *pair in zip(keep_color(pictures, photos, how), pictures, photos, strict=True):
        assert torch.allclose(found, keep_color(*pair, how), atol=1e-5)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_one_color_and_gray_are_no_trouble(cat: Tensor, how: KeepColor, value: float) -> None:
    flat = torch.full_like(cat, value)
    gray = cat.mean(0, keepdim=True).expand(3, -1, -1)
    for picture, photo in ((cat, flat), (flat, cat), (gray, cat), (cat, gray), (flat, 1 - flat)):
        found = keep_color(picture, photo, how)
        assert found.isfinite().all()
        assert found.min() >= 0 and found.max() <= 1
    kept = keep_color(cat, gray, how)
    assert (kept.amax(0) - kept.amin(0)).max() < 0.02, "color came from nowhere"
