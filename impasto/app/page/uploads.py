"""Uploads that cannot be read: the message, and the return to the last readable file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from impasto.app.inference import check_readable
from impasto.app.limits import Limits
from impasto.app.page.calls import FieldValues, by_name
from impasto.app.page.controls import STYLE
from impasto.app.page.style_choices import OWN
from impasto.app.sessions import Session, Sessions

_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def last_upload(visit: Session, field: str) -> str | None:
    """Return the last readable file of a field; None if there was none."""
    return str(visit.uploads[field]) if field in visit.uploads else None


def put_back(component: gr.components.Component, field: str, visits: Sessions) -> dict[str, Any]:
    """Return the arguments of an event that returns a component to the last readable file of its field."""

    def returned(visit: Session, values: FieldValues) -> str | None:
        return last_upload(visit, field)

    return {"fn": by_name(returned, (), visits), "inputs": None, "outputs": [component], **_QUIET}


def connect_picture(component: gr.Image, visits: Sessions, limits: Limits, field: str) -> None:
    """Check a picture as soon as it is dropped; one that cannot be read is replaced by the one before."""

    def check(visit: Session, values: FieldValues) -> None:
        _keep(visit, field, values["picture"], limits)

    checked = component.input(by_name(check, ("picture",), visits), [component], None, **_QUIET)
    checked.failure(**put_back(component, field, visits))


def connect_own_style(own: gr.Image, style: gr.Dropdown, visits: Sessions, limits: Limits) -> Any:
    """Choose a style picture as soon as it is dropped, if it can be read; return the event."""
    field = f"style of {own.elem_id}"

    def choose(visit: Session, values: FieldValues) -> str:
        _keep(visit, field, values["own"], limits)
        if values["own"]:
            return OWN
        return STYLE if values["style"] == OWN else values["style"]

    chosen = own.input(by_name(choose, ("own", "style"), visits), [own, style], [style], **_QUIET)
    chosen.failure(**put_back(own, field, visits))
    return chosen


def _keep(visit: Session, field: str, file: str | None, limits: Limits) -> None:
    """Remember a file of a field. Raises ImpastoError if it cannot be read."""
    if not file:
        visit.uploads.pop(field, None)
        return
    check_readable(Path(file), limits)
    visit.uploads[field] = Path(file)
