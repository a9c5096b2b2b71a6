"""Left side of the video tab: clip, styles and settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gradio as gr

from impasto.app.choices import StyleOption
from impasto.app.look import StyleRequest
from impasto.app.page.controls import STYLE, PhotoControls, handles_of
from impasto.app.page.inputs import heading, picture, pictures, style_list
from impasto.app.page.style_choices import COLORS, OWN_TITLE, meaning, titles
from impasto.app.sessions import Session
from impasto.stylizing.options import LEAST_STROKE, MOST_STROKE, VideoOptions

_SIZE = 960  # default long side, in pixels
_SIZES = [("as in the clip", 0), *((f"{side} pixels", side) for side in (1920, 1280, _SIZE, 640, 480))]
_KINDS = ["video", ".gif", ".webp", ".mkv", ".avi", ".mpg", ".ts", ".mts", ".wmv", ".flv"]


class VideoControls:
    """Components of the video tab's left side, and the requests made from their values.

    Args:
        photo: the controls of the photo tab.
    """

    def __init__(self, choices: Sequence[StyleOption], photo: PhotoControls) -> None:
        self._choices, self._photo = choices, photo
        with gr.Column(scale=2, min_width=300, elem_classes="left"):
            with gr.Column(elem_classes="givens"):
                self._add_clip()
            with gr.Column(elem_classes="styles"):
                heading("Styles")
                self.own = picture(OWN_TITLE, height=130, elem_id="video-own", elem_classes="own")
                offered = [(one.thumbnail, one.title) for one in choices]
                self.gallery = pictures("Styles", offered, elem_id="video-styles")
                self.style = style_list("Style", self._titles(()), value=STYLE, elem_id="video-style")
                self.strength = gr.Slider(0, 1, 1, step=0.05, label="Strength")
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
            self.size = gr.Dropdown(_SIZES, value=_SIZE, label="Largest long side")
            self.stroke_size = gr.Slider(LEAST_STROKE, MOST_STROKE, 1, step=0.05, label="Stroke size")
            self.keep_color = gr.Dropdown(COLORS, value="none", label="Colors")
            self.keep_color_amount = gr.Slider(0, 1, 1, step=0.05, label="How much of the photo's colors")
            self.detail = gr.Slider(0, 1, 0, step=0.05, label="Fine detail of the photo")

    @property
    def fields(self) -> dict[str, gr.components.Component]:
        """Components by parameter names of the API."""
        names = [
            "clip", "start", "end", "style", "strength", "steady", "side_by_side", "size", "stroke_size",
            "keep_color", "keep_color_amount", "detail", "own",
        ]  # fmt: skip
        return {name: getattr(self, name) for name in names}

    @property
    def lists(self) -> list[gr.components.Component]:
        """Its lists of styles."""
        return [self.gallery, self.style]

    def offered(self, visit: Session) -> list[Any]:
        """Return the contents of the style lists for a visitor who has trained styles."""
        shown = self._photo.offered(visit)[self._photo.lists.index(self._photo.gallery)]
        return [shown, gr.Dropdown(choices=self._titles(visit.cards))]

    def chosen(self, visit: Session, index: int) -> str:
        """Return the name of the style at an index of the gallery."""
        return self._photo.chosen(visit, index)

    def look(self, visit: Session, values: Mapping[str, Any]) -> StyleRequest:
        """Build the style request. Raises UsageError."""
        style = meaning(visit, values["style"], values["own"])
        return StyleRequest(((style, 1.0),), float(values["strength"]), handles_of(values))

    def options(self, values: Mapping[str, Any]) -> VideoOptions:
        """Build the video options: range, size, encoding. Raises UsageError."""
        return VideoOptions(
            start=float(values["start"] or 0),
            end=float(values["end"] or 0) or None,
            size=int(values["size"] or 0) or None,
            steady=bool(values["steady"]),
            side_by_side=bool(values["side_by_side"]),
        )

    def _titles(self, cards: Iterable[str]) -> list[tuple[str, str]]:
        return titles(self._choices, cards)
