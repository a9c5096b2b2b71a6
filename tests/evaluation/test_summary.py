"""Sentences on outcomes whose numbers are made up."""

import numpy as np
import pytest

from impasto.evaluation.bootstrap import Estimate
from impasto.evaluation.options import EvaluateOptions
from impasto.evaluation.outcome import Outcome
from impasto.evaluation.pictures import CONTROLS
from impasto.evaluation.summary import as_number, verdict


def outcome(style: float, content: float) -> Outcome:
    """Of two methods on nine pairs: a exceeds b by so much; 0 stands for a difference of either sign."""
    signs = np.where(np.arange(9).reshape(3, 3) % 2, 1.0, -1.0)
    base = np.ones((3, 3))
    values = {
        "a": {
            "moments": base + (style or 0.1 * signs),
            "content": base + (content or 0.1 * signs),
        },
        **{name: {"moments": base, "content": base} for name in ("b", *CONTROLS)},
    }
    names = ("x", "y", "z")
    return Outcome(names, names, values, EvaluateOptions(resamples=200))


@pytest.mark.parametrize(
    ("style", "content", "said"),
    [
        (-0.1, -0.1, "On the whole a is better: closer to the styles, and closer to the photos."),
        (0.1, -0.1, "On the whole neither is: b takes more of the styles, a keeps more of the photos."),
        (-0.1, 0.0, "On the whole a is closer to the styles; in content it is not decided."),
        (0.0, 0.1, "On the whole b is closer to the photos; in style it is not decided."),
        (0.0, 0.0, "On the whole it is not decided: more photos and styles would tell."),
    ],
)
def test_the_last_sentence_of_a_verdict(style: float, content: float, said: str) -> None:
    assert [*verdict(outcome(style, content), "a", "b")][-1] == said


@pytest.mark.parametrize(
    ("estimate", "places", "cell"),
    [
        (Estimate(0.12345, 0.1, 0.2), 3, ("0.123", "0.100–0.200")),  # noqa: RUF001
        (Estimate(12.345), 3, ("12.35", "")),
        (Estimate(123.4), 3, ("123", "")),
    ],
)
def test_numbers(estimate: Estimate, places: int, cell: tuple[str, str]) -> None:
    assert as_number(estimate, places) == cell
