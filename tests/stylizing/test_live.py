"""Styles that change while frames go through, with painters whose results are known."""

import time
from collections import Counter
from threading import Event

import numpy as np
import pytest

from impasto.errors import UsageError
from impasto.imaging.video.clip import Pixels
from impasto.stylizing import live as module
from impasto.stylizing.live import FramePainter, LiveStyle, LiveStyler
from tests.clips import pan

FIRST = LiveStyle("0")


class Workshop:
    """Makes painters that add a number to every pixel; `open` lets it work."""

    def __init__(self) -> None:
        self.open, self.made, self.painted = Event(), list[LiveStyle](), Counter[str]()
        self.open.set()

    def __call__(self, choice: LiveStyle) -> FramePainter:
        self.made.append(choice)
        assert self.open.wait(20)
        if choice.style == "none":
            raise UsageError("there is no style none")

        def paint(photo: Pixels) -> Pixels:
            self.painted[choice.style] += 1
            return photo // 2 + np.uint8(int(choice.style) + round(10 * choice.strength))

        return paint


def number(live: LiveStyler, photo: Pixels) -> int:
    """What the painter added."""
    picture = live(photo)
    added = np.unique(picture.astype(int) - photo // 2)
    assert len(added) == 1
    return int(added[0])


def wait_for(live: LiveStyler, choice: LiveStyle, photo: Pixels) -> None:
    deadline = time.monotonic() + 20
    while live.shown != choice:
        assert time.monotonic() < deadline
        live(photo)
        time.sleep(0.001)


@pytest.fixture
def photo() -> Pixels:
    return pan(1)[0]


def test_pictures_go_on_until_the_next_style_is_ready(photo: Pixels) -> None:
    workshop = Workshop()
    live = LiveStyler(workshop, FIRST, steady=False)
    assert number(live, photo) == 10
    workshop.open.clear()
    live.choice = LiveStyle("40", 0.5)
    for _ in range(5):
        assert number(live, photo) == 10
        assert live.shown == FIRST
    assert workshop.painted["40"] == 0
    workshop.open.set()
    wait_for(live, live.choice, photo)
    assert number(live, photo) == 45
    assert workshop.painted["40"] > 1  # once before it was used, as the first time takes longest
    live.close()


def test_the_last_of_several_choices_counts(photo: Pixels) -> None:
    workshop = Workshop()
    live = LiveStyler(workshop, FIRST, steady=False)
    workshop.open.clear()
    for style in ("1", "2", "3", "4"):
        live.choice = LiveStyle(style)
        live(photo)
    workshop.open.set()
    wait_for(live, LiveStyle("4"), photo)
    assert workshop.made == [FIRST, LiveStyle("1"), LiveStyle("4")]
    live.close()


def test_going_back_makes_nothing_anew(photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 3)
    workshop = Workshop()
    live = LiveStyler(workshop, FIRST, steady=False)
    for style in ("1", "2", "1", "2", "0", "1"):
        live.choice = LiveStyle(style)
        wait_for(live, live.choice, photo)
    assert [choice.style for choice in workshop.made] == ["0", "1", "2"]
    for style in ("3", "1", "2"):  # 2 was used least recently when 3 came
        live.choice = LiveStyle(style)
        wait_for(live, live.choice, photo)
    assert [choice.style for choice in workshop.made] == ["0", "1", "2", "3", "2"]
    live.close()


def test_a_style_that_cannot_be_made(photo: Pixels) -> None:
    with pytest.raises(UsageError, match="no style none"):
        LiveStyler(Workshop(), LiveStyle("none"))
    live = LiveStyler(Workshop(), FIRST, steady=False)
    live.choice = LiveStyle("none")
    with pytest.raises(UsageError, match="no style none"):
        wait_for(live, live.choice, photo)
    live.close()


def test_closing_waits_for_what_is_being_made(photo: Pixels) -> None:
    workshop = Workshop()
    live = LiveStyler(workshop, FIRST, steady=False)
    live.choice = LiveStyle("1")
    live(photo)
    live.close()
    assert workshop.painted["1"] == 1


def test_steady_pictures_continue_and_begin_anew_with_another_style() -> None:
    dice = np.random.RandomState(0)
    first, second = dice.randint(0, 60, (2, 48, 64, 3)).astype(np.uint8)
    noise, photo = [first], pan(1)[0] // 2
    live = LiveStyler(lambda choice: lambda photo: photo + noise[0], FIRST)
    np.testing.assert_array_equal(live(photo), photo + first)
    noise[0] = second
    apart = np.abs(live(photo).astype(int) - (photo + first))
    assert apart.mean() < 0.6 * np.abs(second.astype(int) - first).mean()
    live.choice, deadline = LiveStyle("1"), time.monotonic() + 20
    while live.shown != live.choice:
        assert time.monotonic() < deadline
        picture = live(photo)
    np.testing.assert_array_equal(picture, photo + second)
    noise[0], live.steady = first, False
    np.testing.assert_array_equal(live(photo), photo + first)
    live.close()


@pytest.mark.parametrize("steady", [False, True])
def test_pictures_are_finished_once_they_are_steady(photo: Pixels, steady: bool) -> None:
    """So that what is done last is not in the picture that the next one goes on from."""
    workshop = Workshop()
    plain = LiveStyler(workshop, FIRST, steady=steady)
    live = LiveStyler(workshop, FIRST, steady=steady, finish=lambda photo, picture: photo - picture)
    for _ in range(3):
        np.testing.assert_array_equal(live(photo), photo - plain(photo))
