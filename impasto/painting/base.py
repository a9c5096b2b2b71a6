"""Pictures and options made ready for work: what painting a photo and making a texture have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from torch import Tensor

from impasto import backbones
from impasto.device import available_memory, resolve_device, resolve_precision
from impasto.errors import UsageError
from impasto.painting.estimate import estimate_seconds
from impasto.painting.memory import LIBRARIES, Memory
from impasto.painting.objective import Style
from impasto.painting.options import PaintOptions
from impasto.painting.provenance import make_record
from impasto.painting.scales import Scale, paint_steps, plan, result_size, with_shares
from impasto.perception import resolve_layers
from impasto.progress import Step
from impasto.weights import ProgressCallback


class BasePainter(ABC):
    """One picture to be painted. It is ready when made, and works while `steps` is iterated.

    Args:
        photo: (3, H, W) in [0, 1].
        styles, regions, start, alpha: as `scales.paint_steps` takes them.
        options: sizes, weights, solver, device.
        name: of the photo, for messages.
        backbone: takes the place of the one that the options name.
        on_download: hears of a download of weights.

    Attributes:
        notes: sentences that the user should hear.
        scales: the ladder.

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
        """What was known of the photo."""
        return None

    @abstractmethod
    def finish(self, step: Step) -> tuple[Tensor, Tensor | None]:
        """The picture of a step, be it the last one or not, at full size: (3, H, W), and alpha (1, H, W)."""

    def steps(self) -> Iterator[Step]:
        """Paint, one `Step` per gradient. Raises MemoryLimitError before any work that would not fit."""
        self._needs().check(self.scales[-1].size, self.scales[-1].iterations)
        return paint_steps(
            self.photo, self.styles, self.backbone, self.options, self.start, self.regions, self.alpha
        )

    def record(self, step: Step) -> str:
        """JSON that says how the picture was made; `painting.provenance.options_from` reads it."""
        return make_record(self.options, self.styles, step)

    def memory(self) -> int:
        """Estimated peak bytes of the process. A picture takes as much again while it is read."""
        pictures = [self.photo, *(style.image for style in self.styles), *self.regions]
        pictures += [] if self.start is None else [self.start]
        read = sum(tensor.nbytes for tensor in (*pictures, *self.backbone.parameters()))
        needs = self._needs()
        painting = max(needs.needed(scale.size, scale.iterations) for scale in self.scales)
        return LIBRARIES + read + max(painting, *(picture.nbytes for picture in pictures))

    @property
    def tile(self) -> int | None:
        """Pixels of the side of the tiles in which the last scale is painted; None if it is none."""
        return self._needs().tile(self.scales[-1].size, self.scales[-1].iterations)

    def seconds(self) -> float:
        """Estimated seconds, by a short trial on this machine."""
        return estimate_seconds(self.photo, self.styles, self._needs(), self.scales, self.regions)

    def _needs(self) -> Memory:
        free = available_memory(self.device)
        return Memory(self.backbone, self.options, self.dtype, free, len(self.regions))

    def _check_sizes(self, name: str) -> None:
        """A picture too narrow for the deepest layer is better told before the work than in the middle."""
        content, style = resolve_layers(self.backbone, self.options.content_layers, self.options.style_layers)
        least = self.backbone.least_side([layer for layer, _ in (*content, *style)])
        narrow = min(min(scale.size) for scale in self.scales)
        if narrow < least:
            raise UsageError(
                f"at {narrow} pixels on the short side {name} is too small for {self.options.backbone}, "
                f"which needs {least}: choose a larger size=, fewer scales= or shallower layers"
            )
