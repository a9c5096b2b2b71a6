"""Videos for the page: uploaded clips within the limits, a preview of one frame, and the video itself."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from impasto.app.decoding import check_decoding
from impasto.app.inference import check_pictures, shown_size, stylizer_of
from impasto.app.jobs import BackgroundJob
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest
from impasto.app.sessions import Session
from impasto.errors import MissingExtraError, UsageError, VideoError
from impasto.imaging import ffmpeg, io
from impasto.imaging.geometry import fit_long_side, resize
from impasto.imaging.video.clip import Clip, ClipInfo, Pixels
from impasto.imaging.video.open import open_clip
from impasto.stylizing.options import VideoOptions
from impasto.stylizing.parts import Progress
from impasto.stylizing.pixels import as_image
from impasto.stylizing.video import VideoJob, network_job

# FFmpeg's names of containers, without playlists, which refer to other files; pictures are refused later
_CONTAINERS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "asf", "flv", "ogg", "m4v", "h264", "hevc",
    "ivf", "dv", "mxf", "nut", "rm", "gif", "webp_pipe", "png_pipe", "jpeg_pipe",
)  # fmt: skip
_PLAYED = {".mp4": ("h264", "av1"), ".webm": ("vp8", "vp9", "av1")}  # codecs by kinds of files
_LIBRARIES = {"av": "PyAV", "cv2": "OpenCV"}
_QUALITY = 90  # of the JPEGs that the page shows


@dataclass(frozen=True)
class Upload:
    """A clip that a visitor uploaded.

    Attributes:
        clip: its frames, which can be read any number of times.
        is_played: True if every browser can play the file.
    """

    path: Path
    clip: Clip
    is_played: bool

    @property
    def info(self) -> ClipInfo:
        return self.clip.info


@dataclass(frozen=True)
class Film:
    """A finished video.

    Attributes:
        path: an MP4 that browsers play, with the clip's sound.
        source: the uploaded clip.
        look, options: the request, within the limits.
        frames: number of frames.
        seconds: time it took.
    """

    path: Path
    source: Path
    look: StyleRequest
    options: VideoOptions
    frames: int
    seconds: float


@dataclass(frozen=True)
class Take:
    """Progress of a video job.

    Attributes:
        progress: None during the preparation.
        left: estimated seconds until the end; None if unknown.
        film: the finished video, in the last report, if there is one.
        is_over: True in the last report.
        notes: messages for the visitor, such as why it ended early.
    """

    progress: Progress | None = None
    left: float | None = None
    film: Film | None = None
    is_over: bool = False
    notes: tuple[str, ...] = ()


def missing() -> str | None:
    """Return a sentence naming the libraries to install for videos; None if none is missing."""
    absent = [name for module, name in _LIBRARIES.items() if find_spec(module) is None]
    if not absent:
        return None
    return str(MissingExtraError(" and ".join(absent), "video", "a video"))


def open_upload(path: Path, limits: Limits) -> Upload:
    """Open an uploaded clip. Raises ImpastoError if it is not a video or its frames are too large."""
    check_decoding(path, limits, _CONTAINERS)
    with ffmpeg.open_input(path, _CONTAINERS) as container:
        coded = [one.codec_context for one in container.streams.video if one.codec_context]
        codecs = [one.name for one in coded]
        for one in coded:  # before any frame is decoded
            _check_frames(path, (one.height, one.width), limits)
    clip = open_clip(path)
    _check_frames(path, clip.info.size, limits)
    played = _PLAYED.get(path.suffix.lower(), ())
    return Upload(path, clip, is_played=bool(codecs) and codecs[0] in played)


def _check_frames(path: Path, size: tuple[int, int], limits: Limits) -> None:
    height, width = size
    if height * width > limits.pixels:
        raise UsageError(
            f"{path.name} has frames of {width} x {height} pixels, and the limit here is "
            f"{limits.megapixels:g} million pixels: make it smaller first"
        )


def fit(info: ClipInfo, options: VideoOptions, limits: Limits) -> tuple[VideoOptions, tuple[str, ...]]:
    """Clamp a request to the clip and the limits; return it with sentences that name what was cut.

    The size is at most the clip's, and even, as browsers need it. Raises UsageError if no frame is left.
    """
    start, end, length = options.start, options.end, info.duration
    if length is not None and start >= length:
        raise UsageError(f"the clip is {length:.1f} s long: choose a start before that, not {start:g} s")
    if length is not None and end is not None and end > length - 0.5 / info.rate:
        end = None
    notes: tuple[str, ...] = ()
    last = length if end is None else end
    if last is None or last - start > limits.video_seconds:
        end = start + limits.video_seconds
        if last is not None:
            most = f"the limit here is {limits.video_seconds:g} s"
            notes = (f"{most}: the video goes from {start:g} s to {end:g} s of the clip",)
    return replace(options, end=end, size=even_size(info, options.size)), notes


def even_size(info: ClipInfo, size: int | None) -> int | None:
    """Return the long side to request: at most the clip's; None keeps the clip's size, if it is even."""
    side = max(info.size)
    if size is not None and size < side:
        return size
    return side if any(each % 2 for each in info.size) else None


def preview(
    visit: Session, path: Path, look: StyleRequest, moment: float, size: int | None, limits: Limits
) -> tuple[Path, Path]:
    """Write the frame at a time in seconds and its stylized version as two JPEGs. Raises ImpastoError."""
    upload = open_upload(path, limits)
    check_pictures(look, limits)
    stylizer = stylizer_of(look)
    options = VideoOptions(size=even_size(upload.info, size), steady=False, side_by_side=True)
    both = network_job(upload.clip, stylizer, options).preview(_number(upload.info, moment))
    middle = both.shape[1] // 2
    folder = visit.room("previews")
    frame = _show(folder / "frame.jpg", both[:, :middle])
    return frame, _show(folder / f"frame-{look.name}.jpg", both[:, middle:])


def make(
    visit: Session, path: Path, look: StyleRequest, options: VideoOptions, limits: Limits
) -> BackgroundJob[Take]:
    """Start to make a video.

    If it is stopped, runs out of time or meets a damaged part of the clip, the frames so far become the
    video; if the visitor leaves, it is deleted.

    Raises ImpastoError for a request that cannot be met, before it waits for its turn.
    """
    upload = open_upload(path, limits)
    check_pictures(look, limits)
    options, notes = fit(upload.info, options, limits)

    def work(job: BackgroundJob[Take]) -> None:
        job.tell(Take(notes=notes))
        _VideoTask(visit, upload, look, options, job).run(60 * limits.job_minutes)

    return visit.start("video", work, work_of(upload.info, options))


def work_of(info: ClipInfo, options: VideoOptions) -> float:
    """Return the pixels of all frames of a video; those of a minute if the clip's length is unknown."""
    last = options.end or info.duration or options.start + 60
    height, width = info.size if options.size is None else fit_long_side(info.size, options.size)
    return max(1.0, (last - options.start) * float(info.rate)) * height * width


