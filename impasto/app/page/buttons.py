"""Start and stop buttons of the tabs with long jobs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from impasto.app.page.calls import FieldValues
from impasto.app.page.words import status
from impasto.app.sessions import Session


def announce(visit: Session, values: FieldValues) -> list[Any]:
    """The job waits for its turn: its two buttons, and the line of news."""
    visit.announce()
    return [gr.Button(interactive=False), gr.Button(visible=True), status("Waiting for its turn")]


def at_rest() -> list[Any]:
    """The two buttons once the job has ended."""
    return [gr.Button(interactive=True), gr.Button(visible=False)]
