from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from impasto import backbones, styles
from impasto.imaging.masks import RegionWeights
from impasto.imaging.video.clip import Frame, Pixels
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import paint_steps
from impasto.stylizing.frames import NetworkStyler, PaintStyler, Sequence
from impasto.stylizing.motion import Between
from impasto.stylizing.stylizer import Stylizer
from tests.clips import pan
from tests.stylizing.conftest import Family

SIZE = (96, 128)


def painter(compact_file: Path) -> PaintStyler:
    style = torch.from_numpy(data.coffee()[::8, ::8].copy()).permute(2, 0, 1).float() / 255
    options = PaintOptions(size=None, iterations=4, scales=1, precision="float32", backbone=str(compact_file))
    return PaintStyler([Style(style)], backbones.load(str(compact_file)), options, iterations=2)


def test_a_network_paints_each_frame_by_itself(family: Family) -> None:
    frames, stylizer = pan(2, (40, 48)), Stylizer(family["night"])
    styler = NetworkStyler(stylizer)
    styler.restore(styler.state)
    for frame in frames:
        np.testing.assert_array_equal(styler(frame), stylizer.frame(frame))


def test_painting_goes_on_from_the_frame_before(compact_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[Pixels] = []
    styler, begin = painter(compact_file), PaintStyler._start

    def spy(self: PaintStyler, *frames: Pixels) -> Pixels:
        starts.append(begin(self, *frames))
        return starts[-1]

    monkeypatch.setattr(PaintStyler, "_start", spy)
    frames = pan(3, (64, 80), step=4)
    pictures = [styler(frame) for frame in frames]
    assert [picture.shape for picture in pictures] == [frame.shape for frame in frames]
    assert len(starts) == 2  # the first frame begins with the photo
    moved = pictures[0][16:-16, 20:-16].astype(int)
    assert np.abs(starts[0][16:-16, 16:-20] - moved).mean() < 4  # what was there, four pixels to the left
    assert np.abs(pictures[1].astype(int) - frames[1]).mean() > 1


def test_painting_begins_anew_at_a_cut(compact_file: Path) -> None:
    first, second = pan(1, (64, 80))[0], np.ascontiguousarray(data.coffee()[:64, :80])
    styler, alone = painter(compact_file), painter(compact_file)
    styler(first)
    np.testing.assert_array_equal(styler(second), alone(second))


def test_painting_goes_on_from_a_state(compact_file: Path) -> None:
    frames = pan(3, (64, 80))
    whole, first, second = (painter(compact_file) for _ in range(3))
    expected = [whole(frame) for frame in frames]
    assert dict(first.state) == {}
    second.restore(first.state)  # of no frame
    for frame in frames[:2]:
        first(frame)
    second.restore(first.state)
    np.testing.assert_array_equal(second(frames[2]), expected[2])


def test_another_size_begins_anew(compact_file: Path) -> None:
    styler = painter(compact_file)
    styler(pan(1, (64, 80))[0])
    assert styler(pan(1, (80, 64))[0]).shape == (80, 64, 3)


def test_painting_has_regions_of_the_frame(compact_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[torch.Tensor]] = []

    def spy(*arguments: Any) -> Any:
        given.append(list(arguments[5]))
        return paint_steps(*arguments)

    monkeypatch.setattr("impasto.stylizing.frames.paint_steps", spy)
    mask = np.zeros((20, 30), np.uint8)
    mask[:, :15] = 255
    plain, styler = painter(compact_file), painter(compact_file)
    styler._shares = RegionWeights([mask], base=True)
    styler._styles = [replace(styler._styles[0], region=region) for region in (0, 1)]
    frame = pan(1, (64, 80))[0]
    plain(frame)
    styler(frame)
    assert given[0] == []
    ours, rest = given[1]
    assert ours.shape == rest.shape == (1, 64, 80)
    torch.testing.assert_close(ours + rest, torch.ones(1, 64, 80))
    assert float(ours[..., :32].min()) > 0.99 > 0.01 > float(ours[..., 48:].max())


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
def panned():
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


def test_all_are_painted_in_their_order(panned):
    painter, shown = run(panned)
    assert len(painter.painted) == 9
    for photo, item in zip(panned, shown, strict=True):
        assert item.photo is photo
        assert np.array_equal(item.picture, photo.pixels[..., ::-1])


@pytest.mark.parametrize("steady", [False, True])
def test_every_second_is_painted_and_the_others_follow_the_motion(panned, steady):
    painter, shown = run(panned, fast=True, steady=steady)
    assert len(painter.painted) == 5
    assert [item.photo.time for item in shown] == [photo.time for photo in panned]
    for photo, item in zip(panned, shown, strict=True):
        inner = np.abs(item.picture.astype(int) - photo.pixels[..., ::-1])[8:-8, 8:-8]
        assert inner.mean() < 3, "what was carried along lies where it belongs"


class Counter(Painter):
    """Paints each photo in one shade, lighter than the last."""

    def paint(self, photo):
        return np.full_like(photo, 50 * len(self.painted))


def test_the_one_between_comes_from_the_picture_before(panned):
    shown = list(Sequence(Counter(), steady=False, fast=True)(panned[:3]))
    first, between, last = (np.median(item.picture) for item in shown)
    assert (first, last) == (50, 100)
    assert between == pytest.approx(50, abs=5), "a little of the one after is in it"


def test_a_cut_is_painted(panned):
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    photos = [panned[0], frame(noise, 1), panned[2]]
    painter, shown = run(photos, fast=True)
    assert len(painter.painted) == 3
    assert np.array_equal(shown[1].picture, noise[..., ::-1])


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_few_frames_lose_none(panned, count):
    painter, shown = run(panned[:count], fast=True)
    assert [item.photo.time for item in shown] == [photo.time for photo in panned[:count]]
    assert len(painter.painted) == {0: 0, 1: 1, 2: 2, 3: 2, 4: 3}[count], "the last one is painted"


@pytest.mark.parametrize("steady", [False, True])
@pytest.mark.parametrize("stop", range(1, 9))
def test_it_goes_on_from_any_state_to_the_same_pictures(panned, stop, steady):
    _, whole = run(panned, fast=True, steady=steady)
    first = list(islice(Sequence(Painter(), steady=steady, fast=True)(panned), stop))
    other = Sequence(Painter(), steady=steady, fast=True)
    other.restore(first[-1].state)
    pictures = [item.picture for item in (*first, *other(panned[stop:]))]
    for picture, item in zip(pictures, whole, strict=True):
        assert np.array_equal(picture, item.picture)


def test_between_two_of_another_scene_there_is_no_way(panned):
    noise = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)
    between = Between()
    assert between.find(noise, panned[0].pixels, panned[2].pixels) is None
    assert between.find(panned[1].pixels, panned[0].pixels, panned[2].pixels) is not None


def test_what_is_uncovered_comes_from_the_frame_after(panned):
    """A square moves away; what it hid is known from the frame after only."""

    def scene(left):
        picture = panned[0].pixels.copy()
        picture[30:60, left : left + 30] = 255
        return picture

    photos = [scene(10), scene(20), scene(30)]
    between = Between()
    way = between.find(photos[1], photos[0], photos[2])
    picture = between(way, photos[0], photos[2])
    uncovered = np.abs(picture.astype(int) - photos[1])[34:56, 11:17]
    assert uncovered.mean() < 25
