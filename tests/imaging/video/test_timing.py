"""Which frames are taken, and how long they last."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from impasto.errors import UsageError, VideoError
from impasto.imaging.video import open_clip
from impasto.imaging.video.timing import FrameRange, TimedFrame, select
from tests.imaging.films import RATE, index_of, packets_of, remake, write_film

TIMES = (Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(2), Fraction(9, 4))
STEP = Fraction(1, 4)
COUNT = 10  # frames of a part
HOUR = 3600


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


def joined(folder: Path, *starts: float) -> Path:
    """Parts of MPEG-TS one after the other, each with time stamps from its own start on."""
    path = folder / "joined.ts"
    parts = []
    for number, start in enumerate(starts):
        part = write_film(
            folder / f"{number}.ts",
            COUNT,
            draw=lambda index, size, first=number * COUNT: picture_of(first + index, size),
            audio=["aac"],
            container_options={"output_ts_offset": str(start)},
        )
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))
    return path


def picture_of(number, size):
    pixels = np.full((*size, 3), 128, np.uint8)
    pixels[:16, :16] = 16 + number * 7
    return pixels


@pytest.mark.parametrize("starts", [(0, 5 * HOUR), (5 * HOUR, 100), (HOUR, 0, 2 * HOUR)])
def test_jumps_are_closed(tmp_path, starts):
    clip = open_clip(joined(tmp_path, *starts))
    frames = list(clip.frames())
    assert [index_of(frame.pixels) for frame in frames] == list(range(COUNT * len(starts)))
    for a, b in pairwise(frames):
        assert abs(b.time - a.time - 1 / RATE) < 0.1, "the end of the sound may lie between two parts"
    (note,) = clip.notes
    assert f"time stamps that jump, which were closed: {len(starts) - 1}, the first at 0." in note


def test_starting_behind_a_jump(tmp_path):
    clip = open_clip(joined(tmp_path, HOUR, 0, 2 * HOUR))
    whole = [(frame.index, frame.time, frame.pixels.tobytes()) for frame in clip.frames()]
    for first in (3, COUNT, COUNT + 4, 2 * COUNT + 1):
        part = [(f.index, f.time, f.pixels.tobytes()) for f in clip.frames(whole[first][1])]
        assert part == whole[first:]


@pytest.mark.parametrize("start", [0, Fraction(6, 10)])
def test_sound_stays_in_step(tmp_path, start):
    """Each frame's packets of sound are those that were beside it, but for the seconds between two parts."""
    source, target = joined(tmp_path, 5 * HOUR, 0), tmp_path / "new.mkv"
    remake(source, target, cuts=(), start=start)
    heard, sound = packets_of(target, "audio"), packets_of(source, "audio")
    endings = {content[-6:] for _, content in sound}  # the headers of MPEG-TS go
    assert {content[-6:] for _, content in heard} <= endings
    assert len(heard) >= len(sound) * 0.8 * (1 - float(start) / (2 * COUNT / RATE))
    times = [time for time, _ in heard]
    assert times == sorted(times) and times[-1] < 1
    shown = list(open_clip(target).frames())
    assert abs(times[-1] - shown[-1].time) < 0.15


def test_a_pause_longer_than_any_film(tmp_path):
    stamps = [0, 1, 2, 100 * HOUR * 25, 100 * HOUR * 25 + 1]
    clip = open_clip(write_film(tmp_path / "film.mkv", 5, stamps=stamps, b_frames=0))
    assert [frame.time for frame in clip.frames()] == [k / RATE for k in range(5)]
    assert "jump" in clip.notes[0]


def test_a_pause_that_may_be_meant_stays(tmp_path):
    stamps = [0, 1, 2, HOUR * 25]
    clip = open_clip(write_film(tmp_path / "film.mkv", 4, stamps=stamps, b_frames=0))
    assert [frame.time for frame in clip.frames()] == [0, 1 / RATE, 2 / RATE, HOUR]
    assert clip.notes == ()


def test_a_jump_that_cannot_be_closed_is_named(tmp_path):
    """Where frames are stored in another order than shown, across the jump."""
    stamps = [0, 1, 2, 300 * HOUR * 25, 300 * HOUR * 25 + 1]
    film = write_film(tmp_path / "film.mkv", 5, stamps=stamps, b_frames=2)
    frames = open_clip(film).frames()
    with pytest.raises(VideoError, match=r"film\.mkv is damaged or cut short at 0\.\d s: .* hours later"):
        list(frames)


def test_frames_that_are_shown_for_seconds_are_no_jumps(tmp_path):
    """Matroska tells no order of decoding for the first ones, and stores the fourth before the second."""
    film = write_film(
        tmp_path / "a.mkv", 6, rate=Fraction(1, 3), time_base=Fraction(1, 1000), stamps=range(0, 18_000, 3000)
    )
    clip = open_clip(film)
    assert [float(frame.time) for frame in clip.frames()] == [0, 3, 6, 9, 12, 15]
    assert clip.notes == ()
