"""Targets that read moving pictures: videos, animations, playlists, their sound, and what is unfinished."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av
import numpy as np
from PIL import Image

from impasto.imaging.video.clip import Clip, ClipInfo, Color, Frame
from impasto.imaging.video.encoding import choose_encoding
from impasto.imaging.video.open import open_clip
from impasto.imaging.video.segments import SegmentWriter, join
from impasto.imaging.video.stream_plan import plan_streams
from impasto.stylizing.motion import TemporalSmoother
from impasto.stylizing.parts import ResumePoint, VideoParts
from tests.fuzz.target import MOST_PIXELS, Target, stored

_SIZE, _COUNT, _RATE = (48, 64), 5, Fraction(10)
_READ = 12  # frames
_INFO = ClipInfo("clip", _SIZE, _RATE, 1 / _RATE)
_JOB = {"styles": ["fuzzed"], "size": 64}
_PLAYLISTS = (
    b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\nclip\n#EXT-X-ENDLIST\n",
    b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nfile:clip\n",
    b"ffconcat version 1.0\nfile clip\nfile clip\n",
    b"ffconcat version 1.0\nfile /dev/zero\nduration 5\n",
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    b"m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
)


def _frames() -> list[Frame]:
    rows, columns = np.mgrid[: _SIZE[0], : _SIZE[1]]
    frames = []
    for index in range(_COUNT):
        planes = [rows * 3 + index * 9, columns * 2 + index * 5, rows + columns]
        pixels = (np.stack(planes, -1) % 256).astype(np.uint8)
        frames.append(Frame(index, index / _RATE, 1 / _RATE, pixels))
    return frames


def _film(
    path: Path,
    codec: str,
    pixel_format: str = "yuv420p",
    sound: str = "",
    titles: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """A video of any codec that FFmpeg has, with a tone."""
    with av.open(str(path), "w") as container:
        container.metadata.update(titles)
        stream: Any = container.add_stream(codec, rate=_RATE)
        stream.height, stream.width = _SIZE
        stream.pix_fmt, stream.codec_context.gop_size = pixel_format, 2
        track: Any = container.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for frame in _frames():
            picture = av.VideoFrame.from_ndarray(frame.pixels, format="rgb24")
            container.mux(stream.encode(picture.reformat(format=pixel_format)))
        container.mux(stream.encode(None))
        if track:
            tone = np.sin(np.arange(24_000) / 20).astype(np.float32)[None] / 2
            heard: Any = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            heard.sample_rate = 48_000
            context = track.codec_context
            resampler = av.AudioResampler(context.format, "mono", 48_000, context.frame_size or 1024)
            for part in [*resampler.resample(heard), *resampler.resample(None), None]:
                container.mux(track.encode(part))


def _segment(path: Path) -> None:
    """As the package writes it."""
    with SegmentWriter(path, _INFO, choose_encoding(path, _INFO)) as writer:
        for frame in _frames():
            writer.write(frame)


@cache
def _videos() -> tuple[bytes, ...]:
    writers: dict[str, Callable[[Path], None]] = {
        "a.mp4": _segment,
        "b.mp4": lambda path: _film(path, "libx264", sound="aac"),
        "c.mkv": lambda path: _film(path, "libx265", "yuv420p10le", "flac"),
        "d.webm": lambda path: _film(path, "libvpx-vp9", sound="libopus"),
        "e.avi": lambda path: _film(path, "mpeg4", sound="libmp3lame"),
        "f.mov": lambda path: _film(path, "prores_ks", "yuv422p10le", "pcm_s16le"),
        "g.ts": lambda path: _film(path, "mpeg2video", sound="mp2"),
        "h.flv": lambda path: _film(path, "flv"),
        "i.avi": lambda path: _film(path, "mjpeg", "yuvj420p"),
        "j.nut": lambda path: _film(path, "ffv1", "yuv444p"),
        "k.y4m": lambda path: _film(path, "wrapped_avframe"),
        "l.webm": lambda path: _film(path, "libsvtav1"),
        "m.ogv": lambda path: _film(path, "libtheora", sound="libvorbis"),
        "n.mov": lambda path: _film(path, "qtrle", "rgb24"),
        "o.webm": lambda path: _film(path, "libvpx-vp9", "yuva420p"),
        "p.mov": lambda path: _film(path, "prores_ks", "yuva444p10le"),
        "q.mov": lambda path: _film(path, "libx264", titles={"timecode": "01:00:00:00", "make": "Apple"}),
    }
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for name, write in writers.items():
            path = Path(folder) / name
            try:
                write(path)
            except (av.FFmpegError, ValueError):  # an FFmpeg without that encoder
                continue
            files.append(path.read_bytes())
    return tuple(files)


@cache
def _animations() -> tuple[bytes, ...]:
    files = []
    first, *others = (Image.fromarray(frame.pixels) for frame in _frames())
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("gif", "webp"):
            path = Path(folder) / f"a.{suffix}"
            first.save(path, save_all=True, append_images=others, duration=80, loop=0)
            files.append(path.read_bytes())
    return tuple(files)


def _read_clip(data: bytes, folder: Path) -> None:
    clip = open_clip(stored(data, folder, "clip"))
    height, width = clip.info.size
    if height * width > MOST_PIXELS:
        return
    _look_at(clip, 0)
    _look_at(clip, 0.25)
    _ = clip.notes


def _look_at(clip: Clip, start: float) -> None:
    last: Fraction | None = None
    for frame in islice(clip.frames(start), _READ):
        assert frame.pixels.shape == (*clip.info.size, 3)
        assert frame.alpha is None or frame.alpha.shape == clip.info.size
        assert last is None or frame.time > last
        last = frame.time


def _read_sound(data: bytes, folder: Path) -> None:
    """A hostile video lends its sound to a good one."""
    segment = stored(_videos()[0], folder, "segment.mp4")
    source, target = stored(data, folder, "source"), folder / "joined.mp4"
    plan_streams(replace(_INFO, name=str(source), color=Color()), target, choose_encoding(target, _INFO))
    join([segment], source, target, _INFO)


def _read_segment(data: bytes, folder: Path) -> None:
    """A part of an unfinished video that is not what it was."""
    whole, hurt = stored(_videos()[0], folder, "0.mp4"), stored(data, folder, "1.mp4")
    join([hurt, whole], None, folder / "joined.mp4", _INFO)


@cache
def _marks() -> tuple[bytes, ...]:
    """Of a part, with the state of a video that is held steady."""
    steadier, state = TemporalSmoother(), {}
    for frame in _frames():
        steadier(frame.pixels, frame.pixels)
        state = dict(steadier.state)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "video.mp4"
        parts = VideoParts(target, _JOB, Fraction(0))
        parts.add(ResumePoint(5, Fraction(1, 2), state))
        return ((parts.folder / "00000.mark").read_bytes(),)


def _read_mark(data: bytes, folder: Path) -> None:
    """A finished part's mark, from which the next frame is made."""
    target = folder / "video.mp4"
    stored_at = folder / "video.mp4.parts"
    stored_at.mkdir(exist_ok=True)
    stored(json.dumps(_JOB).encode(), stored_at, "job.json")
    stored(data, stored_at, "00000.mark")
    parts = VideoParts(target, _JOB, Fraction(0))
    assert parts.mark.frames >= 0
    if parts.found and parts.mark.state:
        steadier = TemporalSmoother()
        steadier.restore(parts.mark.state)
        steadier(_frames()[0].pixels, _frames()[0].pixels)


def _read_job(data: bytes, folder: Path) -> None:
    stored_at = folder / "video.mp4.parts"
    stored_at.mkdir(exist_ok=True)
    stored(data, stored_at, "job.json")
    VideoParts(folder / "video.mp4", _JOB, Fraction(0), overwrite=False)


TARGETS = (
    Target("video", _videos, _read_clip),
    Target("animation", _animations, _read_clip),
    Target("playlist", lambda: _PLAYLISTS, _read_clip),
    Target("sound", lambda: _videos()[1:7], _read_sound),
    Target("segment", lambda: _videos()[:2], _read_segment),
    Target("mark", _marks, _read_mark),
    Target("job", lambda: [json.dumps(_JOB).encode()], _read_job),
)