def film_name(path: Path, look: StyleRequest) -> str:
    """Return the name of the video file, such as clip-starry-night.mp4."""
    return f"{path.stem}-{look.name.replace(' ', '-')}.mp4"


class _VideoTask:
    """A video in progress."""

    def __init__(
        self,
        visit: Session,
        upload: Upload,
        look: StyleRequest,
        options: VideoOptions,
        job: BackgroundJob[Take],
    ) -> None:
        self._visit, self._upload, self._look, self._options = visit, upload, look, options
        self._job = job
        self._started = time.monotonic()
        self._progress: Progress | None = None
        self._deadline = math.inf
        self._is_late = False

    def run(self, most: float) -> None:
        """Make the video within that many seconds, and report."""
        self._deadline = self._started + most
        stylizer, folder = stylizer_of(self._look, "auto"), self._visit.room("videos")
        target = folder / film_name(self._upload.path, self._look)
        video = network_job(self._upload.clip, stylizer, self._options)
        try:
            ending = self._make(video, target)
        except BaseException:
            self._visit.drop(folder)
            raise
        told = dict.fromkeys((*stylizer.notes, *video.notes, *ending))
        self._job.tell(Take(self._progress, 0.0, self._film(target), is_over=True, notes=tuple(told)), 0.0)

    def _make(self, video: VideoJob, target: Path) -> tuple[str, ...]:
        """Return why the video ended early. Raises the error of a clip that gave no video."""
        try:
            if video.run(target, self._hear, self._job.stop, cut=True):
                return ()
        except VideoError as error:
            if not target.exists():
                raise
            return (str(error),)
        why = "out of time" if self._is_late else "stopped"
        if not self._frames:
            return (f"{why} before the first frame",)
        return (f"{why} after {self._frames} frames: the video ends there",)

    @property
    def _frames(self) -> int:
        return self._progress.frames if self._progress else 0

    def _film(self, target: Path) -> Film | None:
        if not target.exists():
            return None
        seconds = time.monotonic() - self._started
        return Film(target, self._upload.path, self._look, self._options, self._frames, seconds)

    def _hear(self, progress: Progress) -> None:
        self._progress, left = progress, _left(progress)
        self._job.tell(Take(progress, left), left)
        if time.monotonic() > self._deadline and not self._job.stop.is_set():
            self._is_late = True
            self._job.stop.set()


def _left(progress: Progress) -> float | None:
    if not progress.done:
        return None
    return progress.frames * (1 - progress.done) / progress.done / progress.per_second


def _number(info: ClipInfo, moment: float) -> int:
    """Return the number of the frame shown at a time in seconds; the last frame after the clip's end."""
    number = max(0, int(moment * info.rate))
    return number if info.frames is None else min(number, info.frames - 1)


def _show(path: Path, pixels: Pixels) -> Path:
    image = as_image(pixels)
    io.write(path, resize(image[None], shown_size(pixels.shape[:2]))[0], quality=_QUALITY)
    return path
