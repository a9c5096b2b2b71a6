"""What the app refuses: files of the machine, other visitors' files, too much of anything."""

from __future__ import annotations

import inspect
import json
import math
import os
import re
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx
import pytest
from PIL import Image

from impasto.app import launch, server
from impasto.app.limits import Limits
from impasto.errors import UsageError
from tests.app.conftest import App, Asking, Refused, run_app, wait_until, write_photo

LIMITS = Limits(upload_mb=1, megapixels=1, painting_size=256, waiting=3, results=3, job_minutes=5, visits=20)
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
    near = "http://127.0.0.1:9/gradio_api/file=" + str(private)
    assert "does not fetch addresses" in ask.refusal("stylize", photo={**payload, "path": near})
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


DISK = 10_000_000  # bytes, of which the page's own pictures take some


@pytest.fixture(scope="module")
def full_app() -> Iterator[App]:
    with run_app(Limits(disk_gb=DISK / 1e9)) as app:
        yield app


@pytest.fixture
def full(full_app: App) -> App:
    """An app with little space for files, and no uploads yet."""
    for folder in full_app.folder.glob("?" * 64):
        shutil.rmtree(folder)
    return full_app


def post_file(app: App, content: Any, name: str = "photo.jpg") -> httpx.Response:
    return httpx.post(f"{app.address}/gradio_api/upload", files={"files": (name, content)}, timeout=60)


def test_texts_are_not_uploaded(full: App) -> None:
    """They would be kept in memory, whatever their length."""
    answer = httpx.post(f"{full.address}/gradio_api/upload", files={"files": (None, bytes(3_000_000))})
    assert answer.status_code == 400


def test_an_upload_that_is_broken_off_leaves_nothing(full: App) -> None:
    """While there is room: the tests after this one fill the disk."""
    before, port = full.files, int(full.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 5000000\r\n"
        line.sendall(f"{head}Content-Type: {MULTIPART['Content-Type']}\r\n\r\n".encode() + FILE_HEAD)
        line.sendall(bytes(1_000_000))
        wait_until(lambda: full.files != before)
    wait_until(lambda: full.files == before)


def test_too_many_uploads(full: App) -> None:
    """What is there counts, a visitor's results as well; what they have made goes on being shown."""
    answers = [post_file(full, secrets.token_bytes(4_000_000)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 413, 413]
    assert "try again later" in answers[-1].text
    assert httpx.get(full.address).is_success


def test_many_files_in_one_upload(full: App) -> None:
    """They are counted together, and none of a refused request's files stays."""
    before = full.files
    files = [("files", (f"{number}.jpg", secrets.token_bytes(500_000))) for number in range(60)]
    answer = httpx.post(f"{full.address}/gradio_api/upload", files=files, timeout=60)
    assert answer.status_code == 413
    assert "try again later" in answer.text
    assert full.files == before
    assert post_file(full, b"small").is_success


def test_an_upload_that_does_not_tell_its_length(full: App) -> None:
    before = full.files
    answer = httpx.post(
        f"{full.address}/gradio_api/upload",
        content=(part for part in (FILE_HEAD, *[bytes(1_000_000)] * 30, FILE_END)),
        headers=MULTIPART,
        timeout=60,
    )
    assert answer.status_code == 413
    assert full.files == before


MULTIPART = {"Content-Type": "multipart/form-data; boundary=edge"}
FILE_HEAD = b'--edge\r\nContent-Disposition: form-data; name="files"; filename="photo.jpg"\r\n\r\n'
FILE_END = b"\r\n--edge--\r\n"


def test_many_uploads_at_once(full: App) -> None:
    """All have begun before the first byte of a file arrives."""
    before, many = full.files, 60
    begun = Barrier(many, timeout=60)

    def body() -> Iterator[bytes]:
        yield FILE_HEAD
        begun.wait()
        yield secrets.token_bytes(500_000)
        yield FILE_END

    def upload(_: int) -> int:
        url = f"{full.address}/gradio_api/upload"
        return httpx.post(url, content=body(), headers=MULTIPART, timeout=120).status_code

    with ThreadPoolExecutor(many) as threads:
        statuses = list(threads.map(upload, range(many)))
    assert set(statuses) == {200, 413}
    assert len(full.files - before) == statuses.count(200)
    assert sum(path.stat().st_size for path in full.files) < DISK


@pytest.mark.parametrize("route", ["process_recording", "component_server", "queue/join", "run/stop"])
def test_files_go_nowhere_else(full: App, route: str) -> None:
    """Where Gradio takes files past the limits, or any length of JSON."""
    before = set(full.room.rglob("*"))
    address = f"{full.address}/gradio_api/{route}"
    answer = httpx.post(address, files={"video": ("video.mp4", bytes(500_000))})
    assert answer.status_code in (400, 422)
    assert httpx.post(address, json={"data": ["x" * 20_000_000]}, timeout=60).status_code == 413
    assert set(full.room.rglob("*")) == before


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "localhost.evil.example", "192.168.0.1:{port}", ":{port}"]
)
def test_other_names_are_not_answered_to(address: str, host: str) -> None:
    """A name of another site may lead to this machine (DNS rebinding)."""
    port = address.rpartition(":")[2]
    for route in ("", "config", "gradio_api/info"):
        answer = httpx.get(f"{address}/{route}", headers={"Host": host.format(port=port)})
        assert answer.status_code == 403
        assert "does not answer to this host name" in answer.text


