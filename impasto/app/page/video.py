"""Video tab: preview one frame of a clip in a style, and make the whole video."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from impasto.app import code_snippets
from impasto.app.choices import StyleOption
from impasto.app.clips import missing, open_upload, preview
from impasto.app.limits import Limits
from impasto.app.page.buttons import announce, at_rest
from impasto.app.page.calls import FieldValues, by_choice, by_name
from impasto.app.page.controls import PhotoControls
from impasto.app.page.style_choices import highlight_script
from impasto.app.page.uploads import connect_own_style, put_back
from impasto.app.page.video_controls import VideoControls
from impasto.app.page.video_news import facts, news
from impasto.app.page.words import status, tell
from impasto.app.sessions import Session, Sessions
from impasto.app.video_jobs import Film, make
from impasto.errors import UsageError

_WELCOME = "Drop a video, and choose a style."
_LONGEST = 24 * 3600.0  # seconds: end of the time slider for a clip of unknown length


def add_video_tab(
    visits: Sessions, limits: Limits, choices: Sequence[StyleOption], photo: PhotoControls
) -> None:
    """Add the tab to the page; if libraries are missing, it shows what to install.

    Args:
        photo: the photo tab's controls.
    """
    with gr.Tab("Video") as tab:
        if absent := missing():
            gr.Markdown(f"{absent[:1].upper()}{absent[1:]}", elem_id="video-missing")
        else:
            VideoTab(visits, limits, choices, photo).connect(tab)


class VideoTab:
    """Components and callbacks of the Video tab."""

    def __init__(
        self, visits: Sessions, limits: Limits, choices: Sequence[StyleOption], photo: PhotoControls
    ) -> None:
        self._visits, self._limits, self._choices = visits, limits, choices
        with gr.Row(elem_classes="photo-tab"):
            self.controls = VideoControls(choices, photo)
            with gr.Column(scale=3, min_width=320, elem_classes="right"):
                self._add_result()

    def _add_result(self) -> None:
        self.compare = gr.ImageSlider(
            label="Frame, before and after",
            interactive=False,
            buttons=["fullscreen"],
            max_height=480,
            format="jpeg",
            elem_id="frame",
        )
        with gr.Row(equal_height=True, visible=False) as self.scan:
            self.moment = gr.Slider(
                0, _LONGEST, 0, step=0.1, label="Frame to preview, seconds", min_width=160, elem_id="moment"
            )
            self.preview = gr.Button("Preview", min_width=120, scale=0, elem_id="preview")
        self.status = gr.HTML(status(_WELCOME), elem_id="video-status")
        with gr.Row(elem_classes="actions"):
            self.make = gr.Button("Make the video", variant="primary", elem_id="make")
            self.stop = gr.Button(
                "Stop and keep the video so far", variant="stop", visible=False, elem_id="stop-video"
            )
        self.film = gr.Video(
            label="Your video",
            interactive=False,
            buttons=["download"],
            visible=False,
            elem_id="painted-video",
        )
        with gr.Accordion("Command line and Python", open=False):
            usual: dict[str, Any] = {"interactive": False, "wrap_lines": True, "show_line_numbers": False}
            self.command = gr.Code(label="Command line", language="shell", lines=1, **usual)
            self.python = gr.Code(label="Python", language="python", lines=4, **usual)

    def connect(self, tab: gr.Tab) -> None:
        """Connect the components to their callbacks."""
        controls = self.controls
        quietly: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        asked = {**controls.fields, "moment": self.moment}
        frame: dict[str, Any] = {
            "fn": self._ask(self._preview, asked),
            "inputs": list(asked.values()),
            "outputs": [self.compare, self.status],
            "concurrency_id": "instant",
            "concurrency_limit": 2,
            "show_progress": "minimal",
            "show_progress_on": [self.compare],
        }
        self.preview.click(**frame, api_name="preview_video")
        frame["api_visibility"] = "private"
        sliders = [controls.strength, controls.stroke_size, controls.keep_color_amount, controls.detail]
        changes = [one.input for one in (controls.style, controls.keep_color, controls.size)]
        changes += [one.release for one in (*sliders, self.moment)]
        gr.on(changes, **frame, trigger_mode="always_last")
        choose = by_choice(controls.chosen, self._visits)
        chosen = controls.gallery.select(choose, None, [controls.style, controls.gallery], **quietly)
        chosen.success(**frame)
        connect_own_style(controls.own, controls.style, self._visits, self._limits).success(**frame)
        mark = highlight_script("video-styles", self._choices)
        gr.on(None, None, [controls.style], js=mark, **quietly)
        look_at = self._ask(self._open, {"clip": controls.clip})
        opened = [controls.player, controls.facts, controls.start, controls.end, self.moment, self.scan]
        looked = controls.clip.change(look_at, [controls.clip], opened, **quietly)
        looked.failure(**put_back(controls.clip, "clip", self._visits))
        looked.success(**frame)
        tab.select(self._ask(self._offer, {}), None, controls.lists, **quietly)
        self._connect_job(quietly)

    def _connect_job(self, quietly: Mapping[str, Any]) -> None:
        fields, buttons = self.controls.fields, [self.make, self.stop]
        begun = self.make.click(self._ask(announce, {}), None, [*buttons, self.status], **quietly)
        ended = begun.then(
            self._ask(self._make, fields),
            list(fields.values()),
            [self.status, self.film, self.command, self.python],
            api_name="make_video",
            concurrency_id="long",
            concurrency_limit=self._limits.jobs,
            show_progress="hidden",
        )
        ended.success(at_rest, None, buttons, **quietly)
        ended.failure(lambda: [*at_rest(), status(_WELCOME)], None, [*buttons, self.status], **quietly)
        stop = self._ask(self._stop, {})
        self.stop.click(stop, None, [self.status], queue=False, api_name="stop_video", show_progress="hidden")

    def _ask(
        self, method: Callable[[Session, FieldValues], Any], asked: Mapping[str, Any]
    ) -> Callable[..., Any]:
        return by_name(method, list(asked), self._visits)

    def _open(self, visit: Session, values: FieldValues) -> list[Any]:
        """Describe a clip, and select as much of it as the limits allow."""
        clip = Path(values["clip"]) if values["clip"] else None
        if clip and clip == visit.uploads.get("clip"):
            return [gr.skip()] * 6  # an unreadable clip was replaced by the one before
        if clip is None:
            visit.uploads.pop("clip", None)
            return [
                gr.Video(None, visible=False),
                gr.HTML("", visible=False),
                0,
                0,
                gr.skip(),
                gr.Row(visible=False),
            ]
        upload = open_upload(clip, self._limits)
        visit.uploads["clip"] = clip
        length = upload.info.duration
        end = round(min(length or 0.0, self._limits.video_seconds), 2)
        last = _LONGEST if length is None else max(0.1, length - 0.1)
        shown = gr.Video(values["clip"] if upload.is_played else None, visible=upload.is_played)
        told = gr.HTML(facts(upload, self._limits), visible=True)
        moment = gr.Slider(maximum=round(last, 1), value=round(end / 3, 1))
        return [shown, told, 0, end, moment, gr.Row(visible=True)]

    def _preview(self, visit: Session, values: FieldValues) -> list[Any]:
        """Stylize one frame of a clip: before and after."""
        if not values["clip"]:
            return [None, status(_WELCOME)]
        started, moment = time.monotonic(), float(values["moment"] or 0)
        look, size = self.controls.look(visit, values), self.controls.options(values).size
        shown = preview(visit, Path(values["clip"]), look, moment, size, self._limits)
        told = f"Frame at {moment:g} s in the style of {look.title}: {time.monotonic() - started:.1f} s"
        return [tuple(map(str, shown)), status(told)]

    def _make(self, visit: Session, values: FieldValues) -> Iterator[list[Any]]:
        """Make a video in a style, with the clip's sound: progress, and at last the video."""
        if not values["clip"]:
            raise UsageError("drop a video first")
        look, options = self.controls.look(visit, values), self.controls.options(values)
        for take in make(visit, Path(values["clip"]), look, options, self._limits):
            tell(take.notes)
            yield [news(take), *([gr.skip()] * 3 if take.film is None else _told(take.film))]

    def _stop(self, visit: Session, values: FieldValues) -> str:
        """Stop the video job; keep the video so far."""
        visit.stop()
        return status("Stopping…")

    def _offer(self, visit: Session, values: FieldValues) -> list[Any]:
        return self.controls.offered(visit)


def _told(film: Film) -> list[Any]:
    shown = gr.Video(str(film.path), visible=True)
    return [shown, code_snippets.film_command(film), code_snippets.film_python(film)]
