"""Gradio components, adapted for this page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData


def picture(label: str, **more: Any) -> gr.Image:
    """Return a picture field that passes on the uploaded file unchanged, with profile, depth and EXIF.

    Errors of unreadable files come from impasto's own reader instead of Gradio's.
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
    """Return a gallery of small pictures with titles."""
    usual: dict[str, Any] = {"show_label": False, "elem_classes": "pictures", "object_fit": "contain"}
    return gr.Gallery(list(shown), label=label, allow_preview=False, buttons=[], **{**usual, **more})


def heading(text: str) -> gr.HTML:
    """Return a heading of a group of components."""
    return gr.HTML(f"<h2>{escape(text)}</h2>", elem_classes="heading", padding=False)


def choice(label: str, offered: Sequence[tuple[str, str]], value: str, **more: Any) -> gr.Dropdown:
    """Return a drop-down list of numbers as texts, which also takes them as numbers."""
    chooser = gr.Dropdown(list(offered), value=value, label=label, **more)
    check = chooser.preprocess

    def preprocess(payload: Any) -> Any:
        return check(str(payload) if isinstance(payload, int) else payload)

    chooser.preprocess = preprocess  # type: ignore[method-assign]
    return chooser


def style_list(label: str, offered: Sequence[tuple[str, str]], **more: Any) -> gr.Dropdown:
    """Return a drop-down list of styles.

    Names are checked later, against the session: Gradio would refuse the styles that a visitor trained, as
    it knows only the choices of the page as it was built.
    """
    chooser = gr.Dropdown(list(offered), label=label, **more)
    chooser.preprocess = _name_of  # type: ignore[method-assign]
    return chooser


def _name_of(payload: Any) -> str | None:
    return None if payload is None else str(payload)


def _path_of(payload: ImageData | None) -> str | None:
    return None if payload is None else payload.path
