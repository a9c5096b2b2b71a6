"""Padding to what a network needs, and the check of its keywords."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.networks.base import StyleNetwork, whole_numbers
from impasto.networks.blocks import WHOLE, Context


class Recorder(StyleNetwork):
    """Gives back what it is given, and remembers it."""

    name = "recorder"
    multiple = 4
    least_side = 12

    def paint(self, image: Tensor, context: Context = WHOLE) -> Tensor:
        self.seen = image
        return image


@pytest.mark.parametrize(
    ("given", "painted"),
    [
        ((16, 12), (16, 12)),
        ((17, 15), (20, 16)),
        ((1, 1), (12, 12)),
        ((4, 21), (12, 24)),
    ],
)
def test_sides_become_multiples_and_the_image_comes_back(
    given: tuple[int, int], painted: tuple[int, int]
) -> None:
    network, image = Recorder(), torch.rand(2, 3, *given)
    assert torch.equal(network(image), image)
    assert network.seen.shape == (2, 3, *painted)
    missing = (painted[0] - given[0], painted[1] - given[1])
    assert torch.equal(network.seen, F.pad(image, (0, missing[1], 0, missing[0]), mode="replicate"))


def test_paint_must_be_defined() -> None:
    with pytest.raises(NotImplementedError):
        StyleNetwork()(torch.rand(1, 3, 4, 4))


@pytest.mark.parametrize("values", [[1, 2], (1, 2)])
def test_whole_numbers_come_as_a_list(values: Any) -> None:
    found = whole_numbers("channels", values, count=[2])
    assert found == [1, 2]
    assert isinstance(found, list)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("12", "channels must be a list of whole numbers"),
        (12, "channels must be a list"),
        (None, "channels must be a list"),
        ({"1": 2}, "channels must be a list"),
        ([1, 2.0], "channels must be whole numbers from 1 to 4096, not 2.0"),
        ([1, True], "not True"),
        ([1, None], "not None"),
        ([1, [2]], r"not \[2\]"),
        ([0, 1], "not 0"),
        ([1, 100000], "not 100000"),
        ([1, 2, 3], "channels cannot be 3 numbers"),
        ([], "channels cannot be 0 numbers"),
    ],
)
def test_whole_numbers_refuse(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        whole_numbers("channels", values, count=[2])
