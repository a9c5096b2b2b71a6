"""Work items from and to stores, done by this process: what is found, skipped, kept, remembered and told."""

from __future__ import annotations

import json
from collections.abc import Iterator

import fsspec
import numpy as np
import pytest
from PIL import Image

from impasto.errors import ClusterError, ImageError, UsageError
from impasto.stylizing import BulkOptions, Stylizer, Summary
from impasto.stylizing.batch import dispatcher, filesystems
from impasto.stylizing.batch.dispatcher import CompletedItems, Dispatcher, make_pool
from impasto.stylizing.batch.filesystems import is_url
from impasto.stylizing.batch.inputs import WorkItem, collect_work_items
from impasto.stylizing.batch.pipeline import Event
from impasto.stylizing.batch.pools import SerialPool
from impasto.stylizing.batch.workers import Answer, PictureBytes, StylizerConfig, Task, packed, unpacked
from impasto.stylizing.options import StyleControls


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """fsspec's store in the memory of this process, empty."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    yield files
    files.store.clear()


@pytest.fixture
def store(memory, draw, tmp_path):
    """Photos in memory://photos: three good ones, one that is damaged, one hidden, and a text."""
    draw("a.jpg", (33, 17)), draw("deep/b.png", (8, 40), "RGBA"), draw("c.bmp", (16, 16))
    cut = draw("cut.jpg", (64, 64))
    cut.write_bytes(cut.read_bytes()[:400])
    draw(".hidden/x.jpg")
    (tmp_path / "photos/notes.txt").write_text("no photo")
    memory.put(str(tmp_path / "photos"), "/photos", recursive=True)
    return memory


@pytest.fixture
def run(family):
    """Do items in this process; gives the summary and the events."""

    def stylize(inputs, out, config=None, pool=None, **options):
        chosen = BulkOptions(**options)
        config = config or StylizerConfig(((family["night"], 1.0),), device="cpu", precision="float32")
        folder = out if is_url(out) and "." not in out.rpartition("/")[2] else None
        stylizer = Stylizer(list(config.styles), config.strength, device="cpu", precision="float32")
        events: list[Event] = []
        run = Dispatcher(
            collect_work_items(inputs, out, chosen),
            CompletedItems(folder, stylizer.record(), chosen),
            events.append,
        )
        run.skip_completed()
        return run.work(pool or SerialPool(), Task(config, chosen), 2), events

    return stylize


OUT = ["memory:///out/a.jpg", "memory:///out/c.png", "memory:///out/deep/b.png"]


def made(memory) -> list[str]:
    return sorted(f"memory://{name}" for name in memory.find("/out") if ".impasto" not in name)


def test_from_store_to_store(run, store, family):
    summary, events = run(["memory://photos"], "memory://out")
    assert (summary.done, len(summary.failed)) == (3, 1)
    assert made(store) == OUT
    ((name, reason),) = summary.failed
    assert name == "memory:///photos/cut.jpg"
    assert reason.startswith("memory:///photos/cut.jpg is damaged, cut short")
    assert sorted(event.item.source for event in events) == [
        f"memory:///photos/{name}" for name in ("a.jpg", "c.bmp", "cut.jpg", "deep/b.png")
    ]
    with store.open("/out/deep/b.png") as file, Image.open(file) as picture:
        pixels = np.asarray(picture)
    with store.open("/photos/deep/b.png") as file, Image.open(file) as photo:
        expected = Stylizer(family["night"], device="cpu", precision="float32")(photo)
    assert (pixels == np.asarray(expected)).all()


def test_a_second_run_skips_by_the_manifest_alone(run, store, monkeypatch):
    run(["memory://photos"], "memory://out")
    parts = store.find("/out/.impasto")
    lines = [json.loads(line) for part in parts for line in store.cat(part).splitlines()]
    assert sorted(line[0] for line in lines) == ["a.jpg", "c.png", "deep/b.png"]
    assert all(length == store.info(f"/out/{name}")["size"] for name, length, _ in lines)
    monkeypatch.setattr(filesystems.Store, "fetch", lambda self, url, path: pytest.fail(f"{url} was fetched"))
    store.rm("/photos/cut.jpg")
    summary, _ = run(["memory://photos"], "memory://out")
    assert (summary.done, summary.skipped, summary.failed) == (0, 3, [])


