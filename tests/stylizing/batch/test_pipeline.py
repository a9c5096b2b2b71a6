"""Many files: what fails stops nothing, what is done is not done again, nothing is ever half there."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.errors import ImageError
from impasto.imaging import files
from impasto.stylizing import BulkOptions, Stylizer, Summary, collect, stylize_all
from impasto.stylizing.batch import pipeline


@pytest.fixture
def run(family, draw, tmp_path):
    """Stylize the folder "photos" into "out"; gives the summary and the events."""

    def stylize(style="night", strength=1.0, **options):
        events = []
        chosen = BulkOptions(**options)
        stylizer = Stylizer(style, strength, device="cpu", precision="float32")
        items = collect([tmp_path / "photos"], tmp_path / "out", chosen)
        return stylize_all(items, stylizer, chosen, events.append), events

    return stylize


@pytest.fixture
def album(draw):
    """Good photos of several sizes and kinds, and two bad ones among them."""
    draw("a.jpg", (33, 17))
    draw("deep/b.png", (8, 40), "RGBA")
    draw("deep/c.jpg", (30, 30), "CMYK")
    draw("tiny.png", (1, 1))
    draw("é 絵.webp", (24, 24))
    cut = draw("cut.jpg", (64, 64))
    cut.write_bytes(cut.read_bytes()[:400])
    (cut.parent / "text.png").write_text("a thousand words")
    return cut.parent


GOOD = ["a.jpg", "deep/b.png", "deep/c.jpg", "tiny.png", "é 絵.webp"]


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def times(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_mtime_ns for name in names(folder)}


def test_threads_begin_before_the_first_photo(run, draw, monkeypatch):
    """One that begins when memory is short may never say so: python/cpython#140746."""
    draw("a.png")
    draw("b.png")
    seen = []

    def read(*given):
        seen.append(sorted(t.name for t in threading.enumerate() if t.name.startswith("impasto-")))
        return honest(*given)

    honest = pipeline.read_photo
    monkeypatch.setattr(pipeline, "read_photo", read)
    run()
    assert seen[0] == ["impasto-read_0", "impasto-read_1", "impasto-write_0", "impasto-write_1"]


def test_threads_that_cannot_begin(run, draw, monkeypatch):
    draw("a.png")
    draw("b.png")
    begin, begun = threading.Thread.start, []

    def start(thread):
        if begun:
            raise RuntimeError("can't start new thread")
        begun.append(thread)
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        run()
    begun[0].join(20)
    assert not begun[0].is_alive()


def test_good_ones_are_done_and_bad_ones_named(run, album, tmp_path):
    summary, events = run()
    assert names(tmp_path / "out") == GOOD
    assert (summary.done, summary.skipped, summary.kept) == (5, 0, [])
    assert sorted(path.name for path, _ in summary.failed) == ["cut.jpg", "text.png"]
    assert all(str(path) in reason for path, reason in summary.failed)
    pixels = 33 * 17 + 8 * 40 + 30 * 30 + 1 + 24 * 24
    assert summary.megapixels == pytest.approx(pixels / 1e6)
    assert summary.seconds > 0
    assert sorted(event.outcome for event in events) == ["done"] * 5 + ["failed"] * 2
    for name in GOOD:
        with Image.open(tmp_path / "out" / name) as made, Image.open(album / name) as photo:
            assert made.size == photo.size
            assert made.mode == ("RGBA" if photo.mode == "RGBA" else "RGB")


def test_each_picture_is_what_one_call_gives(run, album, tmp_path):
    run()
    expected = Stylizer("night", device="cpu", precision="float32")(album / "deep/b.png")
    assert (np.asarray(Image.open(tmp_path / "out/deep/b.png")) == np.asarray(expected)).all()


def test_a_second_run_skips_what_is_done(run, album, tmp_path):
    run()
    before = times(tmp_path / "out")
    (tmp_path / "out" / "a.jpg").unlink()
    summary, _ = run()
    assert (summary.done, summary.skipped, len(summary.failed)) == (1, 4, 2)
    after = times(tmp_path / "out")
    assert after.pop("a.jpg") > before.pop("a.jpg")
    assert after == before


@pytest.mark.parametrize(
    "change", [{"style": "wave"}, {"strength": 0.5}, {"size": 20}, {"quality": 50}, {"bit_depth": 16}]
)
def test_what_was_made_otherwise_stays_and_is_told(run, draw, tmp_path, change):
    draw("a.png")
    run()
    before = (tmp_path / "out/a.png").read_bytes()
    summary, (event,) = run(**change)
    assert (summary.done, summary.skipped, summary.kept) == (0, 0, [tmp_path / "out/a.png"])
    assert event.outcome == "kept"
    assert (tmp_path / "out/a.png").read_bytes() == before
    summary, _ = run(**change, overwrite=True)
    assert summary.done == 1
    assert (tmp_path / "out/a.png").read_bytes() != before
    assert run(**change)[0].skipped == 1


def test_a_photo_that_changed_is_not_taken_for_done(run, draw):
    draw("a.png")
    run()
    draw("a.png", (50, 30))
    assert len(run()[0].kept) == 1


def test_files_of_others_stay(run, draw, tmp_path):
    draw("a.png"), draw("b.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").write_text("mine")
    assert run()[0].kept == [tmp_path / "out/a.png"]
    assert (tmp_path / "out/a.png").read_text() == "mine"


def test_without_metadata_a_second_run_skips_all_the_same(run, draw):
    draw("a.png"), draw("b.jpg")
    assert run(strip_metadata=True)[0].done == 2
    assert run(strip_metadata=True)[0].skipped == 2
    assert len(run()[0].kept) == 2


