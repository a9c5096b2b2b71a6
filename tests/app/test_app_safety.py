"""What the app refuses: files of the machine, other visitors' files, too much of anything."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from impasto.app import launch, server
from impasto.app.limits import Limits
from impasto.errors import UsageError
from tests.app.conftest import App, Asking, run_app, write_photo

LIMITS = Limits(upload_mb=1, megapixels=1, painting_size=256, waiting=3, results=3, job_minutes=5)
PRIVATE = "private.png"


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with run_app(LIMITS) as app:
        yield app


@pytest.fixture(scope="module")
def address(app: App) -> str:
    return app.address


@pytest.fixture
def ask(address: str) -> Iterator[Asking]:
    with Asking(address) as asking:
        yield asking


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A picture of the machine's, which the app could read if it were told to."""
    return write_photo(tmp_path / PRIVATE)


def by_way_of(folder: Path, path: Path) -> str:
    return f"{folder}/../{os.path.relpath(path, folder.parent)}"


WAYS: dict[str, Callable[[Path, Path], Any]] = {
    "a path": lambda folder, path: {"path": str(path)},
    "as if uploaded": lambda folder, path: {"path": str(path), "meta": {"_type": "gradio.FileData"}},
    "as if of another kind": lambda folder, path: {"path": str(path), "meta": {"_type": "other"}},
    "by way of the app's folder": lambda folder, path: {"path": by_way_of(folder, path)},
    "the same, as if uploaded": lambda folder, path: {
        "path": by_way_of(folder, path), "meta": {"_type": "gradio.FileData"}
    },
    "an address of a file": lambda folder, path: {"path": f"file://{path}"},
    "with the address of an upload": lambda folder, path: {"path": str(path), "url": "/file=x", "size": 1},
    "a text": lambda folder, path: str(path),
    "a list": lambda folder, path: [{"path": str(path)}],
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("field", ["photo", "own"])
def test_files_of_the_machine_are_not_read(
    app: App, ask: Asking, private: Path, way: str, field: str
) -> None:
    given = {"photo": ask.upload(private), "own": ask.upload(private), "style": "own"}
    refused = ask.refusal("stylize", **{**given, field: WAYS[way](app.folder, private)})
    assert "is not a picture" not in refused, "it was opened"


@pytest.mark.parametrize("field", ["style", "second", "init", "backbone"])
@pytest.mark.parametrize("name", ["/etc/passwd", PRIVATE, "../starry-night"])
def test_texts_name_no_files(ask: Asking, private: Path, field: str, name: str) -> None:
    path = private if name == PRIVATE else name
    given = {"photo": ask.upload(private), "size": 128, "iterations": "1"}
    refused = ask.refusal("paint", **given, **{field: str(path)})
    assert re.search(r"there is no style|is not in the list", refused, re.IGNORECASE), (
        "it was not even opened"
    )


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "//etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "{folder}/../../etc/passwd",
        "{folder}/..%2f..%2fetc%2fpasswd", "file:///etc/passwd", "{folder}", "{folder}/visits", "{private}",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "route", ["gradio_api/file=", "gradio_api/file/", "file=", "static/", "assets/", "svelte/"]
)
def test_no_route_leads_out(app: App, private: Path, path: str, route: str) -> None:
    answer = httpx.get(f"{app.address}/{route}{path.format(folder=app.folder, private=private)}")
    assert answer.status_code in (403, 404)
    assert "root:" not in answer.text


def test_addresses_are_not_fetched(address: str, ask: Asking, private: Path) -> None:
    """Neither as a photo, nor in the place of anything else, nor through the route for files."""
    given = "http://127.0.0.1:9/photo.jpg"
    payload, photo = {"path": given, "meta": {"_type": "gradio.FileData"}}, ask.upload(private)
    for asked in ({"photo": payload}, {"photo": photo, "style": payload}, {"photo": photo, "seed": payload}):
        assert "does not fetch addresses" in ask.refusal("stylize", **asked)
    for route in ("file=", "file/"):
        answer = httpx.get(f"{address}/gradio_api/{route}{given}")
        assert answer.status_code == 403
        assert "does not fetch addresses" in answer.text


def test_an_upload_stays_in_the_folder(app: App, private: Path) -> None:
    for name in ("../../../evil.jpg", "/tmp/evil.jpg", "a/../../evil.jpg", "..\\evil.jpg", ".."):
        answer = httpx.post(f"{app.address}/gradio_api/upload", files={"files": (name, private.read_bytes())})
        for path in answer.json() if answer.is_success else []:
            assert Path(path).resolve().is_relative_to(app.folder)
            assert Path(path).is_file()


def test_too_large_an_upload(address: str) -> None:
    size = int(1e6 * LIMITS.upload_mb)
    for length, status in ((size - 1000, 200), (size + 1000, 413)):
        answer = httpx.post(f"{address}/gradio_api/upload", files={"files": ("photo.jpg", bytes(length))})
        assert answer.status_code == status, answer.text


