"""Memory against what a process of its own needs, tiles that come on by themselves, and advice that holds."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto import backbones
from impasto.backbones import Backbone
from impasto.errors import MemoryLimitError
from impasto.imaging.geometry import fit_long_side
from impasto.painting.memory import LIBRARIES, Memory
from impasto.painting.options import PaintOptions

OPTIONS = PaintOptions(device="cpu", precision="float32")
MIB, GIB = 1 << 20, 1 << 30
ENDLESS = 1 << 50

# Paints a tiny picture, and then others, and prints the peak memory after each, in bytes.
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
for side, tile in ((64, "off"), (512, 192), (512, "off")):
    image = torch.rand(3, side, side)
    options = PaintOptions(
        size=side, scales=1, iterations=2, init="photo", device="cpu", precision="float32", style_loss="gram",
        tile=tile,
    )
    for step in paint_steps(image, [Style(image)], backbone, options):
        pass
    status = Path("/proc/self/status").read_text()
    peaks.append(1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1]))
print(json.dumps(peaks))
"""


@pytest.fixture(scope="module")
def backbone(compact_file: Path) -> Backbone:
    return backbones.load(compact_file)


@pytest.fixture(scope="module")
def memory(backbone: Backbone) -> Memory:
    return Memory(backbone, OPTIONS, torch.float32, ENDLESS)


def changed(memory: Memory, **options: Any) -> Memory:
    return replace(memory, options=replace(memory.options, **options))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process its peak")
def test_against_the_peak_of_a_process(memory: Memory, compact_file: Path) -> None:
    """What a picture adds to a process that has painted a tiny one: the least of three processes, as memory
    that is given back late adds to a peak now and then.
    """
    command = [sys.executable, "-c", PROGRAM, str(compact_file)]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(3)]
    tiny, tiled, whole = map(min, zip(*(json.loads(done.stdout) for done in runs), strict=True))
    assert 0.7 < LIBRARIES / tiny < 1.3
    for peak, tile in ((tiled, 192), (whole, None)):
        assert memory.at_scale((512, 512), 2, tile) == pytest.approx(peak - tiny, rel=0.35)


def test_grows_with_what_is_asked_for(memory: Memory) -> None:
    def needed(side: int, iterations: int = 14, **options: Any) -> int:
        return changed(memory, **options).needed((side, side), iterations)

    usual = needed(512)
    assert needed(1024) == pytest.approx(4 * usual, rel=0.05)
    assert replace(memory, dtype=torch.bfloat16).needed((512, 512), 14) < usual
    assert needed(512, optimizer="adam") < usual
    assert needed(512, iterations=5) < usual
    assert needed(512, iterations=100) == usual
    assert needed(512, pooling="average") < usual
    assert needed(512, pooling="max") == usual
    assert needed(512, strength=0.0) < usual
    assert needed(512, stroke_size=8.0) > 2 * usual
    few, more = (
        needed(512, style_layers=layers, content_layers="relu3_1")
        for layers in ("relu1_1", "relu1_1,relu4_1")
    )
    assert few < more < usual


@pytest.mark.parametrize("style_loss", ["sliced", "nearest"])
def test_losses_of_the_whole_picture_take_more_and_no_tiles(memory: Memory, style_loss: Any) -> None:
    whole, size = changed(memory, style_loss=style_loss), (1500, 2000)
    assert whole.needed((512, 512), 9) > 1.2 * memory.needed((512, 512), 9)
    scarce = replace(whole, available=GIB)
    assert scarce.tile(size, 9) is None
    with pytest.raises(MemoryLimitError, match=r"1\.0 GB are free: try size=\d+$"):
        scarce.check(size, 9)


def test_regions_take_more(memory: Memory) -> None:
    none, two, four = (replace(memory, regions=n).needed((512, 512), 9) for n in (0, 2, 4))
    assert four - two == pytest.approx(two - none)
    assert two > 1.1 * none


def test_tiles_take_little(memory: Memory) -> None:
    """4096 pixels by any number of gradients in 4 GB, with the libraries, a photo and a style."""
    size, short = (4096, 4096), replace(memory, dtype=torch.bfloat16)
    whole, tiled = (short.at_scale(size, 500, tile) for tile in (None, 1024))
    assert whole > 10 * GIB
    assert tiled + LIBRARIES + 2 * 3 * 4 * 4096**2 < 4.1 * GIB
    assert short.at_scale(size, 500, 512) < tiled


def test_tiles_come_on_where_the_whole_would_not_fit(memory: Memory) -> None:
    size = (1500, 2000)
    whole, large, small = (memory.at_scale(size, 9, tile) for tile in (None, 1024, 512))
    assert small < large < whole
    for available, tile in (
        (whole, None), (whole - 1, 1024), (large, 1024), (large - 1, 512), (small - 1, 256), (0, 256),
    ):  # fmt: skip
        assert replace(memory, available=available).tile(size, 9) == tile
    enough = replace(memory, available=large)
    assert enough.needed(size, 9) == large
    enough.check(size, 9)


def test_tiles_as_asked_for(memory: Memory) -> None:
    for available in (0, ENDLESS):
        limited = replace(memory, available=available)
        assert changed(limited, tile="off").tile((100, 100), 9) is None
        assert changed(limited, tile=300).tile((100, 100), 9) == 300


def test_time_is_counted_in_pixels(memory: Memory) -> None:
    """Of nine tiles that in the middle is seen with 80 pixels more on all sides; four passes, not three."""
    size = (1536, 1536)
    assert memory.pixels(size, 9) == 1536**2
    assert changed(memory, tile=2000).pixels(size, 9) == 1536**2
    assert changed(memory, tile=512).pixels(size, 9) == pytest.approx(4 / 3 * (2 * 592 + 672) ** 2)


def test_size_that_fits_is_suggested(memory: Memory) -> None:
    """With or without tiles."""
    size = (3000, 4000)
    for tile in ("auto", "off"):
        scarce = changed(replace(memory, available=400 * MIB), tile=tile)
        message = r"at 4000 pixels needs about \d+\.\d GB .* 0\.4 GB are free: try size=\d+$"
        with pytest.raises(MemoryLimitError, match=message) as caught:
            scarce.check(size, 9)
        side = int(str(caught.value).rpartition("=")[2])
        assert 200 < side < 4000
        scarce.check(fit_long_side(size, side), 9)
        with pytest.raises(MemoryLimitError):
            scarce.check(fit_long_side(size, side * 5 // 4), 9)


def test_tiles_are_suggested_where_they_were_refused(memory: Memory) -> None:
    scarce = changed(replace(memory, available=2 * GIB), tile="off")
    with pytest.raises(MemoryLimitError, match=r"2\.0 GB are free: try tile=auto$"):
        scarce.check((2000, 3000), 9)
    changed(scarce, tile="auto").check((2000, 3000), 9)


def test_size_that_fits_exactly_is_let_through(memory: Memory) -> None:
    whole = changed(memory, tile="off")
    needed = whole.needed((96, 128), 9)
    replace(whole, available=needed).check((96, 128), 9)
    with pytest.raises(MemoryLimitError):
        replace(whole, available=needed - 1).check((96, 128), 9)


def test_no_size_is_suggested_where_none_fits(memory: Memory) -> None:
    with pytest.raises(MemoryLimitError, match="close other programs"):
        replace(memory, available=1000).check((96, 128), 9)
