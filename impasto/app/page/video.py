"""Video tab: preview one frame of a clip in a style, and make the whole video."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from impasto.app import code_snippets
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
from impasto.app.page.inputs import choice
from impasto.app.page.style_panel import StylePanel
from impasto.app.page.uploads import put_back
from impasto.app.page.words import outlook, seconds, status, tell
from impasto.app.sessions import Session, Sessions
from impasto.app.videos import Take, Upload, fit, make, missing, open_upload, preview, work_of
from impasto.errors import UsageError
from impasto.stylizing.options import VideoOptions

_WELCOME = "Drop a video, and choose a style."
_SIZE = 960  # default long side, in pixels
_SIZES = [("as in the clip", "0")]
_SIZES += [(f"{side} pixels", f"{side}") for side in (1920, 1280, _SIZE, 640, 480)]
_KINDS = ["video", ".gif", ".webp", ".mkv", ".avi", ".mpg", ".ts", ".mts", ".wmv", ".flv"]
_LONGEST = 24 * 3600.0  # seconds: end of the time slider for a clip of unknown length


def add_video_tab(
    visits: Sessions, limits: Limits, choices: Sequence[StyleOption], photo: PhotoControls
) -> VideoTab | None:
    """Add the tab to the page; if libraries are missing, it shows what to install, and None is returned.

    Args:
        photo: the photo tab's controls.
    """
    with gr.Tab("Video") as tab:
        if absent := missing():
            gr.Markdown(f"{absent[:1].upper()}{absent[1:]}", elem_id="video-missing")
            return None
        return VideoTab(visits, limits, choices, photo, tab)


class VideoControls:
    """Components of the video tab's left side, and the requests made from their values.

    Args:
        photo: the controls of the photo tab.
    """

    def __init__(self, choices: Sequence[StyleOption], photo: PhotoControls) -> None:
        with gr.Column(scale=2, min_width=300, elem_classes="left"):
            with gr.Column(elem_classes="givens"):
                self._add_clip()
            with gr.Column(elem_classes="styles"):
                self.panel = StylePanel("video", choices, photo)
                self.steady = gr.Checkbox(True, label="Keep strokes steady from frame to frame")
                self.side_by_side = gr.Checkbox(False, label="Show the original beside it")
            with gr.Column(elem_classes="handles"):
                self._add_handles()

    def _add_clip(self) -> None:
        self.clip = gr.File(label="Your video", file_types=_KINDS, height=140, elem_id="clip")
        self.player = gr.Video(
            label="Player",
            interactive=False,
            buttons=[],
            visible=False,
            height=240,
            elem_id="player",
        )
        self.facts = gr.HTML("", elem_id="facts", visible=False)
        with gr.Row():
            times: dict[str, Any] = {"value": 0, "minimum": 0, "step": 0.1, "min_width": 120}
            self.start = gr.Number(label="Start, seconds", elem_id="start", **times)
            self.end = gr.Number(label="End, seconds (0: the end of the clip)", elem_id="end", **times)

    def _add_handles(self) -> None:
        with gr.Accordion("More control", open=False):
            self.size = choice("Largest long side", _SIZES, f"{_SIZE}")
            self.panel.add_handles()

    @property
    def fields(self) -> dict[str, gr.components.Component]:
        """Components by parameter names of the API."""
        names = [
            "clip", "start", "end", "style", "strength", "steady", "side_by_side", "size", "stroke_size",
            "keep_color", "keep_color_amount", "detail", "own",
        ]  # fmt: skip
        known = {**vars(self.panel), **vars(self)}
        return {name: known[name] for name in names}

    def options(self, values: Mapping[str, Any]) -> VideoOptions:
        """Build the video options: range, size, encoding. Raises UsageError."""
        return VideoOptions(
            start=float(values["start"] or 0),
            end=float(values["end"] or 0) or None,
            size=int(values["size"] or 0) or None,
            steady=bool(values["steady"]),
            side_by_side=bool(values["side_by_side"]),
        )


class VideoTab:
    """Components and callbacks of the Video tab."""

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
            self.controls = VideoControls(choices, photo)
            with gr.Column(scale=3, min_width=320, elem_classes="right"):
                self._add_result()

    def _add_result(self) -> None:
        self.compare = gr.ImageSlider(
            label="Frame, before and after",
            slider_position=0,  # the picture is seen whole
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

    def connect(self, loaded: Any) -> None:
        """Connect the components to their callbacks; `loaded` is the event of the page's start."""
        controls = self.controls
        quietly: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        asked = {**controls.fields, "moment": self.moment}
        frame: dict[str, Any] = {
            "fn": self._ask(self._preview, asked),
            "inputs": list(asked.values()),
            "outputs": [self.compare, self.status],
            "concurrency_limit": None,
            "show_progress": "minimal",
            "show_progress_on": [self.compare],
        }
        self.preview.click(**frame, api_name="preview_video")
        frame["api_visibility"] = "private"
        panel = controls.panel
        sliders = [panel.strength, panel.stroke_size, panel.keep_color_amount, panel.detail]
        changes = [one.input for one in (panel.style, panel.keep_color, controls.size)]
        changes += [one.release for one in (*sliders, self.moment)]
        gr.on(changes, **frame, trigger_mode="always_last")
        for chosen in panel.connect(self._visits, self._limits):
            chosen.success(**frame)
        look_at = self._ask(self._open, {"clip": controls.clip})
        opened = [controls.player, controls.facts, controls.start, controls.end, self.moment, self.scan]
        looked = controls.clip.change(look_at, [controls.clip], opened, **quietly)
        looked.failure(**put_back(controls.clip, "clip", self._visits))
        looked.success(**frame)
        self._tab.select(self._ask(self._offer, {}), None, panel.lists, **quietly)
        self._connect_job(loaded)

    @property
    def _outcome(self) -> list[gr.components.Component]:
        return [self.status, self.film, self.command, self.python]

    def _connect_job(self, loaded: Any) -> None:
        fields = self.controls.fields
        making = {
            "fn": self._ask(self._make, fields),
            "inputs": list(fields.values()),
            "outputs": self._outcome,
            "api_name": "make_video",
        }
        connect_return(loaded, self.make, self.stop, self._outcome, self._follow, "video", self._visits)
        connect_job(self.make, self.stop, self.status, making, lambda: status(_WELCOME))
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
        clip, moment = Path(values["clip"]), float(values["moment"] or 0)
        look, options = self.controls.panel.look(visit, values), self.controls.options(values)
        info = open_upload(clip, self._limits).info
        with visit.queues.turn("answer"):
            started = time.monotonic()
            shown = preview(visit, clip, look, moment, options.size, self._limits)
        told = f"Frame at {moment:g} s in the style of {look.title}: {time.monotonic() - started:.1f} s."
        fitted, _ = fit(info, options, self._limits)
        told += f" Making the video takes {outlook(visit.queues, 'video', work_of(info, fitted))}."
        return [tuple(map(str, shown)), status(told)]

    def _make(self, visit: Session, values: FieldValues) -> Iterator[list[Any]]:
        """Make a video in a style, with the clip's sound: progress, and at last the video."""
        if not values["clip"]:
            raise UsageError("drop a video first")
        look, options = self.controls.panel.look(visit, values), self.controls.options(values)
        job = make(visit, Path(values["clip"]), look, options, self._limits)
        yield from self._follow(visit, values, job)

    def _follow(self, visit: Session, values: FieldValues, job: BackgroundJob[Take]) -> Iterator[list[Any]]:
        yield from follow_job(job, lambda line: [line, *[gr.skip()] * 3], _shown)

    def _stop(self, visit: Session, values: FieldValues) -> str:
        """Stop the video job; keep the video so far."""
        return stop_job(visit, "video")

    def _offer(self, visit: Session, values: FieldValues) -> list[Any]:
        return self.controls.panel.offered(visit)