def test_without_a_manifest_pictures_are_looked_into(run, store):
    run(["memory://photos"], "memory://out")
    store.rm("/out/.impasto", recursive=True)
    summary, _ = run(["memory://photos"], "memory://out")
    assert (summary.done, summary.skipped) == (0, 3)


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'["a.jpg", "x", 3]', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_manifest_is_no_manifest(run, store, damage):
    run(["memory://photos"], "memory://out")
    for part in store.find("/out/.impasto"):
        store.pipe(part, damage)
    assert run(["memory://photos"], "memory://out")[0].skipped == 3


def test_what_was_made_otherwise_stays(run, store, family):
    run(["memory://photos"], "memory://out")
    before = store.cat("/out/a.jpg")
    wave = StylizerConfig(((family["wave"], 1.0),), device="cpu", precision="float32")
    summary, _ = run(["memory://photos"], "memory://out", wave)
    assert sorted(summary.kept) == OUT
    assert store.cat("/out/a.jpg") == before
    assert run(["memory://photos"], "memory://out", wave, overwrite=True)[0].done == 3
    assert store.cat("/out/a.jpg") != before
    store.pipe("/out/a.jpg", b"mine")  # of another length than the manifest tells
    assert run(["memory://photos"], "memory://out", wave)[0].kept == ["memory:///out/a.jpg"]


def test_between_disks_and_stores(run, store, draw, tmp_path):
    assert run([str(tmp_path / "photos")], "memory://out")[0].done == 3
    assert made(store) == OUT
    assert run(["memory://photos"], str(tmp_path / "back"))[0].done == 3
    assert (tmp_path / "back/deep/b.png").read_bytes() == store.cat("/out/deep/b.png")
    assert run([str(tmp_path / "photos")], str(tmp_path / "back"))[0].skipped == 3


def test_one_picture(run, store):
    assert run(["memory://photos/a.jpg"], "memory://out/one.png")[0].done == 1
    assert made(store) == ["memory:///out/one.png"]
    assert run(["memory://photos/a.jpg"], "memory://out/one.png")[0].skipped == 1


def test_many_parts_become_one(run, store, monkeypatch, draw):
    monkeypatch.setattr(dispatcher, "_ENTRIES", 1)
    monkeypatch.setattr(dispatcher, "_MOST_PARTS", 2)
    run(["memory://photos"], "memory://out")
    assert len(store.find("/out/.impasto")) == 1
    assert run(["memory://photos"], "memory://out")[0].skipped == 3


def test_patterns_and_results_below_the_photos(run, store):
    assert run(["memory://photos/*.jpg"], "memory://photos/out")[0].done == 1
    assert [e.target for e in collect_work_items(["memory://photos"], "memory://photos/out")] == [
        f"memory:///photos/out/{name}" for name in ("a.jpg", "c.png", "cut.jpg", "deep/b.png")
    ]


@pytest.mark.parametrize(
    ("inputs", "out", "error", "words"),
    [
        (["memory://none"], "memory://out", ImageError, "nothing at memory:///none"),
        (["memory://photos/notes.txt"], "memory://out", UsageError, "no pictures in"),
        (["memory://photos"], "memory://out/one.png", UsageError, "name a folder for many"),
        (["memory://photos/a.jpg"], "memory://photos", UsageError, "would be overwritten"),
        (["memory://photos/a.jpg"], "memory://out/one.gif", UsageError, "gif"),
        (["nothing://photos"], "memory://out", UsageError, "no store of the kind nothing://"),
        (["memory://photos/a.jpg", "memory://twin/a.jpg"], "memory://out", UsageError, "both become"),
    ],
)
def test_errands_that_make_no_sense(store, inputs, out, error, words):
    store.pipe("/twin/a.jpg", b"another")
    with pytest.raises(error, match=words):
        collect_work_items(inputs, out)


def test_a_library_that_is_missing_is_named(monkeypatch):
    def missing(protocol):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "filesystem", missing)
    filesystems._store.cache_clear()
    with pytest.raises(UsageError, match=r"s3:// needs s3fs: pip install s3fs"):
        filesystems.store_of.__wrapped__("s3://bucket/photos")


