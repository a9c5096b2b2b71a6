"""Photos in their order to the pictures that are shown: painted, steadied, and carried along between."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from threading import Lock

from impasto.imaging.video.clip import Frame, Pixels
from impasto.stylizing.frame_interpolation import Between
from impasto.stylizing.frames import FrameStyler, StylerState
from impasto.stylizing.temporal_smoothing import TemporalSmoother
from impasto.stylizing.threads import prefetch

_PHOTO, _PICTURE = "key_photo", "key_picture"  # in a state: those before a photo that is not painted


@dataclass(frozen=True)
class ShownFrame:
    """A photo with its picture, and what the next one depends on."""

    photo: Frame
    picture: Pixels
    state: StylerState


@dataclass(frozen=True)
class _Left:
    """A photo that is not painted: its picture is carried from those before and after it."""

    photo: Frame


class Sequence:
    """Makes pictures of photos; reading and painting run ahead, each in a thread.

    Args:
        styler: paints.
        steady: hold pictures still along the motion of the photos.
        fast: paint every second photo only. Its picture is carried to the one between, unless too much of
            that cannot be followed. What `styler` paints must not depend on the photos before.
        cuts: neither steady nor carry across scene cuts.
    """

    def __init__(self, styler: FrameStyler, *, steady: bool, fast: bool, cuts: bool = True) -> None:
        self._styler, self._alone = styler, Lock()
        self._steadier = TemporalSmoother(cuts=cuts) if steady else None
        self._between = Between(cuts=cuts) if fast else None
        self._key: tuple[Pixels, Pixels] | None = None  # photo and picture before one that is left out

    def restore(self, state: StylerState) -> None:
        """Go on from a state."""
        self._styler.restore(state)
        if self._steadier:
            self._steadier.restore(state)
        self._key = (state[_PHOTO], state[_PICTURE]) if _PHOTO in state else None

    def __call__(self, photos: Iterable[Frame]) -> Generator[ShownFrame, None, None]:
        read = prefetch(photos)
        if self._between is None:
            return (self._show(painted) for painted in prefetch(self._paint(photo) for photo in read))
        return self._filled(self._between, prefetch(self._every_second(read)))

    def _paint(self, photo: Frame) -> ShownFrame:
        with self._alone:  # two threads paint where a photo is found late to need it
            return ShownFrame(photo, self._styler(photo.pixels), self._styler.state)

    def _show(self, painted: ShownFrame) -> ShownFrame:
        """Stabilize a painted frame."""
        if self._steadier is None:
            return painted
        picture = self._steadier(painted.photo.pixels, painted.picture)
        return ShownFrame(painted.photo, picture, {**painted.state, **self._steadier.state})

    def _every_second(self, photos: Iterator[Frame]) -> Iterator[ShownFrame | _Left]:
        """The one that is left out comes once the one after it is painted; the last is painted."""
        left = next(photos, None) if self._key else None
        for photo in photos:
            painted = self._paint(photo)
            if left:
                yield _Left(left)
            yield painted
            left = next(photos, None)
        if left:
            yield self._paint(left)

    def _filled(
        self, between: Between, items: Iterable[ShownFrame | _Left]
    ) -> Generator[ShownFrame, None, None]:
        left: Frame | None = None
        for item in items:
            if isinstance(item, _Left):
                left = item.photo
                continue
            way = None
            if left and self._key:
                way = between.find(left.pixels, self._key[0], item.photo.pixels)
            if left and way is None:
                yield self._show(self._paint(left))
            state = self._steadier.state if self._steadier else {}  # before the picture after it counts
            shown = self._show(item)
            if left and way and self._key:
                yield ShownFrame(left, between(way, self._key[1], shown.picture), state)
            self._key, left = (item.photo.pixels, shown.picture), None
            yield replace(shown, state={**shown.state, _PHOTO: self._key[0], _PICTURE: self._key[1]})