def test_too_many_uploads(private: Path) -> None:
    """What is there counts, a visitor's results as well; what they have made goes on being shown."""
    with run_app(Limits(disk_gb=0.01)) as app:
        statuses = [
            httpx.post(f"{app.address}/gradio_api/upload", files={"files": (f"{n}.jpg", bytes(4_000_000))})
            for n in range(4)
        ]
        assert [answer.status_code for answer in statuses] == [200, 200, 200, 507]
        assert "try again later" in statuses[-1].text
        assert httpx.get(app.address).is_success


@pytest.mark.parametrize("field", ["photo", "own"])
@pytest.mark.parametrize("method", ["stylize", "paint"])
def test_too_many_pixels(ask: Asking, tmp_path: Path, private: Path, field: str, method: str) -> None:
    """A small file that would be large in memory is refused by its header."""
    bomb = tmp_path / "bomb.png"
    Image.new("1", (9000, 9000)).save(bomb)
    assert bomb.stat().st_size < 100_000
    given = {"photo": ask.upload(private), "own": ask.upload(private), "style": "own", "size": 128}
    refused = ask.refusal(method, **{**given, field: ask.upload(bomb)})
    assert "81,000,000 pixels" in refused
    assert refused.startswith("bomb.png"), "without its folder"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"size": 100_000}, "greater than"),
        ({"strength": 7}, "greater than"),
        ({"iterations": "many"}, "gradients"),
        ({"style_layers": "nonsense"}, "nonsense"),
    ],
)
def test_values_out_of_range(ask: Asking, private: Path, asked: dict[str, Any], words: str) -> None:
    assert words in ask.refusal("paint", photo=ask.upload(private), **asked).lower()


def test_what_nobody_needs_is_closed(address: str) -> None:
    """Ways past the queue, Gradio's own records of requests, and its editors."""
    for route in ("run/stylize", "run/paint", "api/paint", "vibe-edit", "process_recording"):
        assert httpx.post(f"{address}/gradio_api/{route}", json={"data": []}).status_code in (
            400,
            403,
            404,
            422,
        )
    for route in ("monitoring", "monitoring/summary", "gradio_api/runs", "gradio_api/vibe-code"):
        assert httpx.get(f"{address}/{route}").status_code in (403, 404)


def test_nothing_is_said_of_folders(address: str, ask: Asking, private: Path) -> None:
    ask("stylize", photo=ask.upload(private))
    for route in ("", "config", "gradio_api/info"):
        text = httpx.get(f"{address}/{route}").text
        assert "/visits" not in text
        assert str(Path.home()) + "/" not in text


def test_it_keeps_to_itself(address: str) -> None:
    assert address.startswith("http://127.0.0.1:")
    parameters = inspect.signature(launch).parameters
    assert parameters["host"].default == "127.0.0.1"
    assert parameters["share"].default is False
    assert httpx.get(f"{address}/config").json()["analytics_enabled"] is False


def test_a_taken_port_is_told(address: str) -> None:
    port = int(address.rpartition(":")[2])
    words = rf"cannot listen on 127\.0\.0\.1, port {port}: Address already in use"
    with pytest.raises(UsageError, match=words), server.serving(port=port):
        pytest.fail("two apps at one port")


def test_results_are_limited(app: App, ask: Asking, private: Path) -> None:
    photo = ask.upload(private)
    before = app.files
    for number in range(3 * LIMITS.results + 3):
        style = ("starry-night", "the-scream", "great-wave", "grande-jatte")[number % 4]
        answer = ask("stylize", photo=photo, style=style)
    assert len(answer[2]) == LIMITS.results
    some = 12  # that were replaced, for answers on their way
    assert len(app.files - before) <= 2 * LIMITS.results + some, "each with the photo at its size"


def test_the_queue_is_limited(address: str, private: Path) -> None:
    """What comes when too many wait is turned away, and the others are answered."""
    with ExitStack() as stack:
        many = [stack.enter_context(Asking(address)) for _ in range(LIMITS.waiting + 4)]
        jobs = []
        for each in many:
            jobs.append(each.begin("paint", photo=each.upload(private), size=128, iterations="3000"))
            if each is many[0]:
                each.wait_for(jobs[0], "Painting")  # it does not wait any more
        accepted = [(each, job) for each, job in zip(many, jobs, strict=True) if job.event]
        assert len(accepted) == 1 + LIMITS.waiting
        assert all(job.status == 503 and "Queue is full" in job.detail for job in jobs if not job.event)
        for each, job in accepted:
            each.wait_for(job, "Painting")
            each("stop")
            assert "Painted in the look of" in each.end(job)[1]


def test_nobody_stops_the_work_of_another(address: str, private: Path) -> None:
    with Asking(address) as one, Asking(address) as other:
        job = one.begin("paint", photo=one.upload(private), size=128, iterations="40")
        one.wait_for(job, "Painting")
        other("stop")
        assert "Painted" in one.end(job)[1]
        assert "stopped" not in "".join(job.notes).lower()


def test_the_payloads_are_what_gradio_expects(ask: Asking, private: Path) -> None:
    """Else the refusals above would prove nothing."""
    answer = ask("stylize", photo=ask.upload(private), own=ask.upload(private), style="own", strength=0.5)
    assert json.dumps(answer).count("picture.jpg") >= 2
    assert "In the look of private" in answer[1]
