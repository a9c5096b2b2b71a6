"""Titles, camera, place, time code and tracks of data, which a new video has like the old one."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from impasto.imaging.video.facts import advance
from tests.imaging.films import remake, write_film

NTSC = Fraction(30_000, 1001)
PHONE = {
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.model": "iPhone 15",
    "com.apple.quicktime.creationdate": "2024-05-01T10:00:00+0200",
    "com.android.version": "14",
    "title": "Paris",
}
CAMERA = {"timecode": "01:00:59:20"}


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
