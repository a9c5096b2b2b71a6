"""Left side of the photo tab: photo, styles and settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import gradio as gr

from impasto.app.choices import StyleOption
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest, mix
from impasto.app.page.experts import Experts, shown
from impasto.app.page.inputs import heading, picture, pictures, style_list
from impasto.app.page.style_choices import COLORS, OWN, OWN_TITLE, meaning, titles
from impasto.app.sessions import ContactSheet, Result, Session
from impasto.app.trainings import thumbnail_of
from impasto.errors import UsageError
from impasto.stylizing.options import LEAST_STROKE, MOST_STROKE, StyleControls

STYLE = "starry-night"  # the default
NONE = "none"  # name of no style in a list of styles

_CARD = ".safetensors"


class PhotoControls:
    """Components of the photo tab's left side, and the requests made from their values."""

    def __init__(self, limits: Limits, choices: Sequence[StyleOption], examples: Sequence[Path]) -> None:
        self._limits, self._choices = limits, choices
        with gr.Column(scale=2, min_width=300, elem_classes="left"):
            with gr.Column(elem_classes="givens"):
                self.photo = picture("Your photo", height=220, elem_id="photo")
                named = [(path, path.stem.replace("-", " ").capitalize()) for path in examples]
                heading("Examples")
                self.examples = pictures("Examples", named, elem_id="examples")
            with gr.Column(elem_classes="styles"):
                heading("Styles")
                with gr.Row(elem_classes="sheet"):
                    self.sheet = gr.Button(
                        "My photo in every style", size="sm", interactive=False, elem_id="every-style"
                    )
                    self.all = gr.Button(
                        "All of them as a ZIP file", size="sm", visible=False, elem_id="all-styles"
                    )
                self.own = picture(OWN_TITLE, height=130, elem_id="own", elem_classes="own")
                offered = [(one.thumbnail, one.title) for one in choices]
                self.gallery = pictures("Styles", offered, elem_id="styles")
                self.style = style_list("Style", self.names({}), value=STYLE, elem_id="style")
                self.strength = gr.Slider(0, 1, 1, step=0.05, label="Strength", elem_id="strength")
            with gr.Column(elem_classes="handles"):
                self._add_handles()
                self.experts = Experts()

    def _add_handles(self) -> None:
        with gr.Accordion("More control", open=False):
            self.stroke_size = gr.Slider(LEAST_STROKE, MOST_STROKE, 1, step=0.05, label="Stroke size")
            self.keep_color = gr.Dropdown(COLORS, value="none", label="Colors")
            self.keep_color_amount = gr.Slider(0, 1, 1, step=0.05, label="How much of the photo's colors")
            self.detail = gr.Slider(0, 1, 0, step=0.05, label="Fine detail of the photo")
            self.second = style_list("Mix with", [("nothing", NONE), *self.names({})], value=NONE)
            self.share = gr.Slider(0, 1, 0.5, step=0.05, label="Share of the second style")
            self.size = _size_slider(self._limits.painting_size)
            self.seed = gr.Number(0, label="Seed", minimum=0, precision=0)

    @property
    def fields(self) -> dict[str, gr.components.Component]:
        """Components by parameter names of the API."""
        names = [
            "photo", "style", "own", "strength", "stroke_size", "keep_color", "keep_color_amount", "detail",
            "second", "share", "size", "seed",
        ]  # fmt: skip
        return {**{name: getattr(self, name) for name in names}, **self.experts.fields}

    @property
    def lists(self) -> list[gr.components.Component]:
        """Components that offer styles."""
        return [self.gallery, self.style, self.second]

    def offered(self, visit: Session) -> list[Any]:
        """Return the contents of the style lists for a visitor who has trained styles."""
        named = self.names(visit.cards)
        shown = self.thumbnails(visit, visit.sheet)
        return [shown, gr.Dropdown(choices=named), gr.Dropdown(choices=[("nothing", NONE), *named])]

    def thumbnails(self, visit: Session, sheet: ContactSheet | None) -> list[tuple[str, str]]:
        """Return pictures and titles of all styles of a visitor: of the sheet, as far as it has them."""
        shipped = [(one.name, one.thumbnail, one.title) for one in self._choices]
        trained = [(name, thumbnail_of(card), name) for name, card in visit.cards.items()]
        made: Mapping[str, Path] = sheet.pictures if sheet else {}
        return [(str(made.get(name, usual)), title) for name, usual, title in (*shipped, *trained)]

    def styles(self, visit: Session) -> dict[str, str | Path]:
        """Return all styles of a visitor, but for an uploaded picture, by their names."""
        return {one.name: one.name for one in self._choices} | dict(visit.cards)

    def chosen(self, visit: Session, index: int) -> str:
        """Return the name of the style at an index of the gallery."""
        return [*(one.name for one in self._choices), *visit.cards][index]

    def names(self, cards: Mapping[str, Path]) -> list[tuple[str, str]]:
        """Titles and names in the style lists of a visitor with these cards."""
        return titles(self._choices, cards)

    def look(self, visit: Session, values: Mapping[str, Any]) -> tuple[Path, StyleRequest]:
        """Return the photo and the style request. Raises UsageError."""
        photo = photo_of(values)
        first, second = (_style(visit, values[name], values["own"]) for name in ("style", "second"))
        if first is None:
            raise UsageError("choose a style, or drop a picture to use as a style")
        return photo, StyleRequest(
            styles=mix(first, second, values["share"]),
            strength=float(values["strength"]),
            handles=handles_of(values),
            size=int(values["size"]),
            seed=int(values["seed"] or 0),
            expert=self.experts.asked(values),
        )

    def values_of(self, result: Result) -> list[Any]:
        """Return the values of the fields that produced a result."""
        look = result.look
        chosen = [style for style, _ in look.styles]
        own = [str(style) for style in chosen if isinstance(style, Path) and style.suffix != _CARD]
        named = [OWN if str(style) in own else Path(style).stem for style in chosen]
        values = {
            "photo": str(result.photo),
            "style": named[0],
            "own": own[0] if own else None,
            "second": named[1] if named[1:] else NONE,
            "share": look.styles[1][1] if named[1:] else 0.5,
            "strength": look.strength,
            "size": look.size,
            "seed": look.seed,
            **asdict(look.handles),
        }
        options = look.painting()
        expert = {
            name: shown(name, getattr(options, name) if name in look.expert else None)
            for name in self.experts.fields
        }
        return [{**values, **expert}[name] for name in self.fields]


def _size_slider(most: int) -> gr.Slider:
    """Return a slider from 128 pixels (or less) to the limit, whose steps of at most 64 end at the limit."""
    least = min(128, most // 2)
    step = math.gcd(64, most - least)
    return gr.Slider(least, most, min(512, most), step=step, label="Size of a painting, pixels")


def _style(visit: Session, name: str | None, own: str | None) -> str | Path | None:
    """Resolve the name of a style; None for no style."""
    return None if name is None or name == NONE else meaning(visit, name, own)


def photo_of(values: Mapping[str, Any]) -> Path:
    """Return the photo. Raises UsageError if there is none."""
    if not values["photo"]:
        raise UsageError("drop a photo first, or choose one of the examples")
    return Path(values["photo"])


def handles_of(values: Mapping[str, Any]) -> StyleControls:
    """Read the sliders; whole numbers become floats, so that records equal those of the command line."""
    asked: dict[str, Any] = {
        each.name: values[each.name] for each in fields(StyleControls) if each.name in values
    }
    floats: dict[str, Any] = {name: float(it) for name, it in asked.items() if isinstance(it, int)}
    return StyleControls(**(asked | floats))
