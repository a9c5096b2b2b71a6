"""Turn off parts of Gradio that visitors must not reach.

It would read any picture of this machine that a request names without saying that it was uploaded, and fetch
what an address on the network names: past the limit on uploads, and from here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from impasto.app.sessions import VISITS

_ADDRESS = re.compile(r"\s*https?:", re.IGNORECASE)
_ASKED = re.compile(r"/file[=/]\s*https?:", re.IGNORECASE)
_FETCHED = "Give the file itself: this app does not fetch addresses."
_FULL = "Too many files are kept here just now: try again later."
_FOREIGN = "This file was not uploaded here: drop it again."


def guard(page: gr.Blocks) -> None:
    """Have the components of a page take files that were uploaded, and no others."""
    block: Any
    for block in page.blocks.values():
        block.async_move_resource_to_block_cache = _unfetched(block.async_move_resource_to_block_cache)
        if hasattr(block, "preprocess"):
            block.preprocess = _uploaded(block.preprocess)


def _unfetched(take: Callable[[str | Path | None], Any]) -> Callable[[str | Path | None], Any]:
    """Gradio deletes what it has taken when that is old; files of visits go when the visit ends."""

    async def taking(file: str | Path | None) -> str | None:
        if file is not None and _ADDRESS.match(str(file)):
            raise _refusal(_FETCHED)
        if file is not None and Path(file).is_relative_to(Path(get_upload_folder()) / VISITS):
            return str(file)
        taken: str | None = await take(file)
        if taken:
            with suppress(OSError):
                os.utime(taken)  # what is used is kept as if it had just come
        return taken

    return taking


def _uploaded(preprocess: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def preprocessed(payload: Any) -> Any:
        folder = Path(get_upload_folder()).resolve()
        if not all(Path(path).resolve().is_relative_to(folder) for path in _paths(payload)):
            raise _refusal(_FOREIGN)
        return preprocess(payload)

    return preprocessed


def _paths(payload: Any) -> Iterator[str]:
    """Collect everything called a path in a component's input."""
    if isinstance(payload, BaseModel):
        payload = payload.model_dump()
    if isinstance(payload, Mapping):
        if isinstance(path := payload.get("path"), str):
            yield path
        payload = list(payload.values())
    if isinstance(payload, Sequence) and not isinstance(payload, str | bytes):
        for each in payload:
            yield from _paths(each)


def _refusal(words: str) -> gr.Error:
    return gr.Error(words, title="That did not work", print_exception=False)


class NoAddresses:
    """ASGI middleware: requests for addresses in the place of files end here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _ASKED.search(scope["path"]):
            await PlainTextResponse(_FETCHED, status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class FullDisk:
    """ASGI middleware: no upload is taken while the app's files have more than `most` bytes."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        uploads = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith("/upload")
        if uploads and await run_in_threadpool(_bytes_in, Path(get_upload_folder())) > self._most:
            await PlainTextResponse(_FULL, status_code=507)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # it has gone by now
            total += path.stat().st_size
    return total