def test_overwrite_makes_all_again(run, draw, tmp_path):
    draw("a.png"), draw("b.jpg")
    run()
    before = times(tmp_path / "out")
    assert run(overwrite=True)[0].done == 2
    assert all(after > before[name] for name, after in times(tmp_path / "out").items())


def test_notes_come_with_the_events(run, tmp_path, draw):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    draw("still.png")
    frames[0].save(tmp_path / "photos/moving.gif", save_all=True, append_images=frames[1:])
    _, events = run()
    assert [event.notes for event in events if event.notes] == [
        (f"{tmp_path / 'photos/moving.gif'} is animated (2 frames); using the first",)
    ]


def test_nothing_to_do(family):
    assert stylize_all([], Stylizer("night")).done == 0


def test_a_photo_too_large_for_memory_stops_no_other(run, draw, monkeypatch):
    draw("a.png"), draw("b.png", (200, 200)), draw("c.png")
    monkeypatch.setattr("impasto.stylizing.stylizer.available_memory", lambda device: 1_500_000)
    summary, _ = run()
    assert summary.done == 2
    ((path, reason),) = summary.failed
    assert (path.name, "200 x 200 pixels needs about" in reason) == ("b.png", True)


def test_bugs_are_recorded_too(run, draw, monkeypatch):
    draw("a.png"), draw("b.png")
    honest = Stylizer.picture

    def stumble(self, image, alpha=None):
        if threading.current_thread() is threading.main_thread() and not stumbled:
            stumbled.append(True)
            raise ZeroDivisionError("division by zero")
        return honest(self, image, alpha)

    stumbled: list[bool] = []
    monkeypatch.setattr(Stylizer, "picture", stumble)
    summary, _ = run()
    assert summary.done == 1
    assert summary.failed[0][1].endswith("could not be stylized (ZeroDivisionError: division by zero)")


# --- memory, threads, an end before the end -----------------------------------------------------------------


def test_few_pictures_are_in_memory(run, draw, monkeypatch):
    for index in range(12):
        draw(f"{index:02}.png", (8, 8))
    alive, most, lock = 0, 0, threading.Lock()
    read, write = pipeline.read_photo, pipeline.write_picture

    def count(change):
        nonlocal alive, most
        with lock:
            alive += change
            most = max(most, alive)

    def slow_write(*arguments):
        time.sleep(0.02)
        write(*arguments)
        count(-1)

    monkeypatch.setattr(pipeline, "read_photo", lambda *arguments: count(1) or read(*arguments))
    monkeypatch.setattr(pipeline, "write_picture", slow_write)
    assert run()[0].done == 12
    assert 3 <= most <= 7
    most = 0
    monkeypatch.setattr(pipeline, "_PIXELS_AHEAD", 64)  # as if they were large
    run(overwrite=True)
    assert most <= 3


def test_reading_and_writing_have_threads_of_their_own(run, draw, monkeypatch):
    for name in "abcd":
        draw(f"{name}.png", (8, 8))
    seen = set()
    for stage in ("read_photo", "write_picture"):
        honest = getattr(pipeline, stage)
        monkeypatch.setattr(
            pipeline,
            stage,
            lambda *a, honest=honest: seen.add(threading.current_thread().name[:12]) or honest(*a),
        )
    run()
    assert seen == {"impasto-read", "impasto-writ"}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("impasto")]


def test_an_interrupt_leaves_whole_files(family, draw, tmp_path):
    for index in range(9):
        draw(f"{index}.png", (16, 16))
    summary = Summary()

    def interrupt(event):
        summary.add(event)
        if summary.done == 3:
            raise KeyboardInterrupt

    items = collect([tmp_path / "photos"], tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        stylize_all(items, Stylizer("night"), None, interrupt)
    made = names(tmp_path / "out")
    assert 3 <= len(made) <= 7
    for name in made:
        Image.open(tmp_path / "out" / name).load()
    assert stylize_all(items, Stylizer("night")).skipped == len(made)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_ends_the_run(run, draw, tmp_path, monkeypatch, number):
    for index in range(9):
        draw(f"{index}.png", (8, 8))
    calls = []

    def refuse(descriptor):
        calls.append(descriptor)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(ImageError, match="could not be written: "):
        run()
    assert len(calls) < 9
    assert names(tmp_path / "out") == []


def test_a_folder_that_cannot_be_made_or_written(run, draw, tmp_path, monkeypatch):
    draw("a.png")
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ImageError, match=r"the folder .*out cannot be made: File exists"):
        run()
    (tmp_path / "out").unlink()
    monkeypatch.setattr(
        "impasto.imaging.files.os.access", lambda path, mode: False
    )  # root may write anywhere
    with pytest.raises(ImageError, match="is not writable"):
        run()
    assert names(tmp_path / "out") == []


@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
def test_a_killed_process_leaves_whole_files(draw, cards_folder, tmp_path):
    photo = draw("000.png", (200, 150)).read_bytes()
    for index in range(1, 200):
        (tmp_path / "photos" / f"{index:03}.png").write_bytes(photo)
    command = ["stylize", "photos", "-o", "out", "--style", cards_folder / "night.safetensors"]
    with subprocess.Popen(
        [sys.executable, "-m", "impasto", *map(str, command)],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        deadline = time.monotonic() + 120
        while len(list((tmp_path / "out").glob("[!.]*.png"))) < 5:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    made = [name for name in names(tmp_path / "out") if not name.startswith(".")]
    assert 5 <= len(made) < 200
    for name in made:
        Image.open(tmp_path / "out" / name).load()
