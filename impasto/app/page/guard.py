"""Close unsafe entry points of Gradio, and check the values that its components receive.

Without these checks, Gradio would read any picture of this machine that a request names, fetch network
addresses from this machine without a limit on size, keep uploaded text fields in memory, and answer values
of a wrong type without an explanation.
"""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import route_utils
from gradio.blocks import Block
from gradio.state_holder import SessionState
from gradio.utils import get_upload_folder
from pydantic import BaseModel

from impasto.app.page.middleware import ADDRESSES_ARE_NOT_FETCHED
from impasto.app.page.samples import sample_at
from impasto.app.page.words import refusal
from impasto.app.sessions import VISITS

_OWN = "impasto_preprocess"  # attribute of protected components
_SET = SessionState.__setitem__
_PARSER = route_utils.GradioMultiPartParser
_ADDRESS = re.compile(r"\s*https?:", re.IGNORECASE)
_FOREIGN = "This file was not uploaded here: upload it again."
_ODD = "A value in this request has the wrong type for its field: 'Use via API' shows the types."


def guard(page: gr.Blocks) -> None:
    """Make the components of a page accept only uploaded files and values of the right type."""
    for block in page.blocks.values():
        _protect(block, vars(block).get("preprocess"))
    SessionState.__setitem__ = _setting  # type: ignore[method-assign]
    page.preprocess_data = _explained(page.preprocess_data)  # type: ignore[assignment, method-assign]
    route_utils.GradioMultiPartParser = _files_only  # type: ignore[assignment, misc]


def _protect(block: Any, own: Callable[[Any], Any] | None) -> None:
    """Check what a component receives.

    Args:
        own: the component's own way to read a value, if it is not that of its class.
    """
    block.async_move_resource_to_block_cache = _unfetched(block.async_move_resource_to_block_cache)
    if hasattr(block, "preprocess"):
        block.preprocess = _checked(block, own or block.preprocess)
    setattr(block, _OWN, own)


def _setting(state: SessionState, key: int, value: Any) -> None:
    """Protect the copy of a component, too, that Gradio makes for a visitor when it changes the component."""
    before = state.blocks_config.blocks.get(key)
    if hasattr(before, _OWN) and isinstance(value, Block) and not hasattr(value, _OWN):
        _protect(value, getattr(before, _OWN))
    _SET(state, key, value)


def forget_lost_sessions(page: gr.Blocks) -> None:
    """Drop the requests of closed sessions: Gradio itself drops only their messages."""
    requests, messages = page._queue.pending_event_ids_session, page._queue.pending_messages_per_session
    for session in list(requests):
        if session not in messages:
            requests.pop(session, None)


def _files_only(*args: Any, **more: Any) -> Any:
    """Return Gradio's parser of uploads, which refuses text fields."""
    return _PARSER(*args, **{**more, "max_fields": 0})


def _explained(preprocess: Callable[..., Awaitable[list[Any]]]) -> Callable[..., Awaitable[list[Any]]]:
    """Answer values that Gradio cannot read with a sentence; Gradio itself only logs a traceback."""

    async def preprocessed(*args: Any, **more: Any) -> list[Any]:
        try:
            return await preprocess(*args, **more)
        except gr.Error as error:
            raise refusal(error.message) from error
        except Exception as error:
            raise refusal(_ODD) from error

    return preprocessed


def _unfetched(take: Callable[[str | Path | None], Any]) -> Callable[[str | Path | None], Any]:
    """Refuse addresses but those of samples, leave files of visits in place, renew the age of others."""

    async def taking(file: str | Path | None) -> str | None:
        if file is not None and _ADDRESS.match(str(file)):
            if sample := sample_at(str(file)):
                return str(sample)
            raise refusal(ADDRESSES_ARE_NOT_FETCHED)
        if file is not None and Path(file).is_relative_to(Path(get_upload_folder()) / VISITS):
            return str(file)
        taken: str | None = await take(file)
        if taken:
            with suppress(OSError):
                os.utime(taken)  # Gradio deletes old files: a file in use counts as new
        return taken

    return taking


def _checked(block: Any, preprocess: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def preprocessed(payload: Any) -> Any:
        folder = Path(get_upload_folder()).resolve()
        if not all(Path(path).resolve().is_relative_to(folder) for path in _paths(payload)):
            raise refusal(_FOREIGN)
        if words := _objection(block, payload):
            raise refusal(f"{block.label} must be {words}.")
        return preprocess(payload)

    return preprocessed


def _objection(block: Any, payload: Any) -> str | None:
    """Describe the value that a component needs; None if the payload is valid."""
    if isinstance(block, gr.Slider) or (isinstance(block, gr.Number) and payload is not None):
        least, most = block.minimum, block.maximum
        is_number = isinstance(payload, int | float) and not isinstance(payload, bool)
        if not (is_number and (least is None or payload >= least) and (most is None or payload <= most)):
            return f"a number from {least:g} " + ("up" if most is None else f"to {most:g}")
    if isinstance(block, gr.Checkbox) and not isinstance(payload, bool):
        return "true or false"
    if isinstance(block, gr.Dropdown) and isinstance(payload, list | dict):
        return "one of the choices offered"
    return None


def _paths(payload: Any) -> Iterator[str]:
    """Yield every value of a key `path` in a component's input."""
    if isinstance(payload, BaseModel):
        payload = payload.model_dump()
    if isinstance(payload, Mapping):
        if isinstance(path := payload.get("path"), str):
            yield path
        payload = list(payload.values())
    if isinstance(payload, Sequence) and not isinstance(payload, str | bytes):
        for each in payload:
            yield from _paths(each)
