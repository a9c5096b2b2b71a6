"""Small videos for the tests, made with PyAV: frames that can be told apart, and a tone that sweeps."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
from PIL import Image
from skimage import data

from impasto.imaging.video import SegmentWriter, choose_encoding, join, open_clip

SIZE = (64, 96)  # height, width
RATE = Fraction(25)
AUDIO_RATE = 44_100
_PHOTO = np.asarray(Image.fromarray(data.coffee()).resize((160, 96)))
_MARK = 16


def picture(index, size=SIZE):
    """(H, W, 3): a photo that moves, with a gray mark in the corner, from which `index_of` knows it."""
    height, width = size
    pixels = np.roll(_PHOTO, (index, -2 * index), (0, 1))[:height, :width].copy()
    pixels[:_MARK, :_MARK] = 16 + index * 7 % 224
    return pixels


def index_of(pixels):
    """The number, below 32, of the picture that a frame shows."""
    return round((pixels[4:12, 4:12].mean() - 16) / 7)


def write_film(
    path,
    count=20,
    *,
    codec="libx264",
    pixel_format="yuv420p",
    size=SIZE,
    rate=RATE,
    time_base=None,
    stamps=None,
    matrix=1,
    color_range=1,
    tags=None,
    draw=picture,
    audio=None,
    audio_start=0,
    b_frames=2,
    gop=8,
    aspect=None,
    turn=None,
    titles=None,
    container_options=None,
    options=None,
):
    """A video; `stamps` are times in units of `time_base`, `audio` a list of encoders, `turn` a rotation."""
    time_base = time_base or 1 / rate
    with av.open(path, "w", container_options=container_options or {}) as container:
        container.metadata.update(titles or {})
        options = {"crf": "4", "preset": "veryfast"} if options is None else options
        stream = container.add_stream(codec, rate=rate, options=options)
        context = stream.codec_context
        stream.time_base = context.time_base = time_base
        context.height, context.width = size
        context.pix_fmt, context.max_b_frames, context.gop_size = pixel_format, b_frames, gop
        context.color_range = color_range
        context.color_primaries, context.color_trc, context.colorspace = tags or (1, 1, matrix)
        if aspect:
            context.sample_aspect_ratio = aspect
        if turn:
            stream.set_display_rotation(*turn)
        tracks = [_add_sound(container, name) for name in audio or ()]
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(draw(index, size), format="rgb24").reformat(
                format=pixel_format, dst_colorspace={6: 5}.get(matrix, matrix), dst_color_range=color_range
            )
            frame.pts, frame.time_base = (stamps or range(count))[index], time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for track in tracks:
            _write_sound(container, track, float(count / rate), audio_start)
    return path


def _add_sound(container, name):
    rate = 48_000 if name == "libopus" else AUDIO_RATE
    track = container.add_stream(name, rate=rate)
    track.codec_context.layout = "stereo"
    track.codec_context.open()
    track.metadata["language"] = "fra"
    return track


def _write_sound(container, track, seconds, start):
    rate = track.codec_context.sample_rate
    times = np.arange(round(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * (300 + 200 * times) * times).astype(np.float32) / 2
    frame = av.AudioFrame.from_ndarray(np.stack([tone, -tone]), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = rate, round(start * rate), Fraction(1, rate)
    context = track.codec_context
    resampler = av.AudioResampler(context.format, "stereo", rate, context.frame_size or 1024)
    for part in [*resampler.resample(frame), *resampler.resample(None), None]:
        container.mux(track.encode(part))


def packets_of(path, kind="audio", track=0):
    """(seconds, bytes) of every packet."""
    with av.open(path) as container:
        stream = getattr(container.streams, kind)[track]
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(stream)
            if packet.size
        ]


def remake(source, target, cuts=(0.4,), start=0, end=None, **options):
    """The video again, in segments; its notes."""
    clip, segments = open_clip(source), []
    encoding = choose_encoding(target, clip.info, **options)
    bounds = [start, *cuts, end]
    for number, (first, last) in enumerate(pairwise(bounds)):
        segments.append(target.with_name(f"segment{number}"))
        with SegmentWriter(segments[-1], clip.info, encoding) as writer:
            for frame in clip.frames(first, last):
                writer.write(frame)
    notes = join(segments, source, target, clip.info, start, end)
    return segments, notes
