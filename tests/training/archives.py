"""Tar archives of pictures, as photos to train on come in."""

import io
import tarfile
from pathlib import Path

from PIL import Image


def picture(level: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (6, 5), level).save(file, "PNG")
    return file.getvalue()


def make_shard(path: Path, members: dict[str, bytes], kind: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=kind) as tar:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
    return path


def make_web_dataset(path: Path, first: int, count: int) -> Path:
    """Samples of an image, a caption and a label each."""
    members: dict[str, bytes] = {}
    for number in range(first, first + count):
        members |= {
            f"{number:05}.png": picture(number),
            f"{number:05}.txt": b"x" * 700,
            f"{number:05}.cls": b"3",
        }
    return make_shard(path, members)
