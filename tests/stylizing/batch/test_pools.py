"""Local processes: one is killed in the middle, and nothing is lost, nothing twice, nothing half there."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from impasto import styles
from impasto.errors import ClusterError, ImageError, UsageError
from impasto.networks.card import load_card
from impasto.stylizing import BulkOptions, Stylizer
from impasto.stylizing.batch.dispatcher import CompletedItems, Dispatcher
from impasto.stylizing.batch.inputs import WorkItem, collect_work_items
from impasto.stylizing.batch.pipeline import Event
from impasto.stylizing.batch.pools import ProcessPool
from impasto.stylizing.batch.workers import StylizerConfig, Task, packed
from tests.stylizing import boxes


@pytest.fixture
def box(tmp_path, draw, monkeypatch) -> str:
    """URL of a folder with good photos, and with those that `boxes` tells of."""
    for name, value in boxes.install(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(tmp_path)  # which spawned processes take over
    photo = draw("a.jpg", (40, 30)).read_bytes()
    for number in range(12):
        (tmp_path / f"photos/{number:02}.jpg").write_bytes(photo)
    for name in ("fatal.png", "poison.png", "flaky.png"):
        draw(name, (24, 24))
    (tmp_path / "photos/cut.jpg").write_bytes(photo[:400])
    return f"crate://{tmp_path}"


@pytest.fixture
def start(cards_folder) -> Callable[..., Dispatcher]:
    def make(inputs, out, on_event=None):
        config = StylizerConfig(
            ((load_card(cards_folder / "night.safetensors"), 1.0),), device="cpu", precision="float32"
        )
        stylizer = Stylizer(list(config.styles), device="cpu", precision="float32")
        items = collect_work_items(inputs, out)
        completed = CompletedItems(out if "://" in out else None, stylizer.record(), BulkOptions())
        run = Dispatcher(items, completed, on_event)
        run.skip_completed()
        return run, Task(config, BulkOptions())

    return make


def test_a_worker_that_is_killed_costs_nothing(box, start, tmp_path):
    events: list[Event] = []
    run, task = start([f"{box}/photos"], f"{box}/out", events.append)
    summary = run.work(ProcessPool(2), task, 2)
    assert summary.done == 15, summary.failed  # all but the poison and the one that is damaged
    reasons = {Path(str(name)).name: why for name, why in summary.failed}
    assert reasons.keys() == {"poison.png", "cut.jpg"}
    assert "the worker that painted it died, at each of two tries" in reasons["poison.png"]
    assert f"{box}/photos/cut.jpg is damaged" in reasons["cut.jpg"]
    assert len(events) == len({event.item.source for event in events}) == 17
    made = sorted(path.name for path in (tmp_path / "out").glob("*.??g"))
    assert len(made) == 15 and not [name for name in made if name.startswith(".part")]
    for name in made:
        with Image.open(tmp_path / "out" / name) as picture:
            picture.load()
    put = [line.split()[1] for line in (tmp_path / "box.log").read_text().splitlines()]
    assert set(made) <= set(put)
    assert multiprocessing.active_children() == []

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.??g")}
    for name in ("poison.png", "cut.jpg"):
        (tmp_path / "photos" / name).unlink()
    again, task = start([f"{box}/photos"], f"{box}/out")
    assert again.work(ProcessPool(2), task, 2).skipped == 15
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.??g")} == before


def test_an_interrupt_leaves_whole_files_and_no_workers(start, draw, tmp_path):
    photo = draw("a.jpg", (200, 150)).read_bytes()
    for number in range(60):
        (tmp_path / f"photos/{number:02}.jpg").write_bytes(photo)

    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    run, task = start([str(tmp_path / "photos")], str(tmp_path / "out"), interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.work(ProcessPool(1), task, 1)
    assert multiprocessing.active_children() == []
    made = list((tmp_path / "out").iterdir())
    assert 1 <= len(made) < 61
    for path in made:
        with Image.open(path) as picture:
            picture.load()


def test_workers_that_cannot_start_say_why(cards_folder, tmp_path):
    night = load_card(cards_folder / "night.safetensors")
    batch = [(0, WorkItem(str(tmp_path / "a.png"), str(tmp_path / "b.png")))]
    task = Task(StylizerConfig(((night, 1.0),), precision="float16"), BulkOptions())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="precision must be one of"):
        ProcessPool(1).work(task, [batch], print)
    assert multiprocessing.active_children() == []


def test_workers_that_die_while_they_start_are_told_of(tmp_path, monkeypatch):
    """Even with more to hand over than a pipe holds, which nobody reads."""
    dies = "import os, sys\nif 'spawn_main' in ' '.join(sys.orig_argv): os._exit(9)\n"
    (tmp_path / "sitecustomize.py").write_text(dies)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    night = load_card(styles.cards()["starry-night"])
    batch = [(0, WorkItem(str(tmp_path / "a.png"), str(tmp_path / "b.png")))]
    task = Task(StylizerConfig(((night, 1.0),)), BulkOptions())
    assert len(packed(task)) > 1 << 16
    with pytest.raises(ClusterError, match=r"workers end while they start \(exit code 9\)"):
        ProcessPool(1).work(task, [batch], print)
    assert multiprocessing.active_children() == []


def test_workers_import_nothing_from_the_current_folder(start, draw, tmp_path, monkeypatch):
    draw("a.png")
    there = tmp_path / "there"
    there.mkdir()
    for module in ("signal", "numpy", "selectors", "impasto"):
        (there / f"{module}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit(3)\n")
    monkeypatch.chdir(there)
    run, task = start([str(tmp_path / "photos")], str(tmp_path / "out"))
    assert run.work(ProcessPool(1), task, 1).done == 1
    assert not (tmp_path / "ran").exists()
    assert "PYTHONSAFEPATH" not in os.environ


def test_a_folder_that_cannot_be_made(start, draw, tmp_path):
    draw("a.png")
    (tmp_path / "out").write_text("a file")
    run, task = start([str(tmp_path / "photos")], str(tmp_path / "out"))
    with pytest.raises(ImageError, match=r"out cannot be made"):
        run.work(ProcessPool(1), task, 1)
