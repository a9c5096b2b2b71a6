"""Frames styled as they come, while style and strength change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from impasto.imaging.video.clip import Pixels
from impasto.stylizing.temporal_smoothing import TemporalSmoother

_KEPT = 6  # networks: so many to go back to without waiting

FramePainter = Callable[[Pixels], Pixels]


@dataclass(frozen=True)
class LiveStyle:
    """A style, by its name or file, at a strength from 0 to 1."""

    style: str
    strength: float = 1.0


class LiveStyler:
    """Frames in, pictures out, one after the other; what is chosen may change between two of them.

    What another choice needs is made in a thread, and tried there on the frame of that moment, as the first
    one takes longest; until then pictures go on as before. Of several choices meanwhile, the last one counts.

    Args:
        make: gives what paints a choice, frames (H, W, 3) RGB to pictures of the same shape.
        choice: made at once; what `make` raises comes from here then.
        steady: hold strokes still along the motion.
        finish: what is done to each picture, given photo and picture.

    Attributes:
        choice: what is wanted; may be set from any thread.
        steady: likewise.
        shown: what the last picture was painted with.
    """

    def __init__(
        self,
        make: Callable[[LiveStyle], FramePainter],
        choice: LiveStyle,
        *,
        steady: bool = True,
        finish: Callable[[Pixels, Pixels], Pixels] = lambda photo, picture: picture,
    ) -> None:
        self.choice = self.shown = choice
        self.steady = steady
        self._make, self._painter, self._finish = make, make(choice), finish
        self._made = OrderedDict({choice: self._painter})  # those used last come last
        self._making: Future[tuple[LiveStyle, FramePainter]] | None = None
        self._thread = ThreadPoolExecutor(1, "impasto-styles")
        self._steadier: TemporalSmoother | None = None

    def __call__(self, photo: Pixels) -> Pixels:
        """The picture of a frame, both (H, W, 3) RGB. Raises what `make` raised for another choice."""
        self._take_made()
        self._follow(self.choice, photo)
        return self._finish(photo, self._steadied(photo, self._painter(photo)))

    def close(self) -> None:
        """Wait for what is being made, and end the thread."""
        self._thread.shutdown(cancel_futures=True)

    def _steadied(self, photo: Pixels, picture: Pixels) -> Pixels:
        if not self.steady:
            self._steadier = None
            return picture
        if self._steadier is None:
            self._steadier = TemporalSmoother()
        return self._steadier(photo, picture)

    def _follow(self, choice: LiveStyle, photo: Pixels) -> None:
        """Go over to what is wanted, or have it made."""
        if choice == self.shown:
            return
        if choice in self._made:
            self._made.move_to_end(choice)
            self.shown, self._painter = choice, self._made[choice]
            self._steadier = None  # or the old style would shine through
        elif self._making is None:
            self._making = self._thread.submit(self._prepare, choice, photo)

    def _take_made(self) -> None:
        if self._making is None or not self._making.done():
            return
        choice, painter = self._making.result()
        self._making = None
        self._made[choice] = painter
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)

    def _prepare(self, choice: LiveStyle, photo: Pixels) -> tuple[LiveStyle, FramePainter]:
        painter = self._make(choice)
        painter(photo)
        return choice, painter
