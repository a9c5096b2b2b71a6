"""Pieces of a video, encoded so that they can be joined without encoding anything again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from impasto.errors import UsageError
from impasto.imaging import ffmpeg
from impasto.imaging.video.clip import ClipInfo, Frame, Pixels
from impasto.imaging.video.encoding import SCALER_MATRIX, Encoding, written_color
from impasto.imaging.video.sinks import FileSink

_KEY_FRAME_SECONDS = 5  # to jump in a finished video without waiting
_FINEST = 1_000_000  # parts of a second that all encoders take
_LIMITED = 1


class SegmentWriter(FileSink):
    """Encodes frames into one segment; frames keep their `time`, so that gaps and starts are remembered.

    There are no B-frames: packets are stored in the order in which they are shown, and the first frame of a
    segment needs none before it. RGB becomes the YUV of the clip's own matrix, limited range, and says so.

    Args:
        path: any name; the file is MP4, MOV for ProRes, or WebM for VP9 with alpha, and appears when closed.
        info: of the clip: `size` of the frames to come, `rate`, `time_base`, `color`, `sample_aspect`.
        encoding: from `choose_encoding`.

    Raises:
        VideoError: the encoder does not take this, or the disk is full; from `write` and `close` too.
        UsageError: from `write`, for a frame of another size.
    """

    def __init__(self, path: str | os.PathLike[str], info: ClipInfo, encoding: Encoding) -> None:
        super().__init__(path)
        self._info, self._encoding = info, encoding
        self._color = written_color(info)
        self._base = info.time_base if info.time_base.denominator <= _FINEST else Fraction(1, _FINEST)
        self._durations: dict[int, int] = {}
        self._av = ffmpeg.load(f"Writing {path}")
        self._scaler = self._av.video.reformatter.VideoReformatter()
        try:
            with self._explaining():
                self._container = self._stack.enter_context(self._open())
                self._stream = self._add_stream()
                self._stream.codec_context.open()
        except BaseException:
            self.discard()
            raise

    def write(self, frame: Frame) -> None:
        """Encode a frame; times must grow."""
        height, width = self._info.size
        if frame.pixels.shape != (height, width, 3):
            raise UsageError(f"a frame is {(height, width, 3)}, not {frame.pixels.shape}")
        with self._explaining():
            picture = self._to_yuv(frame)
            self._mux(self._stream.encode(picture))
        self._is_empty = False

    def _finish(self) -> None:
        with self._explaining():
            self._mux(self._stream.encode(None))
            self._container.close()

    def _explaining(self) -> Any:
        return ffmpeg.explaining(f"{self._path} could not be written")

    def _open(self) -> Any:
        # the unit of edit lists, which hold the time of the first frame
        has_edits = self._encoding.container in ("mp4", "mov")
        options = {"movie_timescale": str(self._base.denominator)} if has_edits else {}
        return self._av.open(
            f"file:{self._temporary}", "w", format=self._encoding.container, container_options=options
        )

    def _add_stream(self) -> Any:
        encoding, info = self._encoding, self._info
        os.environ.setdefault("SVT_LOG", "1")  # or the AV1 encoder tells its life on stderr; 1 is for errors
        stream = self._container.add_stream(
            encoding.encoder, rate=info.rate.limit_denominator(_FINEST), options=encoding.options
        )
        stream.time_base = self._base
        context = stream.codec_context
        context.height, context.width = encoding.size
        context.pix_fmt, context.time_base = encoding.pixel_format, self._base
        context.sample_aspect_ratio = info.sample_aspect
        context.max_b_frames, context.gop_size = 0, max(1, round(_KEY_FRAME_SECONDS * info.rate))
        context.thread_type = "AUTO"
        context.color_primaries, context.color_trc = self._color.primaries, self._color.transfer
        context.colorspace, context.color_range = self._color.matrix, self._color.range
        if encoding.tag:
            context.codec_tag = encoding.tag
        return stream

    def _to_yuv(self, frame: Frame) -> Any:
        flags = self._av.video.reformatter.Interpolation
        picture = self._scaler.reformat(
            self._as_rgb(frame),
            format=self._encoding.pixel_format,
            dst_colorspace=SCALER_MATRIX[self._color.matrix],
            dst_color_range=_LIMITED,
            interpolation=flags.BICUBIC | flags.ACCURATE_RND | flags.FULL_CHR_H_INP,
        )
        picture.pts, picture.time_base = round(frame.time / self._base), self._base
        picture.color_primaries, picture.color_trc = self._color.primaries, self._color.transfer
        picture.colorspace = self._color.matrix
        self._durations[picture.pts] = max(1, round(frame.duration / self._base))
        return picture

    def _as_rgb(self, frame: Frame) -> Any:
        make = self._av.VideoFrame.from_ndarray
        if not self._encoding.has_alpha:
            return make(self._cropped(frame.over_white()), format="rgb24")
        height, width = self._info.size
        alpha = np.full((height, width), 255, np.uint8) if frame.alpha is None else frame.alpha
        return make(self._cropped(np.dstack([frame.pixels, alpha])), format="rgba")

    def _cropped(self, pixels: Pixels) -> Pixels:
        height, width = self._encoding.size
        return np.ascontiguousarray(pixels[:height, :width])

    def _mux(self, packets: Sequence[Any]) -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts)
            self._container.mux(packet)
