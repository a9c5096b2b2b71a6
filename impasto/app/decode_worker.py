"""Decode uploads as the app will, in a process that a timer of the system ends: `python -m` this module.

Each line of standard input is a request in JSON, answered by an empty line once the file was decoded or
refused. What it holds is not sent back.
"""

from __future__ import annotations

import json
import signal
import sys
import warnings
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image, ImageSequence

from impasto.errors import MissingExtraError
from impasto.imaging import ffmpeg
from impasto.imaging.decoding import check_size, decode_deep, make_canvas, open_image

_ANIMATIONS = (b"GIF8", b"RIFF")
_FIRST = 64  # frames


def main() -> None:
    """Answer requests until standard input ends."""
    warnings.simplefilter("ignore")
    Image.init()  # imports take time that no file is to be blamed for
    with suppress(MissingExtraError):
        ffmpeg.load("Reading a video")
    for line in sys.stdin:
        request = json.loads(line)
        decode = _decode_clip if request["containers"] else _decode_picture
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, request["seconds"])  # its signal ends the process
        with suppress(Exception):  # the app meets it again, and has the words for it
            decode(Path(request["path"]), request)
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write("\n")
        sys.stdout.flush()


def _decode_picture(path: Path, request: dict[str, Any]) -> None:
    """Decode the pixels; what is done with them afterwards takes as long for every file of a size."""
    with path.open("rb") as file:
        image = open_image(file, path.name)
        check_size(*image.size, path.name, request["pixels"])
        deep, _ = decode_deep(image, file, path.name)
        if deep is None:
            make_canvas(image)
            image.load()


def _decode_clip(path: Path, request: dict[str, Any]) -> None:
    """Decode what is decoded when a clip is opened: the first frames of a video, all of an animation."""
    with path.open("rb") as file:
        if file.read(4) in _ANIMATIONS:
            for frame in ImageSequence.Iterator(open_image(file, path.name)):
                frame.load()
            return
    with ffmpeg.open_input(path, request["containers"]) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"max_pixels": str(request["pixels"])}
        for _ in islice(container.decode(stream), _FIRST):
            pass


if __name__ == "__main__":
    main()
