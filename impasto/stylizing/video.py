"""A video to a styled video: read, styled and written at the same time, part by part."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, fields, replace
from fractions import Fraction
from os import PathLike
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from impasto.atomic_files import only_writer
from impasto.errors import UsageError, VideoError
from impasto.imaging import io
from impasto.imaging.files import fingerprint
from impasto.imaging.video.clip import Clip, Frame, Pixels, fit_even, resized
from impasto.imaging.video.encoding import CONTAINERS, Encoding, choose_encoding, opaque_note
from impasto.imaging.video.open import check_sink, holds_alpha, open_clip, open_sink
from impasto.imaging.video.segments import SegmentWriter, join
from impasto.imaging.video.sinks import Sink
from impasto.imaging.video.stream_plan import plan_streams
from impasto.options import with_current_names
from impasto.styles.mixture import Styles
from impasto.stylizing.finishing import FramePostprocessor, Postprocessor
from impasto.stylizing.frames import FrameStyler, NetworkStyler, Sequence, ShownFrame
from impasto.stylizing.options import StyleControls, VideoOptions
from impasto.stylizing.parts import Progress, ProgressReporter, ResumePoint, VideoParts
from impasto.stylizing.stylizer import StyleRegions, Stylizer
from impasto.stylizing.video_plan import VideoPlan, count_frames, try_frames


class VideoJob:
    """Make one video, in parts that an interrupted run resumes.

    Args:
        clip: from `imaging.video.open_clip`.
        styler: makes the pictures.
        record: what styler and finish are, as JSON has it: parts that others made are not used.
        options: what is asked for.
        finish: what is done to each picture, once it is steady; the colors of a photo, say, need not be
            held where they are.

    Attributes:
        notes: sentences that the user should hear, more of them after `run`.
    """

    def __init__(
        self,
        clip: Clip,
        styler: FrameStyler,
        record: Mapping[str, Any],
        options: VideoOptions,
        finish: FramePostprocessor | None = None,
    ) -> None:
        self._clip, self._styler, self._options = clip, styler, options
        self._finish = finish or FramePostprocessor(Postprocessor(StyleControls()))
        height, width = clip.info.size if options.size is None else fit_even(clip.info.size, options.size)
        self._size = height, width
        self._info = replace(clip.info, size=(height, 2 * width if options.side_by_side else width))
        asked = {name: value for name, value in asdict(options).items() if name != "overwrite"}
        self._job = {"clip": _identity(clip), "style": dict(record), "options": asked}
        self._sequence = Sequence(
            styler, steady=options.steady, fast=options.fast, cuts=options.cuts == "auto"
        )
        self._fault: VideoError | None = None
        self._written: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        return self._clip.notes + self._written

    def run(
        self,
        target: Path,
        tell: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
        *,
        cut: bool = False,
    ) -> bool:
        """Make it; False if `stop` ended it before the last frame. A video's parts are kept then.

        Args:
            target: a video, a .gif or .webp, a folder for pictures or names for them such as out/%05d.jpg.
            tell: called after every frame.
            cut: let a video that is stopped end there, with its sound, instead of keeping parts to go on
                from. Without any frame there is none.

        Raises:
            VideoError: the clip is damaged; what comes before that is written and can be played.
            ImpastoError: any of the family; what cannot be written there is refused before any work.
        """
        self._check(target)
        watch = ProgressReporter(self._clip, self._options, tell or (lambda progress: None), stop or Event())
        with only_writer(target):
            complete = (
                self._in_parts(target, watch, cut) if is_video(target) else self._at_once(target, watch)
            )
        if self._fault:
            raise VideoError(f"{self._fault}; {target} ends there") from self._fault
        return complete

    def plan(self, target: Path) -> VideoPlan:
        """What it would take and what would be in it; the first frames are made and thrown away.

        To run it after that, make another job: this one remembers those frames. Raises as `run` does.
        """
        self._check(target)
        encoding = self._encoding(target) if is_video(target) else None
        if encoding is None:
            check_sink(target)
            keeps_alpha = holds_alpha(target, self._info)
        else:
            keeps_alpha = encoding.has_alpha
        start = Fraction(self._options.start)
        with closing(self._pictures(start, keeps_alpha=keeps_alpha)) as styled:
            trial = try_frames(
                map(self._as_written, styled), lambda folder: self._sink(folder, target, encoding)
            )
        if not trial.frames:
            raise self._fault or VideoError(f"{self._clip.info.name} has no frames where it was asked for")
        frames, length = count_frames(self._clip.info, self._options)
        return VideoPlan(
            frames,
            length,
            self._info,
            "" if encoding is None else encoding.codec,
            None if frames is None else frames * trial.seconds,
            None if frames is None else frames * trial.size,
            trial.memory,
            plan_streams(self._clip.info, target, encoding),
            (*self._clip.notes, *(() if encoding is None else encoding.notes)),
        )

    def _sink(self, folder: Path, target: Path, encoding: Encoding | None) -> Sink:
        """A sink in another folder, of the kind that `target` is written by."""
        if encoding is not None:
            return SegmentWriter(folder / "segment", self._info, encoding)
        return open_sink(folder / target.name, self._info)

    def _encoding(self, target: Path) -> Encoding:
        options = self._options
        return choose_encoding(target, self._info, options.codec, options.crf, even=options.even)

    def preview(self, number: int) -> Pixels:
        """The picture of one frame, counted from 0 at the clip's rate, steadied by nothing before it.

        Raises UsageError: there are not so many.
        """
        photos = self._photos(Fraction(number) / self._clip.info.rate, keeps_alpha=False)
        for photo in photos:
            return self._beside(photo.pixels, self._finish(photo.pixels, self._styler(photo.pixels)))
        raise self._fault or UsageError(f"{self._clip.info.name} has no frame {number}")

    def _check(self, target: Path) -> None:
        if target.exists() and target.resolve() == Path(self._clip.info.name).resolve():
            raise UsageError(f"output {target} is the same file as the input: name another file")
        if target.is_file() and not self._options.overwrite:
            raise UsageError(f"{target} exists: name another file, or replace it with overwrite=True")

    def _in_parts(self, target: Path, watch: ProgressReporter, cut: bool) -> bool:
        options = self._options
        encoding = self._encoding(target)
        parts = VideoParts(target, self._job, Fraction(options.start), overwrite=options.overwrite)
        watch.go_on(parts.mark)
        self._sequence.restore(parts.mark.state)
        self._finish.restore(parts.mark.state)
        complete = parts.mark.next is None or self._write_parts(parts, encoding, watch)
        if not complete and not cut:
            return False
        if not parts.segments:
            parts.remove()
            if not complete:
                return False
            raise self._fault or VideoError(f"{self._clip.info.name} has no frames where it was asked for")
        source = None if self._info.color is None else Path(self._info.name)  # pictures have no sound
        end = options.end if complete else parts.mark.next
        told = join(parts.segments, source, target, self._info, options.start, end)
        self._written = (*encoding.notes, *told)
        parts.remove()
        return complete

    def _write_parts(self, parts: VideoParts, encoding: Encoding, watch: ProgressReporter) -> bool:
        """Return whether the end was reached."""

        def make(path: Path) -> Sink:
            return SegmentWriter(path, self._info, encoding)

        finished = False
        start = parts.mark.next or Fraction(0)
        with closing(self._pictures(start, keeps_alpha=encoding.has_alpha)) as styled:
            while not finished and not watch.stopped:
                finished = self._write_part(parts, make, styled, watch)
        return finished

    def _write_part(
        self,
        parts: VideoParts,
        make: Callable[[Path], Sink],
        styled: Iterator[ShownFrame],
        watch: ProgressReporter,
    ) -> bool:
        """Write one part, and return whether it was the last."""
        mark, most = parts.mark, parts.mark.frames + self._styler.part_frames
        with parts.writer(make) as writer:
            for item in styled:
                writer.write(self._as_written(item))
                state = {**item.state, **self._finish.state}
                mark = ResumePoint(mark.frames + 1, item.photo.time + item.photo.duration, state)
                watch.count(item.photo)
                if mark.frames == most or watch.stopped:
                    break
            else:
                mark = replace(mark, next=None)
        parts.add(mark)
        return mark.next is None

    def _at_once(self, target: Path, watch: ProgressReporter) -> bool:
        """Animations and folders, which have no parts to keep."""
        start, keeps_alpha = Fraction(self._options.start), holds_alpha(target, self._info)
        if self._info.has_alpha and not keeps_alpha:
            self._written = (opaque_note(target),)
        with suppress(_Stopped), open_sink(target, self._info) as sink:
            with closing(self._pictures(start, keeps_alpha=keeps_alpha)) as styled:
                for item in styled:
                    sink.write(self._as_written(item))
                    watch.count(item.photo)
                    if watch.stopped:
                        raise _Stopped  # which makes the sink discard what it has
            return True
        return False

    def _photos(self, start: Fraction, *, keeps_alpha: bool) -> Iterator[Frame]:
        """At the size of the result. A fault of the clip ends it, and is told when all is written."""
        try:
            for frame in self._clip.frames(start, self._options.end, self._options.every):
                if keeps_alpha and frame.alpha is not None:
                    pixels, alpha = frame.white_where_hidden(), resized(frame.alpha, self._size)
                else:
                    pixels, alpha = frame.over_white(), None
                yield replace(frame, pixels=resized(pixels, self._size), alpha=alpha)
        except VideoError as error:
            self._fault = error

    def _pictures(self, start: Fraction, *, keeps_alpha: bool) -> Generator[ShownFrame, None, None]:
        return self._sequence(self._photos(start, keeps_alpha=keeps_alpha))

    def _as_written(self, item: ShownFrame) -> Frame:
        """The frame as it is written."""
        photo, alpha = item.photo.pixels, item.photo.alpha
        if alpha is not None:
            alpha = self._beside(alpha, alpha)
        return replace(item.photo, pixels=self._beside(photo, self._finish(photo, item.picture)), alpha=alpha)

    def _beside(self, photo: Pixels, picture: Pixels) -> Pixels:
        return np.hstack([photo, picture]) if self._options.side_by_side else picture


def stylize_video(
    source: str | PathLike[str],
    target: str | PathLike[str],
    style: Styles | None,
    strength: float = 1.0,
    *,
    mask: io.Source | None = None,
    region: StyleRegions = (),
    callback: Callable[[Progress], None] | None = None,
    **options: Any,
) -> None:
    """Apply a trained style to a video, a folder of frames, or an animation.

    Args:
        source: a video, a folder of pictures, a .gif or .webp.
        target: a video, a .gif, a .webp, a folder, or names with a number such as out/%05d.png.
        style, strength, mask, region: as for `Stylizer`; a mask holds for all frames.
        callback: called with a `Progress` after every frame.
        options: fields of `VideoOptions` and `StyleControls`, such as `end=10.0`, `keep_color="luminance"`.

    Raises:
        ImpastoError: any of the family. What is done of a video stays, and the same call goes on from there.

    >>> impasto.stylize_video("holiday.mp4", "painted.mp4", "starry-night")
    """
    options = with_current_names(options)
    controls = {
        field.name: options.pop(field.name) for field in fields(StyleControls) if field.name in options
    }
    stylizer = Stylizer(style, strength, mask=mask, region=region, **controls)
    chosen = VideoOptions(**options)
    clip = open_clip(source, deinterlace=chosen.deinterlace)
    network_job(clip, stylizer, chosen).run(Path(target), callback)


def network_job(clip: Clip, stylizer: Stylizer, options: VideoOptions) -> VideoJob:
    """Make the job that stylizes a clip by networks, frame by frame."""
    finish = FramePostprocessor(stylizer.finish)
    return VideoJob(clip, NetworkStyler(stylizer), stylizer.record(), options, finish)


class _Stopped(Exception):
    """Somebody asked to stop."""


def is_video(target: Path) -> bool:
    """Return whether a video file is to be written there, and no animation or pictures."""
    return target.suffix.lower() in CONTAINERS and not target.is_dir()


def _identity(clip: Clip) -> dict[str, Any]:
    """Facts that a clip must agree in for a video of it to be resumed."""
    path, info = Path(clip.info.name), clip.info
    length = path.stat().st_size if path.is_file() else info.frames
    known = {"name": path.name, "length": length, "size": list(info.size), "rate": str(info.rate)}
    return {**known, "content": fingerprint(path)}
