"""Panel with expert options of paintings, as on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import gradio as gr

from impasto import backbones
from impasto.errors import UsageError
from impasto.options import Pooling, StyleLoss
from impasto.painting.options import STARTS, Optimizer, PaintOptions

_DEFAULT = PaintOptions()
_NUMBERS = {
    "iterations": "the number of iterations",
    "learning_rate": "the learning rate",
    "content_weight": "the content weight",
    "style_weight": "the style weight",
    "tv_weight": "the smoothness",
}


class Experts:
    """The panel.

    Attributes:
        fields: components by fields of `PaintOptions`. Numbers are text fields, as Gradio's number fields
            cannot be empty.
    """

    def __init__(self) -> None:
        with gr.Accordion("For experts", open=False):
            gr.Markdown("These options apply to paintings. Empty fields use the defaults.")
            with gr.Row():
                iterations = _text("Iterations", "50")
                style_loss = _list("Style loss", get_args(StyleLoss), _DEFAULT.style_loss)
            with gr.Row():
                optimizer = _list("Optimizer", get_args(Optimizer), _DEFAULT.optimizer)
                learning_rate = _text("Learning rate", "1 for lbfgs, 0.02 for adam")
            with gr.Row():
                init = _list("Start from", STARTS, _DEFAULT.init)
                backbone = _list("Backbone", backbones.NAMES, _DEFAULT.backbone)
            content_layers = _text("Content layers", "relu3_1, relu4_1")
            style_layers = _text("Style layers", "relu1_1=0.5, relu2_1, relu3_1")
            with gr.Row():
                content_weight = _text("Content weight", "set by the strength")
                style_weight = _text("Style weight", "set by the strength")
            with gr.Row():
                tv_weight = _text("Smoothness (TV)", "set by the strength")
                pooling = _list("Pooling", get_args(Pooling), _DEFAULT.pooling)
            normalize = gr.Checkbox(_DEFAULT.normalize, label="Normalize each loss by its target")
        self.fields: dict[str, gr.components.Component] = {
            "iterations": iterations,
            "style_loss": style_loss,
            "optimizer": optimizer,
            "learning_rate": learning_rate,
            "init": init,
            "backbone": backbone,
            "pooling": pooling,
            "content_layers": content_layers,
            "style_layers": style_layers,
            "content_weight": content_weight,
            "style_weight": style_weight,
            "tv_weight": tv_weight,
            "normalize": normalize,
        }

    def asked(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that differ from the defaults. Raises UsageError for an invalid number."""
        found = {name: _read(name, values[name]) for name in self.fields}
        return {name: v for name, v in found.items() if v is not None and v != getattr(_DEFAULT, name)}


def shown(name: str, value: Any) -> Any:
    """Return a field of `PaintOptions` as the panel shows it; None stands for the default."""
    if value is None:
        return "" if name in _NUMBERS or name.endswith("_layers") else getattr(_DEFAULT, name)
    if name in _NUMBERS:
        return f"{value:g}"
    return ", ".join(f"{layer}={weight:g}" for layer, weight in value) if isinstance(value, tuple) else value


def _read(name: str, value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        return None
    if name not in _NUMBERS or value is None:
        return value
    try:
        return int(value) if name == "iterations" else float(value)
    except ValueError:
        raise UsageError(f"{_NUMBERS[name]} must be a number, not {value}") from None


def _text(label: str, placeholder: str) -> gr.Textbox:
    return gr.Textbox("", label=label, placeholder=placeholder, min_width=120)


def _list(label: str, choices: Sequence[str], value: str) -> gr.Dropdown:
    return gr.Dropdown(list(choices), value=value, label=label, min_width=120)
