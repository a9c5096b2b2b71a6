"""Collect photos, from files, folder trees, patterns and URLs, and decide where their pictures go."""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from impasto.errors import ImageError, UsageError
from impasto.imaging.encoding import FORMATS, find_format
from impasto.imaging.files import IMAGE_SUFFIXES
from impasto.safe_paths import exists, is_folder
from impasto.stylizing.batch.filesystems import is_url, normal, store_of
from impasto.stylizing.options import BulkOptions

AnyPath = TypeVar("AnyPath", bound=PurePath)
OnUnreadable = Callable[[Path, str], None]  # takes a folder, and why it cannot be read
OnPassedOver = Callable[[PurePath], None]  # takes a file that is no picture


@dataclass(frozen=True)
class Item:
    """A photo, and the picture to write."""

    source: Path
    target: Path


@dataclass(frozen=True)
class WorkItem:
    """A photo and its picture as strings that another machine may process: paths, or URLs of a store.

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
    on_passed_over: OnPassedOver | None = None,
) -> list[Item]:
    """Collect the items to process, in a fixed order, without reading or writing files.

    Photos that differ in their suffixes alone, and would become one picture, keep the suffix in the names of
    their pictures: IMG_1.gif becomes IMG_1.gif.png beside IMG_1.png.

    Args:
        inputs: files, folders, whose trees are mirrored below `out`, and patterns such as "photos/**/*.jpg",
            whose files are mirrored from the last folder before the first wildcard.
        out: a folder, which need not exist; for a single photo a picture file, too.
        options: `suffix` and `bit_depth` decide the formats.
        on_unreadable: called with each folder below an input that cannot be read, and a sentence on it;
            without it, such a folder raises ImageError.
        on_passed_over: called with each file in a folder, or that matches a pattern, whose suffix is not that
            of a picture; hidden files are not told of.

    Raises:
        ImageError: a photo that does not exist, or a folder that cannot be read.
        UsageError: nothing to do, a format that cannot be written, two photos for one picture, or a picture
            that would overwrite a photo.
    """
    options, out = options or BulkOptions(), Path(out)
    check_format(options)
    names = [os.fspath(name) for name in inputs]
    unreadable: dict[Path, str] = {}
    passed_over: list[PurePath] = []
    if is_file_name(out):
        items = [Item(_single(names, out), out)]
        find_format(out, options.bit_depth)
    else:
        tell = unreadable.__setitem__ if on_unreadable else None
        found = [pair for name in names for pair in find(name, out, tell, passed_over.append)]
        places = target_places([(_identity(source), place) for source, place in found], options)
        items = [Item(source, out / place) for (source, _), place in zip(found, places, strict=True)]
    if not items and unreadable:
        raise ImageError(next(iter(unreadable.values())))
    if not items:
        raise nothing_found(names, passed_over)
    items = _without_repetition(items)
    _check_sources_stay(items)
    for folder, reason in unreadable.items():
        assert on_unreadable
        on_unreadable(folder, reason)
    if on_passed_over:
        for path in dict.fromkeys(passed_over):  # that inputs share
            on_passed_over(path)
    return items


def nothing_found(names: Sequence[str], passed_over: Sequence[PurePath]) -> UsageError:
    """Make the error for inputs without pictures."""
    others = f"; passed over: {count_kinds(dict.fromkeys(passed_over))}" if passed_over else ""
    return UsageError(f"there are no pictures in {', '.join(names)}{others}")


def count_kinds(passed_over: Iterable[PurePath]) -> str:
    """Count files by suffix, as a text such as "2 .dng, 1 without a suffix"."""
    kinds = Counter(path.suffix.lower() for path in passed_over)
    order = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    return ", ".join(f"{number} {suffix or 'without a suffix'}" for suffix, number in order)


def check_format(options: BulkOptions) -> None:
    if options.suffix is not None:
        find_format(f"all{options.suffix}", options.bit_depth)


def is_file_name(out: Path) -> bool:
    return has_picture_suffix(out) and not is_folder(out)


def has_picture_suffix(path: PurePath) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES


def _single(names: Sequence[str], out: Path) -> Path:
    """Find the only photo. Raises UsageError where one picture would have to hold several."""
    path = Path(names[0]) if names else out
    if len(names) != 1 or is_folder(path) or (not exists(path) and has_magic(names[0])):
        raise UsageError(f"{out} is the name of one picture: name a folder for many")
    return _existing(path)


def find(
    name: str,
    out: Path | None,
    on_unreadable: OnUnreadable | None = None,
    on_passed_over: OnPassedOver | None = None,
) -> Iterator[tuple[Path, Path]]:
    """Yield photos, each with its place below `out`, which is None if it is not on this machine."""
    path = Path(name)
    if is_folder(path):
        yield from _pictures(_without_results(_walk(path, on_unreadable), path, out), on_passed_over)
    elif exists(path) or not has_magic(name):
        yield _existing(path), Path(path.name)
    else:
        parts = path.parts
        wild = next(index for index, part in enumerate(parts) if has_magic(part))
        start = Path(*parts[:wild])
        matches = _match(start, str(Path(*parts[wild:])), on_unreadable)
        yield from _pictures(_without_results(matches, start, out), on_passed_over)


def _pictures(
    found: Iterable[tuple[Path, Path]], on_passed_over: OnPassedOver | None
) -> Iterator[tuple[Path, Path]]:
    for path, place in found:
        if _is_picture(path):
            yield path, place
        elif on_passed_over and not has_picture_suffix(path):
            on_passed_over(path)


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
    except OSError as error:  # a part of it is longer than a name can be, say
        raise ImageError(f"no pictures can be looked for in {start}: {error.strerror or error}") from error
    if not matches:
        raise ImageError(f"{start / pattern} matches nothing; check the pattern and its folder")
    for match in matches:
        if is_folder(match):
            yield from _walk(match, on_unreadable)
        else:
            yield match


def _walk(folder: Path, on_unreadable: OnUnreadable | None) -> Iterator[Path]:
    """Yield all files below, through links too, but no folder twice: a link may lead back."""

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
        yield from (Path(place, name) for name in sorted(files))


def _without_results(sources: Iterable[Path], start: Path, out: Path | None) -> Iterator[tuple[Path, Path]]:
    """Pair files with their places below `start`, leaving out hidden ones and results of earlier runs."""
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
    """Give a path the suffix of its result: its own where that can be written, or .png."""
    kind = FORMATS.get(place.suffix.lower())
    if options.suffix is None and kind and (options.bit_depth or 8) in kind.bit_depths:
        return place
    stem = place.stem if has_picture_suffix(place) else place.name
    return place.with_name(stem + (options.suffix or ".png"))


def target_places(found: Sequence[tuple[Hashable, AnyPath]], options: BulkOptions) -> list[AnyPath]:
    """Choose the places of the results, given the identity and place of each photo.

    Where several photos would become one picture, those whose name is not the picture's keep their suffix
    before the new one.
    """
    places = [rename(place, options) for _, place in found]
    rivals: dict[str, set[Hashable]] = {}
    for (photo, _), place in zip(found, places, strict=True):
        rivals.setdefault(os.path.normcase(place), set()).add(photo)
    return [
        new if len(rivals[os.path.normcase(new)]) == 1 or old == new else old.with_name(old.name + new.suffix)
        for (_, old), new in zip(found, places, strict=True)
    ]


def keeps_suffix(source: PurePath, target: PurePath) -> bool:
    """Return whether the picture's name holds the photo's suffix, as `target_places` does it."""
    return has_picture_suffix(source) and target.stem == source.name


def _without_repetition(items: Sequence[Item]) -> list[Item]:
    """Drop repeated items. Raises UsageError for two different photos that would become one picture."""
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
    """Device and inode, which identify a file under any name; the path of a file that cannot be read."""
    try:
        facts = path.stat()
    except OSError:
        return path
    return facts.st_dev, facts.st_ino


_WILD = re.compile(r"[*?\[]")


def collect_work_items(
    inputs: Sequence[str],
    out: str,
    options: BulkOptions | None = None,
    on_unreadable: OnUnreadable | None = None,
    on_passed_over: OnPassedOver | None = None,
) -> list[WorkItem]:
    """Collect work items, as `collect` does, from paths and URLs; lists stores. Raises ClusterError, too."""
    options = options or BulkOptions()
    if not any(is_url(name) for name in (*inputs, out)):
        items = collect(inputs, out, options, on_unreadable, on_passed_over)
        return [WorkItem(str(item.source), str(item.target)) for item in items]
    inputs, out = [normal(name) for name in inputs], normal(out)
    check_format(options)
    passed_over: list[PurePath] = []
    found = [entry for name in inputs for entry in _find(name, out, on_unreadable, passed_over.append)]
    if not found:
        raise nothing_found(inputs, passed_over)
    if on_passed_over:
        for path in dict.fromkeys(passed_over):  # that inputs share
            on_passed_over(path)
    if is_picture(out):
        if len(found) > 1:
            raise UsageError(f"{out} is the name of one picture: name a folder for many")
        find_format(PurePosixPath(out).name, options.bit_depth)
        work_items = [WorkItem(source, out, length) for source, _, length in found]
    else:
        places = target_places([(source, place) for source, place, _ in found], options)
        work_items = [
            WorkItem(source, _join(out, place), length)
            for (source, _, length), place in zip(found, places, strict=True)
        ]
    return _checked(work_items)


def is_picture(out: str) -> bool:
    """Return whether the name of the results is that of one picture, and not of a folder."""
    return has_picture_suffix(PurePosixPath(out)) if is_url(out) else is_file_name(Path(out))


def _find(
    name: str, out: str, on_unreadable: OnUnreadable | None, on_passed_over: OnPassedOver
) -> Iterator[tuple[str, PurePosixPath, int | None]]:
    """Yield photos, each with its place below the results, and its length if that is known."""
    if not is_url(name):
        for path, below in find(name, None if is_url(out) else Path(out), on_unreadable, on_passed_over):
            yield str(path), PurePosixPath(below), None
        return
    listed = store_of(name).find(name)
    start, results = _start(name, listed), out + "/"
    wanted = {u: length for u, length in listed.items() if u == name or not u.startswith(results)}
    if not listed:
        raise ImageError(f"there is nothing at {name}; check its name and your credentials")
    for url, length in sorted(wanted.items()):
        place = PurePosixPath(posixpath.relpath(url, start))
        if any(part.startswith(".") for part in place.parts):
            continue
        if has_picture_suffix(place):
            yield url, place, length
        else:
            on_passed_over(place)


def _start(name: str, listed: dict[str, int]) -> str:
    """Find the folder that places are relative to: of a pattern, the last before the first wildcard."""
    wild = _WILD.search(name)
    if wild or name in listed:
        return posixpath.dirname(name[: wild.start()] + "x" if wild else name)
    return name


def _join(out: str, place: PurePosixPath) -> str:
    return f"{out}/{place}" if is_url(out) else str(Path(out, place))


def _checked(items: Sequence[WorkItem]) -> list[WorkItem]:
    """Drop repeated items. Raises UsageError where a picture would overwrite a photo or another picture."""
    chosen: dict[str, WorkItem] = {}
    sources = {item.source for item in items}
    for item in items:
        other = chosen.setdefault(item.target, item)
        if other.source != item.source:
            raise UsageError(
                f"{other.source} and {item.source} would both become {item.target}: stylize them into "
                "different folders"
            )
        if item.target in sources:
            raise UsageError(
                f"{item.target} is one of the photos and would be overwritten: choose another folder"
            )
    return list(chosen.values())
