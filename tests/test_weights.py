"""Downloads from a server of our own, which can misbehave, and files that are not what they should be."""

import errno
import hashlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

import pytest
import torch
from safetensors.torch import save_file

from impasto import weights as weights_module
from impasto.atomic_files import held
from impasto.errors import WeightsError
from impasto.weights import PublishedWeights, cache_dir, fetch, load_metadata, load_tensors, save_tensors

CONTENT = bytes(range(256)) * 1024  # 256 KiB
HALF = len(CONTENT) // 2


class Server(ThreadingHTTPServer):
    """Serves CONTENT, in the way told, and remembers the Range header of each request."""

    content = CONTENT
    sent = len(CONTENT)  # bytes after which the connection closes
    stalls = 0.0  # seconds before it does
    ranges = True
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[str | None] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.seen.append(asked)
        resumed = asked is not None and self.server.ranges
        start = int(re.findall(r"\d+", asked)[0]) if asked and resumed else 0
        self.send_response(206 if resumed else self.server.status)
        self.send_header("Content-Length", str(len(self.server.content) - start))
        self.end_headers()
        self.wfile.write(self.server.content[start : self.server.sent])
        self.wfile.flush()
        time.sleep(self.server.stalls)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "cache"


def published(server: Server | None = None, port: int = 0) -> PublishedWeights:
    return PublishedWeights(
        name="Test",
        url=f"http://127.0.0.1:{server.server_port if server else port}/models/test.pth",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        licence="MIT",
        origin="here",
    )


