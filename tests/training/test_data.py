"""Batches are the same however they are made."""

import multiprocessing
import os
import signal
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage import data

from impasto.errors import ImageError, MemoryLimitError, UsageError
from impasto.training.crops import Crops
from impasto.training.data import Batch, batches
from impasto.training.photos import find_photos
from impasto.training.synthetic import Synthetic
from tests.training.archives import make_web_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five photos, of which one is text."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        Image.fromarray(getattr(data, name)()).resize((72, 60)).save(folder / f"{name}.jpg")
    (folder / "notes.jpg").write_text("this is not a picture, whatever its name says")
    return folder


@pytest.fixture(scope="module")
def crops(folder: Path) -> Crops:
    return Crops(find_photos([folder]), 32, seed=4, augment=True)


def take(
    crops: Crops, count: int, start: int = 0, batch: int = 4, rank: int = 0, world: int = 1, workers: int = 0
) -> list[Batch]:
    source = batches(crops, start_step=start, batch=batch, rank=rank, world=world, workers=workers)
    found = list(islice(source, count))
    source.close()
    return found


def assert_same(found: list[Batch], expected: list[Batch]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.images, other.images)


def wait_until(reached: Callable[[], bool]) -> None:
    """Fail if it is not in a minute."""
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_batches_hold_the_samples_in_order(crops: Crops) -> None:
    found = take(crops, 3)
    for step, batch in enumerate(found):
        assert (batch.images.shape, batch.images.dtype) == ((4, 3, 32, 32), torch.float32)
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        for place, image in enumerate(batch.images):
            assert torch.equal(image, crops.sample(step * 4 + place))


def test_unreadable_photos_are_named_once(crops: Crops, folder: Path) -> None:
    for workers in (0, 2):
        skipped = [name for batch in take(crops, 6, workers=workers) for name in batch.skipped]
        assert skipped == [str(folder / "notes.jpg")]


def test_a_long_path_of_temporary_files(
    crops: Crops, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No socket is made there, for which it would be too long."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    found = take(crops, 3, workers=1)
    assert_same(found, take(crops, 3))
    assert all(batch.images.is_contiguous(memory_format=torch.channels_last) for batch in found)


def test_workers_change_nothing(crops: Crops) -> None:
    alone = take(crops, 5, start=3)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    assert_same(take(crops, 5, start=3, workers=2), alone)
    assert torch.equal(torch.rand(3), expected)
    assert all(b.images.is_contiguous(memory_format=torch.channels_last) for b in take(crops, 1, workers=1))


def test_a_thread_stands_in_for_workers_where_other_threads_run(crops: Crops) -> None:
    """A fork would hold the open connections of a program that serves."""
    alone = take(crops, 5, start=3)
    seen: list[int] = []

    def learn() -> list[Batch]:
        source = batches(crops, start_step=3, batch=4, workers=2)
        found = [next(source)]
        seen.append(len(multiprocessing.active_children()))
        found += islice(source, 4)
        source.close()
        return found

    threads = threading.active_count()
    with ThreadPoolExecutor(1) as thread:
        assert_same(thread.submit(learn).result(), alone)
    assert seen == [0]
    wait_until(lambda: threading.active_count() <= threads)  # fewer, where another test's end a moment later


def test_a_later_start_continues_the_same_run(crops: Crops) -> None:
    whole = take(crops, 6)
    assert_same(take(crops, 2) + take(crops, 4, start=2), whole)


def test_ranks_share_each_batch(crops: Crops) -> None:
    whole = take(crops, 3, start=2, batch=6)
    parts = [take(crops, 3, start=2, batch=6, rank=rank, world=3) for rank in range(3)]
    for step, batch in enumerate(whole):
        assert torch.equal(torch.cat([part[step].images for part in parts]), batch.images)


@pytest.mark.parametrize(("batch", "rank", "world"), [(5, 0, 2), (0, 0, 1), (4, 2, 2), (4, -1, 2)])
def test_batches_that_cannot_be_shared(crops: Crops, batch: int, rank: int, world: int) -> None:
    with pytest.raises(UsageError):
        batches(crops, start_step=0, batch=batch, rank=rank, world=world)


def test_page_locked_memory_changes_no_value(crops: Crops) -> None:
    """Nor does asking for it where no GPU is."""
    expected = take(crops, 2)
    for workers in (0, 1):
        source = batches(crops, start_step=0, batch=4, workers=workers, pin=True)
        found = list(islice(source, 2))
        source.close()
        assert_same(found, expected)
        assert all(batch.images.is_pinned() == torch.cuda.is_available() for batch in found)
        assert all(batch.images.is_contiguous(memory_format=torch.channels_last) for batch in found)


def test_closing_ends_the_workers(crops: Crops) -> None:
    threads = threading.active_count()
    source = batches(crops, start_step=0, batch=2, workers=2)
    next(source)
    workers = multiprocessing.active_children()
    assert len(workers) == 2
    source.close()
    assert multiprocessing.active_children() == []
    assert not any(worker.is_alive() for worker in workers)
    wait_until(lambda: threading.active_count() <= threads)  # those that fed the queues end a moment later


def test_workers_leave_ctrl_c_to_the_training(crops: Crops) -> None:
    source = batches(crops, start_step=0, batch=2, workers=1)
    next(source)
    for worker in multiprocessing.active_children():
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGINT)
    time.sleep(0.1)
    assert_same(list(islice(source, 4)), take(crops, 4, start=1, batch=2))
    source.close()


