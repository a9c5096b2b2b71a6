"""Base class of the painters: the setup that painting a photo and making a texture share."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from importlib.metadata import version
from math import prod
from os import PathLike, fspath
from typing import Any

from torch import Tensor

from impasto import backbones
from impasto.device import available_memory, resolve_device, resolve_precision
from impasto.errors import UsageError
from impasto.imaging import io
from impasto.options import RENAMED
from impasto.painting.memory import LIBRARIES, Memory
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.scales import Scale, paint_steps, plan, result_size, with_shares
from impasto.perception import resolve_layers
from impasto.progress import Step
from impasto.weights import ProgressCallback

_RENAMED = RENAMED | {"style_size": "stroke_size"}  # options that had other names in older versions
_KINDS: dict[Any, type] = {"str": str, "bool": bool}  # types of options without a check of their own


class BasePainter(ABC):
    """A picture to be painted. The constructor prepares everything; iterating over `steps` paints.

    Args:
        photo: (3, H, W) in [0, 1].
        styles, regions, start, alpha: as for `scales.paint_steps`.
        options: sizes, weights, solver, device.
        name: name of the photo in messages.
        backbone: backbone to use instead of `options.backbone`.
        on_download: called with the progress of a download of weights.

    Attributes:
        notes: sentences to show to the user.
        scales: sizes that are painted in turn, from coarse to fine.

    Raises UsageError for sizes and layers that do not fit, WeightsError for a backbone that cannot be read.
    """

    def __init__(
        self,
        photo: Tensor,
        styles: Sequence[Style],
        options: PaintOptions,
        *,
        regions: Sequence[Tensor] = (),
        start: Tensor | None = None,
        alpha: Tensor | None = None,
        name: str = "the picture",
        backbone: backbones.Backbone | None = None,
        on_download: ProgressCallback | None = None,
    ) -> None:
        self.photo, self.styles, self.options = photo, with_shares(styles), options
        self.regions, self.start, self.alpha, self.notes = regions, start, alpha, list[str]()
        self.scales: tuple[Scale, ...] = plan((photo.shape[1], photo.shape[2]), options)
        self.backbone = backbone or backbones.load(
            options.backbone, pooling=options.pooling, on_progress=on_download
        )
        self.device = resolve_device(options.device)
        self.dtype = resolve_precision(options.precision, self.device)
        self._check_sizes(name)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the result."""
        return result_size((self.photo.shape[1], self.photo.shape[2]), self.options)

    @property
    def exif(self) -> bytes | None:
        """EXIF data of the photo; None if it has none."""
        return None

    @property
    def bit_depth(self) -> int:
        """Bits per channel of the photo, 8 or 16; of a texture, 8."""
        return 8

    @abstractmethod
    def finish(self, step: Step) -> tuple[Tensor, Tensor | None]:
        """Picture of any step at the full size, (3, H, W), and its alpha, (1, H, W) or None."""

    def steps(self) -> Iterator[Step]:
        """Paint, one `Step` per gradient. Raises MemoryLimitError before any work that would not fit."""
        self._needs().check(self.scales[-1].size, self.scales[-1].iterations)
        return paint_steps(
            self.photo, self.styles, self.backbone, self.options, self.start, self.regions, self.alpha
        )

    def record(self, step: Step) -> str:
        """Record of how the picture was painted, as JSON; `options_from` reads it."""
        return make_record(self.options, self.styles, step)

    def memory(self) -> int:
        """Estimated peak memory of painting, in bytes."""
        pictures = [self.photo, *(style.image for style in self.styles), *self.regions]
        pictures += [] if self.start is None else [self.start]
        read = sum(tensor.nbytes for tensor in (*pictures, *self.backbone.parameters()))
        needs = self._needs()
        painting = max(needs.needed(scale.size, scale.iterations) for scale in self.scales)
        return LIBRARIES + read + max(painting, *(picture.nbytes for picture in pictures))

    @property
    def tile(self) -> int | None:
        """Side of the tiles of the last scale, in pixels; None if that scale is painted without tiles."""
        return self._needs().tile(self.scales[-1].size, self.scales[-1].iterations)

    def seconds(self) -> float:
        """Estimated duration in seconds, from a short trial on this machine."""
        return estimate_seconds(self.photo, self.styles, self._needs(), self.scales, self.regions)

    def _needs(self) -> Memory:
        free = available_memory(self.device)
        return Memory(self.backbone, self.options, self.dtype, free, len(self.regions))

    def _check_sizes(self, name: str) -> None:
        """Raise UsageError before painting starts if a picture is too narrow for the deepest layer."""
        content, style = resolve_layers(self.backbone, self.options.content_layers, self.options.style_layers)
        least = self.backbone.least_side([layer for layer, _ in (*content, *style)])
        narrow = min(min(scale.size) for scale in self.scales)
        if narrow < least:
            raise UsageError(
                f"at {narrow} pixels on the short side {name} is too small for {self.options.backbone}, "
                f"which needs {least}: choose a larger size=, fewer scales= or shallower layers"
            )


_TRIAL_SIDE = 192  # pixels; large enough that the fixed cost of a gradient does not dominate


def estimate_seconds(
    photo: Tensor,
    styles: Sequence[Style],
    memory: Memory,
    scales: Sequence[Scale],
    regions: Sequence[Tensor] = (),
) -> float:
    """Estimate the seconds of painting on this machine: time two small gradients, and scale by pixels."""
    side = min(_TRIAL_SIDE, max(scales[-1].size))
    trial = replace(memory.options, size=side, scales=1, iterations=4, init="photo", tile="off")
    steps = paint_steps(photo, styles, memory.backbone, trial, regions=regions)
    seen = [(time.perf_counter(), step.size) for step in steps]
    (started, _), (ended, size) = seen[1], seen[-1]  # the first gradient of a process is slower
    per_pixel = (ended - started) / (len(seen) - 2) / prod(size)
    return per_pixel * sum(memory.pixels(scale.size, scale.iterations) * scale.iterations for scale in scales)


def make_record(options: PaintOptions, styles: Sequence[Style], step: Step) -> str:
    """Make the record of how the picture of a step was painted, as JSON; `options_from` reads it."""
    return json.dumps(
        {
            "impasto": version("impasto"),
            "options": asdict(options),
            "styles": [style.weight for style in styles],
            "losses": {name: round(value, 6) for name, value in step.losses.items()},
            "done": round(step.done, 4),
        }
    )


def options_from(path: str | PathLike[str]) -> PaintOptions:
    """Read the options of a painting from its record. Raises UsageError for a picture without a record."""
    record = io.read_record(path)
    try:
        stored = json.loads(record or "")["options"]
        named = {_RENAMED.get(name, name): _frozen(value) for name, value in stored.items()}
        known = {field.name: _KINDS.get(field.type, object) for field in fields(PaintOptions)}
        given = {name: value for name, value in named.items() if name in known}
        if not all(isinstance(value, known[name]) for name, value in given.items()):
            raise TypeError("a text or a switch is none")
        return PaintOptions(**given)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{fspath(path)} holds no record of its options: choose a picture that impasto made"
        ) from error


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
