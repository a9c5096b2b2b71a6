"""Made-up pictures: the same at every run, and with the statistics of photos."""

import pickle
import random

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from impasto.errors import UsageError
from impasto.training import synthetic as scenes_module
from impasto.training.crops import Crops
from impasto.training.drawing import arrange, to_image
from impasto.training.photos import split
from impasto.training.synthetic import Synthetic

SIZE = 128


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.float64]:
    """(40, SIZE, SIZE, 3) in [0, 1]."""
    source = Synthetic(SIZE)
    return np.stack([np.asarray(source.open(index)) for index in range(40)]) / 255


def test_pictures_are_rgb_of_the_size_asked_for() -> None:
    for size in (16, 75, 128):
        picture = Synthetic(size).open(3)
        assert (picture.mode, picture.size) == ("RGB", (size, size))


def test_every_number_is_always_the_same_picture() -> None:
    first = [np.asarray(Synthetic(64).open(index)) for index in range(12)]
    random.seed(3)
    torch.manual_seed(4)
    np.random.seed(5)
    source = pickle.loads(pickle.dumps(Synthetic(64)))
    for index in reversed(range(12)):
        assert np.array_equal(np.asarray(source.open(index)), first[index])
    assert len({picture.tobytes() for picture in first}) == 12
    assert not np.array_equal(np.asarray(Synthetic(64, seed=-1).open(0)), first[0])


@pytest.mark.parametrize("scene", [scene for scene, _ in scenes_module._SCENES])
def test_scenes_are_finite_at_any_size(scene: scenes_module._Scene) -> None:
    for seed in range(6):
        picture = scene(arrange(np.random.default_rng(seed), 48))
        assert picture.shape == (3, 48, 48)
        assert picture.dtype == np.float32  # a stray float64 would double the work
        assert np.isfinite(picture).all()
        assert to_image(picture).size == (48, 48)


def test_shares_of_scenes_are_a_whole() -> None:
    assert sum(share for _, share in scenes_module._SCENES) == pytest.approx(1)


def test_power_falls_as_in_photos(pictures: NDArray[np.float64]) -> None:
    """Photos have a slope of about -2 (Field 1987); the photos this was tuned by, -2.4."""
    slopes = [spectrum_slope(picture.mean(-1)) for picture in pictures]
    assert -3 < np.mean(slopes) < -1.5
    assert np.std(slopes) > 0.2


def test_pictures_vary_in_brightness_contrast_color_and_detail(pictures: NDArray[np.float64]) -> None:
    means, deviations = pictures.mean((1, 2, 3)), pictures.std((1, 2, 3))
    chroma = (pictures.max(-1) - pictures.min(-1)).mean((1, 2))
    detail = np.abs(np.diff(pictures, axis=1)).mean((1, 2, 3))
    assert 0.3 < means.mean() < 0.6
    assert means.std() > 0.05
    assert 0.12 < deviations.mean() < 0.3
    assert 0.08 < chroma.mean() < 0.25
    assert detail.max() > 4 * detail.min()


def test_pictures_have_flat_regions_and_strong_edges(pictures: NDArray[np.float64]) -> None:
    steps = np.abs(np.diff(pictures.mean(-1), axis=2))
    assert np.mean(steps < 0.01) > 0.2
    assert np.mean(steps > 0.15) > 0.01


def test_they_serve_as_photos() -> None:
    source = Synthetic(48, length=60)
    train, held_out = split(source, seed=0)
    assert (len(train), len(held_out)) == (54, 6)
    assert source.description == "60 synthetic pictures"
    sample = Crops(train, 32).sample(7)
    assert sample.shape == (3, 32, 32)
    assert 0 <= sample.min() < sample.max() <= 1


@pytest.mark.parametrize(("size", "length"), [(8, 10), (64, 0)])
def test_pictures_that_cannot_be(size: int, length: int) -> None:
    with pytest.raises(UsageError):
        Synthetic(size, length=length)


def spectrum_slope(gray: NDArray[np.float64]) -> float:
    """Exponent of the power over the frequency, averaged over directions, from 4 to 40 cycles per picture."""
    size = len(gray)
    window = np.outer(np.hanning(size), np.hanning(size))
    power = np.abs(np.fft.fft2((gray - gray.mean()) * window)) ** 2
    line = np.fft.fftfreq(size) * size
    radius = np.hypot(line[:, None], line[None]).astype(int).ravel()
    mean_power = np.bincount(radius, power.ravel()) / np.bincount(radius)
    band = np.arange(4, 41)
    return float(np.polyfit(np.log(band), np.log(mean_power[band] + 1e-12), 1)[0])
