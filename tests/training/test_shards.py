"""Photos in tar files."""

import gzip
import io
import pickle
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from impasto.errors import ImageError, UsageError
from impasto.training.crops import Crops
from impasto.training.data import batches
from impasto.training.photos import Shard, find_photos, is_compressed


def picture(level: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (6, 5), level).save(file, "PNG")
    return file.getvalue()


def make_shard(path: Path, members: dict[str, bytes], kind: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=kind) as tar:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    return path


def make_web_dataset(path: Path, first: int, count: int) -> Path:
    """Samples of an image, a caption and a label each."""
    members: dict[str, bytes] = {}
    for number in range(first, first + count):
        members |= {
            f"{number:05}.png": picture(number),
            f"{number:05}.txt": b"x" * 700,
            f"{number:05}.cls": b"3",
        }
    return make_shard(path, members)


def levels(shard: Shard) -> list[object]:
    return [shard.open(index).getpixel((0, 0)) for index in range(len(shard))]


def test_pictures_among_other_members(tmp_path: Path) -> None:
    path = make_web_dataset(tmp_path / "0.tar", 10, 5)
    shard = Shard(path)
    assert levels(shard) == [10, 11, 12, 13, 14]
    assert shard.name(2) == f"{path}/00012.png"
    assert shard.description == f"5 photos in {path}"


def test_shards_travel_between_processes(tmp_path: Path) -> None:
    shard = Shard(make_web_dataset(tmp_path / "0.tar", 0, 3))
    assert levels(pickle.loads(pickle.dumps(shard))) == [0, 1, 2]


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_kinds_of_tar(tmp_path: Path, kind: int) -> None:
    long = "folder/" * 20 + "photo.PNG"
    shard = Shard(make_shard(tmp_path / "a.tar", {long: picture(4), "b.input.png": picture(5)}, kind))
    assert levels(shard) == [4, 5]
    assert shard.name(0).endswith(long)


def test_members_that_are_no_pictures_or_not_meant_to_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        folder = tarfile.TarInfo("photos.png")
        folder.type = tarfile.DIRTYPE
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "elsewhere.png"
        for header in (folder, link):
            tar.addfile(header)
        for name in ("._1.png", "1.png"):
            header = tarfile.TarInfo(name)
            header.size = len(picture(8))
            tar.addfile(header, io.BytesIO(picture(8)))
    assert [Shard(path).name(index) for index in range(len(Shard(path)))] == [f"{path}/1.png"]


def test_damaged_member_is_one_unreadable_photo(tmp_path: Path) -> None:
    shard = Shard(make_shard(tmp_path / "a.tar", {"1.png": picture(1), "2.png": b"text, no picture"}))
    with pytest.raises(ImageError, match=r"a\.tar/2\.png is not a picture"):
        shard.open(1)
    assert shard.open(0).size == (6, 5)


@pytest.mark.parametrize("kept", [300, 512 + 40, 512 * 2 + 100, 512 * 3 + 200])
def test_tar_that_was_cut_short(tmp_path: Path, kept: int) -> None:
    """In the first header, in its content, in the second header, and in the second content."""
    path = make_shard(tmp_path / "cut.tar", {"1.png": picture(1), "2.png": b"y" * 400}, tarfile.USTAR_FORMAT)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ImageError, match=r"cut\.tar is damaged or cut short"):
        Shard(path)


def test_tar_damaged_in_the_middle(tmp_path: Path) -> None:
    path = make_web_dataset(tmp_path / "bad.tar", 0, 5)
    content = bytearray(path.read_bytes())
    start = content.index(b"00002.png")
    content[start : start + 400] = b"#" * 400
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"bad\.tar is damaged or cut short"):
        Shard(path)


def test_tar_without_its_last_blocks_is_whole(tmp_path: Path) -> None:
    path = make_shard(tmp_path / "a.tar", {"1.png": picture(1)}, tarfile.USTAR_FORMAT)
    path.write_bytes(path.read_bytes()[:1024])
    assert levels(Shard(path)) == [1]


@pytest.mark.parametrize("content", [b"", b"no tar file, but text that is somewhat longer " * 20])
def test_no_tar(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.tar is damaged"):
        Shard(tmp_path / "a.tar")


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.tar"])
def test_compressed_tar(tmp_path: Path, name: str) -> None:
    path = make_web_dataset(tmp_path / "plain.tar", 0, 2)
    (tmp_path / name).write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(UsageError, match=f"{name} is compressed: unpack it"):
        Shard(tmp_path / name)


def test_tar_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.tar holds no pictures"):
        Shard(make_shard(tmp_path / "a.tar", {"a.txt": b"text"}))


def test_tar_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.tar cannot be read: No such file"):
        Shard(tmp_path / "gone.tar")


# --- in trainings -------------------------------------------------------------------------------------------


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


def test_names_of_archives() -> None:
    assert all(is_compressed(name) for name in ("a.tar.gz", "A.TGZ", "b.tar.zst", "val2017.zip"))
    assert not any(is_compressed(name) for name in ("a.tar", "a.jpg", "zip", "a.gz.png"))
