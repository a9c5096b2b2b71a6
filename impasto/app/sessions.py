"""Sessions of visitors: each has a folder, results, and at most one job of each kind."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from impasto.app.jobs import BackgroundJob, JobKind, JobQueues, News
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.errors import UsageError

LONGEST_NAME = 100  # characters of a session's name, which the browser chooses
VISITS = "visits"  # folder of all sessions, in the app's folder

_PAGES = 20  # of one visitor, whose results are remembered
_DOWNLOADS = 4  # downloaded files kept for a visit
_RETIRED = 12  # replaced files kept for a while, as a slow browser may still request them


@dataclass(frozen=True)
class Result:
    """A picture made in a visit.

    Attributes:
        kind: made by a network, a quick painting, or a painting.
        photo: the uploaded file.
        look: the request.
        shown: two JPEGs for the page, the photo and the picture, at one size.
        seconds: time it took.
        whole: the picture at full size; None if it is made at download.
        film: animation of the painting process.
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
        """Files to delete with the result."""
        return tuple(path for path in (*self.shown, self.whole, self.film) if path)


@dataclass(frozen=True)
class ContactSheet:
    """A photo in every style.

    Attributes:
        pictures: small JPEGs, by names of styles.
    """

    photo: Path
    pictures: dict[str, Path]


