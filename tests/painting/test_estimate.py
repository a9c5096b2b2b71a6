"""Memory against what a process of its own needs, and a suggestion that holds."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto import backbones
from impasto.backbones import Backbone
from impasto.errors import MemoryLimitError
from impasto.imaging.geometry import fit_long_side
from impasto.painting import estimate
from impasto.painting.estimate import check_memory, estimate_memory, estimate_seconds
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import plan

Picture = Callable[[str, int], Tensor]
OPTIONS = PaintOptions(device="cpu", precision="float32")
MIB = 1 << 20

# Paints at a small and at a large size, and prints the peak memory after each, in bytes.
PROGRAM = """
import json, re, sys
from pathlib import Path
import torch
from impasto import backbones
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import paint_steps

torch.set_num_threads(1)
backbone = backbones.load(sys.argv[1])
peaks = []
for side in map(int, sys.argv[2:]):
    image = torch.rand(3, side, side)
    options = PaintOptions(size=side, scales=1, iterations=3, device="cpu", precision="float32")
    for step in paint_steps(image, [Style(image)], backbone, options):
        pass
    status = Path("/proc/self/status").read_text()
    peaks.append(1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1]))
print(json.dumps(peaks))
"""


@pytest.fixture(scope="module")
def backbone(compact_file: Path) -> Backbone:
    return backbones.load(compact_file)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process its peak")
def test_memory_against_the_peak_of_a_process(backbone: Backbone, compact_file: Path) -> None:
    sides = (64, 512)
    command = [sys.executable, "-c", PROGRAM, str(compact_file), *map(str, sides)]
    peaks = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    estimates = [estimate_memory((side, side), backbone, OPTIONS, torch.float32) for side in sides]
    assert 0.7 < estimates[1] / peaks[1] < 2.5
    # the larger picture's own share, in which the libraries have no part
    assert 0.7 < (estimates[1] - estimates[0]) / (peaks[1] - peaks[0]) < 2.5


def test_memory_grows_with_what_is_asked_for(backbone: Backbone) -> None:
    def needed(side: int, dtype: torch.dtype = torch.float32, **options: object) -> int:
        changed = replace(OPTIONS, **options)  # type: ignore[arg-type]
        return estimate_memory((side, side), backbone, changed, dtype)

    usual = needed(512)
    assert needed(1024) - needed(64) == pytest.approx(4 * (usual - needed(64)), rel=0.05)
    assert needed(512, torch.bfloat16) < usual
    assert needed(512, optimizer="adam") < usual
    shallow = needed(512, style_layers="relu1_1", content_layers="relu1_1")
    assert shallow < usual
    assert needed(512, style_layers="relu1_1", content_layers="relu3_1") > shallow


def test_size_that_fits_is_suggested(backbone: Backbone) -> None:
    size, available = (3000, 4000), 1500 * MIB
    with pytest.raises(
        MemoryLimitError, match=r"at 4000 pixels needs about \d+\.\d GB .* 1\.5 GB are"
    ) as caught:
        check_memory(size, backbone, OPTIONS, torch.float32, available)
    match = re.search(r"try --size (\d+)$", str(caught.value))
    assert match is not None
    side = int(match[1])
    assert 400 < side < 4000
    check_memory(fit_long_side(size, side), backbone, OPTIONS, torch.float32, available)
    with pytest.raises(MemoryLimitError):
        check_memory(fit_long_side(size, side * 5 // 4), backbone, OPTIONS, torch.float32, available)


def test_size_that_fits_exactly_is_let_through(backbone: Backbone) -> None:
    """The libraries are in memory already."""
    needed = estimate_memory((96, 128), backbone, OPTIONS, torch.float32) - estimate.LIBRARIES
    check_memory((96, 128), backbone, OPTIONS, torch.float32, needed)
    with pytest.raises(MemoryLimitError):
        check_memory((96, 128), backbone, OPTIONS, torch.float32, needed - 1)


def test_seconds_are_counted_by_pixels_and_iterations(
    monkeypatch: pytest.MonkeyPatch, backbone: Backbone, picture: Picture
) -> None:
    """With a clock that ticks a second at each look, whatever this machine does meanwhile."""
    ticks = iter(range(100))
    monkeypatch.setattr(estimate.time, "perf_counter", lambda: float(next(ticks)))
    photo, style = picture("astronaut", 64), Style(picture("chelsea", 64))
    options = replace(OPTIONS, size=96, scales=(48, 96), iterations=30)
    scales = plan((64, 64), options)
    expected = sum(scale.iterations * (scale.size[0] / 96) ** 2 for scale in scales)
    assert estimate_seconds(photo, [style], backbone, options, scales) == pytest.approx(expected)


def test_no_size_is_suggested_where_none_fits(backbone: Backbone) -> None:
    with pytest.raises(MemoryLimitError, match="close other programs"):
        check_memory((96, 128), backbone, OPTIONS, torch.float32, 1000)


def test_large_strokes_cost_memory_too(backbone: Backbone) -> None:
    usual, large = (
        estimate_memory((512, 512), backbone, replace(OPTIONS, style_size=size), torch.float32)
        for size in (1.0, 8.0)
    )
    assert large > 2 * usual
