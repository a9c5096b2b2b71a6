"""The pictures of the front page, and the viewer that shows them.

python -m docs.generators.front [styles making paintings strengths video]

makes docs/images/front-*.*, paintings.jpg and strengths.jpg anew, by the commands that the pages quote.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

from PIL import Image, ImageOps

from impasto import styles

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
PHOTO = ROOT / "examples" / "pictures" / "summer-palace.jpg"

_PAINTED = {  # photos of the app, each beside two paintings
    "summer-palace": ("starry-night", "woodblock-sea"),
    "coffee": ("the-scream", "stained-glass"),
    "cat": ("wheat-field-with-cypresses", "composition-vii"),
    "astronaut": ("portrait-of-picasso", "burning-sky"),
}
_STRENGTHS = ("0.25", "0.5", "0.75", "1")
_CELL, _SMALL_CELL, _GAP = (320, 213), (240, 160), 6  # pixels of the sheets
_UPPER = (0.5, 0.2)  # what stays of a tall picture: heads are above its middle
_QUALITY, _ANIMATED_QUALITY = 82, 40
_FRAMES, _RATE, _WINDOW = 40, 10, (448, 252)  # of the clip; pixels
_MAKING_FRAMES, _PAUSE = 20, 12


def viewer() -> str:
    """HTML: one picture for each trained style, to be laid beside the photo. Without scripts, a plain row."""
    photo = '<img class="photo" src="images/front-photo.jpg" width="640" height="427" alt="The photo">'
    figures = "\n".join(map(_figure, styles.cards()))
    return f'<div class="viewer">\n{photo}\n{figures}\n</div>'


def _figure(style: str) -> str:
    name = escape(style)
    return (
        f'<figure data-name="{name}"><img src="images/front-{name}.jpg" width="640" height="427" '
        f'alt="The photo in the style {name}" loading="lazy"><figcaption>{name}</figcaption></figure>'
    )


def main(*names: str) -> None:
    """Make those that are named, or all: a few minutes."""
    makers = {
        "styles": _save_styles,
        "making": _save_making,
        "paintings": _save_paintings,
        "strengths": _save_strengths,
        "video": _save_video,
    }
    with tempfile.TemporaryDirectory() as name:
        for each in names or makers:
            makers[each](Path(name))


def _save_styles(folder: Path) -> None:
    """The photo in every trained style."""
    shutil.copy(PHOTO, folder / "photo.jpg")
    _save(PHOTO, "front-photo.jpg")
    for style in styles.cards():
        _run(folder, "stylize", "photo.jpg", "-o", f"{style}.jpg", "--style", style)
        _save(folder / f"{style}.jpg", f"front-{style}.jpg")


def _save_making(folder: Path) -> None:
    """How a painting comes about."""
    shutil.copy(PHOTO, folder / "photo.jpg")
    _run(folder, "paint", "photo.jpg", "swirling-night", "-o", "painting.jpg", "--animate", "making.webp")
    _animate(_every(folder / "making.webp", _MAKING_FRAMES), "front-making.webp", 8)


def _save_video(folder: Path) -> None:
    """A pan over the photo, in a trained style."""
    _write_pan(folder / "holiday.mp4")
    _run(folder, "video", "holiday.mp4", "painted.webp", "--style", "starry-night")
    _animate(_frames(folder / "painted.webp"), "front-video.webp", _RATE)


def _save_paintings(folder: Path) -> None:
    """Each photo and its paintings in a row, by `impasto paint` with its defaults."""
    rows = []
    for photo, names in _PAINTED.items():
        source = _source(photo)
        files = [folder / f"{photo}-{name}.png" for name in names]
        for name, file in zip(names, files, strict=True):
            _run(folder, "paint", str(source), name, "-o", file.name, "--size", "640")
        rows.append([source, *files])
    _save_rows(rows, _CELL, "paintings.jpg")


def _save_strengths(folder: Path) -> None:
    """Each photo at growing strength in the style of its first painting."""
    rows = []
    for photo, (name, _) in _PAINTED.items():
        files = [folder / f"{photo}-at-{strength}.png" for strength in _STRENGTHS]
        for strength, file in zip(_STRENGTHS, files, strict=True):
            _run(folder, "paint", str(_source(photo)), name, "-o", file.name, "--strength", strength)
        rows.append([_source(photo), *files])
    _save_rows(rows, _SMALL_CELL, "strengths.jpg")


def _source(photo: str) -> Path:
    return ROOT / "impasto" / "app" / "pictures" / f"{photo}.jpg"


def _save_rows(rows: list[list[Path]], cell: tuple[int, int], name: str) -> None:
    """Pictures in rows, each cut to a cell of (width, height)."""
    width, height = (length + _GAP for length in cell)
    sheet = Image.new("RGB", (len(rows[0]) * width - _GAP, len(rows) * height - _GAP), "white")
    for y, row in enumerate(rows):
        for x, file in enumerate(row):
            with Image.open(file) as picture:
                fitted = ImageOps.fit(
                    picture.convert("RGB"), cell, Image.Resampling.LANCZOS, centering=_UPPER
                )
            sheet.paste(fitted, (x * width, y * height))
    sheet.save(IMAGES / name, quality=_QUALITY + 6, optimize=True, progressive=True)


def _run(folder: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "impasto", *words, "-q"], cwd=folder, check=True)


def _save(path: Path, name: str) -> None:
    with Image.open(path) as picture:
        ImageOps.exif_transpose(picture).convert("RGB").save(
            IMAGES / name, quality=_QUALITY, optimize=True, progressive=True
        )


def _frames(path: Path) -> list[Image.Image]:
    frames = []
    with Image.open(path) as picture:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            frames.append(picture.convert("RGB"))
    return frames


def _every(path: Path, most: int) -> list[Image.Image]:
    frames = _frames(path)
    places = sorted({round(k * (len(frames) - 1) / (most - 1)) for k in range(most)})
    return [frames[place] for place in places] + [frames[-1]] * _PAUSE


def _animate(frames: list[Image.Image], name: str, rate: int) -> None:
    first, *others = frames
    first.save(
        IMAGES / name,
        save_all=True,
        append_images=others,
        duration=1000 // rate,
        loop=0,
        quality=_ANIMATED_QUALITY,
        method=6,
    )


def _write_pan(path: Path) -> None:
    """A clip: a window that glides over the photo and back."""
    from fractions import Fraction
    from math import cos, pi

    import av

    with Image.open(PHOTO) as photo, av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_RATE, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = *_WINDOW, "yuv420p"
        for number in range(_FRAMES):
            share = (1 - cos(2 * pi * number / _FRAMES)) / 2
            left, top = share * (photo.width - _WINDOW[0]), 30 + share * 60
            box = (left, top, left + _WINDOW[0], top + _WINDOW[1])
            frame = av.VideoFrame.from_image(photo.resize(_WINDOW, Image.Resampling.BICUBIC, box))
            frame.pts, frame.time_base = number, Fraction(1, _RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main(*sys.argv[1:])
