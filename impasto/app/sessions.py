"""Sessions of visitors: each has a folder, results, and at most one long job."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.errors import UsageError

LONGEST_NAME = 100  # characters of a session's name, which its browser makes up
VISITS = "visits"  # their folder, in the app's

_DOWNLOADS = 4  # files of a visit that were handed out and are still there
_RETIRED = 12  # files that nothing shows any more, for answers that are still on their way


@dataclass(frozen=True)
class Result:
    """One picture of a visit.

    Attributes:
        kind: what made it: a network, a quick painting, or a painting.
        photo: the visitor's file.
        look: what was asked for.
        shown: the picture as the page shows it, a JPEG, and the photo at the same size.
        whole: the picture in full; None where it is made when it is asked for.
        film: how it came about.
        seconds: that it took.
    """

    kind: Literal["stylized", "sketched", "painted"]
    photo: Path
    look: StyleRequest
    shown: tuple[Path, Path]
    seconds: float
    whole: Path | None = None
    film: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that are deleted with the result."""
        return tuple(path for path in (*self.shown, self.whole, self.film) if path)


@dataclass
class Session:
    """One visitor. Nobody but the app knows the folder's name, which cannot be guessed.

    Attributes:
        folder: made with the first file.
        results: the newest first.
        current: the one on the page.
        cards: styles that the visitor trained, by name.
        is_over: the visitor has left: nothing more is written for them.
        has_files: something was written for them.
    """

    folder: Path
    most: int
    results: list[Result] = field(default_factory=list)
    current: Result | None = None
    cards: dict[str, Path] = field(default_factory=dict)
    is_over: bool = False
    has_files: bool = False
    seen: float = field(default_factory=time.monotonic)
    _stop: threading.Event | None = None
    _announced: threading.Event | None = None  # what stops a job that waits for its turn
    _taken: list[Path] = field(default_factory=list)
    _retired: list[Path] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_busy(self) -> bool:
        return self._stop is not None

    def new_file(self, name: str) -> Path:
        """A path for a file of that name, in a folder of its own. Raises UsageError after the visit's end."""
        folder = self.folder / secrets.token_hex(8)
        with self._lock:
            if self.is_over:
                raise UsageError("this visit is over: load the page again")
            folder.mkdir(parents=True)
            self.has_files = True
        return folder / Path(name).name

    def drop(self, file: Path) -> None:
        """Delete a file that `new_file` named, with its folder."""
        shutil.rmtree(file.parent, ignore_errors=True)

    def hand_out(self, name: str) -> Path:
        """Name a new file for download; only the last few downloads are kept."""
        file = self.new_file(name)
        with self._lock:
            self._taken.append(file)
        self._make_way(self._taken, _DOWNLOADS)
        return file

    def add(self, result: Result) -> None:
        """Keep a result: an answer takes the place of the last one to the same photo and styles."""
        with self._lock:
            kept = [each for each in self.results if not _replaces(result, each)]
            gone = [each for each in self.results if _replaces(result, each)] + kept[self.most - 1 :]
            self.results = [result, *kept[: self.most - 1]]
            still = {path for each in self.results for path in each.files}
        self.retire(dict.fromkeys(path for each in gone for path in each.files if path not in still))

    def retire(self, files: Iterable[Path]) -> None:
        """Delete files in a while: a page whose network is slow may yet ask for them."""
        with self._lock:
            self._retired += files
        self._make_way(self._retired, _RETIRED)

    def _make_way(self, files: list[Path], most: int) -> None:
        """Delete the oldest of files that are more than so many."""
        with self._lock:
            gone = files[: max(0, len(files) - most)]
            del files[: len(gone)]
        for path in gone:
            self.drop(path)

    def announce(self) -> None:
        """A long job was asked for, and waits for its turn: from now on `stop` calls it off."""
        with self._lock:
            self._announced = threading.Event()

    @contextmanager
    def job(self) -> Iterator[threading.Event]:
        """A long job: gives what tells it to stop. One that runs already is told so.

        Raises UsageError if it was announced and called off.
        """
        with self._lock:
            stop, self._announced = self._announced or threading.Event(), None
            if stop.is_set():
                raise UsageError("this was stopped before it began")
            if self._stop:
                self._stop.set()
            self._stop = stop
        try:
            yield stop
        finally:
            with self._lock:
                if self._stop is stop:
                    self._stop = None
            if self.is_over:  # what the job wrote since then
                shutil.rmtree(self.folder, ignore_errors=True)

    def end(self) -> None:
        """The visitor has left: the job that runs is told to stop, and the files are deleted."""
        with self._lock:
            self.is_over = True
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self) -> None:
        """Tell the job that runs to come to its end, and call off the one that waits."""
        with self._lock:
            for job in (self._stop, self._announced):
                if job:
                    job.set()


class Sessions:
    """All visits, in folders below `root`."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root, self._limits = root, limits
        self._visits: dict[str, Session] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._visits)

    def of(self, session: str) -> Session:
        """The visit of a session, new or known.

        Raises UsageError: all visitors that there may be have jobs that run.
        """
        if len(session) > LONGEST_NAME:
            raise UsageError("the session of this request has too long a name: load the page again")
        with self._lock:
            gone = None
            if session not in self._visits:
                gone = self._make_way()
                folder = self._root / secrets.token_hex(16)
                self._visits[session] = Session(folder, self._limits.results)
            visit = self._visits[session]
            visit.seen = time.monotonic()
        if gone:
            gone.end()
        return visit

    def _make_way(self) -> Session | None:
        """Forget a visit if there are as many as there may be: one without files, else the longest idle."""
        if len(self._visits) < self._limits.visits:
            return None
        idle = [key for key, visit in self._visits.items() if not visit.is_busy]
        if not idle:
            raise UsageError("there are too many visitors just now: try again later")
        return self._visits.pop(
            min(idle, key=lambda key: (self._visits[key].has_files, self._visits[key].seen))
        )

    def leave(self, session: str) -> None:
        """End a visit: its job stops, its files are deleted."""
        with self._lock:
            visit = self._visits.pop(session, None)
        if visit:
            visit.end()

    def sweep(self) -> None:
        """End visits that have asked for nothing for too long, unless a job of theirs runs."""
        oldest = time.monotonic() - 60 * self._limits.keep_minutes
        with self._lock:
            gone = [key for key, visit in self._visits.items() if visit.seen < oldest and not visit.is_busy]
        for session in gone:
            self.leave(session)

    def close(self) -> None:
        """End all."""
        for session in list(self._visits):
            self.leave(session)


def _replaces(new: Result, old: Result) -> bool:
    same = old.photo == new.photo and old.look.styles == new.look.styles
    return same and new.kind == old.kind != "painted"
