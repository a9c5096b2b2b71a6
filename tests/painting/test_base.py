"""Seconds are counted by pixels and iterations."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto import backbones
from impasto.painting import base
from impasto.painting.base import estimate_seconds
from impasto.painting.memory import Memory
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import plan

Picture = Callable[[str, int], Tensor]
OPTIONS = PaintOptions(size=96, scales=(48, 96), iterations=30, device="cpu", precision="float32")


@pytest.fixture
def memory(compact_file: Path) -> Memory:
    return Memory(backbones.load(compact_file), OPTIONS, torch.float32, 1 << 50)


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that ticks a second at each look, whatever this machine does meanwhile."""
    ticks = iter(range(100))
    monkeypatch.setattr(base.time, "perf_counter", lambda: float(next(ticks)))


@pytest.mark.usefixtures("ticking")
@pytest.mark.parametrize(("tile", "times"), [("auto", 1.0), (96, 1.0), (64, 4 * 4 / 3)])
def test_seconds(memory: Memory, picture: Picture, tile: int, times: float) -> None:
    """At 96 pixels, each of four tiles of 64 sees the whole picture."""
    photo, style = picture("astronaut", 64), Style(picture("chelsea", 64))
    tiled = replace(memory, options=replace(OPTIONS, tile=tile))
    coarse, fine = plan((64, 64), OPTIONS)
    expected = coarse.iterations * (48 / 96) ** 2 + times * fine.iterations
    assert estimate_seconds(photo, [style], tiled, (coarse, fine)) == pytest.approx(expected)
