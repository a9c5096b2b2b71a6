"""Batch tab: many photos in one style, as a ZIP file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from impasto.app import code_snippets
from impasto.app.batches import BatchNews, stylize_all
from impasto.app.choices import StyleOption
from impasto.app.jobs import BackgroundJob
from impasto.app.limits import Limits
from impasto.app.page.calls import (
    FieldValues,
    by_name,
    connect_job,
    connect_return,
    follow_job,
    stop_job,
)
from impasto.app.page.controls import PhotoControls
from impasto.app.page.inputs import pictures
from impasto.app.page.style_panel import StylePanel
from impasto.app.page.words import seconds, status, tell
from impasto.app.sessions import Session, Sessions

_WELCOME = "Drop photos, and choose a style for all of them."
_STYLING = ("style", "strength", "stroke_size", "keep_color", "keep_color_amount", "detail", "own")


class BatchTab:
    """Components and callbacks of the Batch tab.

    Args:
        photo: the controls of the photo tab.
    """

    def __init__(
        self,
        visits: Sessions,
        limits: Limits,
        choices: Sequence[StyleOption],
        photo: PhotoControls,
        tab: gr.Tab,
    ) -> None:
        self._visits, self._limits, self._tab = visits, limits, tab
        with gr.Row(elem_classes="photo-tab"):
            with gr.Column(scale=2, min_width=300, elem_classes="left"):
                self._add_inputs(choices, photo)
            with gr.Column(scale=3, min_width=320, elem_classes="right"):
                self._add_outcome()

    def _add_inputs(self, choices: Sequence[StyleOption], photo: PhotoControls) -> None:
        with gr.Column(elem_classes="givens"):
            self.photos = gr.File(
                label="Your photos", file_count="multiple", file_types=["image"], height=170,
                elem_id="batch-photos",
            )  # fmt: skip
        with gr.Column(elem_classes="styles"):
            self.panel = StylePanel("batch", choices, photo)
        with gr.Column(elem_classes="handles"), gr.Accordion("More control", open=False):
            self.panel.add_handles()

    def _add_outcome(self) -> None:
        self.status = gr.HTML(status(_WELCOME), elem_id="batch-status")
        with gr.Row(elem_classes="actions"):
            self.start = gr.Button("Stylize all", variant="primary", elem_id="stylize-all")
            self.stop = gr.Button(
                "Stop and keep the pictures so far", variant="stop", visible=False, elem_id="stop-batch"
            )
        self.archive = gr.File(label="Your pictures as a ZIP file", interactive=False, elem_id="archive")
        self.pictures = pictures("The newest pictures", elem_id="batch-pictures", show_label=True)
        with gr.Accordion("Command line", open=False):
            self.command = gr.Code(
                label="Command line", language="shell", lines=1, interactive=False, wrap_lines=True,
                show_line_numbers=False,
            )  # fmt: skip

    @property
    def fields(self) -> dict[str, gr.components.Component]:
        """Components by parameter names of the API."""
        return {"photos": self.photos, **{name: getattr(self.panel, name) for name in _STYLING}}

    @property
    def lists(self) -> list[gr.components.Component]:
        """Components that offer styles."""
        return self.panel.lists

    @property
    def _outcome(self) -> list[gr.components.Component]:
        return [self.status, self.archive, self.pictures, self.command]

    def connect(self, loaded: Any) -> None:
        """Connect the components to their callbacks; `loaded` is the event of the page's start."""
        self.panel.connect(self._visits, self._limits)
        self._tab.select(
            self._ask(self._open, ()),
            None,
            [*self.lists, self.archive],
            api_visibility="private",
            show_progress="hidden",
        )
        batch = {
            "fn": self._ask(self._make, list(self.fields)),
            "inputs": list(self.fields.values()),
            "outputs": self._outcome,
            "api_name": "stylize_all",
        }
        connect_return(loaded, self.start, self.stop, self._outcome, self._follow, "batch", self._visits)
        connect_job(self.start, self.stop, self.status, batch, lambda: status(_WELCOME))
        self.stop.click(
            self._ask(self._stop, ()), None, [self.status], queue=False, api_name="stop_batch",
            show_progress="hidden",
        )  # fmt: skip

    def _ask(self, method: Callable[[Session, FieldValues], Any], names: Sequence[str]) -> Callable[..., Any]:
        return by_name(method, names, self._visits)

    def _make(self, visit: Session, values: FieldValues) -> Iterator[list[Any]]:
        """Stylize photos in one style: progress, and at last a ZIP file."""
        photos = [Path(path) for path in values["photos"] or ()]
        look = self.panel.look(visit, values)
        job = stylize_all(visit, photos, look, self._limits)
        yield [gr.skip(), None, [], code_snippets.batch_command(look)]
        yield from self._follow(visit, values, job)

    def _follow(
        self, visit: Session, values: FieldValues, job: BackgroundJob[BatchNews]
    ) -> Iterator[list[Any]]:
        yield from follow_job(job, lambda line: [line, *[gr.skip()] * 3], _shown)

    def _stop(self, visit: Session, values: FieldValues) -> str:
        """Stop the batch; keep the pictures so far."""
        return stop_job(visit, "batch")

    def _open(self, visit: Session, values: FieldValues) -> list[Any]:
        """Offer the visitor's styles, and show the ZIP file, which Gradio forgets in a closed tab."""
        job = visit.jobs.get("batch")
        archive = job.news.archive if job and job.news else None
        return [*self.panel.offered(visit), str(archive) if archive else gr.skip()]


def _shown(batch: BatchNews) -> list[Any]:
    tell(batch.notes)
    archive = gr.skip() if batch.archive is None else str(batch.archive)
    return [news(batch), archive, [(str(path), name) for path, name in batch.shown], gr.skip()]


def news(batch: BatchNews) -> str:
    """Progress of a batch as HTML."""
    if batch.is_over:
        made = f"{batch.pictures} of {batch.photos} photos" if batch.pictures else "No picture was made"
        return status(f"{made}, in {seconds(batch.seconds)}")
    left = "" if batch.left is None else f": {seconds(batch.left)} left"
    return status(f"Photo {batch.done + 1} of {batch.photos}{left}", batch.done / batch.photos)
