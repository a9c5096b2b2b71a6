"""Collect work items where photos or pictures are in stores; the rules of `inputs.collect` hold."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath, PurePosixPath

from impasto.errors import ImageError, UsageError
from impasto.imaging.encoding import find_format
from impasto.stylizing.cluster.filesystems import is_url, normal, store_of
from impasto.stylizing.inputs import (
    OnPassedOver,
    OnUnreadable,
    WorkItem,
    check_format,
    collect,
    find,
    has_picture_suffix,
    is_file_name,
    nothing_found,
    target_places,
)
from impasto.stylizing.options import BulkOptions

_WILD = re.compile(r"[*?\[]")


def collect_work_items(
    inputs: Sequence[str],
    out: str,
    options: BulkOptions | None = None,
    on_unreadable: OnUnreadable | None = None,
    on_passed_over: OnPassedOver | None = None,
) -> list[WorkItem]:
    """As `inputs.collect`, for paths and URLs; stores are listed. Raises ClusterError, too."""
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
        errands = [WorkItem(source, out, length) for source, _, length in found]
    else:
        places = target_places([(source, place) for source, place, _ in found], options)
        errands = [
            WorkItem(source, _join(out, place), length)
            for (source, _, length), place in zip(found, places, strict=True)
        ]
    return _checked(errands)


def is_picture(out: str) -> bool:
    """Return whether the name of the results is that of one picture, and not of a folder."""
    return has_picture_suffix(PurePosixPath(out)) if is_url(out) else is_file_name(Path(out))


def _find(
    name: str, out: str, on_unreadable: OnUnreadable | None, on_passed_over: OnPassedOver
) -> Iterator[tuple[str, PurePosixPath, int | None]]:
    """Photos, each with its place below the results, and its length if that is known."""
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
    """The folder from which places are told: of a pattern, the last one before the first wildcard."""
    wild = _WILD.search(name)
    if wild or name in listed:
        return posixpath.dirname(name[: wild.start()] + "x" if wild else name)
    return name


def _join(out: str, place: PurePosixPath) -> str:
    return f"{out}/{place}" if is_url(out) else str(Path(out, place))


def _checked(errands: Sequence[WorkItem]) -> list[WorkItem]:
    """Without repetition. Raises UsageError where a picture would overwrite a photo, or another picture."""
    chosen: dict[str, WorkItem] = {}
    sources = {errand.source for errand in errands}
    for errand in errands:
        other = chosen.setdefault(errand.target, errand)
        if other.source != errand.source:
            raise UsageError(
                f"{other.source} and {errand.source} would both become {errand.target}: stylize them into "
                "different folders"
            )
        if errand.target in sources:
            raise UsageError(
                f"{errand.target} is one of the photos and would be overwritten: choose another folder"
            )
    return list(chosen.values())
