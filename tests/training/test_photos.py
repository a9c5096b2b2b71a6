"""Collections of photos: where they are found, how they are divided, and how little they hold."""

import gzip
import io
import os
import pickle
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.errors import ImageError, UsageError
from impasto.training import photos as photos_module
from impasto.training.photos import (
    Joined,
    Names,
    PhotoFiles,
    Photos,
    Shard,
    Subset,
    find_photos,
    is_compressed,
    open_photo,
    split,
)
from tests.training.archives import make_shard, make_web_dataset, picture


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
    split(numbered(9), seed=3)  # NumPy imports its random generators when first asked
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


# --- folders, files and archives ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "chelsea", "coffee"):
        Image.new("RGB", (72, 60)).save(folder / f"{name}.jpg")
    return folder


def relative_names(photos: Photos, below: Path) -> list[str]:
    return [os.path.relpath(photos.name(index), below) for index in range(len(photos))]


def test_photos_are_found_at_any_depth_in_a_fixed_order(tmp_path: Path) -> None:
    for name in (
        "b/2.PNG",
        "a/1.jpeg",
        "a/deep/3.webp",
        "a/notes.txt",
        "0.jpg",
        "b/._2.png",
        ".thumbs/x.jpg",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    photos = find_photos([tmp_path])
    assert relative_names(photos, tmp_path) == ["0.jpg", "a/1.jpeg", "a/deep/3.webp", "b/2.PNG"]
    assert photos.description == f"4 photos in {tmp_path}"


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.jpg").touch()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "photos")
    assert relative_names(find_photos([tmp_path / "photos"]), tmp_path) == ["photos/link/1.jpg"]


def test_the_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    photos = find_photos([Path()])
    assert [photos.name(index) for index in (0, 1)] == ["astronaut.jpg", "chelsea.jpg"]


def test_folders_files_and_shards_together(folder: Path, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    for number in range(2):
        photos = [folder / name for name in ("coffee.jpg", "chelsea.jpg")]
        make_shard(shards / f"{number}.tar", {photo.name: photo.read_bytes() for photo in photos})
    photos = find_photos([folder, shards, folder / "chelsea.jpg", shards / "0.tar"])
    assert len(photos) == 3 + 4 + 1 + 2
    assert photos.name(4) == str(shards / "0.tar" / "chelsea.jpg")
    assert photos.name(7) == str(folder / "chelsea.jpg")
    assert photos.open(9).size == (72, 60)
    assert photos.description == f"10 photos in {folder}, {shards}, {folder / 'chelsea.jpg'} and 1 more"


def test_picture_file_of_any_name(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes((folder / "coffee.jpg").read_bytes())
    assert find_photos([tmp_path / "photo"]).open(0).size == (72, 60)


def test_nothing_named() -> None:
    with pytest.raises(UsageError, match="no photos were named"):
        find_photos([])


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="phtos does not exist"):
        find_photos([tmp_path / "phtos"])


def test_file_that_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("some text that is no picture")
    with pytest.raises(ImageError, match=r"notes\.txt is not a picture"):
        find_photos([tmp_path / "notes.txt"])


def test_folder_without_photos(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{tmp_path} is empty"):
        find_photos([folder, tmp_path])
    for name in ("a.txt", "b.txt", "c.json", "README"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=r"holds 4 files, none a picture \(\.txt, "):
        find_photos([tmp_path])


def test_folder_of_archives(tmp_path: Path) -> None:
    (tmp_path / "val2017.zip").touch()
    with pytest.raises(UsageError, match=r"val2017\.zip is compressed: unpack it"):
        find_photos([tmp_path])
    with pytest.raises(UsageError, match=r"val2017\.zip is compressed: unpack it"):
        find_photos([tmp_path / "val2017.zip"])


@pytest.mark.parametrize("suffix", [".pbm", ".jpg", ".jfif"])
def test_what_is_stylized_is_learned_from(tmp_path: Path, suffix: str) -> None:
    picture = Image.effect_noise((80, 70), 80).convert("1" if suffix == ".pbm" else "RGB")
    picture.save(tmp_path / f"a{suffix}", format="JPEG" if suffix == ".jfif" else None)
    photos = find_photos([tmp_path])
    assert [Path(photos.name(k)).name for k in range(len(photos))] == [f"a{suffix}"]
    assert photos.open(0).size == (80, 70)


# --- tar archives -------------------------------------------------------------------------------------------


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


def test_names_of_archives() -> None:
    assert all(is_compressed(name) for name in ("a.tar.gz", "A.TGZ", "b.tar.zst", "val2017.zip"))
    assert not any(is_compressed(name) for name in ("a.tar", "a.jpg", "zip", "a.gz.png"))
