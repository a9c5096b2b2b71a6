from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skimage import data

from impasto import backbones
from impasto.imaging.video.clip import Pixels
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import paint_steps
from impasto.stylizing.frames import NetworkStyler, PaintStyler
from impasto.stylizing.regions import RegionWeights
from impasto.stylizing.stylizer import Stylizer
from tests.clips import pan
from tests.stylizing.conftest import Family


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
