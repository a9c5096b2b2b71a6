"""The left side of the video tab: the clip, and what is asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gradio as gr

from impasto.app.choices import StyleOption
from impasto.app.look import StyleRequest
from impasto.app.page.controls import STYLE, PhotoControls, handles_of
from impasto.app.page.inputs import pictures, style_list
from impasto.app.page.style_choices import COLORS, meaning, titles
from impasto.app.sessions import Session
from impasto.stylizing.controls import LEAST_STROKE, MOST_STROKE
from impasto.stylizing.options import VideoOptions

_SIZE = 960  # pixels of the long side, unless something else is asked for
_SIZES = [("the clip's", 0), *((f"{side} pixels", side) for side in (1920, 1280, _SIZE, 640, 480))]
_KINDS = ["video", ".gif", ".webp", ".mkv", ".avi", ".mpg", ".ts", ".mts", ".wmv", ".flv"]


class VideoControls:
    """Components, and what their values mean.

    Args:
        photo: the photo tab's, where visitors drop a picture whose look is to be taken.
    """

    def __init__(self, choices: Sequence[StyleOption], photo: PhotoControls) -> None:
        self._choices, self._photo = choices, photo
        with gr.Column(scale=2, min_width=300, elem_classes="left"):
            with gr.Column(elem_classes="givens"):
                self._add_clip()
            with gr.Column(elem_classes="styles"):
                offered = [(one.thumbnail, one.title) for one in choices]
                self.gallery = pictures("Styles", offered, elem_id="video-styles")
                self.style = style_list("Style", self._titles(()), value=STYLE, elem_id="video-style")
                self.strength = gr.Slider(0, 1, 1, step=0.05, label="Strength")
                self.steady = gr.Checkbox(True, label="Hold strokes still from frame to frame")
                self.side_by_side = gr.Checkbox(False, label="Show the photo beside the picture")
            with gr.Column(elem_classes="handles"):
                self._add_handles()

    def _add_clip(self) -> None:
        self.clip = gr.File(label="Your video", file_types=_KINDS, height=140, elem_id="clip")
        self.player = gr.Video(
            label="Your video, to look at",
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
            self.end = gr.Number(label="End, seconds (0: the clip's)", elem_id="end", **times)

    def _add_handles(self) -> None:
        with gr.Accordion("More control", open=False):
            self.size = gr.Dropdown(_SIZES, value=_SIZE, label="Long side, at most")
            self.stroke_size = gr.Slider(LEAST_STROKE, MOST_STROKE, 1, step=0.05, label="Stroke size")
            self.keep_color = gr.Dropdown(COLORS, value="none", label="Colors")
            self.keep_color_amount = gr.Slider(0, 1, 1, step=0.05, label="How much of the photo's colors")
            self.detail = gr.Slider(0, 1, 0, step=0.05, label="Fine detail of the photo")

    @property
    def fields(self) -> dict[str, gr.components.Component]:
        """Components by the names of what they ask for."""
        names = [
            "clip", "start", "end", "style", "strength", "steady", "side_by_side", "size", "stroke_size",
            "keep_color", "keep_color_amount", "detail",
        ]  # fmt: skip
        return {**{name: getattr(self, name) for name in names}, "own": self._photo.own}

    @property
    def lists(self) -> list[gr.components.Component]:
        """Components that offer styles."""
        return [self.gallery, self.style]

    def offered(self, visit: Session) -> list[Any]:
        """Contents of the style lists for a visitor who has trained styles."""
        shown = self._photo.offered(visit)[self._photo.lists.index(self._photo.gallery)]
        return [shown, gr.Dropdown(choices=self._titles(visit.cards))]

    def chosen(self, visit: Session, index: int) -> str:
        """The name of a style in the gallery."""
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
        return titles(self._choices, cards, "The picture dropped in the photo tab")