@dataclass
class Session:
    """A visitor's session. Its folder has a random name, so that no other visitor can guess it.

    Attributes:
        folder: created with the first file.
        most: largest number of results to keep.
        queues: of all visitors.
        results: newest first.
        current: the result on each page that the visitor has open, by the names of their sessions.
        cards: styles that the visitor trained, by name.
        uploads: the last readable file of each field.
        sheet: the photo in every style, once the visitor has asked for it.
        jobs: the newest job of each kind.
        is_over: True once the visitor has left; no more files are written.
        has_files: True once a file was written.
    """

    folder: Path
    most: int
    queues: JobQueues
    results: list[Result] = field(default_factory=list)
    current: dict[str, Result] = field(default_factory=dict)
    cards: dict[str, Path] = field(default_factory=dict)
    uploads: dict[str, Path] = field(default_factory=dict)
    sheet: ContactSheet | None = None
    jobs: dict[JobKind, BackgroundJob[Any]] = field(default_factory=dict)
    is_over: bool = False
    has_files: bool = False
    seen: float = field(default_factory=time.monotonic)
    _taken: list[Path] = field(default_factory=list)
    _retired: list[Path] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_busy(self) -> bool:
        return any(not job.is_over for job in self.jobs.values())

    def new_file(self, name: str) -> Path:
        """Return a path in a new folder for a file of that name. Raises UsageError after the visit's end."""
        folder = self.folder / secrets.token_hex(8)
        with self._lock:
            if self.is_over:
                raise UsageError("this visit has ended: reload the page")
            folder.mkdir(parents=True)
            self.has_files = True
        return folder / Path(name).name

    def drop(self, file: Path) -> None:
        """Delete a file from `new_file`, with its folder."""
        shutil.rmtree(file.parent, ignore_errors=True)

    def room(self, kind: str) -> Path:
        """Make a new folder for files of a kind; delete all earlier ones of that kind but the last."""
        before = sorted(self.folder.glob(f"*/{kind}-*"), key=lambda path: path.name)
        for path in before[:-1]:
            self.drop(path)
        folder = self.new_file(f"{kind}-{time.time_ns():x}")
        folder.mkdir()
        return folder

    def hand_out(self, name: str) -> Path:
        """Return a path for a new download; only the last few downloads are kept."""
        file = self.new_file(name)
        with self._lock:
            self._taken.append(file)
        self._make_way(self._taken, _DOWNLOADS)
        return file

    def add(self, result: Result) -> None:
        """Keep a result; it replaces an earlier quick result of the same photo and styles."""
        with self._lock:
            kept = [each for each in self.results if not _replaces(result, each)]
            gone = [each for each in self.results if _replaces(result, each)] + kept[self.most - 1 :]
            self.results = [result, *kept[: self.most - 1]]
            still = {path for each in self.results for path in each.files}
        self.retire(dict.fromkeys(path for each in gone for path in each.files if path not in still))

    def put_on_page(self, page: str, result: Result) -> None:
        """Note the result that a page shows; the pages that were not used for longest are forgotten."""
        with self._lock:
            self.current.pop(page, None)
            self.current[page] = result
            for old in list(self.current)[:-_PAGES]:
                del self.current[old]

    def retire(self, files: Iterable[Path]) -> None:
        """Delete files after a while, as a slow browser may still request them."""
        with self._lock:
            self._retired += files
        self._make_way(self._retired, _RETIRED)

    def _make_way(self, files: list[Path], most: int) -> None:
        """Delete the oldest files until at most `most` are left."""
        with self._lock:
            gone = files[: max(0, len(files) - most)]
            del files[: len(gone)]
        for path in gone:
            self.drop(path)

    def start(
        self, kind: JobKind, work: Callable[[BackgroundJob[News]], None], amount: float
    ) -> BackgroundJob[News]:
        """Start a job, or have it wait for its turn; it stops the visit's earlier job of that kind.

        Args:
            work: called with the job when it is its turn.
            amount: of work, in the units of its kind.

        Raises UsageError after the visit's end, or if as many requests wait as allowed.
        """
        if before := self.jobs.get(kind):
            before.cancel()
        with self._lock:
            if self.is_over:
                raise UsageError("this visit has ended: reload the page")
            ticket = self.queues.enter(kind, amount)
            self.jobs[kind] = BackgroundJob(self.queues, ticket, work, self._delete_late_files)
            return self.jobs[kind]

    def _delete_late_files(self) -> None:
        """Delete files that a job wrote after the visit's end."""
        if self.is_over:
            shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self, kind: JobKind) -> None:
        """Stop the job of a kind, or take it out of its queue."""
        if job := self.jobs.get(kind):
            job.cancel()

    def end(self) -> None:
        """End the visit: stop its jobs and delete its files."""
        with self._lock:
            self.is_over = True
        for job in list(self.jobs.values()):
            job.cancel()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sessions:
    """All sessions, in folders below `root`, and the queues that they share."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root, self._limits = root, limits
        self.queues = JobQueues(limits)
        self._visits: dict[str, Session] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._visits)

    def of(self, page: str, cookie: str | None = None) -> Session:
        """Return the session of a page, a new one if both names are unknown.

        The cookie's name holds for all pages of a browser. A page whose first request came without it keeps
        its session. Raises UsageError if there are as many visitors as allowed, all with running jobs.
        """
        if len(page) > LONGEST_NAME or len(cookie or "") > LONGEST_NAME:
            raise UsageError("the session name of this request is too long: reload the page")
        with self._lock:
            gone = None
            session = cookie or page
            if cookie and page in self._visits:
                if cookie in self._visits:
                    session = page
                else:
                    self._visits[cookie] = self._visits.pop(page)
            if session not in self._visits:
                gone = self._make_way()
                folder = self._root / secrets.token_hex(16)
                self._visits[session] = Session(folder, self._limits.results, self.queues)
            visit = self._visits[session]
            visit.seen = time.monotonic()
        if gone:
            gone.end()
        return visit

    def _make_way(self) -> Session | None:
        """Remove a session if there are as many as allowed: one without files, else the longest idle one."""
        if len(self._visits) < self._limits.visits:
            return None
        idle = [key for key, visit in self._visits.items() if not visit.is_busy]
        if not idle:
            raise UsageError("there are too many visitors at the moment: try again later")
        return self._visits.pop(
            min(idle, key=lambda key: (self._visits[key].has_files, self._visits[key].seen))
        )

    def leave(self, session: str) -> None:
        """End a session: stop its jobs and delete its files."""
        with self._lock:
            visit = self._visits.pop(session, None)
        if visit:
            visit.end()

    def forget(self, visit: Session) -> None:
        """End a visit, whatever its names are."""
        with self._lock:
            self._visits = {name: one for name, one in self._visits.items() if one is not visit}
        visit.end()

    def sweep(self) -> None:
        """End sessions that have been idle for too long and have no running job."""
        oldest = time.monotonic() - 60 * self._limits.keep_minutes
        with self._lock:
            gone = [key for key, visit in self._visits.items() if visit.seen < oldest and not visit.is_busy]
        for session in gone:
            self.leave(session)

    def close(self) -> None:
        """End all sessions, and wait for their jobs to end."""
        jobs = [job for visit in self._visits.values() for job in visit.jobs.values()]
        for session in list(self._visits):
            self.leave(session)
        for job in jobs:
            job.wait()


def _replaces(new: Result, old: Result) -> bool:
    same = old.photo == new.photo and old.look.styles == new.look.styles
    return same and new.kind == old.kind != "painted"