def _shown(take: Take) -> list[Any]:
    tell(take.notes)
    if (film := take.film) is None:
        return [news(take), *[gr.skip()] * 3]
    player = gr.Video(str(film.path), visible=True)
    return [news(take), player, code_snippets.film_command(film), code_snippets.film_python(film)]


def facts(upload: Upload, limits: Limits) -> str:
    """Describe a clip as HTML."""
    info = upload.info
    height, width = info.size
    told = [
        f"{width} x {height} pixels",
        f"{float(info.rate):.3g} frames a second",
        "of unknown length" if info.duration is None else clock(info.duration),
        "with sound" if info.has_audio else "without sound",
    ]
    lines = [", ".join(told)]
    if info.duration is None or info.duration > limits.video_seconds:
        lines.append(f"At most {clock(limits.video_seconds)} of it can be made: choose start and end.")
    if not upload.is_played:
        lines.append("The browser cannot play this file; impasto can still use it.")
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def news(take: Take) -> str:
    """Progress of a video as HTML."""
    progress, film = take.progress, take.film
    if film:
        rate = film.frames / film.seconds
        return status(f"{film.frames} frames in {seconds(film.seconds)}, {rate:.1f} a second")
    if take.is_over:
        return status("No video was made")
    if progress is None:
        return status("Preparing", 0.0)
    words = f"{progress.done:.0%}: {progress.frames} frames, {progress.per_second:.1f} a second"
    left = "" if take.left is None else f", {seconds(take.left)} left"
    return status(words + left, progress.done)


def clock(length: float) -> str:
    """Format a length of a clip, such as 7.4 s or 2:05 minutes."""
    if length < 60:
        return f"{length:.3g} s"
    minutes, rest = divmod(round(length), 60)
    return f"{minutes}:{rest:02} minutes"
