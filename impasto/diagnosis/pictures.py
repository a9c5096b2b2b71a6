"""Test making small pictures: with every shipped style, with a picture's style, and by painting."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from impasto import styles
from impasto.errors import ImpastoError
from impasto.imaging import io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.painting.options import PaintOptions
from impasto.painting.paint import Painter
from impasto.stylizing.agreement import difference
from impasto.stylizing.stylizer import Stylizer

_SIDE = 160  # pixels
_OTHERWISE = 0.03  # allowed difference from the CPU in float32, in [0, 1]; its bfloat16 differs by 0.004
_CHANGE, _LIKENESS = 0.05, 0.3  # the shipped styles change a photo by 0.15 and more, and correlate by 0.5
_GRADIENTS, _FALL = 10, 0.8  # the objective falls to 0.3 of its first value


class Unexpected(ImpastoError):
    """A test ran without an error, but gave a wrong result."""


def stylize(folder: Path) -> str:
    """Stylize a photo with each shipped style: plausible, and equal to the CPU's result in float32."""
    photo = _photo()
    names = list(styles.cards())
    if not names:
        raise Unexpected("no trained styles are in this installation")
    for name in names:
        picture = Stylizer(name, runtime="torch").picture(photo)
        check_picture(name, picture, photo)
        exact = Stylizer(name, runtime="torch", device="cpu", precision="float32").picture(photo)
        if not (off := difference(picture, exact)) <= _OTHERWISE:
            raise Unexpected(f"{name} is off by {255 * off:.0f}/255 from what the CPU paints in float32")
    return f"{len(names)} shipped styles on a photo of {_SIDE} pixels, all as the CPU paints them in float32"


def stylize_any(folder: Path) -> str:
    """Encode a shipped picture as a style, and stylize a photo with it."""
    photo, (name, path) = _photo(), next(iter(styles.pictures().items()))
    check_picture(name, Stylizer(styles.load(path), runtime="torch").picture(photo), photo)
    return f"a photo in the style of {name}, a picture"


def paint(folder: Path) -> str:
    """Paint a photo with a few gradients: the objective falls, and the picture is plausible."""
    photo = _photo()
    options = PaintOptions(size=_SIDE // 2, scales=1, iterations=_GRADIENTS, init="photo")
    painter = Painter(photo, next(iter(styles.pictures().values())), options)
    steps = list(painter.steps())
    first, last = (step.losses["total"] for step in (steps[0], steps[-1]))
    if not last < _FALL * first:
        raise Unexpected(f"the objective went from {first:.3g} to {last:.3g} in {len(steps)} gradients")
    picture, _ = painter.finish(steps[-1])
    check_picture("the painting", picture, resize(photo[None], painter.size)[0])
    return f"{len(steps)} gradients, the objective fell from {first:.2f} to {last:.2f}"


def check_picture(name: str, picture: Tensor, photo: Tensor) -> None:
    """Raise Unexpected unless a picture is a plausible result for a photo, (3, H, W): changed but similar."""
    if picture.shape != photo.shape:
        raise Unexpected(f"{name} has the size {tuple(picture.shape)}, the photo {tuple(photo.shape)}")
    if not bool(picture.isfinite().all()):
        raise Unexpected(f"{name} holds values that are no numbers")
    if not (change := float((picture - photo).abs().mean())) >= _CHANGE:
        raise Unexpected(f"{name} changes the photo by {255 * change:.0f}/255 only")
    grays = torch.stack([picture.mean(0).flatten(), photo.mean(0).flatten()])
    if not (likeness := float(torch.corrcoef(grays)[0, 1])) >= _LIKENESS:
        raise Unexpected(f"{name} has lost the photo: their correlation is {likeness:.2f}")


def _photo() -> Tensor:
    """Read the shipped photo, (3, H, W)."""
    photo, info = io.read(styles.sample())
    return resize(photo[None], fit_long_side(info.size, _SIDE))[0]