@pytest.mark.parametrize("names", ["evil.example", "evil.example, localhost", "localhost@evil.example"])
def test_a_server_in_front_cannot_be_made_up(address: str, names: str) -> None:
    """Gradio takes its name for the page's addresses, to which uploads go."""
    for route in ("", "config"):
        answer = httpx.get(f"{address}/{route}", headers={"X-Forwarded-Host": names})
        assert answer.status_code == 403
        assert "evil" not in answer.text
    assert httpx.get(f"{address}/config", headers={"X-Forwarded-Host": "localhost, other"}).is_success


@pytest.mark.parametrize("host", ["localhost:{port}", "LOCALHOST", "[::1]:{port}", "127.0.0.1"])
def test_names_of_this_machine_are_answered_to(address: str, host: str) -> None:
    port = address.rpartition(":")[2]
    assert httpx.get(f"{address}/config", headers={"Host": host.format(port=port)}).is_success


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", "file://", "", "x"]
)
def test_pages_of_other_sites_are_refused(app: App, private: Path, origin: str) -> None:
    before = app.files
    files = {"files": ("photo.png", private.read_bytes())}
    foreign = {"Origin": origin}
    for route, more in (("upload", {"files": files}), ("run/stop", {"json": {"data": []}}), ("info", {})):
        how = httpx.post if more else httpx.get
        answer = how(f"{app.address}/gradio_api/{route}", headers=foreign, **more)  # type: ignore[operator]
        assert answer.status_code == 403
        assert "another site" in answer.text
    assert app.files == before


def test_the_page_itself_is_answered(app: App, private: Path) -> None:
    files = {"files": ("photo.png", private.read_bytes())}
    for host in (app.address, app.address.replace("127.0.0.1", "localhost")):
        own = {"Origin": host, "Host": host.removeprefix("http://")}
        answer = httpx.post(f"{app.address}/gradio_api/upload", files=files, headers=own)
        assert answer.is_success


def test_made_up_sessions_cost_nothing(app: App) -> None:
    """No folder, and memory for as many as the limit says."""
    resident = app.resident
    with httpx.Client(base_url=f"{app.address}/gradio_api") as http:
        for _ in range(300):
            session = {"data": [], "session_hash": secrets.token_hex(6)}
            assert http.post("/run/stop", json=session).is_success
    assert not list(app.folder.glob("visits/*"))
    assert app.resident - resident < 20e6, "200 kB each would be 60 MB"


def test_components_that_were_changed_are_protected(ask: Asking, private: Path) -> None:
    """Gradio copies a component for the visitor whose page it changes, without what was added to it."""
    card = write_photo(private.with_name("card.png"))
    ask("stylize", photo=ask.upload(card))  # which changes the sizes to download
    assert "not uploaded here" in ask.refusal("download", size={"path": str(private)})