def leave(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_download_is_verified_kept_and_not_repeated(server: Server, cache: Path) -> None:
    progress: list[tuple[int, int]] = []
    path = fetch(published(server), on_progress=lambda *step: progress.append(step))
    assert path == cache / "test.pth"
    assert path.read_bytes() == CONTENT
    assert fetch(published(server)) == path
    assert server.seen == [None]
    assert progress == sorted(progress)
    assert progress[-1] == (len(CONTENT), len(CONTENT))
    assert names(cache) == ["test.pth"]


def test_progress_comes_in_pieces(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_module, "_CHUNK", 1 << 16)
    done: list[int] = []
    fetch(published(server), on_progress=lambda here, _: done.append(here))
    assert done == [65536, 131072, 196608, 262144]


def test_copy_of_the_hub_is_used_if_it_is_whole(server: Server, tmp_path: Path) -> None:
    copy = leave(tmp_path / "hub/checkpoints/test.pth", CONTENT)
    assert fetch(published(server)) == copy
    leave(copy, CONTENT[::-1])
    assert fetch(published(server)) != copy
    assert copy.read_bytes() == CONTENT[::-1]
    assert server.seen == [None]


@pytest.mark.parametrize("damaged", [CONTENT[:-1], CONTENT[::-1]])
def test_damaged_file_in_the_cache_is_replaced(server: Server, cache: Path, damaged: bytes) -> None:
    leave(cache / "test.pth", damaged)
    assert fetch(published(server)).read_bytes() == CONTENT
    assert server.seen == [None]


def test_wrong_content_is_refused_and_dropped(server: Server, cache: Path) -> None:
    server.content = CONTENT[::-1]
    with pytest.raises(WeightsError, match=r"\(its SHA-256 is .* instead of .*\); download test.pth by hand"):
        fetch(published(server))
    assert names(cache) == []


def test_endless_content_is_cut_off(server: Server, cache: Path) -> None:
    server.content, server.sent = CONTENT * 40, len(CONTENT) * 40
    with pytest.raises(WeightsError, match="bytes came instead of 262144"):
        fetch(published(server))
    assert names(cache) == []


def test_truncated_download_is_resumed(server: Server, cache: Path) -> None:
    server.sent = HALF
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1"):
        fetch(published(server))
    assert (cache / "test.pth.part").read_bytes() == CONTENT[:HALF]
    server.sent = len(CONTENT)
    assert fetch(published(server)).read_bytes() == CONTENT
    assert server.seen == [None, f"bytes={HALF}-"]
    assert names(cache) == ["test.pth"]


def test_interrupted_download_is_resumed(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_module, "_CHUNK", HALF)

    def interrupt(done: int, _: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(published(server), on_progress=interrupt)
    assert names(cache) == ["test.pth.part"]
    assert fetch(published(server)).read_bytes() == CONTENT
    assert server.seen == [None, f"bytes={HALF}-"]


def test_a_download_that_stalls_half_way_is_given_up_and_resumed(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_module, "_TIMEOUT", 0.2)
    monkeypatch.setattr(weights_module, "_CHUNK", 1 << 12)
    server.sent, server.stalls = HALF, 1.0
    with pytest.raises(WeightsError, match=r"\(timed out\); download test.pth by hand"):
        fetch(published(server))
    assert 0 < (cache / "test.pth.part").stat().st_size <= HALF
    server.sent, server.stalls = len(CONTENT), 0.0
    assert fetch(published(server)).read_bytes() == CONTENT
    assert names(cache) == ["test.pth"]


def test_a_server_that_announces_another_length_is_not_believed(server: Server, cache: Path) -> None:
    server.content = CONTENT[:HALF]  # and says so
    with pytest.raises(WeightsError, match=f"{HALF} bytes came instead of {len(CONTENT)}"):
        fetch(published(server))
    assert names(cache) == ["test.pth.part"]


def test_a_failed_connection_leaves_no_empty_part(server: Server, cache: Path) -> None:
    server.status = 503
    with pytest.raises(WeightsError, match="HTTP 503"):
        fetch(published(server))
    assert names(cache) == []


def test_server_without_ranges_starts_anew(server: Server, cache: Path) -> None:
    server.ranges = False
    leave(cache / "test.pth.part", CONTENT[:HALF])
    assert fetch(published(server)).read_bytes() == CONTENT
    assert server.seen == [f"bytes={HALF}-"]


def test_part_that_is_complete_needs_no_server(cache: Path) -> None:
    leave(cache / "test.pth.part", CONTENT)
    assert fetch(published()).read_bytes() == CONTENT


def test_part_of_a_killed_process_is_resumed_and_that_of_a_live_one_left_alone(
    server: Server, cache: Path
) -> None:
    leave(cache / "test.pth.part.11111111", CONTENT[:HALF])
    live = leave(cache / "test.pth.part.22222222", CONTENT[:9])
    with held(live) as ours:
        assert ours
        assert fetch(published(server)).read_bytes() == CONTENT
    assert server.seen == [f"bytes={HALF}-"]
    assert names(cache) == ["test.pth", live.name]


def test_two_downloads_at_once(server: Server, cache: Path) -> None:
    found: list[bytes] = []
    fetchers = [
        threading.Thread(target=lambda: found.append(fetch(published(server)).read_bytes())) for _ in range(4)
    ]
    for thread in fetchers:
        thread.start()
    for thread in fetchers:
        thread.join()
    assert found == [CONTENT] * 4
    assert names(cache) == ["test.pth"]


def test_dead_link_says_what_to_do(server: Server, cache: Path) -> None:
    server.status = 404
    with pytest.raises(WeightsError) as caught:
        fetch(published(server))
    assert str(caught.value) == (
        f"cannot download the Test weights from {published(server).url} (HTTP 404); download test.pth by "
        f"hand and put it at {cache / 'test.pth'}, or pass backbone=FILE"
    )


def test_refused_connection() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(WeightsError, match=r"\(Connection refused\); download"):
            fetch(published(port=closed.getsockname()[1]))


def test_silent_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_module, "_TIMEOUT", 0.05)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(WeightsError, match=r"\(timed out\)"),
    ):
        fetch(published(port=silent.getsockname()[1]))