def test_a_store_is_asked_again(run, store, monkeypatch):
    monkeypatch.setattr(filesystems, "_PAUSES", (0.0, 0.0, 0.0))
    honest, calls = type(store).put_file, []

    def stumble(self, lpath, rpath, **options):
        calls.append(rpath)
        if calls.count(rpath) <= (3 if "a.jpg" in rpath else 8):
            raise ConnectionResetError("the line was cut")
        return honest(self, lpath, rpath, **options)

    monkeypatch.setattr(type(store), "put_file", stumble)
    summary, events = run(["memory://photos/a.jpg", "memory://photos/c.bmp"], "memory://out")
    assert summary.done == 1  # at the fourth try
    ((name, reason),) = summary.failed
    assert (name, len(events)) == ("memory:///photos/c.bmp", 2)
    assert "memory:///out/c.png could not be written, at four tries: ConnectionResetError" in reason
    assert len([call for call in calls if "c.png" in call]) == 8  # the whole item is done twice
    assert made(store) == ["memory:///out/a.jpg"]


def test_masks_travel_as_bytes(run, store, family, tmp_path):
    Image.new("L", (8, 8), 128).save(tmp_path / "mask.png")
    mask = PictureBytes.read(tmp_path / "mask.png")
    (tmp_path / "mask.png").unlink()
    config = StylizerConfig(
        ((family["night"], 1.0),), 0.5, mask, ((mask, ((family["wave"], 1.0),)),), StyleControls(detail=0.5)
    )
    task = unpacked(packed(Task(config, BulkOptions())))
    stylizer = task.config.stylizer(tmp_path / "worker")
    assert (stylizer.strength, stylizer.finish.controls.detail) == (0.5, 0.5)
    assert len(stylizer.record()["regions"]) == 1
    assert run(["memory://photos/a.jpg"], "memory://masked", task.config)[0].done == 1


class Forgetful:
    """A pool that answers some of what it is given, and some twice."""

    def __init__(self, known: int) -> None:
        self.known, self.batches = known, []

    def work(self, task, batches, tell):
        self.batches.append([len(batch) for batch in batches])
        for batch in batches:
            for number, item in batch:
                if number < self.known:
                    tell(Answer(number, Event(item, "done", size=(10, 10)), 5))
                    tell(Answer(number, Event(item, "failed", "too late")))


def test_each_errand_has_one_outcome(family, tmp_path):
    (tmp_path / "photo").write_bytes(b"x")
    items = [WorkItem(str(tmp_path / "photo"), str(tmp_path / f"{n}.png")) for n in range(100)]
    pool, events = Forgetful(90), []
    task = Task(StylizerConfig(((family["night"], 1.0),)), BulkOptions())
    run = Dispatcher(items, CompletedItems(None, {}, BulkOptions()), events.append)
    assert run.skip_completed() == 100
    summary = run.work(pool, task, 2)
    assert (summary.done, len(summary.failed), len(events)) == (90, 10, 100)
    assert pool.batches == [[6] * 16 + [4], [1] * 10]
    assert all("the worker that painted it died, at each of two tries" in why for _, why in summary.failed)
    assert isinstance(summary, Summary)


def test_workers_of_another_version_are_refused(family):
    task = Task(StylizerConfig(((family["night"], 1.0),)), BulkOptions(), version="0.0.1")
    with pytest.raises(ClusterError, match=r"has impasto .*, not 0\.0\.1: install the same"):
        SerialPool().work(task, [[]], print)


def test_crews(monkeypatch):
    assert isinstance(make_pool(None, None), SerialPool)
    monkeypatch.setattr("impasto.stylizing.batch.ray_pool.find_spec", lambda name: None)
    assert type(make_pool("auto", 2)).__name__ == "ProcessPool"
    with pytest.raises(ImportError, match=r"needs Ray: pip install 'impasto\[cluster\]'"):
        make_pool("127.0.0.1:6379", None)
    monkeypatch.setattr("impasto.stylizing.batch.ray_pool.find_spec", lambda name: name)
    assert type(make_pool("auto", 2)).__name__ == "RayPool"


def test_batches_fit_the_executor():
    items = {n: WorkItem("a", "b") for n in range(1000)}
    assert {len(batch) for batch in dispatcher._batches(items, 2)} == {32, 8}
    assert len(dispatcher._batches({1: WorkItem("a", "b")}, 4)) == 1
