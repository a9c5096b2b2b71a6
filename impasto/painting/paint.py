"""The image door: pictures in, a picture out. `scales.paint_steps` is the tensor door under it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from numbers import Real
from os import PathLike, fspath
from typing import Any, TypeGuard

from PIL import Image
from torch import Tensor

from impasto import backbones
from impasto.device import available_memory, resolve_device, resolve_precision
from impasto.errors import ImageError, UsageError
from impasto.imaging import io
from impasto.imaging.geometry import resize
from impasto.painting.estimate import estimate_seconds
from impasto.painting.memory import LIBRARIES, Memory
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import Scale, paint_steps, plan, with_shares
from impasto.perception import resolve_layers
from impasto.progress import Step, StepCallback
from impasto.weights import ProgressCallback

StyleSource = io.Source | tuple[io.Source, float]


def paint(
    photo: io.Source,
    style: StyleSource | Sequence[StyleSource],
    strength: float = 0.5,
    *,
    callback: StepCallback | None = None,
    **options: Any,
) -> Image.Image:
    """Paint a photo in a style.

    Args:
        photo: a file, a Pillow image, an array (H, W, 3) of uint8 or floats in [0, 1], or a tensor
            (3, H, W) of floats in [0, 1].
        style: the same, or a pair (style, weight), or a list of these.
        strength: 0 leaves the photo, 1 forgets it.
        callback: called with a `Step` after every gradient.
        options: the fields of `PaintOptions`, such as `size=1024`, `backbone="vgg19"`.

    Returns:
        RGB, or RGBA if the photo has transparent pixels, `size` pixels on the long side.

    Raises:
        ImpastoError: any of the family; the message says what to do.

    >>> impasto.paint("photo.jpg", "wave.jpg", strength=0.6).save("painting.jpg")
    """
    painter = Painter(photo, style, make_options(strength=strength, **options))
    for step in painter.steps():
        if callback:
            callback(step)
    return io.to_pil(*painter.finish(step))


def make_options(**options: Any) -> PaintOptions:
    """PaintOptions by keywords. Raises UsageError, with the names there are, for an unknown one."""
    known = [field.name for field in fields(PaintOptions)]
    for name in options:
        if name not in known:
            raise UsageError(f"there is no option {name}: choose among {', '.join(known)}")
    return PaintOptions(**options)


class Painter:
    """One painting: reads the pictures and the backbone when made, works while `steps` is iterated.

    `notes` are sentences that the user should hear, `scales` the ladder.
    """

    def __init__(
        self,
        photo: io.Source,
        style: StyleSource | Sequence[StyleSource],
        options: PaintOptions | None = None,
        *,
        max_pixels: int = io.MAX_PIXELS,
        on_download: ProgressCallback | None = None,
    ) -> None:
        self.options = options or PaintOptions()
        self.photo, self.info = io.read(photo, max_pixels=max_pixels)
        self.notes = list(self.info.notes)
        self.styles = with_shares([self._read_style(*pair, max_pixels) for pair in _pairs(style)])
        self.scales: tuple[Scale, ...] = plan(self.info.size, self.options)
        self.start = self._read_start(max_pixels)
        self.backbone = backbones.load(
            self.options.backbone, pooling=self.options.pooling, on_progress=on_download
        )
        self.device = resolve_device(self.options.device)
        self.dtype = resolve_precision(self.options.precision, self.device)
        self._check_sizes()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the result."""
        return self.scales[-1].size

    def steps(self) -> Iterator[Step]:
        """Paint, one `Step` per gradient. Raises MemoryLimitError before any work that would not fit."""
        self._needs().check(self.size, self.scales[-1].iterations)
        return paint_steps(self.photo, self.styles, self.backbone, self.options, self.start)

    def finish(self, step: Step) -> tuple[Tensor, Tensor | None]:
        """The picture of a step, be it the last one or not, at full size: (3, H, W), and alpha (1, H, W)."""
        alpha = None if self.info.alpha is None else resize(self.info.alpha[None], self.size)[0]
        return resize(step.image[None], self.size)[0], alpha

    def record(self, step: Step) -> str:
        """JSON that says how the picture was made; `options_from` reads it."""
        return json.dumps(
            {
                "impasto": version("impasto"),
                "options": asdict(self.options),
                "styles": [style.weight for style in self.styles],
                "losses": {name: round(value, 6) for name, value in step.losses.items()},
                "done": round(step.done, 4),
            }
        )

    def memory(self) -> int:
        """Estimated peak bytes of the process. A picture takes as much again while it is read."""
        pictures = [self.photo, *(style.image for style in self.styles)]
        pictures += [] if self.start is None else [self.start]
        read = sum(tensor.nbytes for tensor in (*pictures, *self.backbone.parameters()))
        needs = self._needs()
        painting = max(needs.needed(scale.size, scale.iterations) for scale in self.scales)
        return LIBRARIES + read + max(painting, *(picture.nbytes for picture in pictures))

    @property
    def tile(self) -> int | None:
        """Pixels of the side of the tiles in which the last scale is painted; None if it is none."""
        return self._needs().tile(self.size, self.scales[-1].iterations)

    def seconds(self) -> float:
        """Estimated seconds, by a short trial on this machine."""
        return estimate_seconds(self.photo, self.styles, self._needs(), self.scales)

    def _needs(self) -> Memory:
        return Memory(self.backbone, self.options, self.dtype, available_memory(self.device))

    def _read_style(self, source: io.Source, weight: float, max_pixels: int) -> Style:
        image, info = io.read(source, max_pixels=max_pixels)
        self.notes += info.notes
        if info.alpha is not None and not bool((info.alpha > 0).any()):
            raise ImageError(f"{info.name} is wholly transparent: there is no style to see in it")
        return Style(image, weight, info.alpha)

    def _read_start(self, max_pixels: int) -> Tensor | None:
        if self.options.init in ("photo", "noise", "style"):
            return None
        return io.read(self.options.init, max_pixels=max_pixels)[0]

    def _check_sizes(self) -> None:
        """A picture too narrow for the deepest layer is better told before the work than in the middle."""
        least = self.backbone.least_side(self._layers())
        narrow = min(min(scale.size) for scale in self.scales)
        if narrow < least:
            raise UsageError(
                f"at {narrow} pixels on the short side {self.info.name} is too small for "
                f"{self.options.backbone}, which needs {least}: choose a larger --size, fewer --scales or "
                "shallower layers"
            )

    def _layers(self) -> list[str]:
        content, style = resolve_layers(self.backbone, self.options.content_layers, self.options.style_layers)
        return [name for name, _ in (*content, *style)]


def options_from(path: str | PathLike[str]) -> PaintOptions:
    """The options that a picture was painted with, from its own record. Raises UsageError if it has none."""
    record = io.read_record(path)
    try:
        stored = json.loads(record or "")["options"]
        known = {field.name for field in fields(PaintOptions)}
        return PaintOptions(**{name: _frozen(value) for name, value in stored.items() if name in known})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{fspath(path)} does not say how it was painted: impasto did not make it"
        ) from error


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _pairs(style: StyleSource | Sequence[StyleSource]) -> list[tuple[io.Source, float]]:
    many: Sequence[Any] = style if isinstance(style, list | tuple) and not _is_pair(style) else [style]
    pairs = [item if _is_pair(item) else (item, 1.0) for item in many]
    if not pairs:
        raise UsageError("a painting needs at least one style")
    return pairs


def _is_pair(style: Any) -> TypeGuard[tuple[io.Source, float]]:
    return isinstance(style, tuple) and len(style) == 2 and isinstance(style[1], Real)
