"""Which frames are taken, and how long they last."""

from fractions import Fraction

import pytest

from impasto.errors import UsageError, VideoError
from impasto.imaging.video.timed_frames import FrameRange, TimedFrame, select

TIMES = (Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(2), Fraction(9, 4))
STEP = Fraction(1, 4)


def moments(damaged=False):
    for index, time in enumerate(TIMES):
        yield TimedFrame(index, time, STEP, str(index))
    if damaged:
        raise VideoError("broken")


def taken(*span):
    return [(moment.index, moment.duration) for moment in select(moments(), FrameRange(*span))]


def test_each_lasts_until_the_next_and_the_last_by_its_own_account():
    assert taken() == [(0, STEP), (1, STEP), (2, Fraction(3, 2)), (3, STEP), (4, STEP)]


def test_spans():
    assert taken(0.25, 0.5) == [(1, STEP)]
    assert taken(0.3) == taken(0.5) == [(2, Fraction(3, 2)), (3, STEP), (4, STEP)]
    assert taken(0, 1.0) == [(0, STEP), (1, STEP), (2, Fraction(1, 2))]
    assert taken(2.1, 100) == [(4, STEP)]
    assert taken(5.0) == []


def test_a_time_that_went_through_a_float_is_still_that_of_its_frame():
    third = TimedFrame(0, Fraction(1001, 30000), STEP, "")
    for error in (-1e-9, 1e-9):
        assert len([*select([third], FrameRange(float(third.time) + error))]) == 1
        assert len([*select([third], FrameRange(0, float(third.time) + error))]) == 0
    cut = [*select([TimedFrame(0, Fraction(0), STEP, ""), third], FrameRange(0, float(third.time) - 1e-9))]
    assert cut[0].duration == third.time


def test_one_of_so_many_lasts_as_long_as_all_of_them():
    assert taken(0, None, 2) == [(0, Fraction(1, 2)), (2, Fraction(7, 4)), (4, STEP)]
    assert taken(0.25, None, 3) == [(1, Fraction(2)), (4, STEP)]
    assert sum(duration for _, duration in taken(0, None, 100)) == Fraction(5, 2)


def test_all_frames_come_before_the_damage():
    reading = select(moments(damaged=True), FrameRange())
    assert [next(reading).index for _ in TIMES] == [0, 1, 2, 3, 4]
    with pytest.raises(VideoError, match="broken"):
        next(reading)


@pytest.mark.parametrize(
    ("span", "message"),
    [((-1.0,), "0 seconds or later"), ((2.0, 2.0), "after its start, 2 s"), ((0, None, 0), "every is 1")],
)
def test_spans_that_mean_nothing(span, message):
    with pytest.raises(UsageError, match=message):
        FrameRange(*span)
