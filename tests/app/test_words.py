"""What the page says of errors: sentences without folders, and without parameters that it does not have."""

from __future__ import annotations

import pytest

pytest.importorskip("gradio")

from impasto.app.page.words import explaining
from impasto.errors import ImpastoError, UsageError, WeightsError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            "cat.jpg has 9 x 9 = 81 pixels, more than the limit of 80; make it smaller or raise max_pixels",
            "cat.jpg has 9 x 9 = 81 pixels, more than the limit of 80; make it smaller",
        ),
        ("memory ran out at 9 x 9 pixels; try size=512", "Memory ran out at 9 x 9 pixels; try size 512"),
        ("this needs 9 GB; try tile=auto", "This needs 9 GB; choose a smaller size"),
        (
            "it is too small: choose a larger size=, fewer scales= or shallower layers",
            "It is too small: choose a larger size or shallower layers",
        ),
    ],
)
def test_parameters_of_python_are_put_in_words(error: str, told: str) -> None:
    with pytest.raises(Exception) as refused, explaining():
        raise UsageError(error)
    assert not isinstance(refused.value, ImpastoError)
    assert refused.value.message == told  # type: ignore[attr-defined]


def test_messages_are_no_html() -> None:
    """Gradio leaves out scripts, but pictures of other sites and links would be shown."""
    with pytest.raises(Exception) as refused, explaining():
        raise WeightsError("there is no network <img src=//example.org/1.png>")
    assert refused.value.message == "There is no network &lt;img src=//example.org/1.png>"  # type: ignore[attr-defined]
