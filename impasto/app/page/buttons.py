"""Start and stop buttons of the tabs with long jobs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from impasto.app.page.calls import FieldValues
from impasto.app.page.words import status
from impasto.app.sessions import Session


def announce(visit: Session, values: FieldValues) -> list[Any]:
    """Note a waiting job; return updates of its two buttons and the status line."""
    visit.announce()
    return [gr.Button(interactive=False), gr.Button(visible=True), status("Waiting for other jobs to finish")]


def at_rest() -> list[Any]:
    """Return updates of the two buttons after the job's end."""
    return [gr.Button(interactive=True), gr.Button(visible=False)]
