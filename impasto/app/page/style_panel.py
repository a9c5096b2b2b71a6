"""Styles and their settings, as the tabs for videos and for many photos have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from impasto.app.choices import StyleOption
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.app.page.calls import by_choice
from impasto.app.page.controls import STYLE, PhotoControls, handles_of
from impasto.app.page.inputs import heading, picture, pictures, style_list
from impasto.app.page.style_choices import COLORS, OWN_TITLE, highlight_script, meaning, titles
from impasto.app.page.uploads import connect_own_style
from impasto.app.sessions import Session, Sessions
from impasto.stylizing.options import LEAST_STROKE, MOST_STROKE

_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


class StylePanel:
    """One style and its settings.

    Args:
        tab: begins the ids of its components.
        photo: the controls of the photo tab, which know the styles of a visitor.
    """

    def __init__(self, tab: str, choices: Sequence[StyleOption], photo: PhotoControls) -> None:
        self._tab, self._choices, self._photo = tab, choices, photo
        heading("Styles")
        self.own = picture(OWN_TITLE, height=130, elem_id=f"{tab}-own", elem_classes="own")
        offered = [(one.thumbnail, one.title) for one in choices]
        self.gallery = pictures("Styles", offered, elem_id=f"{tab}-styles")
        self.style = style_list("Style", titles(choices, ()), value=STYLE, elem_id=f"{tab}-style")
        self.strength = gr.Slider(0, 1, 1, step=0.05, label="Strength")

    def add_handles(self) -> None:
        """Add the settings that few need."""
        self.stroke_size = gr.Slider(LEAST_STROKE, MOST_STROKE, 1, step=0.05, label="Stroke size")
        self.keep_color = gr.Dropdown(COLORS, value="none", label="Colors")
        self.keep_color_amount = gr.Slider(0, 1, 1, step=0.05, label="How much of the photo's colors")
        self.detail = gr.Slider(0, 1, 0, step=0.05, label="Fine detail of the photo")

    @property
    def lists(self) -> list[gr.components.Component]:
        """Components that offer styles."""
        return [self.gallery, self.style]

    def offered(self, visit: Session) -> list[Any]:
        """Return the contents of the lists for a visitor who has trained styles."""
        shown = self._photo.thumbnails(visit, visit.sheet)
        return [shown, gr.Dropdown(choices=titles(self._choices, visit.cards))]

    def look(self, visit: Session, values: Mapping[str, Any]) -> StyleRequest:
        """Build the style request. Raises UsageError."""
        style = meaning(visit, values["style"], values["own"])
        return StyleRequest(((style, 1.0),), float(values["strength"]), handles_of(values))

    def connect(self, visits: Sessions, limits: Limits) -> list[Any]:
        """Connect the components with each other; return the events of a choice by a picture."""
        choose = by_choice(self._photo.chosen, visits)
        chosen = self.gallery.select(choose, None, [self.style, self.gallery], **_QUIET)
        mark = highlight_script(f"{self._tab}-styles", self._choices)
        gr.on(None, None, [self.style], js=mark, **_QUIET)
        return [chosen, connect_own_style(self.own, self.style, visits, limits)]