def test_the_cookie_of_a_visit(address: str) -> None:
    """Scripts cannot read it, other sites do not get it, nobody guesses it, and it stays the same."""
    answer = httpx.post(f"{address}/visit")
    told = answer.headers["set-cookie"]
    assert re.fullmatch(r"impasto_visit=[0-9a-f]{48}; HttpOnly; Max-Age=7200; Path=/; SameSite=strict", told)
    name = answer.cookies["impasto_visit"]
    assert httpx.post(f"{address}/visit", cookies={"impasto_visit": name}).cookies["impasto_visit"] == name
    made_up = httpx.post(f"{address}/visit", cookies={"impasto_visit": "x; Path=/evil"})
    assert re.fullmatch("[0-9a-f]{48}", made_up.cookies["impasto_visit"])
    foreign = httpx.post(f"{address}/visit", headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert "set-cookie" not in httpx.get(address).headers, "a link of another site brings no new name"


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
        ({"size": 100_000}, "size of a painting, pixels must be a number from 128 to 256"),
        ({"strength": 7}, "strength must be a number from 0 to 1"),
        ({"iterations": "many"}, "number of iterations"),
        ({"style_layers": "nonsense"}, "nonsense"),
    ],
)
def test_values_out_of_range(ask: Asking, private: Path, asked: dict[str, Any], words: str) -> None:
    assert words in ask.refusal("paint", photo=ask.upload(private), **asked).lower()


NO_NUMBERS = ("x", "", [], {}, [1], True, None, -1, 1e300, 10**400)


@pytest.mark.parametrize("name", ["strength", "size", "seed"])
def test_what_is_no_number(ask: Asking, private: Path, name: str) -> None:
    photo = ask.upload(private)
    for value in NO_NUMBERS:
        if (name, value) != ("seed", None):  # which stands for the usual seed
            words = ask.refusal("paint", photo=photo, iterations="1", **{name: value})
            good = (
                r"(Strength|Size of a painting, pixels|Seed) must be .{10,400}|\w+… is not a number that .*"
            )
            assert re.fullmatch(good, words), value


@pytest.mark.parametrize("name", ["keep_color", "normalize", "photo", "own", "style_layers", "init"])
def test_values_of_another_kind(ask: Asking, private: Path, name: str) -> None:
    photo = ask.upload(private)
    for value in (5, "x" * 100_000, [], {"a": 1}, [[]]):
        given = {"photo": photo, "style": "own", "iterations": "1", "size": 128, name: value}
        assert 10 < len(ask.refusal("paint", **given)) < 1000, repr(value)[:9]


@pytest.mark.parametrize(
    "route", ["queue/join", "run/stop", "run/stylize", "call/stylize", "call/v2/stylize", "call/x", "cancel"]
)
def test_malformed_requests(address: str, route: str) -> None:
    """Numbers that are none, wherever one may stand: refused by words, and never with status 500."""
    good = {"data": [], "fn_index": 0, "session_hash": "a", "trigger_id": 0, "event_id": None}
    for name in good:
        for value in (math.nan, math.inf, -math.inf, -1, 10**6, 1e300, 10**400, "x", [], None):
            text = json.dumps({**good, name: value}).replace("-Infinity", "-1e999")
            kind = {"Content-Type": "application/json"}
            answer = httpx.post(f"{address}/gradio_api/{route}", content=text, headers=kind)
            assert answer.status_code < 500, (name, value, answer.text)
            if isinstance(value, float) and not math.isfinite(value):
                assert answer.json()["detail"].endswith("is not a number that can be used here.")
            elif not answer.is_success:
                assert len(str(answer.json()["detail"])) > 10


@pytest.mark.parametrize(
    "text", ["{", "[" * 100_000, "\udcff", "5", "[]", "9" * 10_000, '{"session_hash": "%s"}' % ("x" * 200)]
)
def test_what_is_no_request(address: str, text: str) -> None:
    kind = {"Content-Type": "application/json"}
    content = text.encode(errors="surrogateescape")
    answer = httpx.post(f"{address}/gradio_api/queue/join", content=content, headers=kind)
    assert 400 <= answer.status_code < 500
    assert answer.json()["detail"]


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
            elif len(jobs) <= 1 + LIMITS.waiting:
                each.wait_for(jobs[-1], "n the queue")
        accepted = list(zip(many, jobs, strict=True))[: 1 + LIMITS.waiting]
        for each, job in list(zip(many, jobs, strict=True))[1 + LIMITS.waiting :]:
            with pytest.raises(Refused, match="Too many requests are waiting at the moment"):
                each.end(job)
        for each, job in accepted:
            each.wait_for(job, "Painting")
            each("stop")
            assert "Painted in the style of" in each.end(job)[1]


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
    assert "In the style of private" in answer[1]
