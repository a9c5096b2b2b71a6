"""Serve the app: a temporary folder for all files, a timer that ends idle visits, and the page."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from impasto.app.hosts import HostNames
from impasto.app.limits import Limits
from impasto.atomic_files import held_while, remove_abandoned
from impasto.errors import MissingExtraError, UsageError

HOST = "127.0.0.1"

_EXAMPLES = Path(__file__).with_name("pictures")
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(
        10**9
    ),  # disables a statistic that is otherwise computed after each request
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
_SWEEP = 30.0  # seconds
_GIVEN_UP = 600.0  # seconds after which an upload without new data is deleted
_PREFIX = "impasto-app-"
_FOLDERS = re.compile(rf"{_PREFIX}[a-z0-9_]+")


def launch(
    limits: Limits | None = None,
    *,
    host: str = HOST,
    port: int | None = None,
    share: bool = False,
    allow_hosts: Iterable[str] = (),
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the app until it is interrupted.

    Args:
        limits: on requests of visitors.
        host: the address to listen on; by default other machines do not see it.
        port: None takes 7860, or the next that is free.
        share: give the app a public address, through a server of Gradio.
        allow_hosts: further host names to answer to, such as that of a reverse proxy. The app always answers
            to loopback names, to `host` and to its public address.
        ready: called with the app's address.

    Raises:
        MissingExtraError: Gradio is not installed.
        UsageError: the port is taken, or an allowed host name is invalid.
    """
    with (
        _ending_in_order(),
        serving(limits, host=host, port=port, share=share, allow_hosts=allow_hosts) as address,
    ):
        if ready:
            ready(address)
        threading.Event().wait()


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Treat SIGTERM (`kill`, containers) and SIGHUP (a closed terminal) like Ctrl-C: delete all files."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    if threading.current_thread() is not threading.main_thread():
        before = {}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}  # nohup
    for number in before:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _: FrameType | None) -> None:
    """Raise KeyboardInterrupt, once: a terminal that closes may send SIGHUP again while files are deleted."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def serving(
    limits: Limits | None = None,
    *,
    host: str = HOST,
    port: int | None = None,
    share: bool = False,
    allow_hosts: Iterable[str] = (),
) -> Iterator[str]:
    """Serve the app during a `with` block, which receives the address; then end all sessions."""
    if find_spec("gradio") is None:
        raise MissingExtraError("Gradio", "app", "the web app")
    limits = limits or Limits()
    names = HostNames(host, *_names_of_this_machine(), given=allow_hosts)
    _check_free(host, port)
    remove_abandoned(Path(tempfile.gettempdir()), _FOLDERS)  # of apps that were killed
    with (
        held_while(lambda: Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()) as folder,
        _serving(folder, limits, names, host=host, port=port, share=share) as address,
    ):
        yield address


@contextmanager
def _serving(
    folder: Path, limits: Limits, names: HostNames, *, host: str, port: int | None, share: bool
) -> Iterator[str]:
    """Serve with the given folder for all files of visitors."""
    end = threading.Event()
    os.environ.update(_QUIET, GRADIO_TEMP_DIR=str(folder))
    from impasto.app.choices import shipped  # imports torch, and Gradio, which reads the variables set above
    from impasto.app.decoding import warm
    from impasto.app.page.frame import build, serve
    from impasto.app.page.guard import forget_lost_sessions
    from impasto.app.page.samples import show_samples, write_samples
    from impasto.app.sessions import VISITS, Sessions

    warm()
    visits = Sessions(folder / VISITS, limits)
    often = min(_SWEEP, 15 * limits.keep_minutes)  # four times while they are kept
    static = folder / "static"
    static.mkdir()
    try:
        page = build(visits, limits, shipped(static), [Path(shutil.copy(one, static)) for one in examples()])

        def sweep() -> None:
            visits.sweep()
            forget_lost_sessions(page)
            remove_unfinished(folder)
            _give_back()

        threading.Thread(target=_repeat, args=(sweep, end, often), daemon=True).start()
        try:
            address = serve(page, limits, names, host=host, port=port, share=share)
        except OSError as error:
            raise _cannot_listen(host, port, error) from error
        show_samples(page, address, write_samples(examples()[0]))
        try:
            yield address
        finally:
            page.close(verbose=False)
    finally:
        end.set()
        visits.close()


def examples() -> list[Path]:
    """Return example photos; the README beside them names authors and licences."""
    return sorted(_EXAMPLES.glob("*.jpg"))


def _names_of_this_machine() -> list[str]:
    """Return the names of this machine in its network."""
    name = socket.gethostname()
    return [name, f"{name.partition('.')[0]}.local"]


def _check_free(host: str, port: int | None) -> None:
    """Raise UsageError if the port is taken, before the preparation, which takes seconds."""
    try:
        socket.create_server(
            (host, port or 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        ).close()
    except OSError as error:
        raise _cannot_listen(host, port, error) from error


def _cannot_listen(host: str, port: int | None, error: OSError) -> UsageError:
    why = error.strerror or error
    return UsageError(f"the app cannot listen on {host}, port {port or 7860}: {why}; choose another port")


def _repeat(work: Callable[[], None], end: threading.Event, often: float) -> None:
    while not end.wait(often):
        work()


def remove_unfinished(folder: Path) -> None:
    """Delete abandoned uploads: Gradio moves a file to its folder only once it is complete."""
    for path in folder.glob("tmp*"):
        with suppress(OSError):  # deleted in the meantime
            if path.is_file() and time.time() - path.stat().st_mtime > _GIVEN_UP:
                path.unlink()


def _give_back() -> None:
    """Return freed memory to the system: glibc keeps that of ended threads, and more with each new one."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
