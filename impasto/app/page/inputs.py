"""Gradio's components, as this page needs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData


def picture(label: str, **more: Any) -> gr.Image:
    """A picture that a visitor gives: the very file, so that its profile, its depth and its EXIF stay.

    What is no picture is told by impasto's own reader, which Gradio's would not come to.
    """
    image = gr.Image(
        label=label,
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard", "webcam"],
        buttons=["fullscreen"],
        **more,
    )
    image.preprocess = _path_of  # type: ignore[method-assign]  # a subclass would have Gradio write beside it
    return image


def pictures(label: str, shown: Sequence[tuple[Path, str]] = (), **more: Any) -> gr.Gallery:
    """Small pictures to choose from, each with its title."""
    usual: dict[str, Any] = {"show_label": False, "elem_classes": "pictures", "object_fit": "cover"}
    return gr.Gallery(list(shown), label=label, allow_preview=False, buttons=[], **{**usual, **more})


def style_list(label: str, offered: Sequence[tuple[str, str]], **more: Any) -> gr.Dropdown:
    """A list of styles.

    What a name stands for, if anything, is found out later, from the visit: Gradio knows of the styles that a
    visitor trained only once a list was shown anew, as no client of the API does.
    """
    chooser = gr.Dropdown(list(offered), label=label, **more)
    chooser.preprocess = _name_of  # type: ignore[method-assign]
    return chooser


def _name_of(payload: Any) -> str | None:
    return None if payload is None else str(payload)


def _path_of(payload: ImageData | None) -> str | None:
    return None if payload is None else payload.path
