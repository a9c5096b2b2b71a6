"""Trained styles applied: `stylizer` to one picture, `images` to a file, `batch` to many, `video` to a clip.

Names are imported when first used: the options, which flags are made of, must not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.stylizing.batch.inputs import Item, collect
    from impasto.stylizing.batch.pipeline import Event, Summary, stylize_all
    from impasto.stylizing.images import stylize_file
    from impasto.stylizing.options import BulkOptions, ImageOptions, StyleControls, VideoOptions
    from impasto.stylizing.stylizer import Stylizer, load
    from impasto.stylizing.video import VideoJob, stylize_video

__all__ = [
    "BulkOptions",
    "Event",
    "ImageOptions",
    "Item",
    "StyleControls",
    "Stylizer",
    "Summary",
    "VideoJob",
    "VideoOptions",
    "collect",
    "load",
    "stylize_all",
    "stylize_file",
    "stylize_video",
]

_HOMES = {
    "BulkOptions": "options",
    "Event": "batch.pipeline",
    "StyleControls": "controls",
    "ImageOptions": "options",
    "Item": "batch.inputs",
    "Stylizer": "stylizer",
    "Summary": "batch.pipeline",
    "VideoJob": "video",
    "VideoOptions": "options",
    "collect": "batch.inputs",
    "load": "stylizer",
    "stylize_all": "batch.pipeline",
    "stylize_file": "images",
    "stylize_video": "video",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
