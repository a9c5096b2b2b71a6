"""A folder whose photos and clips are styled as they arrive, each once, also over restarts."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

from impasto.errors import ImageError, ImpastoError, UsageError
from impasto.imaging.encoding import FORMATS
from impasto.imaging.files import IMAGE_SUFFIXES
from impasto.imaging.video.encoding import CONTAINERS
from impasto.imaging.video.open import open_clip
from impasto.safe_paths import exists, is_folder
from impasto.stylizing.images import stylize_file
from impasto.stylizing.options import ImageOptions, VideoOptions
from impasto.stylizing.stylizer import Stylizer
from impasto.stylizing.video import network_job

LOG = "impasto-watch.jsonl"  # in the folder of the results
_OTHER_CLIPS = (".3gp", ".flv", ".m2ts", ".mpeg", ".mpg", ".mts", ".wmv")  # whose results are .mp4

Stamp = tuple[int, int]  # size in bytes and time of change in nanoseconds


@dataclass(frozen=True)
class Arrival:
    """A photo or clip that is whole, as far as its size tells.

    Attributes:
        source: the file.
        target: where its result goes.
        stamp: what it was like when it was found.
    """

    source: Path
    target: Path
    stamp: Stamp

    @property
    def is_clip(self) -> bool:
        return _is_clip(self.source)


class FolderWatcher:
    """Finds what arrives in a folder and its subfolders, and remembers in a log what is done.

    A file counts as whole when its size and time of change are the same in two looks. It is new unless the
    log tells of a result for a file of this name, size and time; one that failed is tried again by another
    watcher, or when it changes. Hidden files, and results that lie below the folder, are passed over.

    Args:
        source: the folder.
        out: where results and the log go; it is made.
        overwrite: replace results that are there, but not in the log.

    Raises:
        UsageError: no folder, or `out` is the same one.
        ImageError: `out` cannot be made.
    """

    def __init__(self, source: Path, out: Path, *, overwrite: bool = False) -> None:
        if not is_folder(source):
            raise UsageError(f"{source} is not a folder: name the folder in which files arrive")
        if source.resolve() == out.resolve():
            raise UsageError(f"{out} is the folder that is watched: name another one for the results")
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImageError(f"the folder {out} cannot be made: {error.strerror or error}") from error
        self._source, self._out, self._overwrite = source, out, overwrite
        self.log = out / LOG
        self._before: dict[Path, Stamp] = {}
        self._done: dict[str, Stamp] = {}
        self._breaks_off = False  # the log, where its last line was being written when all ended
        self._results: dict[str, str] = {}  # by the name of the result: whose it is
        self._recall()

    @property
    def is_there(self) -> bool:
        """Return whether the folder can be looked at; a drive may come and go."""
        return is_folder(self._source)

    def arrivals(self) -> list[Arrival]:
        """What is whole and not done, oldest first."""
        now = dict(self._look())
        whole = [path for path, stamp in now.items() if self._before.get(path) == stamp and stamp[0] > 0]
        self._before = now
        new = [path for path in whole if self._done.get(self._name(path)) != now[path]]
        new.sort(key=lambda path: (now[path][1], path))
        return [Arrival(path, self._place(path), now[path]) for path in new]

    def may_write(self, arrival: Arrival) -> bool:
        """Return whether its result is new, its own from before, or to be replaced."""
        own = self._results.get(self._result(arrival)) == self._name(arrival.source)
        return own or self._overwrite or not exists(arrival.target)

    def add(self, arrival: Arrival, *, error: str = "", seconds: float = 0.0) -> None:
        """Write into the log what came of it. Raises ImageError: the log cannot be written."""
        name, result = self._name(arrival.source), self._result(arrival)
        size, changed = arrival.stamp
        entry = {"source": name, "size": size, "changed": changed, "result": None if error else result}
        entry |= {"error": error} if error else {"seconds": round(seconds, 2)}
        line = json.dumps({"at": datetime.now().astimezone().isoformat(timespec="seconds"), **entry})
        try:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(("\n" if self._breaks_off else "") + line + "\n")
        except OSError as fault:
            raise ImageError(f"{self.log} cannot be written: {fault.strerror or fault}") from fault
        self._breaks_off = False
        self._remember(entry)
        self._done[name] = arrival.stamp  # failed ones, too, until they change

    def _look(self) -> Iterator[tuple[Path, Stamp]]:
        out = self._out.resolve()
        for folder, folders, files in os.walk(self._source):
            folders[:] = [
                name for name in folders if name[0] != "." and (Path(folder) / name).resolve() != out
            ]
            for name in files:
                path = Path(folder) / name
                if name[0] != "." and (path.suffix.lower() in IMAGE_SUFFIXES or _is_clip(path)):
                    with suppress(OSError):  # gone since
                        facts = path.stat()
                        yield path, (facts.st_size, facts.st_mtime_ns)

    def _place(self, path: Path) -> Path:
        """Its suffix is kept where it can be written; two files never share a result."""
        place = self._out / path.relative_to(self._source)
        known, other = (CONTAINERS, ".mp4") if _is_clip(path) else (FORMATS, ".png")
        if path.suffix.lower() in known:
            return place
        target = place.with_suffix(other)
        owner = self._results.get(target.relative_to(self._out).as_posix(), self._name(path))
        is_free = owner == self._name(path) and not path.with_suffix(other).exists()
        return target if is_free else place.with_name(place.name + other)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._source).as_posix()

    def _result(self, arrival: Arrival) -> str:
        return arrival.target.relative_to(self._out).as_posix()

    def _recall(self) -> None:
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise ImageError(f"{self.log} cannot be read: {error.strerror or error}") from error
        self._breaks_off = bool(text) and not text.endswith("\n")
        for line in text.splitlines():
            with suppress(ValueError, TypeError, KeyError):  # the last may be half a line
                self._remember(json.loads(line))

    def _remember(self, entry: dict[str, Any]) -> None:
        if entry["result"] is not None:
            self._done[entry["source"]] = int(entry["size"]), int(entry["changed"])
            self._results[entry["result"]] = entry["source"]


@dataclass(frozen=True)
class WatchResult:
    """What came of an arrival: nothing to tell if it was done."""

    arrival: Arrival
    error: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


class WatchStyler:
    """Styles what a watcher finds.

    Args:
        watcher: finds it.
        stylizer: for photos and clips.
        images, videos: options of the results; what is there is asked of the watcher.
    """

    def __init__(
        self,
        watcher: FolderWatcher,
        stylizer: Stylizer,
        images: ImageOptions | None = None,
        videos: VideoOptions | None = None,
    ) -> None:
        self._watcher, self._stylizer = watcher, stylizer
        self._images = images or ImageOptions()
        self._videos = replace(videos or VideoOptions(), overwrite=True)

    def look(self, stop: Event) -> Iterator[WatchResult]:
        """Style what is new, one after the other, until `stop` is set; a clip goes on from there next time.

        Raises ImageError: the log cannot be written.
        """
        for arrival in self._watcher.arrivals():
            if stop.is_set():
                return
            outcome = self._make(arrival, stop)
            if outcome is not None:
                self._watcher.add(arrival, error=outcome.error, seconds=outcome.seconds)
                yield outcome

    def _make(self, arrival: Arrival, stop: Event) -> WatchResult | None:
        """None for what was stopped, or went away."""
        if not self._watcher.may_write(arrival):
            return WatchResult(arrival, f"{arrival.target} exists and was not made by this command: it stays")
        began = time.monotonic()
        try:
            arrival.target.parent.mkdir(parents=True, exist_ok=True)
            notes = (
                self._style_clip(arrival, stop)
                if arrival.is_clip
                else stylize_file(arrival.source, arrival.target, self._stylizer, self._images).notes
            )
        except (ImpastoError, OSError) as error:
            return WatchResult(arrival, str(error)) if exists(arrival.source) else None
        return None if notes is None else WatchResult(arrival, "", time.monotonic() - began, notes)

    def _style_clip(self, arrival: Arrival, stop: Event) -> tuple[str, ...] | None:
        clip = open_clip(arrival.source, deinterlace=self._videos.deinterlace)
        job = network_job(clip, self._stylizer, self._videos)
        return job.notes if job.run(arrival.target, stop=stop) else None


def _is_clip(path: Path) -> bool:
    return path.suffix.lower() in CONTAINERS or path.suffix.lower() in _OTHER_CLIPS
