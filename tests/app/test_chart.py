"""The chart of losses: what is drawn is what was noted."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from impasto.app.chart import Curves, smoothed


def drawn(curves: Curves) -> ElementTree.Element:
    return ElementTree.fromstring(curves.html())


def points(figure: ElementTree.Element, term: str) -> list[tuple[float, float]]:
    line = figure.find(f".//g[@class='{term}']/polyline")
    assert line is not None
    return [(float(x), float(y)) for x, y in (pair.split() for pair in line.attrib["points"].split(","))]


def test_nothing_is_drawn_of_nothing() -> None:
    curves = Curves()
    assert curves.html() == ""
    curves.note(1, {"style": 0.5, "content": 1.0})
    assert curves.html() == ""  # one point is no line


def test_equal_factors_are_equal_heights() -> None:
    curves = Curves()
    for step, loss in ((1, 0.8), (2, 0.4), (3, 0.2), (5, 0.1)):
        curves.note(step, {"style": loss, "content": 0.3, "tv": 7.0}, {"style": loss} if step == 3 else None)
    figure = drawn(curves)
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = points(figure, "style")
    assert (x1, x2, x3, x4) == (0, 25, 50, 100)
    assert y2 - y1 == pytest.approx(y3 - y2, abs=0.02) == pytest.approx(y4 - y3, abs=0.02)
    assert 0 < y1 < y4 < 100
    (dot,) = figure.findall(".//g[@class='style']/path")
    assert dot.attrib["d"] == f"M50.00 {y3:.2f}h0"
    assert len({y for _, y in points(figure, "content")}) == 1
    image = figure.find("./div[@role='img']")
    assert image is not None
    assert image.attrib["aria-label"] == "Losses at step 5: style 0.1, content 0.3"


@pytest.mark.parametrize(("low", "high"), [(0.05, 0.06), (0.02, 3.0), (1e-5, 1e4), (0.7, 0.7)])
def test_numbers_at_the_side_stand_where_their_lines_are(low: float, high: float) -> None:
    curves = Curves()
    curves.note(1, {"style": high})
    curves.note(2, {"style": low})
    figure = drawn(curves)
    ticks = figure.findall("./div/span")
    assert 1 <= len(ticks) <= 10
    heights = [float(re.findall(r"top:([\d.]+)%", tick.attrib["style"])[0]) for tick in ticks]
    lines = [path.attrib["d"] for path in figure.findall(".//path[@class='grid']")]
    assert lines == [f"M0 {height:.2f}H100" for height in heights]
    (_, top), (_, bottom) = points(figure, "style")
    for tick, height in zip(ticks, heights, strict=True):
        value = float(tick.text or "")
        assert low / 1.1 <= value <= high * 1.1
        if high > low:
            share = math.log(high / value) / math.log(high / low)
            assert height == pytest.approx(top + share * (bottom - top), abs=0.05)


def test_what_is_no_number_is_left_out() -> None:
    curves = Curves()
    for step, loss in enumerate((0.5, math.nan, math.inf, 0.0, 0.4)):
        curves.note(step, {"style": loss})
    assert len(points(drawn(curves), "style")) == 2


def test_long_trainings_are_told_by_means() -> None:
    found = smoothed([(float(step), step % 2) for step in range(10_000)])
    assert len(found) <= 60
    assert {round(loss, 1) for _, loss in found} == {0.5}
    assert found[0][0] < found[-1][0] < 10_000
    assert smoothed([(1.0, 2.0), (2.0, 4.0)]) == [(1.0, 2.0), (2.0, 4.0)]
    assert smoothed([]) == []
