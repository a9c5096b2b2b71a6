"""The app as visitors have it: served on a free port, and seen by a browser or by Gradio's client."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import httpx
import numpy as np
import pytest
from PIL import Image

from impasto.app.jobs import BackgroundJob, Waiting
from impasto.app.limits import Limits

if TYPE_CHECKING:
    from gradio_client import Client
    from playwright.sync_api import Browser

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")


LONGEST = 200  # seconds for one answer of the app, on a machine that is busy with other things


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


# glibc returns memory as soon as it is freed, so that what a process has tells what it keeps
PROMPT = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}


@dataclass
class App:
    """The program as it runs.

    Attributes:
        process: its number.
        room: where its folder of temporary files is.
        output: what it prints.
    """

    address: str
    process: int
    room: Path
    output: IO[str]

    @property
    def said(self) -> str:
        """All that it printed so far."""
        self.output.seek(0)
        return self.output.read()

    @property
    def folder(self) -> Path:
        """Its own, which all files of visitors are in."""
        return next(self.room.glob("impasto-app-*"))

    @property
    def files(self) -> set[Path]:
        return {path for path in self.folder.rglob("*") if path.is_file()}

    @property
    def resident(self) -> float:
        """Bytes of memory that it has, as Linux tells."""
        lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@contextmanager
def run_app(limits: Limits | None = None) -> Iterator[App]:
    """`impasto app` in a process of its own: what Gradio warns of or leaves open is not for these tests."""
    pytest.importorskip("gradio")
    port, usual = free_port(), Limits()
    words = [sys.executable, "-m", "impasto", "app", "--no-browse", "--port", str(port)]
    for each in fields(limits or usual):
        if (value := getattr(limits or usual, each.name)) != getattr(usual, each.name):
            words += [f"--{each.name.replace('_', '-')}", str(value)]
    with tempfile.TemporaryDirectory() as room, tempfile.TemporaryFile("w+") as said:
        quiet = {"TMPDIR": room, "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1", **PROMPT}
        with subprocess.Popen(words, stdout=said, stderr=said, env={**os.environ, **quiet}) as process:
            try:
                _wait_until_it_is_there(process, said)
                yield App(f"http://127.0.0.1:{port}", process.pid, Path(room), said)
            finally:
                _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the app in order; a process that does not end is killed, as `Popen` would wait for it forever."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
        pytest.fail("the app did not end within a minute of SIGTERM")


def _wait_until_it_is_there(process: subprocess.Popen[bytes], said: IO[str]) -> None:
    for _ in range(1800):
        said.seek(0)
        if "the app is at" in (text := said.read()):
            return
        assert process.poll() is None, text
        time.sleep(0.1)
    pytest.fail(f"the app did not start: {text}")


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Fail unless it becomes true in time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.1)


@contextmanager
def serve(limits: Limits | None = None) -> Iterator[str]:
    """The address of `run_app`."""
    with run_app(limits) as app:
        yield app.address


@pytest.fixture(scope="session")
def shared() -> Iterator[App]:
    """One that tests share which need no limits of their own: it takes seconds to start."""
    with run_app(Limits(upload_mb=3, painting_size=384, waiting=100)) as app:
        yield app


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or another that is there; without one, tests skip, but on CI they fail."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        reason = f"no browser: none of {', '.join(BROWSERS)} is installed (apt-get install chromium)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield chromium
        chromium.close()


@pytest.fixture
def join() -> Iterator[Callable[[str], Client]]:
    """Gradio's client for an address, quiet, whose files go to a folder of the test; closed in the end."""
    from gradio_client import Client

    clients = []

    def joined(address: str, **more: Any) -> Client:
        client = Client(address, verbose=False, analytics_enabled=False, **more)
        # Gradio's `predict` waits without a limit, and an executor waits for the thread that calls it
        client.predict = lambda *args, **named: client.submit(*args, **named).result(LONGEST)
        clients.append(client)
        return client

    yield joined
    for client in clients:
        client.close()


class Reports(list[Any]):
    """All reports of jobs, also those that come too fast to be followed.

    Attributes:
        then: called after each report, in the thread of the job.
    """

    then: Callable[[Any], None] = staticmethod(lambda news: None)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Reports:
    reports, tell = Reports(), BackgroundJob.tell

    def telling(job: BackgroundJob[Any], news: Any, left: float | None = None) -> None:
        tell(job, news, left)
        reports.append(news)
        reports.then(news)

    monkeypatch.setattr(BackgroundJob, "tell", telling)
    return reports


