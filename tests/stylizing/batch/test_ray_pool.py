"""Ray Data: a local cluster of two workers, one of which is killed in the middle of a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image
from skimage import data

from impasto.errors import ClusterError
from impasto.networks.card import load_card
from impasto.stylizing import BulkOptions, Stylizer
from impasto.stylizing.batch.dispatcher import CompletedItems, Dispatcher
from impasto.stylizing.batch.inputs import collect_work_items
from impasto.stylizing.batch.pipeline import Event
from impasto.stylizing.batch.ray_pool import RayPool
from impasto.stylizing.batch.workers import StylizerConfig, Task
from tests.stylizing import boxes

PHOTOS = 24
CLUSTER = """
import ray, sys
ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
print("address", ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
ray.shutdown()
"""
LOCAL = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_worker_niceness": "0",
    "RAY_AUTH_MODE": "disabled",  # what listens does so on 127.0.0.1 alone
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With good photos in "photos", one that is damaged, and one that is put at the second try only."""
    place = tmp_path_factory.mktemp("cluster")
    (place / "photos").mkdir()
    photo = Image.fromarray(data.coffee()).resize((40, 30))
    for number in range(PHOTOS):
        photo.save(place / f"photos/{number:02}.png")
    photo.save(place / "photos/flaky.png")
    (place / "photos/cut.jpg").write_bytes(b"\xff\xd8 no")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**boxes.install(place), **LOCAL}.items():
            patch.setenv(name, value)
        patch.syspath_prepend(place)
        yield place


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[str]:
    """The address of a cluster with two processors, which ends with the module."""
    pytest.importorskip("ray.data")
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin and process.stdout
        words = next((line.split() for line in process.stdout if line.startswith("address ")), None)
        assert words, "Ray did not start"
        yield words[1]
        process.stdin.close()
        process.wait(60)


def start(folder: Path, cards_folder: Path, on_event=None) -> tuple[Dispatcher, Task]:
    config = StylizerConfig(
        ((load_card(cards_folder / "night.safetensors"), 1.0),), device="cpu", precision="float32"
    )
    style = Stylizer(list(config.styles), device="cpu", precision="float32").record()
    items = collect_work_items([f"crate://{folder}/photos"], f"crate://{folder}/out")
    run = Dispatcher(items, CompletedItems(f"crate://{folder}/out", style, BulkOptions()), on_event)
    run.skip_completed()
    return run, Task(config, BulkOptions())


def test_a_worker_that_is_killed_costs_nothing(cluster, folder, cards_folder):
    events: list[Event] = []
    killed: list[int] = []

    def kill(event: Event) -> None:
        events.append(event)
        if not killed and event.outcome == "done":
            killed.append(int((folder / "box.log").read_text().split()[0]))
            os.kill(killed[0], signal.SIGKILL)

    run, task = start(folder, cards_folder, kill)
    summary = run.work(RayPool(cluster, 2), task, 2)
    assert killed and not psutil.pid_exists(killed[0])
    assert summary.done == PHOTOS + 1, summary.failed
    assert [Path(str(name)).name for name, _ in summary.failed] == ["cut.jpg"]
    assert len(events) == len({event.item.source for event in events}) == PHOTOS + 2
    put = [line.split() for line in (folder / "box.log").read_text().splitlines()]
    pictures = [name for _, name in put if name.endswith(".png")]
    assert len({worker for worker, name in put if name.endswith(".png")}) >= 2
    assert len(set(pictures)) == PHOTOS + 1
    made = [path for path in (folder / "out").iterdir() if path.name != ".impasto"]
    assert {path.name for path in made} == set(pictures)
    for path in made:
        with Image.open(path) as picture:
            picture.load()


def test_a_second_run_has_nothing_to_do(cluster, folder, cards_folder):
    """Whatever the order of the tests, and without asking Ray for anything."""
    (folder / "photos/cut.jpg").unlink(missing_ok=True)
    run, task = start(folder, cards_folder)
    run.work(RayPool(cluster, 2), task, 2)
    run, task = start(folder, cards_folder)
    summary = run.work(RayPool("127.0.0.1:1", 2), task, 2)
    assert (summary.done, summary.skipped, summary.failed) == (0, PHOTOS + 1, [])


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_a_cluster_that_is_not_there(address):
    with pytest.raises(ClusterError, match=f"no Ray cluster at {address}"):
        RayPool(address, 1).work(Task(StylizerConfig(()), BulkOptions()), [[]], print)


@pytest.mark.slow
def test_workers_that_cannot_start_say_why(cluster, folder, cards_folder):
    (folder / "photos/more.png").write_bytes((folder / "photos/00.png").read_bytes())
    run, task = start(folder, cards_folder)
    old = Task(task.config, task.options, version="0.0.1")
    try:
        with pytest.raises(ClusterError, match=r"a worker has impasto .*, not 0\.0\.1"):
            run.work(RayPool(cluster, 1), old, 1)
    finally:
        (folder / "photos/more.png").unlink()
