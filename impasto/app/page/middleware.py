"""ASGI middleware: where a request may come from and what it may hold, before Gradio takes it."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from gradio.route_utils import API_PREFIX
from gradio.utils import get_upload_folder
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.app.hosts import HostNames
from impasto.app.sessions import LONGEST_NAME

log = logging.getLogger("impasto.app")

ADDRESSES_ARE_NOT_FETCHED = "Give the file itself: this app does not fetch addresses."

_ASKED = re.compile(r"/file[=/]\s*https?:", re.IGNORECASE)
_FULL = "Too many files are kept here just now: try again later."
_BROKEN_OFF = "The upload was broken off."
_NAME = "The app does not answer to this name: whoever runs it can allow the name by --allow-host."
_FOREIGN = "A page of another site cannot use this app: open the app itself."
_LONG = "This request is too long: files are uploaded one by one, and named in it."
_NO_JSON = "This request is not a JSON object: 'Use via API' at the foot of the page shows what is."
_LONG_NAME = "The session of this request has too long a name: load the page again."
_NO_REQUEST = (
    "This request asks for nothing that there is: 'Use via API' at the foot of the page shows what is."
)

_MOST_JSON = 4_000_000  # bytes of a request; one that names a thousand photos has less than a fourth of that
_PAGE = 4096  # bytes that a file takes at least, however short
_MEASURED_ANEW = 1.0  # seconds after which the files are measured again
_LINGER = 5.0  # seconds for the rest of a refused request


class NoAddresses:
    """Refuse requests for addresses in the place of files."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _ASKED.search(scope["path"]):
            await PlainTextResponse(ADDRESSES_ARE_NOT_FETCHED, status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class OwnPages:
    """Refuse what pages of other sites ask for, and what is asked under a name that is not the app's."""

    def __init__(self, app: ASGIApp, names: HostNames) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        words = self._objection(Headers(scope=scope)) if scope["type"] == "http" else None
        if words:
            await _refuse(PlainTextResponse(words, status_code=403), scope, _Incoming(receive), send)
        else:
            await self._app(scope, receive, send)

    def _objection(self, headers: Headers) -> str | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._names.knows(host):
            return _NAME
        if origin is not None and not self._names.is_own_page(origin, host):
            return _FOREIGN
        return None


class UploadQuota:
    """Refuse an upload with which the app's files would have more than `most` bytes.

    Bytes are counted while they arrive, those of all uploads together. A `MultiPartException` has Gradio's
    parser delete what it wrote.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._disk = app, _Disk(most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_upload(scope):
            await self._app(scope, receive, send)
            return
        incoming = _Incoming(receive)
        is_full = not await self._disk.has(_announced(scope))

        async def counted() -> Message:
            nonlocal is_full
            message = await incoming()
            if message["type"] == "http.disconnect":
                raise MultiPartException(_BROKEN_OFF)
            if not await self._disk.take(len(message.get("body", b""))):
                is_full = True
                raise MultiPartException(_FULL)
            return message

        async def answer(message: Message) -> None:
            if not is_full:
                await send(message)

        if not is_full:
            await self._app(scope, counted, answer)
        if is_full:
            await _refuse(PlainTextResponse(_FULL, status_code=413), scope, incoming, send)


class _Disk:
    """The bytes of the app's files: as they were measured, and what has arrived since."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._measured = self._arrived = 0
        self._when = -_MEASURED_ANEW
        self._lock = asyncio.Lock()

    async def take(self, size: int) -> bool:
        """Count bytes that have arrived; return False, and do not count them, where there is no space."""
        if not await self.has(size):
            return False
        self._arrived += size
        return True

    async def has(self, size: int) -> bool:
        """Return whether there is space."""
        is_old = time.monotonic() - self._when > _MEASURED_ANEW
        if is_old or (self._arrived and not self._fits(size)):
            await self._measure()
        return self._fits(size)

    def _fits(self, size: int) -> bool:
        return self._measured + self._arrived + size <= self._most

    async def _measure(self) -> None:
        when = self._when
        async with self._lock:
            if self._when != when:
                return  # another request has just done so
            before = self._arrived
            self._measured = await run_in_threadpool(_bytes_in, Path(get_upload_folder()))
            self._arrived -= before
            self._when = time.monotonic()


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # it has gone by now
            total += max(_PAGE, path.stat().st_size)
    return total


def _announced(scope: Scope) -> int:
    """The length that a request says it has; 0 where it does not."""
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _is_upload(scope: Scope) -> bool:
    return (scope["type"], scope.get("method"), scope.get("path")) == ("http", "POST", f"{API_PREFIX}/upload")


class SmallRequests:
    """Refuse what is sent elsewhere than to the upload, unless it is a JSON object that Gradio understands.

    Gradio takes files elsewhere, too, without a limit, and JSON of any length. It looks up what a request
    names without asking whether it is there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS") or _is_upload(scope):
            await self._app(scope, receive, send)
            return
        incoming = _Incoming(receive)
        body = await _read(incoming)
        if body is None:
            await _refuse(_no(_LONG, 413), scope, incoming, send)
        elif words := _json_objection(body):
            await _no(words, 400)(scope, receive, send)
        else:
            await self._pass_on(body, scope, receive, send)

    async def _pass_on(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        has_begun = False

        async def again() -> Message:
            return waiting.pop() if waiting else await receive()

        async def answer(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, again, answer)
        except Exception as error:
            if has_begun:
                raise
            log.warning("a request was refused: %s: %.200s", type(error).__name__, error)
            await _no(_NO_REQUEST, 400)(scope, receive, send)


async def _read(incoming: _Incoming) -> bytes | None:
    """The body of a request; None where it is too long."""
    body = bytearray()
    while not incoming.is_over:
        body += (await incoming()).get("body", b"")
        if len(body) > _MOST_JSON:
            return None
    return bytes(body)


def _json_objection(body: bytes) -> str | None:
    """Say what is wrong with a request; None where nothing is. An empty one is right."""
    if not body:
        return None
    try:
        request = json.loads(body, parse_constant=_no_number, parse_float=_finite, parse_int=_finite_int)
    except _NoNumberError as error:
        return f"{error} is not a number that this app takes."
    except (ValueError, RecursionError):  # which covers what is no Unicode
        return _NO_JSON
    if not isinstance(request, dict):
        return _NO_JSON
    session = request.get("session_hash")
    return _LONG_NAME if isinstance(session, str) and len(session) > LONGEST_NAME else None


class _NoNumberError(Exception):
    """JSON holds an infinite number, or one that is none."""


def _no_number(text: str) -> NoReturn:
    raise _NoNumberError(text if len(text) < 20 else f"{text[:20]}…")


def _finite(text: str) -> float:
    number = float(text)
    return number if abs(number) < float("inf") else _no_number(text)


def _finite_int(text: str) -> int:
    _finite(text)
    return int(text)


def _no(words: str, status: int) -> JSONResponse:
    """A refusal, as Gradio's clients read it."""
    return JSONResponse({"detail": words}, status_code=status)


class _Incoming:
    """The messages that a request comes in.

    Attributes:
        is_over: the last one has come.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_over = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self.is_over = not message.get("more_body", False)
        return message


async def _refuse(response: Response, scope: Scope, incoming: _Incoming, send: Send) -> None:
    """Answer once the rest of the request has come, or some time has gone: who is cut off sees no answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            while not incoming.is_over:
                await incoming()
    await response(scope, incoming, send)
