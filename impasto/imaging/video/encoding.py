"""Choose a video encoding before any work: codec, container, quality, pixel format."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from impasto.errors import UsageError
from impasto.imaging import ffmpeg
from impasto.imaging.files import check_target
from impasto.imaging.video.clip import ClipInfo, Color

_SPEED_WORDS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip

# from matrices of H.273 to FFmpeg's scaler's names for them
SCALER_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}


@dataclass(frozen=True)
class _Codec:
    """A codec, and how FFmpeg's encoder for it is used.

    Attributes:
        encoder: FFmpeg's name.
        containers: suffixes of the files that hold it, for the players there are.
        crf: the default; None where the encoder has no such thing.
        crf_range: lowest and highest, smaller is better.
        presets: from fast to slow or slow to fast, as the encoder counts; empty if it has none.
        preset: the default.
        preset_option: what the encoder calls it.
        options: more of them, for the encoder.
        odd_format: the pixel format for odd sides, where the usual one cannot have them.
        alpha_format: the pixel format for transparent frames, where there is one.
        alpha_options: of the encoder, for those.
        alpha_containers: suffixes of the files that hold them.
    """

    encoder: str
    containers: tuple[str, ...]
    crf: int | None = None
    crf_range: tuple[int, int] = (0, 51)
    presets: tuple[str, ...] = ()
    preset: str = ""
    preset_option: str = "preset"
    options: dict[str, str] = field(default_factory=dict)
    pixel_format: str = "yuv420p"
    odd_format: str | None = None
    alpha_format: str | None = None
    alpha_options: dict[str, str] = field(default_factory=dict)
    alpha_containers: tuple[str, ...] = ()
    tag: str | None = None


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


CODECS = {
    "h264": _Codec(
        "libx264",
        (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".ts"),
        18,
        (0, 51),
        _SPEED_WORDS,
        "veryfast",
        odd_format="yuv444p",
    ),
    "hevc": _Codec(
        "libx265",
        (".mp4", ".m4v", ".mov", ".mkv", ".ts"),
        20,
        (0, 51),
        _SPEED_WORDS,
        "medium",
        options={"x265-params": "log-level=none:info=0"},
        odd_format="yuv444p",
        tag="hvc1",  # without it, Apple's players show nothing
    ),
    "vp9": _Codec(
        "libvpx-vp9",
        (".webm", ".mkv", ".mp4"),
        24,
        (0, 63),
        _numbers(9),
        "3",
        "cpu-used",
        options={"row-mt": "1"},
        alpha_format="yuva420p",
        alpha_options={"auto-alt-ref": "0"},  # with such frames, the encoder refuses alpha
        alpha_containers=(".webm", ".mkv"),
    ),
    "av1": _Codec("libsvtav1", (".webm", ".mkv", ".mp4"), 24, (1, 63), _numbers(14), "8"),
    "prores": _Codec(
        "prores_ks",
        (".mov", ".mkv"),
        options={"profile": "hq"},
        pixel_format="yuv422p10le",
        alpha_format="yuva444p10le",
        alpha_options={"profile": "4444"},
        alpha_containers=(".mov", ".mkv"),
    ),
}
CONTAINERS = {
    ".mp4": "h264",
    ".m4v": "h264",
    ".mov": "h264",
    ".mkv": "h264",
    ".webm": "vp9",
    ".avi": "h264",
    ".ts": "h264",
}  # with the codec to default to
MP4_LIKE = (".mp4", ".m4v", ".mov")  # files of one format, with edit lists and an index
_FOR_PHONES = (".mp4", ".m4v")
# FFmpeg's names, where it takes a suffix for another format
FORMATS = {".m4v": "mp4"}


@dataclass(frozen=True)
class Encoding:
    """An encoding chosen by `choose_encoding`.

    Attributes:
        codec: h264, hevc, vp9, av1 or prores.
        encoder: FFmpeg's name of what makes it.
        options: of the encoder.
        pixel_format: FFmpeg's name.
        tag: four letters that name the codec in MP4 and MOV, where FFmpeg's own choice is not the best.
        size: (height, width) of what is written; frames lose what is beyond it.
        notes: sentences that the user should hear.
        has_alpha: frames stay transparent; else they are laid over white.
    """

    codec: str
    encoder: str
    options: dict[str, str]
    pixel_format: str
    tag: str | None
    size: tuple[int, int]
    notes: tuple[str, ...]
    has_alpha: bool = False

    @property
    def container(self) -> str:
        """FFmpeg's name of the format for segments: it holds the codec, and keeps times exactly.

        WebM does so to a millisecond only, but no other holds the alpha of VP9; nor does the result.
        """
        if self.codec == "prores":
            return "mov"
        return "webm" if self.has_alpha else "mp4"


def written_color(info: ClipInfo) -> Color:
    """Color description of written frames: the clip's own if YUV can be made with it, else BT.709."""
    if info.color is None or info.color.matrix not in SCALER_MATRIX:
        return Color()
    return info.color


