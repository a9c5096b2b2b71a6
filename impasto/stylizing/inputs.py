"""Which photos are meant, and where their pictures go: files, folder trees and patterns."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path, PurePath
from typing import TypeVar

from impasto.errors import ImageError, UsageError
from impasto.imaging.encoding import FORMATS, find_format
from impasto.imaging.suffixes import IMAGE_SUFFIXES
from impasto.safe_paths import exists, is_folder
from impasto.stylizing.options import BulkOptions

AnyPath = TypeVar("AnyPath", bound=PurePath)
OnUnreadable = Callable[[Path, str], None]  # takes a folder, and why it cannot be read


@dataclass(frozen=True)
class Item:
    """A photo, and the picture to write."""

    source: Path
    target: Path


@dataclass(frozen=True)
class WorkItem:
    """An item as strings, which another machine may process: paths or URLs of a store.

    `length` is the photo's, in bytes, where a listing told it.
    """

    source: str
    target: str
    length: int | None = None


def collect(
    inputs: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    options: BulkOptions | None = None,
    on_unreadable: OnUnreadable | None = None,
) -> list[Item]:
    """Collect the items to process, in a fixed order, without reading or writing files.

    Args:
        inputs: files, folders, whose trees are mirrored below `out`, and patterns such as "photos/**/*.jpg",
            whose files are mirrored from the last folder before the first wildcard.
        out: a folder, which need not exist; for a single photo a picture file, too.
        options: `suffix` and `bit_depth` decide the formats.
        on_unreadable: called with each folder below an input that cannot be read, and a sentence on it;
            without it, such a folder raises ImageError.

    Raises:
        ImageError: a photo that does not exist, or a folder that cannot be read.
        UsageError: nothing to do, a format that cannot be written, two photos for one picture, or a picture
            that would overwrite a photo.
    """
    options, out = options or BulkOptions(), Path(out)
    check_format(options)
    names = [os.fspath(name) for name in inputs]
    unreadable: dict[Path, str] = {}
    if is_file_name(out):
        items = [Item(_single(names, out), out)]
        find_format(out, options.bit_depth)
    else:
        tell = unreadable.__setitem__ if on_unreadable else None
        found = (pair for name in names for pair in find(name, out, tell))
        items = [Item(source, out / rename(place, options)) for source, place in found]
    if not items and unreadable:
        raise ImageError(next(iter(unreadable.values())))
    if not items:
        raise UsageError(f"there are no pictures in {', '.join(names)}")
    items = _without_repetition(items)
    _check_sources_stay(items)
    for folder, reason in unreadable.items():
        assert on_unreadable
        on_unreadable(folder, reason)
    return items


def check_format(options: BulkOptions) -> None:
    if options.suffix is not None:
        find_format(f"all{options.suffix}", options.bit_depth)


def is_file_name(out: Path) -> bool:
    return has_picture_suffix(out) and not is_folder(out)


def has_picture_suffix(path: PurePath) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES


def _single(names: Sequence[str], out: Path) -> Path:
    """The only photo. Raises UsageError where one picture would have to hold several."""
    path = Path(names[0]) if names else out
    if len(names) != 1 or is_folder(path) or (not exists(path) and has_magic(names[0])):
        raise UsageError(f"{out} is the name of one picture: name a folder for many")
    return _existing(path)


def find(
    name: str, out: Path | None, on_unreadable: OnUnreadable | None = None
) -> Iterator[tuple[Path, Path]]:
    """Photos, each with its place below the folder for the results; None if that is not on this machine."""
    path = Path(name)
    if is_folder(path):
        yield from _without_results(_walk(path, on_unreadable), path, out)
    elif exists(path) or not has_magic(name):
        yield _existing(path), Path(path.name)
    else:
        parts = path.parts
        wild = next(index for index, part in enumerate(parts) if has_magic(part))
        start = Path(*parts[:wild])
        matches = _match(start, str(Path(*parts[wild:])), on_unreadable)
        yield from _without_results(matches, start, out)


def _existing(path: Path) -> Path:
    if not exists(path):
        raise ImageError(f"{path} does not exist; check its name and folder")
    return path


def _match(start: Path, pattern: str, on_unreadable: OnUnreadable | None) -> Iterator[Path]:
    try:
        matches = sorted(start.glob(pattern))
    except (
        ValueError,
        NotImplementedError,
        RecursionError,
    ) as error:  # NotImplementedError: no part of a name
        raise UsageError(f"{start / pattern} is no pattern: write it as in photos/**/*.jpg") from error
    if not matches:
        raise ImageError(f"{start / pattern} matches nothing; check the pattern and its folder")
    for match in matches:
        if is_folder(match):
            yield from _walk(match, on_unreadable)
        elif _is_picture(match):
            yield match


def _walk(folder: Path, on_unreadable: OnUnreadable | None) -> Iterator[Path]:
    """All pictures below, through links too, but no folder twice: a link may lead back."""

    def tell(error: OSError) -> None:
        place = Path(error.filename)
        reason = f"the folder {place} cannot be read: {error.strerror}"
        if on_unreadable is None or place == folder:
            raise ImageError(reason) from error
        on_unreadable(place, reason)

    seen = set()
    for place, folders, files in os.walk(folder, onerror=tell, followlinks=True):
        if (real := Path(place).resolve()) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from filter(_is_picture, (Path(place, name) for name in sorted(files)))


def _without_results(sources: Iterable[Path], start: Path, out: Path | None) -> Iterator[tuple[Path, Path]]:
    """Each with its place below `start`, but for hidden ones and those that a run before wrote below it."""
    whole, results = start.resolve(), None if out is None else out.resolve()
    results_below = results.relative_to(whole).parts if results and results.is_relative_to(whole) else ()
    for source in sources:
        place = source.relative_to(start)
        is_result = bool(results_below) and place.parts[: len(results_below)] == results_below
        if not is_result and not any(part.startswith(".") for part in place.parts):
            yield source, place


def _is_picture(path: Path) -> bool:
    """Return whether it has the suffix of a picture and is a file, or a file that cannot be read."""
    try:
        return has_picture_suffix(path) and path.is_file()
    except OSError:
        return True


def rename(place: AnyPath, options: BulkOptions) -> AnyPath:
    """With the suffix of the result: the same where it can be written, or .png."""
    kind = FORMATS.get(place.suffix.lower())
    if options.suffix is None and kind and options.bit_depth in kind.bit_depths:
        return place
    stem = place.stem if has_picture_suffix(place) else place.name
    return place.with_name(stem + (options.suffix or ".png"))


def _without_repetition(items: Sequence[Item]) -> list[Item]:
    """Raises UsageError for a picture that two different photos would become."""
    chosen: dict[str, Item] = {}
    for item in items:
        other = chosen.setdefault(os.path.normcase(item.target.resolve()), item)
        if other is not item and _identity(other.source) != _identity(item.source):
            raise UsageError(
                f"{other.source} and {item.source} would both become {item.target}: stylize them into "
                "different folders"
            )
    return list(chosen.values())


def _check_sources_stay(items: Sequence[Item]) -> None:
    sources = {_identity(item.source) for item in items}
    for item in items:
        if exists(item.target) and _identity(item.target) in sources:
            raise UsageError(
                f"{item.target} is one of the photos and would be overwritten: choose another folder"
            )


def _identity(path: Path) -> tuple[int, int] | Path:
    """What tells one file from another, under any name; the path of a file that is gone by now or hidden."""
    try:
        facts = path.stat()
    except OSError:
        return path
    return facts.st_dev, facts.st_ino
