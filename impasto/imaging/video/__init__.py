"""Moving pictures in and out: videos, animations and folders of frames, all as `Clip` and `Sink`."""

from impasto.imaging.video.clip import Clip, ClipInfo, Color, Frame
from impasto.imaging.video.encoding import Encoding, choose_encoding
from impasto.imaging.video.open import open_clip, open_sink
from impasto.imaging.video.segments import SegmentWriter, join
from impasto.imaging.video.sinks import Sink

__all__ = [
    "Clip",
    "ClipInfo",
    "Color",
    "Encoding",
    "Frame",
    "SegmentWriter",
    "Sink",
    "choose_encoding",
    "join",
    "open_clip",
    "open_sink",
]