def choose_encoding(
    target: str | os.PathLike[str],
    info: ClipInfo,
    codec: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    *,
    even: bool | None = None,
) -> Encoding:
    """Settle how a video file will be encoded; ask before hours of work.

    Args:
        target: its suffix decides the container: one of `CONTAINERS`.
        info: of the clip to write; `size` counts.
        codec: h264, hevc, vp9, av1 or prores; None for VP9 in .webm, ProRes for transparent frames in .mov,
            and H.264 elsewhere.
        crf: constant rate factor, smaller is better and larger in bytes. h264, hevc: 0 to 51, vp9: 0 to 63,
            av1: 1 to 63. None for 18, 20, 24 and 24.
        preset: h264, hevc: ultrafast to placebo; vp9: 0 (slow) to 8 (fast); av1: 0 (slow) to 13 (fast). None
            for veryfast, medium, 3 and 8.
        even: cut a row or a column of pixels off where their number is odd; None does so for H.264 and H.265
            in .mp4 and .m4v, which phones play only then.

    Raises:
        UsageError: an unknown suffix or codec, a codec that the container or this FFmpeg does not have, crf
            or preset out of range, a target that is a folder.
        ImageError: the target's folder is missing or not writable.
        MissingExtraError: PyAV is not installed.
    """
    path = check_target(target)
    suffix = path.suffix.lower()
    if suffix not in CONTAINERS:
        raise UsageError(f"{path} is not the name of a video; end it with one of {', '.join(CONTAINERS)}")
    if codec is None:
        codec = "prores" if info.has_alpha and suffix == ".mov" else CONTAINERS[suffix]
    kind = _find_codec(codec, suffix, path)
    options = kind.options | _crf_option(codec, kind, crf) | _preset_option(codec, kind, preset)
    usual = Encoding(codec, kind.encoder, options, kind.pixel_format, kind.tag, info.size, ())
    if info.has_alpha:
        if suffix in kind.alpha_containers and kind.alpha_format is not None:
            options = options | kind.alpha_options
            return replace(usual, options=options, pixel_format=kind.alpha_format, has_alpha=True)
        usual = replace(usual, notes=(opaque_note(path),))
    is_odd = any(side % 2 for side in info.size)
    if even is None:
        even = kind.odd_format is not None and suffix in _FOR_PHONES
    if is_odd and even and min(info.size) > 1:
        size = (info.size[0] // 2 * 2, info.size[1] // 2 * 2)
        return replace(usual, size=size, notes=(*usual.notes, _cut_note(path, info, size)))
    if is_odd and kind.odd_format:
        notes = (*usual.notes, _odd_note(path, info, codec))
        return replace(usual, pixel_format=kind.odd_format, notes=notes)
    return usual


def opaque_note(path: Path) -> str:
    """A sentence for results that cannot be transparent."""
    return (
        f"{path} does not keep transparency: frames are laid over white; ProRes in .mov, VP9 in .webm, .webp "
        "and folders of .png keep it"
    )


def _find_codec(codec: str, suffix: str, path: Path) -> _Codec:
    if codec not in CODECS:
        raise UsageError(f"{codec} is not a codec that impasto writes; choose one of {', '.join(CODECS)}")
    kind = CODECS[codec]
    if suffix not in kind.containers:
        fitting = [name for name, other in CODECS.items() if suffix in other.containers]
        raise UsageError(
            f"{path} cannot hold {codec}: choose {' or '.join(fitting)}, or end the name with "
            f"{' or '.join(kind.containers)}"
        )
    if not _has_encoder(kind.encoder, path):
        there = [name for name, other in CODECS.items() if _has_encoder(other.encoder, path)]
        raise UsageError(
            f"this FFmpeg has no encoder for {codec} ({kind.encoder}); it has {', '.join(there) or 'none'}"
        )
    return kind


def _has_encoder(name: str, path: Path) -> bool:
    av = ffmpeg.load(f"Writing {path}")
    try:
        av.Codec(name, "w")
    except av.FFmpegError:
        return False
    return True


def _crf_option(codec: str, kind: _Codec, crf: int | None) -> dict[str, str]:
    if kind.crf is None:
        if crf is not None:
            raise UsageError(f"{codec} has no crf; leave it out, or choose another codec")
        return {}
    low, high = kind.crf_range
    crf = kind.crf if crf is None else crf
    if not low <= crf <= high:
        raise UsageError(f"the crf of {codec} is from {low} (best) to {high}, not {crf}")
    return {"crf": str(crf)}


def _preset_option(codec: str, kind: _Codec, preset: str | None) -> dict[str, str]:
    if not kind.presets:
        if preset is not None:
            raise UsageError(f"{codec} has no presets; leave it out, or choose another codec")
        return {}
    preset = kind.preset if preset is None else preset
    if preset not in kind.presets:
        first, last = kind.presets[0], kind.presets[-1]
        raise UsageError(f"the presets of {codec} go from {first} to {last}, and {preset} is none of them")
    return {kind.preset_option: preset}


def _cut_note(path: Path, info: ClipInfo, size: tuple[int, int]) -> str:
    (height, width), (new_height, new_width) = info.size, size
    return (
        f"{path} would have an odd side ({width} x {height}), which phones do not play: a pixel is cut off, "
        f"to {new_width} x {new_height}; even=False keeps it"
    )


def _odd_note(path: Path, info: ClipInfo, codec: str) -> str:
    height, width = info.size
    return (
        f"{path} has an odd side ({width} x {height}), so its colors are written at full resolution "
        f"(4:4:4), which some players of {codec} cannot show: choose even sides for those"
    )
