"""`impasto grade`, end to end on small pictures."""

import json
from dataclasses import fields
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from impasto.cli.grade import FLAGS
from impasto.grading.options import GradeOptions
from impasto.imaging import io
from tests.clips import pan, read_clip, write_clip

QUICK = ("--method", "linear", "--lut-size", 17)


@pytest.fixture
def grade(impasto, workshop):
    def run(*arguments, **rest):
        return impasto("grade", *arguments, **rest)

    return run


def pixels(name):
    with Image.open(name) as picture:
        return np.asarray(picture.convert("RGB"), int)


def maker(name):
    with Image.open(name) as picture:
        return picture.getexif().get(0x010F)


def error_of(result, code):
    """The one line that a failing command prints."""
    assert result.exit_code == code, (result.stderr, result.exception)
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    return line


def test_grades_a_photo_and_saves_its_lut(grade, workshop):
    result = grade("photo.jpg", "wave.jpg", "-o", "out.png", "--save-lut", "look.cube")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[-2].startswith("out.png: 96 x 64 pixels, graded in ")
    assert result.stderr.splitlines()[-1] == "look.cube: the grade as a LUT"
    assert json.loads(io.read_record("out.png"))["grade"]["method"] == "transport"
    assert np.abs(pixels("out.png").mean((0, 1)) - pixels("wave.jpg").mean((0, 1))).max() < 12
    assert np.abs(pixels("photo.jpg").mean((0, 1)) - pixels("wave.jpg").mean((0, 1))).max() > 40
    result = grade("photo.jpg", "-o", "again.png", "--lut", "look.cube")
    assert result.exit_code == 0, result.stderr
    assert np.abs(pixels("out.png") - pixels("again.png")).max() <= 1
    assert sorted(path.name for path in workshop.iterdir()) == [
        "again.png", "look.cube", "out.png", "photo.jpg", "wave.jpg",
    ]  # fmt: skip


def test_a_lut_of_a_photo_without_a_picture(grade, workshop):
    result = grade("photo.jpg", "wave.jpg", "--save-lut", "look.png", *QUICK)
    assert result.exit_code == 0, result.stderr
    assert io.read("look.png")[1].bit_depth == 16
    assert grade("photo.jpg", "--lut", "look.png", "-o", "out.jpg").exit_code == 0


