"""Pictures in their order: painted all, or every second with the motion followed between."""

from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from impasto import styles
from impasto.imaging.video.clip import Frame
from impasto.stylizing.frame_interpolation import Between
from impasto.stylizing.sequence import Sequence

SIZE = (96, 128)


class Painter:
    """Paints by turning colors about, counts what it paints, and depends on nothing before."""

    part_frames = 250

    def __init__(self):
        self.painted = []
        self.state = {}

    def __call__(self, photo):
        self.painted.append(photo)
        return self.paint(photo)

    def paint(self, photo):
        return np.ascontiguousarray(photo[..., ::-1])

    def restore(self, state):
        pass


@pytest.fixture(scope="module")
def pan():
    """A window that moves two pixels a frame over a photo."""
    with Image.open(styles.sample()) as picture:
        wide = np.asarray(picture.convert("RGB"))
    return [frame(wide[20 : 20 + SIZE[0], 2 * n : 2 * n + SIZE[1]], n) for n in range(9)]


def frame(pixels, number):
    return Frame(number, Fraction(number, 25), Fraction(1, 25), np.ascontiguousarray(pixels))


def run(photos, **options):
    painter = Painter()
    sequence = Sequence(painter, **{"steady": False, "fast": False, **options})
    return painter, list(sequence(photos))


def test_all_are_painted_in_their_order(pan):
    painter, shown = run(pan)
    assert len(painter.painted) == 9
    for photo, item in zip(pan, shown, strict=True):
        assert item.photo is photo
        assert np.array_equal(item.picture, photo.pixels[..., ::-1])


@pytest.mark.parametrize("steady", [False, True])
def test_every_second_is_painted_and_the_others_follow_the_motion(pan, steady):
    painter, shown = run(pan, fast=True, steady=steady)
    assert len(painter.painted) == 5
    assert [item.photo.time for item in shown] == [photo.time for photo in pan]
    for photo, item in zip(pan, shown, strict=True):
        inner = np.abs(item.picture.astype(int) - photo.pixels[..., ::-1])[8:-8, 8:-8]
        assert inner.mean() < 3, "what was carried along lies where it belongs"


class Counter(Painter):
    """Paints each photo in one shade, lighter than the last."""

    def paint(self, photo):
        return np.full_like(photo, 50 * len(self.painted))


def test_the_one_between_comes_from_the_picture_before(pan):
    shown = list(Sequence(Counter(), steady=False, fast=True)(pan[:3]))
    first, between, last = (np.median(item.picture) for item in shown)
    assert (first, last) == (50, 100)
    assert between == pytest.approx(50, abs=5), "a little of the one after is in it"


def test_a_cut_is_painted(pan):
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    photos = [pan[0], frame(noise, 1), pan[2]]
    painter, shown = run(photos, fast=True)
    assert len(painter.painted) == 3
    assert np.array_equal(shown[1].picture, noise[..., ::-1])


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_few_frames_lose_none(pan, count):
    painter, shown = run(pan[:count], fast=True)
    assert [item.photo.time for item in shown] == [photo.time for photo in pan[:count]]
    assert len(painter.painted) == {0: 0, 1: 1, 2: 2, 3: 2, 4: 3}[count], "the last one is painted"


@pytest.mark.parametrize("steady", [False, True])
@pytest.mark.parametrize("stop", range(1, 9))
def test_it_goes_on_from_any_state_to_the_same_pictures(pan, stop, steady):
    _, whole = run(pan, fast=True, steady=steady)
    first = list(islice(Sequence(Painter(), steady=steady, fast=True)(pan), stop))
    other = Sequence(Painter(), steady=steady, fast=True)
    other.restore(first[-1].state)
    pictures = [item.picture for item in (*first, *other(pan[stop:]))]
    for picture, item in zip(pictures, whole, strict=True):
        assert np.array_equal(picture, item.picture)


def test_between_two_of_another_scene_there_is_no_way(pan):
    noise = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)
    between = Between()
    assert between.find(noise, pan[0].pixels, pan[2].pixels) is None
    assert between.find(pan[1].pixels, pan[0].pixels, pan[2].pixels) is not None


def test_what_is_uncovered_comes_from_the_frame_after(pan):
    """A square moves away; what it hid is known from the frame after only."""

    def scene(left):
        picture = pan[0].pixels.copy()
        picture[30:60, left : left + 30] = 255
        return picture

    photos = [scene(10), scene(20), scene(30)]
    between = Between()
    way = between.find(photos[1], photos[0], photos[2])
    picture = between(way, photos[0], photos[2])
    uncovered = np.abs(picture.astype(int) - photos[1])[34:56, 11:17]
    assert uncovered.mean() < 25
