"""What came out once comes out everywhere: small golden pictures and numbers, for every runtime.

The tolerances are wide enough for other processors. Of the golden photo, the runtimes' float32 pictures
differ from float64's by 0.0002/255 at most, with oneDNN and without it, on one thread and on two. Where a
library takes faster convolutions (Winograd's), ten or a hundred times that is to be expected; FLOAT32 allows
250 times. It is far from what bfloat16 makes of the same networks, 2/255, and from what can be seen. The
golden files are rounded to 8 bits. The numbers differ by 2e-5 of themselves if noise of 1e-5 is laid over
the pictures, as roots of small eigenvalues magnify it; NUMBERS allows 50 times that.
"""

import json
from itertools import combinations

import pytest
import torch
from torch import Tensor

from impasto import styles
from impasto.stylizing.runners import make_runner
from impasto.stylizing.runtime import RuntimeName
from tests.golden.remake import FOLDER, STYLES, numbers, painted, picture

ROUNDING = 0.5 / 255
FLOAT32 = 0.05 / 255
NUMBERS = 1e-3


def apart(one: Tensor, other: Tensor) -> float:
    """The largest difference of two pictures."""
    assert one.shape == other.shape == (1, 3, 64, 64)
    return float((one.double() - other.double()).abs().max())


def by(runtime: RuntimeName, style: str) -> Tensor:
    """The golden photo in a style, in float32."""
    if runtime == "torch":
        return painted(style, torch.float32)
    pytest.importorskip(runtime)
    network = styles.load(style).build()
    runner, notes = make_runner(network, runtime, torch.device("cpu"), torch.float32)
    assert (runner.name, notes) == (runtime, [])
    return runner(picture("photo")).clamp(0, 1)


@pytest.mark.parametrize(
    ("runtime", "style"),
    [
        *(("torch", style) for style in STYLES),
        *(("openvino", style) for style in STYLES),
        ("onnxruntime", STYLES[0]),  # whose export takes a while
    ],
)
def test_every_runtime_paints_the_golden_picture(runtime: RuntimeName, style: str) -> None:
    found = by(runtime, style)
    assert apart(found, picture(style)) < ROUNDING + FLOAT32
    assert apart(found, painted(style)) < FLOAT32


@pytest.mark.parametrize("style", STYLES)
def test_the_tolerance_sees_a_lesser_precision_and_other_weights(style: str) -> None:
    assert apart(painted(style, torch.bfloat16), picture(style)) > 2 * (ROUNDING + FLOAT32)
    network = styles.load(style).build()
    with torch.inference_mode():
        for tensor in network.parameters():
            tensor *= 1.01
        other = network(picture("photo")).clamp(0, 1)
    assert apart(other, picture(style)) > 2 * (ROUNDING + FLOAT32)


def test_what_is_minimised_has_the_golden_values() -> None:
    golden = json.loads((FOLDER / "numbers.json").read_text())
    found = numbers()
    assert found.keys() == golden.keys()
    assert found == pytest.approx(golden, rel=NUMBERS)
    assert all(abs(one / other - 1) > 0.01 for one, other in combinations(golden.values(), 2))
