"""The plot of style against content, read back from its SVG."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from impasto.evaluation.bootstrap import Estimate
from impasto.evaluation.report import Point, draw

POINTS = [
    Point("bold", Estimate(1.1, 0.9, 1.3), Estimate(0.08, 0.06, 0.1), False, True),
    Point("soft & slow", Estimate(0.6), Estimate(0.2), False, True),
    Point("worse", Estimate(1.2), Estimate(0.3), False),
    Point("photo", Estimate(0.0), Estimate(0.4, 0.3, 0.56), True),
]


def numbers(element: ElementTree.Element, *names: str) -> list[float]:
    return [float(element.attrib[name]) for name in names]


@pytest.fixture
def svg() -> ElementTree.Element:
    return ElementTree.fromstring(draw(POINTS, "content error", "style error"))


def test_points_stand_in_proportion(svg: ElementTree.Element) -> None:
    circles = [numbers(circle, "cx", "cy") for circle in svg.iter("circle")]
    (bold, soft, worse, photo) = circles
    assert (worse[0] - photo[0]) / (soft[0] - photo[0]) == pytest.approx(1.2 / 0.6, abs=0.01)
    assert (photo[1] - bold[1]) / (soft[1] - bold[1]) == pytest.approx((0.4 - 0.08) / (0.2 - 0.08), abs=0.01)
    assert photo[1] < worse[1] < soft[1] < bold[1]  # upwards is more


def test_intervals_reach_as_far_as_they_should(svg: ElementTree.Element) -> None:
    groups = list(svg.iter("g"))
    assert [len(group.findall("line")) for group in groups] == [2, 0, 0, 1]
    left, right = numbers(groups[0].findall("line")[0], "x1", "x2")
    (x,) = numbers(groups[0].findall("circle")[0], "cx")
    assert x - left == pytest.approx(right - x, abs=0.2)
    assert [group.attrib["class"] for group in groups] == ["contender"] * 3 + ["control"]


def test_the_front_joins_those_that_none_beats(svg: ElementTree.Element) -> None:
    (front,) = svg.iter("polyline")
    ends = [tuple(map(float, place.split(","))) for place in front.attrib["points"].split()]
    circles = [tuple(numbers(circle, "cx", "cy")) for circle in svg.iter("circle")]
    assert ends == [circles[1], circles[0]]


def test_it_can_be_read_without_eyes(svg: ElementTree.Element) -> None:
    assert svg.attrib["role"] == "img"
    assert "soft & slow: style 0.200, content 0.600" in svg.attrib["aria-label"]


def test_axes_end_beyond_all_points_and_count_in_round_numbers(svg: ElementTree.Element) -> None:
    ticks = [text.text for text in svg.iter("text") if text.attrib["class"] == "faint"]
    assert {"0", "0.2", "0.4", "0.6", "1"} <= set(ticks)
    for circle in svg.iter("circle"):
        x, y = numbers(circle, "cx", "cy")
        assert 0 < x < 640 and 0 < y < 420


def test_labels_do_not_lie_on_each_other() -> None:
    crowd = [Point(f"method {n}", Estimate(1.0 + n / 1000), Estimate(0.2), False) for n in range(4)]
    svg = ElementTree.fromstring(draw(crowd, "content", "style"))
    heights = sorted(float(t.attrib["y"]) for t in svg.iter("text") if t.attrib["class"] == "name")
    assert len(heights) == 4
    assert all(after - before >= 12 for before, after in pairwise(heights))
