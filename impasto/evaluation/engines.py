"""Make the pictures of an evaluation: each engine in a separate process; existing pictures are kept."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from impasto.errors import ImageError, ImpastoError
from impasto.evaluation import pictures
from impasto.evaluation.measuring import MeasurementStore, Method, key_of
from impasto.evaluation.options import EngineSpec, EvaluateOptions
from impasto.imaging import io
from impasto.options import kebab

TIMES = "made.jsonl"


@dataclass(frozen=True)
class Todo:
    """Picture to make: `key` is its name; `record` describes how it is made, and is stored in its file."""

    photo: str
    style: str
    target: str
    record: str
    key: str


@dataclass
class Making:
    """Pictures of one engine, those still to be made, and the errors of those that failed."""

    spec: EngineSpec
    folder: Path
    size: int
    device: str
    wanted: Mapping[tuple[str, str], Todo]
    store: MeasurementStore
    todo: Sequence[Todo]
    failures: list[str] = field(default_factory=list)

    def method(self) -> Method:
        """Collect an engine's results, with times and memory."""
        there = {pair: todo for pair, todo in self.wanted.items() if _is_made(todo)}
        known = {pair: self.store.get(todo.key, ("seconds",)) for pair, todo in there.items()}
        peaks = [values["memory"] for todo in there.values() if (values := self._memory(todo))]
        return Method(
            self.spec.name,
            {pair: Path(todo.target) for pair, todo in there.items()},
            {pair: values["seconds"] for pair, values in known.items() if values},
            int(max(peaks)) if peaks else None,
        )

    def _memory(self, todo: Todo) -> dict[str, float] | None:
        return self.store.get(todo.key, ("memory",))


def plan(
    spec: EngineSpec,
    photos: Mapping[str, Path],
    styles: Mapping[str, Path],
    options: EvaluateOptions,
    keep: Path,
) -> Making:
    """List an engine's pictures to make, and those that exist and were made in the same way.

    Raises ImageError where its folder cannot be made, or a photo or style cannot be read.
    """
    folder = keep / kebab(spec.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImageError(f"the folder {folder} cannot be made: {error.strerror or error}") from error
    known = {path: pictures.digest(path) for path in (*photos.values(), *styles.values())}
    wanted = {}
    for style, style_path in styles.items():
        for photo, photo_path in photos.items():
            how = {"engine": spec.engine, "options": dict(spec.options), "size": options.size}
            of = {"photo": known[photo_path], "style": known[style_path]}
            record = json.dumps({"evaluation": {**how, **of}}, sort_keys=True)
            target = folder / f"{photo}-{style}.png"
            wanted[photo, style] = Todo(
                str(photo_path), str(style_path.resolve()), str(target), record, key_of(record)
            )
    todo = [todo for todo in wanted.values() if not _is_made(todo)]
    store = MeasurementStore(folder / TIMES)
    return Making(spec, folder, options.size, options.device, wanted, store, todo)


def make(making: Making, worker: str, on_picture: Callable[[], None]) -> None:
    """Make what is missing, in a process that runs the module `worker`.

    The module reads a job as JSON from its standard input, and writes a line of JSON for each picture: the
        key,
    and seconds and memory, or the error.

    Raises ImpastoError if the process ends before its work does.
    """
    if not making.todo:
        return
    for line in _lines(making, worker):
        if "error" in line:
            making.failures.append(f"{making.spec.name}: {line['error']}")
        else:
            making.store.add(line["key"], {k: line[k] for k in ("seconds", "memory") if line[k] is not None})
        on_picture()


def _lines(making: Making, worker: str) -> Iterator[dict[str, Any]]:
    job = {
        "engine": making.spec.engine,
        "options": dict(making.spec.options),
        "size": making.size,
        "device": making.device,
        "pictures": [asdict(todo) for todo in making.todo],
    }
    with TemporaryFile("w+") as said, TemporaryFile("w+") as asked:
        json.dump(job, asked)
        asked.seek(0)
        with subprocess.Popen(
            [sys.executable, "-P", "-m", worker], stdin=asked, stdout=subprocess.PIPE, stderr=said, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield json.loads(line)
        if process.returncode:
            said.seek(0)
            raise ImpastoError(_ended(making, process.returncode, said.read()))


def _ended(making: Making, code: int, said: str) -> str:
    last = said.strip().splitlines()[-1:] or [f"exit code {code}"]
    reason = "it was killed, perhaps for memory" if code < 0 else last[0]
    return f"{making.spec.name} ended too early ({reason}): the same command continues it"


def _is_made(todo: Todo) -> bool:
    try:
        return io.read_record(todo.target) == todo.record
    except ImpastoError:
        return False
