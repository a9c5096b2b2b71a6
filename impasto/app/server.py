"""The app as it runs: a folder of its own, visits that come to an end, and the page."""

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.app.limits import Limits
from impasto.atomic_files import held_while, remove_abandoned
from impasto.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from impasto.app.sessions import Sessions

HOST = "127.0.0.1"

_EXAMPLES = Path(__file__).with_name("pictures")
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(
        10**9
    ),  # a table of requests that nobody looks at, after each one
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
_SWEEP = 30.0  # seconds
_PREFIX = "impasto-app-"
_FOLDERS = re.compile(rf"{_PREFIX}[a-z0-9_]+")


def launch(
    limits: Limits | None = None,
    *,
    host: str = HOST,
    port: int | None = None,
    share: bool = False,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the app until it is interrupted.

    Args:
        limits: what visitors may ask for.
        host: the address to listen on; by default other machines do not see it.
        port: None takes 7860, or the next that is free.
        share: give the app a public address, through a server of Gradio's makers.
        ready: is told the app's address.

    Raises:
        MissingExtraError: Gradio is not installed.
        UsageError: the port is taken.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # which containers send: clean up, too
    with serving(limits, host=host, port=port, share=share) as address:
        if ready:
            ready(address)
        threading.Event().wait()


@contextmanager
def serving(
    limits: Limits | None = None, *, host: str = HOST, port: int | None = None, share: bool = False
) -> Iterator[str]:
    """Serve the app for the length of a block, which receives the address; then end all sessions."""
    if find_spec("gradio") is None:
        raise MissingExtraError("Gradio", "app", "the web app")
    limits = limits or Limits()
    _check_free(host, port)
    remove_abandoned(Path(tempfile.gettempdir()), _FOLDERS)  # of apps that were killed
    with (
        held_while(lambda: Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()) as folder,
        _serving(folder, limits, host=host, port=port, share=share) as address,
    ):
        yield address


@contextmanager
def _serving(folder: Path, limits: Limits, *, host: str, port: int | None, share: bool) -> Iterator[str]:
    """Serve with the given folder for all files of visitors."""
    end = threading.Event()
    os.environ.update(_QUIET, GRADIO_TEMP_DIR=str(folder))
    from impasto.app.choices import shipped  # these bring torch, and Gradio, which reads what was just set
    from impasto.app.page.frame import build, serve
    from impasto.app.sessions import VISITS, Sessions

    visits = Sessions(folder / VISITS, limits)
    often = min(_SWEEP, 15 * limits.keep_minutes)  # four times while they are kept
    threading.Thread(target=_sweep, args=(visits, end, often), daemon=True).start()
    static = folder / "static"
    static.mkdir()
    try:
        page = build(visits, limits, shipped(static), [Path(shutil.copy(one, static)) for one in examples()])
        try:
            address = serve(page, limits, host=host, port=port, share=share)
        except OSError as error:
            raise _unheard(host, port, error) from error
        try:
            yield address
        finally:
            page.close(verbose=False)
    finally:
        end.set()
        visits.close()


def examples() -> list[Path]:
    """Photos to try the app with; their authors and licences are named in the README beside them."""
    return sorted(_EXAMPLES.glob("*.jpg"))


def _check_free(host: str, port: int | None) -> None:
    """Before seconds of preparation. Raises UsageError."""
    try:
        socket.create_server(
            (host, port or 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        ).close()
    except OSError as error:
        raise _unheard(host, port, error) from error


def _unheard(host: str, port: int | None, error: OSError) -> UsageError:
    why = error.strerror or error
    return UsageError(f"the app cannot listen on {host}, port {port or 7860}: {why}; choose another port")


def _sweep(visits: Sessions, end: threading.Event, often: float) -> None:
    while not end.wait(often):
        visits.sweep()
        _give_back()


def _give_back() -> None:
    """Return freed memory to the system: glibc keeps what threads had, and some more for each new one."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
