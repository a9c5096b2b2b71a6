"""Subtitles, chapters, cover pictures and attachments, which a new video has like the old one."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from impasto.imaging.video import open_clip
from tests.imaging.films import remake, write_film

LINES = ((100, 150, "Bonjour,\nl'été"), (300, 200, "again"))  # milliseconds from, how many, text
MS = Fraction(1, 1000)
HEADER = (
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour\n"
    "Style: Default,Arial,16,&Hffffff\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
)


def mov_text(text: str) -> bytes:
    return len(text.encode()).to_bytes(2, "big") + text.encode()


def ass(text: str) -> bytes:
    return ("0,0,Default,,0,0,0,," + r"{\i1}" + text.replace("\n", r"\N")).encode()


PAYLOADS = {
    "subrip": lambda text: f"<i>{text}</i>".encode(),
    "webvtt": lambda text: text.encode(),
    "mov_text": mov_text,
    "ass": ass,
}


def with_subtitles(film: Path, path: Path, codec: str | None, *, chapters=(), files=(), lines=LINES) -> Path:
    """The same film with one track of subtitles, in French."""
    with av.open(film) as source, av.open(path, "w") as output:
        tracks = {
            stream.index: output.add_stream_from_template(stream, opaque=True) for stream in source.streams
        }
        if codec:
            words = output.add_stream(codec)
            words.time_base = MS
            words.codec_context.subtitle_header = HEADER.encode()
            words.metadata["language"] = "fra"
        for name, kind, content in files:
            output.add_attachment(name, kind, content)
        output.set_chapters(
            [
                {"id": n + 1, "start": a, "end": b, "time_base": MS, "metadata": {"title": title}}
                for n, (a, b, title) in enumerate(chapters)
            ]
        )
        output.start_encoding()
        for start, duration, text in lines if codec else ():
            packet = av.Packet(PAYLOADS[codec](text))
            packet.pts = packet.dts = start
            packet.duration, packet.time_base, packet.stream = duration, MS, words
            output.mux(packet)
        for packet in source.demux():
            if packet.size:
                packet.stream = tracks[packet.stream.index]
                output.mux(packet)
    return path


def subtitles_of(path: Path) -> list[tuple[float, float, bytes]]:
    with av.open(path) as container:
        (stream,) = container.streams.subtitles
        assert stream.language == "fra"
        found = [
            (round(float(p.pts * p.time_base), 3), round(float(p.duration * p.time_base), 3), bytes(p))
            for p in container.demux(stream)
            if p.size
        ]
    return [line for line in found if line[2] != b"\0\0"]  # which MP4 has in between


def chapters_of(path: Path) -> list[tuple[float, float, str]]:
    with av.open(path) as container:
        return [
            (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"]), c["metadata"]["title"])
            for c in container.chapters()
        ]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("film") / "film.mkv", audio=["aac"], b_frames=0)


@pytest.mark.parametrize(
    ("codec", "source", "target", "wanted"),
    [
        ("subrip", "a.mkv", "b.mkv", lambda text: f"<i>{text}</i>".encode()),
        ("subrip", "a.mkv", "b.mp4", mov_text),
        ("subrip", "a.mkv", "b.m4v", mov_text),
        ("subrip", "a.mkv", "b.mov", mov_text),
        ("subrip", "a.mkv", "b.webm", str.encode),
        ("mov_text", "a.mp4", "b.mp4", mov_text),
        ("mov_text", "a.mp4", "b.mov", mov_text),
        ("mov_text", "a.mp4", "b.mkv", str.encode),
        ("mov_text", "a.mp4", "b.webm", str.encode),
        ("webvtt", "a.mkv", "b.mkv", str.encode),
        ("webvtt", "a.mkv", "b.mp4", mov_text),
        ("ass", "a.mkv", "b.mkv", ass),
        ("ass", "a.mkv", "b.mp4", mov_text),
    ],
)
def test_subtitles_come_along(film, tmp_path, capfd, codec, source, target, wanted):
    path = with_subtitles(film, tmp_path / source, codec)
    _, notes = remake(path, tmp_path / target)
    assert capfd.readouterr() == ("", "")
    found = subtitles_of(tmp_path / target)
    assert found == [(start / 1000, length / 1000, wanted(text)) for start, length, text in LINES]
    styles = [note for note in notes if "the subtitles were" in note]
    assert len(styles) == (codec == "ass" and target == "b.mp4")


@pytest.mark.parametrize("suffix", [".avi", ".ts"])
def test_what_is_left_out_is_named_once(film, tmp_path, suffix):
    path = with_subtitles(film, tmp_path / "a.mkv", "subrip", chapters=[(0, 400, "one")])
    _, notes = remake(path, tmp_path / f"b{suffix}")
    target = tmp_path / f"b{suffix}"
    assert [note for note in notes if "sound" not in note] == [
        f"{target}: subtitles are left out, since {suffix} does not hold their kind (srt)",
        f"{target}: chapters are left out, since {suffix} does not hold them",
    ]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_cut_cuts_subtitles_and_chapters(film, tmp_path, suffix):
    chapters = [(0, 100, "before"), (100, 400, "one"), (400, 800, "two")]
    path = with_subtitles(film, tmp_path / "a.mkv", "subrip", chapters=chapters)
    target = tmp_path / f"b{suffix}"
    remake(path, target, start=0.2, end=0.44, cuts=(0.3,))
    assert [line[:2] for line in subtitles_of(target)] == [(0.0, 0.05), (0.1, 0.14)]
    assert chapters_of(target) == [(0, pytest.approx(0.2), "one"), (pytest.approx(0.2), 0.24, "two")]


@pytest.mark.parametrize(("source", "target"), [("a.mkv", "b.mp4"), ("a.mp4", "b.mkv"), ("a.mp4", "b.mov")])
def test_chapters_come_along(film, tmp_path, source, target):
    path = with_subtitles(film, tmp_path / source, None, chapters=[(0, 400, "one"), (400, 800, "two")])
    _, notes = remake(path, tmp_path / target)
    assert notes == ()
    assert chapters_of(tmp_path / target) == [(0, 0.4, "one"), (0.4, 0.8, "two")]


def cover() -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((32, 32, 3), (200, 30, 30), np.uint8)).save(content, "JPEG")
    return content.getvalue()


def test_covers_and_attachments(film, tmp_path):
    files = [("cover.jpg", "image/jpeg", cover()), ("a.ttf", "application/x-truetype-font", b"a font")]
    path = with_subtitles(film, tmp_path / "a.mkv", None, files=files)
    _, notes = remake(path, tmp_path / "b.mkv")
    assert notes == ()
    with av.open(tmp_path / "b.mkv") as container:
        assert [stream.data for stream in container.streams.attachments] == [b"a font"]
        assert bytes(next(container.demux(container.streams.video[1]))) == cover()
    _, notes = remake(tmp_path / "b.mkv", tmp_path / "c.mp4")
    assert notes == (f"{tmp_path / 'c.mp4'}: attached files are left out, since .mp4 does not hold them",)
    with av.open(tmp_path / "c.mp4") as container:
        picture = container.streams.video[1]
        assert picture.disposition & picture.disposition.attached_pic
        assert bytes(next(container.demux(picture))) == cover()
    _, notes = remake(tmp_path / "c.mp4", tmp_path / "d.ts")
    assert len([note for note in notes if "cover picture (mjpeg) is left out" in note]) == 1


def test_text_that_is_too_long_for_mp4_is_cut(film, tmp_path):
    path = with_subtitles(film, tmp_path / "a.mkv", "webvtt", lines=[(100, 200, "é" * 40_000)])
    remake(path, tmp_path / "b.mp4")
    ((_, _, content),) = subtitles_of(tmp_path / "b.mp4")
    assert content == mov_text("é" * 32_767)


@pytest.mark.parametrize("start", [0, 0.5])
def test_a_last_subtitle_may_outlast_the_frames(tmp_path: Path, start: float) -> None:
    """Matroska counts it in the length that it declares; read from the middle, it has begun before."""
    film = write_film(tmp_path / "film.mp4")
    path = with_subtitles(film, tmp_path / "words.mkv", "subrip", lines=((100, 3000, "on and on"),))
    assert len(list(open_clip(path).frames(start))) == (7 if start else 20)
