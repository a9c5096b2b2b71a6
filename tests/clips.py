"""Small videos of a real photo in motion."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from skimage import data

Pixels = NDArray[np.uint8]


def pan(count: int, size: tuple[int, int] = (48, 64), step: int = 2) -> list[Pixels]:
    """A window that moves to the right over a photo."""
    whole, (height, width) = data.astronaut()[60::2, ::2], size
    return [np.ascontiguousarray(whole[:height, step * n : step * n + width]) for n in range(count)]


def write_clip(path: Path, frames: list[Pixels], rate: int = 10, *, sound: bool = False) -> Path:
    """H.264, nearly without loss, with a tone where `sound` is asked for."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=rate, options={"crf": "4", "preset": "ultrafast"})
        video.height, video.width = frames[0].shape[:2]
        video.pix_fmt = "yuv444p"
        audio = container.add_stream("aac", rate=8000, layout="mono") if sound else None
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            _add_tone(container, audio, len(frames) / rate)
    return path


def _add_tone(container: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    times = np.arange(round(8000 * seconds)) / 8000
    wave = (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    for start in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, start, Fraction(1, 8000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def read_clip(path: Path) -> list[Pixels]:
    """All frames as RGB."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
