from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from impasto.errors import UsageError, VideoError
from impasto.stylizing.parts import ResumePoint, VideoParts

JOB = {"style": "night", "options": {"every": 2}}


class Note:
    """A sink that writes what it was given, when it is closed."""

    def __init__(self, path: Path) -> None:
        self.path, self.text = path, ""

    def __enter__(self) -> "Note":
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self.path.write_text(self.text)


def add(parts: VideoParts, text: str, mark: ResumePoint) -> None:
    with parts.writer(Note) as sink:  # type: ignore[arg-type]
        sink.text = text  # type: ignore[attr-defined]
    parts.add(mark)


def test_go_on_where_the_last_part_ended(tmp_path: Path) -> None:
    target, picture = tmp_path / "out.mp4", np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    first = VideoParts(target, JOB, Fraction(1, 2))
    assert (first.found, first.mark.next, first.mark.frames) == (False, Fraction(1, 2), 0)
    add(first, "one", ResumePoint(5, Fraction(7, 3), {"picture": picture}))
    add(first, "two", ResumePoint(9, Fraction(11, 3), {"picture": picture + 1}))
    again = VideoParts(target, JOB, Fraction(1, 2))
    assert (again.found, again.mark.next, again.mark.frames) == (True, Fraction(11, 3), 9)
    np.testing.assert_array_equal(again.mark.state["picture"], picture + 1)
    assert [path.read_text() for path in again.segments] == ["one", "two"]
    add(again, "three", ResumePoint(10, None))
    assert VideoParts(target, JOB, Fraction(1, 2)).mark.next is None
    again.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_part_without_a_mark_does_not_count(tmp_path: Path) -> None:
    parts = VideoParts(tmp_path / "out.mp4", JOB, Fraction(0))
    with parts.writer(Note) as sink:  # type: ignore[arg-type]
        sink.text = "killed here"  # type: ignore[attr-defined]
    assert VideoParts(tmp_path / "out.mp4", JOB, Fraction(0)).segments == []


def test_a_damaged_mark_does_not_count(tmp_path: Path) -> None:
    parts = VideoParts(tmp_path / "out.mp4", JOB, Fraction(0))
    add(parts, "one", ResumePoint(5, Fraction(1)))
    add(parts, "two", ResumePoint(6, Fraction(2)))
    marks = sorted(parts.folder.glob("*.mark"))
    marks[1].write_bytes(marks[1].read_bytes()[:-3])
    assert VideoParts(tmp_path / "out.mp4", JOB, Fraction(0)).mark.frames == 5


@pytest.mark.parametrize(
    ("numbers", "state"),
    [
        ({"frames": "6", "next": "1/0"}, np.uint8),
        ({"frames": "6", "next": "-1"}, np.uint8),
        ({"frames": "6", "next": "1e999999999"}, np.uint8),
        ({"frames": "many", "next": "2"}, np.uint8),
        ({"frames": "6"}, np.uint8),
        ({"frames": "6", "next": "2"}, np.float32),
    ],
)
def test_a_mark_that_means_nothing_does_not_count(
    tmp_path: Path, numbers: dict[str, str], state: type
) -> None:
    parts = VideoParts(tmp_path / "out.mp4", JOB, Fraction(0))
    add(parts, "one", ResumePoint(5, Fraction(1)))
    save_file({"photo": np.zeros((2, 2, 3), state)}, parts.folder / "00001.mark", numbers)
    assert VideoParts(tmp_path / "out.mp4", JOB, Fraction(0)).mark.frames == 5


def test_a_job_nested_without_end_is_another_one(tmp_path: Path) -> None:
    parts = VideoParts(tmp_path / "out.mp4", JOB, Fraction(0))
    add(parts, "one", ResumePoint(5, Fraction(1)))
    (parts.folder / "job.json").write_text(100_000 * "[")
    assert not VideoParts(tmp_path / "out.mp4", JOB, Fraction(0)).found


def test_another_job_begins_anew_if_told_to(tmp_path: Path) -> None:
    add(VideoParts(tmp_path / "out.mp4", JOB, Fraction(0)), "one", ResumePoint(5, Fraction(1)))
    with pytest.raises(UsageError, match="made otherwise"):
        VideoParts(tmp_path / "out.mp4", {**JOB, "style": "wave"}, Fraction(0))
    assert VideoParts(tmp_path / "out.mp4", JOB, Fraction(0)).mark.frames == 5
    parts = VideoParts(tmp_path / "out.mp4", {**JOB, "style": "wave"}, Fraction(0), overwrite=True)
    assert (parts.found, parts.segments) == (False, [])


def test_a_last_part_without_frames(tmp_path: Path) -> None:
    parts = VideoParts(tmp_path / "out.mp4", JOB, Fraction(0))
    add(parts, "one", ResumePoint(5, Fraction(1)))
    parts.add(ResumePoint(5, None))  # there were no more
    assert len(parts.segments) == 1


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "out.mp4.parts").write_text("a file")
    with pytest.raises(VideoError, match="cannot be used"):
        VideoParts(tmp_path / "out.mp4", JOB, Fraction(0))


def test_a_part_that_was_removed_is_made_again(tmp_path: Path) -> None:
    parts = VideoParts(tmp_path / "out.mp4", JOB, Fraction(0))
    for number, text in enumerate(("one", "two", "three"), 1):
        add(parts, text, ResumePoint(5 * number, Fraction(number)))
    parts.segments[1].unlink()
    again = VideoParts(tmp_path / "out.mp4", JOB, Fraction(0))
    assert (again.mark.frames, again.mark.next) == (5, Fraction(1))
    add(again, "two", ResumePoint(10, Fraction(2)))
    add(again, "three", ResumePoint(15, None))
    assert [path.read_text() for path in again.segments] == ["one", "two", "three"]


def test_a_part_without_frames_has_no_file(tmp_path: Path) -> None:
    parts = VideoParts(tmp_path / "out.mp4", JOB, Fraction(0))
    add(parts, "one", ResumePoint(5, Fraction(1)))
    parts.add(ResumePoint(5, None))
    assert VideoParts(tmp_path / "out.mp4", JOB, Fraction(0)).mark.next is None
