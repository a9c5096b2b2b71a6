"""What becomes of each stream, told before any work."""

from pathlib import Path

import pytest

from impasto.imaging.video import choose_encoding, open_clip
from impasto.imaging.video.stream_plan import plan_streams
from tests.imaging.films import write_film
from tests.imaging.video.test_other_streams import CAMERA, with_places, with_subtitles


def fates(source: Path, target: Path) -> dict[str, str]:
    info = open_clip(source).info
    encoding = None if target.suffix == ".gif" else choose_encoding(target, info)
    return {stream.name: stream.becomes for stream in plan_streams(info, target, encoding)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("b.mkv", ["painted, as h264", "copied", "copied", "copied", "copied"]),
        ("b.mp4", ["painted, as h264", "copied", "converted to mov_text", "left out", "copied"]),
        ("b.webm", ["painted, as vp9", "converted to libopus", "converted to webvtt", "left out", "copied"]),
        ("b.avi", ["painted, as h264", "converted to ac3", "left out", "left out", "left out"]),
        ("b.gif", ["painted", "left out", "left out", "left out", "left out"]),
    ],
)
def test_sound_words_chapters_and_files(tmp_path: Path, name: str, expected: list[str]) -> None:
    film = write_film(tmp_path / "film.mp4", audio=["aac"])
    source = with_subtitles(
        film,
        tmp_path / "a.mkv",
        "subrip",
        chapters=((0, 500, "one"), (500, 800, "two")),
        files=(("a.ttf", "font/ttf", b"letters"),),
    )
    found = fates(source, tmp_path / name)
    assert list(found) == ["video h264", "sound aac", "subtitles srt (fra)", "attached file", "2 chapters"]
    assert list(found.values()) == expected
    assert not (tmp_path / name).exists()


def test_data(tmp_path: Path) -> None:
    code = write_film(tmp_path / "camera.mov", titles=CAMERA)
    places = with_places(write_film(tmp_path / "film.mp4"), tmp_path / "gopro.mp4")
    assert fates(code, tmp_path / "b.mkv")["data TimeCodeHandler (eng)"] == "copied"
    assert fates(code, tmp_path / "b.ts")["data TimeCodeHandler (eng)"] == "left out"
    assert fates(places, tmp_path / "b.mov")["data GoPro MET"] == "copied"
    assert fates(places, tmp_path / "b.mkv")["data GoPro MET"] == "left out"