def followed(job: BackgroundJob[Any]) -> list[Any]:
    """Reports of a job, followed to its end. Raises its error."""
    return [news for news in job.follow(0.01) if not isinstance(news, Waiting)]


@dataclass
class Job:
    """A request that was made: its event, or why there is none, and what was said meanwhile."""

    event: str | None
    status: int
    detail: str = ""
    notes: list[str] = field(default_factory=list)


class Refused(Exception):
    """The app's answer was an error, with these words; none where Gradio has none."""


class Asking:
    """A visitor who speaks HTTP as the page does, and may say what the page would not. A context manager."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=f"{address}/gradio_api", timeout=120)
        self._session = secrets.token_hex(6)
        self._functions, self._parameters = _what_there_is(address)
        self._said: Iterator[dict[str, Any]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def parameters(self, method: str) -> list[str]:
        """Names of what a function takes."""
        return [each["parameter_name"] for each in self._parameters[f"/{method}"]["parameters"]]

    def upload(self, path: Path) -> dict[str, Any]:
        """What stands for an uploaded file."""
        answer = self._http.post("/upload", files={"files": (path.name, path.read_bytes())})
        return {"path": answer.raise_for_status().json()[0], "meta": {"_type": "gradio.FileData"}}

    def begin(self, method: str, **given: Any) -> Job:
        """Ask for something by its name in the API; what is not given is as by default."""
        answer = self._http.post("/queue/join", json=self._body(method, given))
        if answer.is_success:
            return Job(answer.json()["event_id"], answer.status_code)
        return Job(None, answer.status_code, str(answer.json()["detail"]))

    def _body(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        parameters = self._parameters[f"/{method}"]["parameters"]
        data = [given.get(each["parameter_name"], each["parameter_default"]) for each in parameters]
        return {"data": data, "fn_index": self._functions[method]["id"], "session_hash": self._session}

    def _listen(self) -> Iterator[dict[str, Any]]:
        """What the server tells this session; to break off would be to leave."""
        with self._http.stream("GET", "/queue/data", params={"session_hash": self._session}) as lines:
            for line in lines.iter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))

    def news(self, job: Job) -> Iterator[dict[str, Any]]:
        """What is told of a job, from where it was left. Messages that keep the line alive have no end."""
        end = time.monotonic() + LONGEST
        while True:
            assert time.monotonic() < end, "the job did not end in time"
            self._said = self._said or self._listen()
            said = next(self._said, None)
            if said is None or said["msg"] == "close_stream":
                self._said = None
            elif said.get("event_id") == job.event:
                if said["msg"] == "log":
                    job.notes.append(said["log"])
                yield said

    def wait_for(self, job: Job, words: str) -> None:
        """Until the line of news holds these words."""
        for said in self.news(job):
            if words in json.dumps(said.get("output", "")):
                return
            assert said["msg"] != "process_completed", said

    def end(self, job: Job) -> list[Any]:
        """The last answer of a job. Raises Refused."""
        if job.event is None:
            raise Refused(job.detail)
        for said in self.news(job):
            if said["msg"] == "process_completed":
                if not said["success"]:
                    raise Refused(said["output"].get("error") or "")
                return list(said["output"]["data"])
        raise AssertionError("the answer was lost")

    def __call__(self, method: str, **given: Any) -> list[Any]:
        """The answer to a request. Raises Refused."""
        if self._functions[method]["queue"]:
            return self.end(self.begin(method, **given))
        answer = self._http.post(f"/run/{method}", json=self._body(method, given))
        return list(answer.raise_for_status().json()["data"])

    def refusal(self, method: str, **given: Any) -> str:
        """The words with which something is refused."""
        with pytest.raises(Refused) as refused:
            self(method, **given)
        return str(refused.value)


@cache
def _what_there_is(address: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The app's functions by their names, and what each takes."""
    config = httpx.get(f"{address}/config", timeout=60).json()
    functions = {each["api_name"]: each for each in config["dependencies"] if each["api_name"]}
    return functions, httpx.get(f"{address}/gradio_api/info", timeout=60).json()["named_endpoints"]


def write_photo(
    path: Path, color: tuple[int, int, int] = (200, 120, 60), size: tuple[int, int] = (96, 64), **more: Any
) -> Path:
    """A small photo with something to see in it: a slope towards a color."""
    slope = np.linspace(0.2, 1, size[0])[None, :, None] * np.array(color)[None, None]
    pixels = np.broadcast_to(slope, (size[1], size[0], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path, **more)
    return path
