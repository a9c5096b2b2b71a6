"""Photos found in folders, files and tar shards."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from impasto.errors import UsageError
from impasto.imaging.files import open_file
from impasto.imaging.suffixes import IMAGE_SUFFIXES
from impasto.safe_paths import exists, is_folder
from impasto.training.photos import Joined, PhotoFiles, Photos, count_photos, open_photo
from impasto.training.shards import Shard, is_compressed, refuse_compressed


def find_photos(paths: Sequence[Path]) -> Photos:
    """The pictures in folders and the folders below, picture files, and tar shards.

    Hidden files are left out. The order is fixed by the names.

    Raises:
        UsageError: a path that does not exist, or holds no pictures, or is a compressed archive.
        ImageError: a file that is no picture, or a shard that is damaged or cut short.
    """
    if not paths:
        raise UsageError("no photos were named: give a folder of them")
    parts = [part for path in paths for part in _find(path)]
    total = count_photos(sum(map(len, parts)))
    named = ", ".join(map(str, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    return Joined(parts, f"{total} in {named}")


def _find(path: Path) -> list[Photos]:
    """Photos in one path named by the user."""
    if is_folder(path):
        return _find_in_folder(path)
    if not exists(path):
        raise UsageError(f"{path} does not exist; check its name and folder")
    if path.suffix.lower() == ".tar" or is_compressed(path.name):
        return [Shard(path)]
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        with open_file(path) as file:
            open_photo(file.read(), str(path))
    return [PhotoFiles(path.parent, [path.name])]


def _find_in_folder(folder: Path) -> list[Photos]:
    names = sorted(_files_below(folder))
    pictures = [name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES]
    shards = [Shard(folder / name) for name in names if name.lower().endswith(".tar")]
    if pictures or shards:
        return [*([PhotoFiles(folder, pictures)] if pictures else []), *shards]
    archives = [name for name in names if is_compressed(name)]
    if archives:
        raise refuse_compressed(folder / archives[0])
    if not names:
        raise UsageError(f"{folder} is empty: there are no photos to learn from")
    kinds = Counter(Path(name).suffix.lower() or "no suffix" for name in names).most_common(3)
    held = "1 file, no picture" if len(names) == 1 else f"{len(names)} files, none a picture"
    raise UsageError(f"{folder} holds {held} ({', '.join(kind for kind, _ in kinds)})")


def _files_below(folder: Path) -> Iterator[str]:
    """Names relative to the folder; links to folders are followed, but each folder is entered once."""

    def fail(error: OSError) -> None:
        if error.filename == top:
            raise UsageError(f"{folder} cannot be read: {error.strerror}") from error

    top = str(folder)
    seen: set[tuple[int, int]] = set()
    for here, folders, files in os.walk(top, followlinks=True, onerror=fail):
        status = Path(here).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = here.removeprefix(top).lstrip(os.sep)
        yield from (os.path.join(below, name) for name in files if not name.startswith("."))  # noqa: PTH118
