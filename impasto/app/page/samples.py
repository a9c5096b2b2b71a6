"""Sample files for the page "Use via API", at addresses of the app itself, so that its lines run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import gradio as gr
from gradio.route_utils import API_PREFIX
from gradio.utils import get_upload_folder
from PIL import Image

from impasto import styles

_FOLDER = "samples"  # in the app's folder
_FILE = f"{API_PREFIX}/file="
_FRAMES = 6  # of the sample clip
_SIDES = 160, 120  # width and height of the sample clip


def write_samples(photo: Path) -> dict[str, Path]:
    """Write a photo, a clip and a style card for the samples; return them by the names of their kinds."""
    folder = Path(get_upload_folder()) / _FOLDER
    folder.mkdir()
    card = next(iter(styles.cards().values()))
    return {
        "photo": Path(shutil.copy(photo, folder)),
        "clip": _write_clip(photo, folder / "clip.gif"),
        "card": Path(shutil.copy(card, folder)),
    }


def show_samples(page: gr.Blocks, address: str, samples: dict[str, Path]) -> None:
    """Have the documentation of the API name the samples.

    Args:
        address: of the app.
        samples: from `write_samples`.
    """
    for block in page.blocks.values():
        if isinstance(block, gr.Image | gr.File):
            kind = {"clip": "clip", "add-card": "card"}.get(block.elem_id or "", "photo")
            url = f"{address.rstrip('/')}{_FILE}{samples[kind]}"
            file = {"path": url, "url": url, "meta": {"_type": "gradio.FileData"}}
            several = isinstance(block, gr.File) and block.file_count == "multiple"
            block.example_payload = _giving([file] if several else file)  # type: ignore[method-assign]


def sample_at(address: str) -> Path | None:
    """Return the sample with an address, whatever host it names, as nothing is fetched; None for others."""
    _, found, name = unquote(urlsplit(address).path).partition(_FILE)
    path = Path(name)
    is_sample = path.parent == Path(get_upload_folder()) / _FOLDER and path.is_file()
    return path if found and is_sample else None


def _write_clip(photo: Path, path: Path) -> Path:
    """Write a GIF that moves over a photo."""
    width, height = _SIDES
    with Image.open(photo) as picture:
        small = picture.convert("RGB").resize((width + 4 * _FRAMES, height))
    frames = [small.crop((4 * number, 0, 4 * number + width, height)) for number in range(_FRAMES)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, loop=0)
    return path


def _giving(value: Any) -> Any:
    return lambda: value
