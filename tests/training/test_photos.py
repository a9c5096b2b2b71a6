"""Collections of photos: what belongs to them, how they are divided, and how little they hold."""

import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.errors import ImageError
from impasto.training import photos as photos_module
from impasto.training.photos import Joined, Names, PhotoFiles, Photos, Subset, open_photo, split


def numbered(count: int, folder: str = "photos") -> PhotoFiles:
    return PhotoFiles(Path(folder), [f"{number:06}.jpg" for number in range(count)])


def names(photos: Photos) -> list[str]:
    return [Path(photos.name(index)).name for index in range(len(photos))]


def test_names_come_back() -> None:
    given = ["a.jpg", "", "ä/ö 漢字.png", "b\udcff.jpg"]
    kept = Names(given)
    assert [kept[index] for index in range(4)] == given
    assert len(pickle.loads(pickle.dumps(kept))) == 4


def test_many_photos_take_little_memory() -> None:
    """Some 30 bytes each, a few megabytes for a hundred thousand; one string alone takes twice that."""
    given = [f"{number:012}.jpg" for number in range(10_000)]
    split(numbered(9), seed=3)  # NumPy imports its dice when first asked
    tracemalloc.start()
    photos = Joined([PhotoFiles(Path("a"), given), PhotoFiles(Path("b"), given)], "20000 photos")
    train, held_out = split(photos, seed=3)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(train), len(held_out)) == (19_984, 16)
    assert held < 20_000 * 40


def test_files_are_opened_by_index(tmp_path: Path) -> None:
    for name, width in (("a.png", 3), ("b/c.png", 5)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (width, 2)).save(tmp_path / name)
    photos = PhotoFiles(tmp_path, ["a.png", "b/c.png"])
    assert [photos.open(index).size for index in (1, 0)] == [(5, 2), (3, 2)]
    assert photos.name(1) == str(tmp_path / "b" / "c.png")
    assert photos.description == f"2 photos in {tmp_path}"


def test_joined_collections_follow_each_other() -> None:
    photos = Joined([numbered(2, "a"), numbered(1, "b"), numbered(3, "c")], "6 photos")
    found = [photos.name(index) for index in range(len(photos))]
    assert found == [
        str(Path(folder) / f"{n:06}.jpg") for folder, n in zip("aabccc", (0, 1, 0, 0, 1, 2), strict=True)
    ]
    with pytest.raises(ImageError, match="000002"):
        photos.open(5)


@pytest.mark.parametrize(("count", "held"), [(2, 1), (19, 1), (50, 5), (160, 16), (5000, 16)])
def test_split_divides_by_seed(count: int, held: int) -> None:
    train, held_out = split(numbered(count), seed=1)
    assert len(held_out) == held
    assert sorted(names(train) + names(held_out)) == names(numbered(count))
    assert names(split(numbered(count), seed=1)[1]) == names(held_out)
    assert held_out.description == f"{held} of {count} photos in photos"


def test_split_by_another_seed_is_another_one() -> None:
    assert names(split(numbered(500), seed=1)[1]) != names(split(numbered(500), seed=-2)[1])


def test_one_photo_alone_is_both() -> None:
    train, held_out = split(numbered(1), seed=0)
    assert names(train) == names(held_out) == ["000000.jpg"]


def test_chosen_of_chosen() -> None:
    some = Subset(numbered(10), np.array([7, 3, 5]))
    assert names(Subset(some, np.array([2, 0]))) == ["000005.jpg", "000007.jpg"]


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "x.jpg is empty"), (b"hello, world, this is text", "x.jpg is not a picture")]
)
def test_what_is_no_photo(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        open_photo(data, "x.jpg")


def test_huge_photos_are_refused_by_their_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (30, 20)).save(tmp_path / "large.png")
    assert photos_module.MAX_PIXELS == 100_000_000
    monkeypatch.setattr(photos_module, "MAX_PIXELS", 599)
    with pytest.raises(ImageError, match="30 x 20 = 600 pixels"):
        open_photo((tmp_path / "large.png").read_bytes(), "large.png")
