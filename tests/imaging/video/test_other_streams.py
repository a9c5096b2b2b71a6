"""Subtitles, chapters, cover pictures and attachments, which a new video has like the old one."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from impasto.imaging.video import open_clip
from impasto.imaging.video.other_streams import advance
from tests.imaging.films import remake, write_film

LINES = ((100, 150, "Bonjour,\nl'été"), (300, 200, "again"))  # milliseconds from, how many, text
MS = Fraction(1, 1000)
HEADER = (
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour\n"
    "Style: Default,Arial,16,&Hffffff\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
)
NTSC = Fraction(30_000, 1001)
PHONE = {
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.model": "iPhone 15",
    "com.apple.quicktime.creationdate": "2024-05-01T10:00:00+0200",
    "com.android.version": "14",
    "title": "Paris",
}
CAMERA = {"timecode": "01:00:59:20"}


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


@pytest.fixture
def phone(tmp_path: Path) -> Path:
    return write_film(
        tmp_path / "phone.mov", titles=PHONE, container_options={"movflags": "+use_metadata_tags"}
    )


def facts(path: Path) -> dict[str, str]:
    with av.open(path) as container:
        return {key.lower(): text for key, text in container.metadata.items()}


@pytest.mark.parametrize("name", ["b.mov", "b.mp4", "b.mkv"])
def test_what_phones_know(phone: Path, tmp_path: Path, name: str) -> None:
    _, notes = remake(phone, tmp_path / name)
    assert notes == ()
    assert facts(tmp_path / name).items() >= PHONE.items()


@pytest.mark.parametrize(("name", "lost"), [("b.avi", ""), ("b.ts", ", title")])
def test_what_is_lost_is_named_once(phone: Path, tmp_path: Path, name: str, lost: str) -> None:
    _, notes = remake(phone, tmp_path / name)
    names = f"make, model, creationdate, version{lost}"
    assert notes == (f"{tmp_path / name}: facts that it does not hold are left out ({names})",)


def test_many_lost_facts_are_counted(tmp_path: Path) -> None:
    titles = {f"com.apple.quicktime.fact{number:02}": f"value {number}" for number in range(13)}
    film = write_film(tmp_path / "a.mov", titles=titles, container_options={"movflags": "+use_metadata_tags"})
    (note,) = remake(film, tmp_path / "b.ts")[1]
    assert note.endswith(
        "(fact00, fact01, fact02, fact03, fact04, fact05, fact06, fact07, fact08, fact09 and 3 more)"
    )


@pytest.mark.parametrize("rate", [Fraction(1, 3), Fraction(61, 2), Fraction(240), Fraction(1000)])
@pytest.mark.parametrize("code", ["99:99:99:99", "01:00:00;00"])
def test_no_time_code_spoils_a_video(tmp_path: Path, rate: Fraction, code: str) -> None:
    film = write_film(
        tmp_path / "a.mkv",
        4,
        rate=rate,
        titles={"timecode": code},
        time_base=Fraction(1, 1000),
        stamps=[round(1000 * n / rate) for n in range(4)],
    )
    remake(film, tmp_path / "b.mov", cuts=())
    with av.open(tmp_path / "b.mov") as container:
        assert len(list(container.decode(video=0))) == 4


def timecodes(path: Path) -> list[str]:
    with av.open(path) as container:
        assert len(container.streams.data) == (0 if path.suffix == ".mkv" else 1)
        metadata = container.streams.video[0].metadata
        return [text for key, text in metadata.items() if key.lower() == "timecode"]


@pytest.mark.parametrize("name", ["b.mov", "b.mp4", "b.mkv"])
def test_the_time_code_goes_on(tmp_path: Path, name: str) -> None:
    film = write_film(tmp_path / "camera.mov", titles=CAMERA)
    assert remake(film, tmp_path / name)[1] == ()
    assert timecodes(tmp_path / name) == ["01:00:59:20"]
    remake(film, tmp_path / f"cut-{name}", cuts=(), start=0.4)
    assert timecodes(tmp_path / f"cut-{name}") == ["01:01:00:05"]


def test_a_time_code_that_is_lost(tmp_path: Path) -> None:
    film = write_film(tmp_path / "camera.mov", titles=CAMERA)
    note = f"{tmp_path / 'b.avi'}: the time code is left out, since .avi does not hold it"
    assert remake(film, tmp_path / "b.avi")[1] == (note,)


@pytest.mark.parametrize(
    ("code", "frames", "rate", "later"),
    [
        ("00:00:00:00", 25 * 3600 + 1, Fraction(25), "01:00:00:01"),
        ("23:59:59:24", 1, Fraction(25), "00:00:00:00"),
        ("00:00:59;29", 1, NTSC, "00:01:00;02"),
        ("00:09:59;29", 1, NTSC, "00:10:00;00"),
        ("00:00:00;00", 17_982, NTSC, "00:10:00;00"),
        ("00:00:00;00", 107_892, NTSC, "01:00:00;00"),
        ("00:01:00;02", 0, NTSC, "00:01:00;02"),
        ("00:00:59;59", 1, 2 * NTSC, "00:01:00;04"),
        ("00:00:00;00", 0, Fraction(25), None),
        ("00:00:00:00", 61, Fraction(61, 2), "00:00:01:30"),  # 30.5 is 31 to FFmpeg
        ("00:00:00;00", 0, Fraction(61, 2), None),
        ("00:00:00:00", 1, Fraction(1, 3), None),
        ("noon", 0, Fraction(25), None),
    ],
)
def test_counting(code: str, frames: int, rate: Fraction, later: str | None) -> None:
    assert advance(code, frames, rate) == later


def with_places(film: Path, path: Path) -> Path:
    """The film with a track as GoPros write it."""
    with av.open(film) as source, av.open(path, "w") as output:
        video = output.add_stream_from_template(source.streams.video[0], opaque=True)
        places = output.add_data_stream("bin_data")
        places.time_base, places.metadata["handler_name"] = Fraction(1, 1000), "GoPro MET"
        output.start_encoding()
        for number in range(4):
            packet = av.Packet(b"GPS%d" % number)
            packet.pts = packet.dts = 200 * number
            packet.duration, packet.time_base, packet.stream = 200, Fraction(1, 1000), places
            output.mux(packet)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = video
                output.mux(packet)
    return path


@pytest.mark.parametrize("name", ["b.mp4", "b.mov", "b.mkv"])
def test_places(tmp_path: Path, name: str) -> None:
    film = with_places(write_film(tmp_path / "film.mp4"), tmp_path / "gopro.mp4")
    _, notes = remake(film, tmp_path / name, cuts=(), start=0.4)
    with av.open(tmp_path / name) as container:
        found = [
            (float(packet.pts * packet.time_base), bytes(packet))
            for packet in (container.demux(container.streams.data) if container.streams.data else ())
            if packet.size
        ]
    if name == "b.mkv":
        assert (notes, found) == ((f"{tmp_path / name}: tracks of data are left out (GoPro MET)",), [])
    else:
        assert (notes, found) == ((), [(0.0, b"GPS2"), (0.2, b"GPS3")])