def test_folders_go_on(grade, workshop):
    for name in ("in/a.jpg", "in/deep/b.png", "in/notes.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"")
    for name in ("in/a.jpg", "in/deep/b.png"):
        Image.open("photo.jpg").save(name)
    result = grade("in", "wave.jpg", "-o", "out", *QUICK)
    assert result.exit_code == 0, result.stderr
    assert "2 photos graded, 0 skipped" in result.stderr
    assert "files skipped: 1 .txt" in result.stderr
    assert Path("out/a.jpg").is_file() and Path("out/deep/b.png").is_file()
    assert "0 photos graded, 2 skipped" in grade("in", "wave.jpg", "-o", "out", *QUICK).stderr
    result = grade("in", "wave.jpg", "-o", "out", *QUICK, "--amount", "0.5")
    assert "made with other inputs or options, and was kept" in result.stderr
    assert "2 photos graded" in grade("in", "wave.jpg", "-o", "out", *QUICK, "--overwrite").stderr


def test_what_fails_stops_nothing(grade, workshop):
    Path("in").mkdir()
    Path("in/a.jpg").write_bytes(b"no picture")
    Image.open("photo.jpg").save("in/b.jpg")
    result = grade("in", "wave.jpg", "-o", "out", *QUICK)
    assert result.exit_code == 1
    assert "in/a.jpg is not a picture" in result.stderr
    assert Path("out/b.jpg").is_file()


def test_dry_run_writes_nothing(grade, workshop):
    result = grade("photo.jpg", "wave.jpg", "-o", "out.png", "--save-lut", "a.cube", "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert "photo.jpg -> out.png" in result.stderr
    assert sorted(path.name for path in workshop.iterdir()) == ["photo.jpg", "wave.jpg"]


def test_grades_a_video_with_its_sound(grade, workshop):
    write_clip(workshop / "clip.mp4", pan(6), sound=True)
    result = grade("clip.mp4", "wave.jpg", "-o", "out.mp4", "--save-lut", "look.cube", *QUICK)
    assert result.exit_code == 0, result.stderr
    assert "out.mp4: 6 frames in " in result.stderr
    made, before = read_clip(Path("out.mp4")), read_clip(Path("clip.mp4"))
    assert (len(made), made[0].shape) == (6, before[0].shape)
    with av.open("out.mp4") as container:
        assert container.streams.audio
    assert np.abs(made[0].mean((0, 1)) - before[0].mean((0, 1))).max() > 10
    assert "out.mp4 exists" in error_of(grade("clip.mp4", "-o", "out.mp4", "--lut", "look.cube"), 2)
    result = grade("clip.mp4", "-o", "again.mp4", "--lut", "look.cube")
    assert result.exit_code == 0, result.stderr
    assert np.abs(read_clip(Path("again.mp4"))[3].astype(int) - made[3]).max() <= 4


def test_metadata_and_amount(grade, workshop):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    Image.fromarray(pixels("photo.jpg").astype(np.uint8)).save("tagged.jpg", exif=exif, quality=95)
    assert grade("tagged.jpg", "wave.jpg", "-o", "a.jpg", "--amount", 0, "-q", *QUICK).stderr == ""
    assert maker("a.jpg") == "Maker"
    assert np.abs(pixels("a.jpg") - pixels("tagged.jpg")).mean() < 2
    assert grade("tagged.jpg", "wave.jpg", "-o", "b.jpg", "--strip-metadata", *QUICK).exit_code == 0
    assert maker("b.jpg") is None
    assert io.read_record("b.jpg") is None


def test_every_option_has_a_flag():
    assert FLAGS.keys() == {field.name for field in fields(GradeOptions)}


def test_help_fits_a_screen(impasto):
    lines = impasto("grade", "--help", columns=80).stdout.rstrip().splitlines()
    assert 15 < len(lines) <= 38
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (("photo.jpg", "-o", "a.png"), 2, "missing REFERENCE"),
        (("photo.jpg", "wave.jpg"), 2, "missing OUT"),
        (("photo.jpg", "none.jpg", "-o", "a.png"), 1, "none.jpg does not exist"),
        (("none.jpg", "wave.jpg", "-o", "a.png"), 1, "none.jpg does not exist"),
        (("photo.jpg", "wave.jpg", "-o", "wave.jpg"), 2, "wave.jpg is the same file as an input"),
        (("photo.jpg", "wave.jpg", "-o", "photo.jpg"), 2, "photo.jpg is one of the photos"),
        (("photo.jpg", "wave.jpg", "-o", "a.gif"), 2, "a.gif"),
        (("photo.jpg", "-o", "a.png", "--lut", "broken.cube"), 1, "broken.cube, line 2: there must be three"),
        (("photo.jpg", "wave.jpg", "-o", "a.png", "--save-lut", "a.txt"), 2, "end it with .cube"),
        (("photo.jpg", "wave.jpg", "-o", "a.png", "--save-lut", "broken.cube"), 2, "broken.cube exists"),
        (
            ("photo.jpg", "wave.jpg", "-o", "a.png", "--save-lut", "a.png"),
            2,
            "choose another name for the LUT",
        ),
        (("photo.jpg", "wave.jpg", "wave.jpg", "-o", "b", "--save-lut", "c.cube"), 2, "needs one photo"),
        (("photo.jpg", "clip.mp4", "wave.jpg", "-o", "a.mp4"), 2, "a.mp4 is one video: name one clip"),
        (("photo.jpg", "wave.jpg", "-o", "a.mp4"), 1, "photo.jpg is not a video"),
        (("photo.jpg", "wave.jpg", "-o", "a.png", "--amount", "2"), 2, "amount must be from 0 to 1"),
        (("photo.jpg", "wave.jpg", "-o", "a.png", "--lut-size", "many"), 2, "--lut-size must be a whole"),
    ],
)
def test_bad_input_gets_one_line(grade, workshop, arguments, code, fragment):
    Path("broken.cube").write_text("LUT_3D_SIZE 2\n0 0\n")
    assert fragment in error_of(grade(*arguments), code)
