"""Which photos belong to folders, files and shards, and what is said of those without."""

import os
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from impasto.errors import ImageError, UsageError
from impasto.training.photos import Photos, find_photos


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "chelsea", "coffee"):
        Image.new("RGB", (72, 60)).save(folder / f"{name}.jpg")
    return folder


def names(photos: Photos, below: Path) -> list[str]:
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
    assert names(photos, tmp_path) == ["0.jpg", "a/1.jpeg", "a/deep/3.webp", "b/2.PNG"]
    assert photos.description == f"4 photos in {tmp_path}"


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.jpg").touch()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "photos")
    assert names(find_photos([tmp_path / "photos"]), tmp_path) == ["photos/link/1.jpg"]


def test_the_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    photos = find_photos([Path()])
    assert [photos.name(index) for index in (0, 1)] == ["astronaut.jpg", "chelsea.jpg"]


def test_folders_files_and_shards_together(folder: Path, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    for number in range(2):
        make_shard(shards / f"{number}.tar", [folder / "coffee.jpg", folder / "chelsea.jpg"])
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


def make_shard(path: Path, files: list[Path]) -> None:
    with tarfile.open(path, "w") as tar:
        for file in files:
            tar.add(file, file.name)


@pytest.mark.parametrize("suffix", [".pbm", ".jpg", ".jfif"])
def test_what_is_stylized_is_learned_from(tmp_path: Path, suffix: str) -> None:
    picture = Image.effect_noise((80, 70), 80).convert("1" if suffix == ".pbm" else "RGB")
    picture.save(tmp_path / f"a{suffix}", format="JPEG" if suffix == ".jfif" else None)
    photos = find_photos([tmp_path])
    assert [Path(photos.name(k)).name for k in range(len(photos))] == [f"a{suffix}"]
    assert photos.open(0).size == (80, 70)
