"""An engine in a process of its own, so that its time and memory are its own: `evaluation.engines` starts it.

Reads a job as JSON from standard input; writes a line of JSON for each picture.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from itertools import groupby
from typing import Any

from torch import Tensor

from impasto.device import peak_memory
from impasto.errors import ImpastoError
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.painting.options import PaintOptions
from impasto.painting.paint import Painter
from impasto.stylizing.options import StyleControls
from impasto.stylizing.runtime import runtime_for
from impasto.stylizing.stylizer import Stylizer

Make = Callable[[str], tuple[Tensor, Tensor | None]]  # a photo's file to its picture and alpha


def work(job: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Make all pictures of a job; each with its seconds, or why it could not be made."""
    prepare = _painter if job["engine"] == "paint" else _stylizer
    for style, todos in groupby(job["pictures"], lambda todo: todo["style"]):
        wanted = list(todos)
        make: Make | None = None
        for todo in wanted:
            try:
                make = make or prepare(job, style, len(wanted))
                yield {"key": todo["key"], **_made(make, todo)}
            except ImpastoError as error:
                yield {"key": todo["key"], "error": str(error)}


def _made(make: Make, todo: Mapping[str, str]) -> dict[str, Any]:
    started = time.perf_counter()
    picture, alpha = make(todo["photo"])
    seconds = time.perf_counter() - started
    io.write(todo["target"], picture, alpha=alpha, record=todo["record"])
    return {"seconds": seconds, "memory": peak_memory()}


def _stylizer(job: Mapping[str, Any], style: str, photos: int) -> Make:
    options = dict(job["options"])
    handles = {field.name: options[field.name] for field in fields(StyleControls) if field.name in options}
    stylizer = Stylizer(
        style,
        options.get("strength", 1.0),
        device=job["device"],
        precision=options.get("precision", "auto"),
        runtime=runtime_for(options.get("runtime", "auto"), photos),
        **handles,
    )

    def make(photo: str) -> tuple[Tensor, Tensor | None]:
        image, info = io.read(photo)
        size = fit_long_side(info.size, job["size"])
        alpha = None if info.alpha is None else resize(info.alpha[None], size)[0]
        return stylizer.picture(resize(image[None], size)[0], alpha), alpha

    return make


def _painter(job: Mapping[str, Any], style: str, photos: int) -> Make:
    options = PaintOptions(**{**job["options"], "size": job["size"], "device": job["device"]})

    def make(photo: str) -> tuple[Tensor, Tensor | None]:
        painter = Painter(photo, style, options)
        *_, last = painter.steps()
        return painter.finish(last)

    return make


def main() -> None:
    """One job, from standard input."""
    try:
        for line in work(json.load(sys.stdin)):
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
    except KeyboardInterrupt:  # whoever started this was interrupted, too, and says so
        sys.exit(130)


if __name__ == "__main__":
    main()