class Deadly(Synthetic):
    def open(self, index: int) -> Image.Image:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def test_killed_worker() -> None:
    source = batches(Crops(Deadly(), 16), start_step=0, batch=2, workers=1)
    with pytest.raises(MemoryLimitError, match="use fewer workers"):
        next(source)
    assert multiprocessing.active_children() == []


class Stuck(Synthetic):
    def open(self, index: int) -> Image.Image:
        time.sleep(3600)
        raise AssertionError


def test_a_worker_that_sends_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.training.data._PATIENCE", 0.5)
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.1)  # how long its end may take
    source = batches(Crops(Stuck(), 16), start_step=0, batch=2, workers=1)
    with pytest.raises(MemoryLimitError, match=r"no photos came for 0 seconds .* workers=0"):
        next(source)
    wait_until(lambda: multiprocessing.active_children() == [])  # told to, by then


@pytest.mark.parametrize("workers", [0, 1])
def test_no_photo_can_be_read(tmp_path: Path, workers: int) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").touch()
    source = batches(Crops(find_photos([tmp_path]), 16), start_step=0, batch=2, workers=workers)
    with pytest.raises(
        ImageError, match=rf"^none of the 3 photos in {tmp_path} can be read: .*\d\.jpg is empty"
    ):
        next(source)
    assert multiprocessing.active_children() == []


def test_shards_work_in_workers(folder: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for name in ("coffee.jpg", "rocket.jpg"):
            tar.add(folder / name, name)
    sharded = Crops(find_photos([tmp_path]), 16)
    assert_same(take(sharded, 3, workers=2), take(sharded, 3))


# --- whole epochs -------------------------------------------------------------------------------------------


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """23 photos in three shards, of 100, 101, ... of gray."""
    folder = tmp_path / "shards"
    folder.mkdir()
    for number, (first, count) in enumerate([(100, 9), (109, 4), (113, 10)]):
        make_web_dataset(folder / f"{number:03}.tar", first, count)
    return folder


def gray(
    shards: Path, *, start_step: int, steps: int, batch: int, world: int = 1, workers: int = 0
) -> list[list[int]]:
    """What a run of steps shows, in each the photos of all ranks, found anew by each of them."""
    seen: list[list[int]] = [[] for _ in range(steps)]
    for rank in range(world):
        crops = Crops(find_photos([shards]), 8, seed=5)
        source = batches(crops, start_step=start_step, batch=batch, rank=rank, world=world, workers=workers)
        for step, made in zip(seen, source, strict=False):
            step += (255 * made.images[:, 0, 4, 4]).round().int().tolist()
        source.close()
    return seen


@pytest.mark.parametrize("workers", [0, 3])
def test_every_photo_once_an_epoch_over_ranks_and_workers(shards: Path, workers: int) -> None:
    """23 steps of six are six epochs, which begin anywhere in a batch."""
    steps = gray(shards, start_step=0, steps=23, batch=6, world=3, workers=workers)
    assert {len(step) for step in steps} == {6}
    shown = [photo for step in steps for photo in step]
    epochs = [shown[first : first + 23] for first in range(0, 6 * 23, 23)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(100, 123))
    assert len({tuple(epoch) for epoch in epochs}) == 6, "each in an order of its own"


def test_resumed_in_mid_epoch_nothing_is_lost_or_shown_twice(shards: Path) -> None:
    """Also by another number of processes and workers: a machine may have gone."""
    whole = gray(shards, start_step=0, steps=8, batch=6)
    first = gray(shards, start_step=0, steps=2, batch=6, world=3, workers=1)
    rest = gray(shards, start_step=2, steps=6, batch=6, world=2, workers=2)
    assert first + rest == whole
    shown = [photo for step in first + rest for photo in step]
    assert sorted(shown[:23]) == sorted(shown[23:46]) == list(range(100, 123))


def test_passes_of_a_step_share_its_photos(shards: Path) -> None:
    """Where gradients are accumulated, steps are cut into smaller batches, in the same order."""
    steps, passes = gray(shards, start_step=1, steps=3, batch=6), gray(shards, start_step=3, steps=9, batch=2)
    assert [photo for step in steps for photo in step] == [photo for one in passes for photo in one]
