"""ASGI middleware that checks the origin, type and size of requests before Gradio sees them."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from gradio.route_utils import API_PREFIX
from gradio.utils import get_upload_folder
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.app.hosts import HostNames
from impasto.app.page.calls import COOKIE
from impasto.app.sessions import LONGEST_NAME

log = logging.getLogger("impasto.app")

ADDRESSES_ARE_NOT_FETCHED = "Upload the file itself: this app does not fetch addresses."

_ASKED = re.compile(r"/file[=/]\s*https?:", re.IGNORECASE)
_FULL = "The disk space for uploads is used up at the moment: try again later."
_BROKEN_OFF = "The upload was interrupted."
_NAME = "The app does not answer to this host name: open it by the address that you were given for it."
_FOREIGN = "A page of another site cannot use this app: open the app itself."
_LONG = "This request is too long: upload files one by one, and name them in the request."
_NO_JSON = "This request is not a JSON object: see 'Use via API' at the foot of the page."
_LONG_NAME = "The session name of this request is too long: reload the page."
_NO_REQUEST = "This request names an unknown function: see 'Use via API' at the foot of the page."

_MOST_JSON = 4_000_000  # bytes of a request; a thousand file names take less than a fourth
_PAGE = 4096  # bytes that even an empty file takes on disk
_MEASURED_ANEW = 1.0  # seconds until the files are measured again
_NAME_BYTES = 24  # of chance in the name of a visit
_VISIT = re.compile(f"[0-9a-f]{{{2 * _NAME_BYTES}}}")
_LINGER = 5.0  # seconds to wait for the rest of a refused request


class NoAddresses:
    """Refuse requests that name a network address in place of a file."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _ASKED.search(scope["path"]):
            await PlainTextResponse(ADDRESSES_ARE_NOT_FETCHED, status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class OwnPages:
    """Refuse requests from pages of other sites, and requests with an unknown host name."""

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
        # Gradio makes addresses in the page of what a server in front says
        forwarded = [names.partition(",")[0].strip() for names in headers.getlist("x-forwarded-host")]
        if not all(map(self._names.knows, (host, *forwarded))):
            return _NAME
        if origin is not None and not self._names.is_own_page(origin, host):
            return _FOREIGN
        return None


class VisitCookie:
    """Give a browser the name of its visit, by which it comes back to its pictures and jobs.

    Only the page's own script asks for it. A link on another site leads to the page without the cookie, which
    is `SameSite=Strict`, and the answer must not replace the name.

    Args:
        seconds: until the browser forgets the name, unless the page is opened again.
    """

    def __init__(self, app: ASGIApp, seconds: int) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (scope["type"], scope.get("method"), scope.get("path")) != ("http", "POST", "/visit"):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        name = request.cookies.get(COOKIE, "")
        response = Response(status_code=204)
        response.set_cookie(
            COOKIE,
            name if _VISIT.fullmatch(name) else secrets.token_hex(_NAME_BYTES),
            max_age=self._seconds,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        await response(scope, receive, send)


class UploadQuota:
    """Refuse an upload that would bring the app's files beyond `most` bytes.

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
    """Size of the app's files: the last measurement, and the bytes that have arrived since."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._measured = self._arrived = 0
        self._when = -_MEASURED_ANEW
        self._lock = asyncio.Lock()

    async def take(self, size: int) -> bool:
        """Count arrived bytes; return False, without counting them, if there is no space."""
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
        with suppress(OSError):  # deleted in the meantime
            total += max(_PAGE, path.stat().st_size)
    return total


def _announced(scope: Scope) -> int:
    """Return the length in a request's header; 0 if there is none."""
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _is_upload(scope: Scope) -> bool:
    return (scope["type"], scope.get("method"), scope.get("path")) == ("http", "POST", f"{API_PREFIX}/upload")


class SmallRequests:
    """Refuse requests other than uploads unless they are JSON objects that Gradio understands.

    Gradio accepts files without a limit at other routes, too, and JSON of any length, and it answers unknown
    names in a request with an internal error.

    Args:
        scripts: numbers of the events that only a script in the browser answers.
    """

    def __init__(self, app: ASGIApp, scripts: Sequence[int]) -> None:
        self._app, self._scripts = app, scripts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS") or _is_upload(scope):
            await self._app(scope, receive, send)
            return
        incoming = _Incoming(receive)
        body = await _read(incoming)
        if body is None:
            await _refuse(_no(_LONG, 413), scope, incoming, send)
        elif words := _json_objection(body, self._scripts):
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
    """Return the body of a request; None if it is too long."""
    body = bytearray()
    while not incoming.is_over:
        body += (await incoming()).get("body", b"")
        if len(body) > _MOST_JSON:
            return None
    return bytes(body)


def _json_objection(body: bytes, scripts: Sequence[int]) -> str | None:
    """Describe what is wrong with a request; None if it is valid. An empty one is valid."""
    if not body:
        return None
    try:
        request = json.loads(body, parse_constant=_no_number, parse_float=_finite, parse_int=_finite_int)
    except _NoNumberError as error:
        return f"{error} is not a number that can be used here."
    except (ValueError, RecursionError):  # ValueError covers invalid Unicode
        return _NO_JSON
    if not isinstance(request, dict):
        return _NO_JSON
    if request.get("fn_index") in scripts:
        return _NO_REQUEST
    session = request.get("session_hash")
    return _LONG_NAME if isinstance(session, str) and len(session) > LONGEST_NAME else None


class _NoNumberError(Exception):
    """JSON contains an infinite number or NaN."""


def _no_number(text: str) -> NoReturn:
    raise _NoNumberError(text if len(text) < 20 else f"{text[:20]}…")


def _finite(text: str) -> float:
    number = float(text)
    return number if abs(number) < float("inf") else _no_number(text)


def _finite_int(text: str) -> int:
    _finite(text)
    return int(text)


def _no(words: str, status: int) -> JSONResponse:
    """Return a refusal in the form that Gradio's clients read."""
    return JSONResponse({"detail": words}, status_code=status)


class _Incoming:
    """The messages of a request's body.

    Attributes:
        is_over: True once the last one has arrived.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_over = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self.is_over = not message.get("more_body", False)
        return message


async def _refuse(response: Response, scope: Scope, incoming: _Incoming, send: Send) -> None:
    """Answer after the rest of the request or a timeout: a client that is cut off would see no answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            while not incoming.is_over:
                await incoming()
    await response(scope, incoming, send)
