"""The check itself: it tells what it finds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from impasto.errors import ExportError
from impasto.export.quality import SIZES, TOLERANCE, check, trials

SAME = nn.Identity()


def test_trials_are_real_and_odd() -> None:
    images = trials()
    assert [(len(image), *image.shape[2:]) for image in images] == list(SIZES)
    assert all(image.min() >= 0 and image.max() <= 1 and image.std() > 0.02 for image in images)
    assert (images[1][0] - images[1][1]).abs().max() > 0.1  # a batch is of different photos


def test_it_gives_the_largest_difference() -> None:
    assert check(lambda image: image, SAME, "ONNX") == 0
    shifted = check(lambda image: image + TOLERANCE / 2, SAME, "ONNX")
    assert shifted == pytest.approx(TOLERANCE / 2, rel=0.01)


def test_a_single_value_counts() -> None:
    def spoiled(image: Tensor) -> Tensor:
        painted = image.clone()
        painted[-1, 2, -1, -1] += 2 * TOLERANCE
        return painted

    with pytest.raises(
        ExportError, match=r"1 photos of 53 x 37 pixels differ by 0\.002, and 0\.001 is allowed"
    ):
        check(spoiled, SAME, "ONNX")


def failing(image: Tensor) -> Tensor:
    raise RuntimeError("bad allocation\nin node 5")


@pytest.mark.parametrize(
    ("paint", "words"),
    [
        (lambda image: torch.full_like(image, torch.nan), "differ by nan"),
        (lambda image: image[..., :-1], r"turns \(1, 3, 37, 53\) into \(1, 3, 37, 52\)"),
        (failing, r"the ONNX file does not run \(bad allocation\)"),
    ],
)
def test_what_is_no_picture(paint: object, words: str) -> None:
    with pytest.raises(ExportError, match=words):
        check(paint, SAME, "ONNX")  # type: ignore[arg-type]