def test_full_disk(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = Path.open

    def full(path: Path, mode: str = "r") -> IO[Any]:
        if mode == "wb":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_open(path, mode)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(WeightsError, match=r"\(No space left on device\).*IMPASTO_CACHE"):
        fetch(published(server))


def test_cache_that_cannot_be_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_CACHE", str(leave(tmp_path / "file", b"")))
    with pytest.raises(WeightsError, match="cannot store the Test weights"):
        fetch(published())


def test_cache_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("IMPASTO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "impasto"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir() == Path.home() / ".cache" / "impasto"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_dir() == tmp_path / "local" / "impasto"


TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.count": torch.tensor(3)}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_load_pickled_tensors(tmp_path: Path, nested: bool, legacy: bool) -> None:
    stored = {"state_dict": TENSORS, "epoch": 3} if nested else TENSORS
    torch.save(stored, tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy)
    loaded = load_tensors(tmp_path / "a.pth")
    assert loaded.keys() == TENSORS.keys()
    assert torch.equal(loaded["a.weight"], TENSORS["a.weight"])
    assert load_metadata(tmp_path / "a.pth") == {}


def test_save_and_load_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.safetensors"
    save_tensors(path, {"a": TENSORS["a.weight"].t()}, {"licence": "MIT"})
    assert torch.equal(load_tensors(str(path))["a"], TENSORS["a.weight"].t())
    assert load_metadata(path) == {"licence": "MIT"}
    assert names(path.parent) == ["a.safetensors"]


def test_file_that_cannot_be_saved(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").mkdir()
    with pytest.raises(WeightsError, match=r"cannot write the weights file .*a\.safetensors"):
        save_tensors(tmp_path / "a.safetensors", TENSORS, {})
    assert names(tmp_path) == ["a.safetensors"]


def test_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pth", tmp_path / "none.safetensors"):
        for load in (load_tensors, load_metadata):
            with pytest.raises(WeightsError, match=f"there is no weights file {path}"):
                load(path)
    with pytest.raises(WeightsError, match=f"{tmp_path} is a folder"):
        load_tensors(tmp_path)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors", "a.jpg"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x80\x02", b"PK\x03\x04broken", CONTENT])
def test_file_that_holds_no_weights(tmp_path: Path, name: str, content: bytes) -> None:
    path = leave(tmp_path / name, content)
    with pytest.raises(WeightsError, match=f"cannot read .*{path}"):
        load_tensors(path)


def test_truncated_files(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors")
    torch.save(TENSORS, tmp_path / "a.pth")
    for path in list(tmp_path.iterdir()):
        leave(path, path.read_bytes()[:-20])
        with pytest.raises(WeightsError, match=f"cannot read .*{path}"):
            load_tensors(path)
    with pytest.raises(WeightsError, match="cannot read"):
        load_metadata(tmp_path / "a.safetensors")


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


def test_code_in_a_pickle_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Malicious()}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"a\.pth.*could run code"):
        load_tensors(tmp_path / "a.pth")
    assert not Path("executed").exists()


@pytest.mark.parametrize("content", [{}, [torch.ones(2)], {"epoch": 3}, torch.ones(2)])
def test_pickle_without_named_tensors(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match=r"a\.pt holds no named tensors"):
        load_tensors(tmp_path / "a.pt")


@pytest.mark.parametrize(("value", "word"), [(float("nan"), "NaN"), (float("-inf"), "infinity")])
def test_numbers_that_are_none(tmp_path: Path, value: float, word: str) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"good": torch.ones(2), "bad.weight": torch.tensor([1.0, value])}, path)
    with pytest.raises(WeightsError, match=f"bad.weight in {path} holds {word}"):
        load_tensors(path)


def test_tensors_that_are_no_plain_numbers(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2).to(torch.float8_e4m3fn)}, tmp_path / "a.safetensors")
    torch.save({"a": torch.eye(2).to_sparse()}, tmp_path / "a.pth")
    for name in ("a.safetensors", "a.pth"):
        with pytest.raises(WeightsError, match=f"a in .*{name} is no plain tensor"):
            load_tensors(tmp_path / name)


def test_saved_tensors_are_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    """The library orders metadata by hashes that differ from process to process."""
    script = (
        "import sys, torch; from pathlib import Path; from impasto.weights import save_tensors; "
        "save_tensors(Path(sys.argv[1]), {'a': torch.arange(5.), 'b': torch.ones(2, 3)}, "
        "{name: name for name in 'qwertyuiopé'})"
    )
    files = [tmp_path / f"{number}.safetensors" for number in range(2)]
    subprocess.run([sys.executable, "-c", script, files[0]], check=True, timeout=120)
    tensors = {"a": torch.arange(5.0), "b": torch.ones(2, 3)}
    save_tensors(files[1], tensors, {name: name for name in "poiuytrewqé"})
    assert files[0].read_bytes() == files[1].read_bytes()
    assert load_metadata(files[0]) == {name: name for name in "qwertyuiopé"}
    assert torch.equal(load_tensors(files[0])["a"], torch.arange(5.0))
    assert int.from_bytes(files[0].read_bytes()[:8], "little") % 8 == 0
