"""Write the folder of a web page: model, page and runtime, moved into place together."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from impasto.atomic_files import draft_folder
from impasto.errors import ExportError, ImageError, UsageError
from impasto.export.options import ExportOptions
from impasto.export.web import runtime

MODEL, ABOUT = "model.onnx", "style.json"
PAGE = ("index.html", "page.css", "app.js", "camera.js", "pictures.js", "painter.js", "worker.js")
LICENCES = "LICENCES.txt"

_PAGE = Path(__file__).with_name("page")


def check(out: Path, options: ExportOptions) -> None:
    """Raise UsageError or ImageError if the folder cannot be written, or contains other files."""
    if out.is_file():
        raise UsageError(f"{out} is a file: a page goes into a folder, such as {out.with_suffix('')}")
    if out.is_dir() and any(out.iterdir()):
        if not (out / ABOUT).is_file():
            raise UsageError(f"{out} holds other things than a page: name a new folder")
        if not options.overwrite:
            raise UsageError(f"{out} exists: name another folder, or replace it with overwrite=True")
    parent = out.absolute().parent
    if not parent.is_dir():
        raise ImageError(f"{out} cannot be written: there is no folder {parent}; create it first")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ImageError(f"{out} cannot be written: the folder {parent} is not writable; choose another")
    if options.runtime_dir is not None:
        runtime.find(options.runtime_dir)


def write(
    out: Path,
    model: bytes,
    properties: Mapping[str, str],
    options: ExportOptions,
    tell: Callable[[str], None],
) -> None:
    """Write the folder under a temporary name and rename it. Raises ExportError and UsageError."""
    final = out.resolve()
    try:
        with draft_folder(final) as own:
            (own / MODEL).write_bytes(model)
            about = {**properties, "runtime": f"onnxruntime-web {runtime.VERSION}"}
            (own / ABOUT).write_text(json.dumps(about, indent=2, ensure_ascii=False), encoding="utf-8")
            for name in (*PAGE, LICENCES):
                shutil.copyfile(_PAGE / name, own / name)
            tell("fetching onnxruntime-web")
            runtime.place(own, options.runtime_dir)
            _swap(own, final)
    except OSError as error:
        raise ExportError(f"{out} could not be written: {error.strerror or error}") from error


def _swap(own: Path, final: Path) -> None:
    """Rename the new folder into place, and remove an older page afterwards."""
    if not final.exists():
        own.rename(final)
        return
    old = final.with_name(f".impasto-{secrets.token_hex(6)}")
    final.rename(old)
    own.rename(final)
    shutil.rmtree(old, ignore_errors=True)
