"""`impasto stylize`, end to end on small pictures."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto import networks
from impasto.imaging import io
from impasto.networks.card import Card, fingerprint, save_card


def error_of(result, code):
    """The one line that a failing command prints."""
    assert result.exit_code == code, (result.stderr, result.exception)
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    return line


@pytest.fixture
def shelf(tmp_path, monkeypatch) -> Path:
    """Two shipped styles, and the primed weights that they came from."""
    folder = tmp_path / "shelf"
    networks_of = [
        networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=8) for _ in range(3)
    ]
    primed, night, wave = (Card("light", network.config, network.state_dict()) for network in networks_of)
    save_card(primed, folder / "primed.safetensors")
    for name, card in (("night", night), ("wave", wave)):
        save_card(
            replace(card, style=name, base=fingerprint(primed)), folder / "cards" / f"{name}.safetensors"
        )
    monkeypatch.setattr("impasto.styles._CARDS", folder / "cards")
    monkeypatch.setattr("impasto.networks.card._FILE", folder / "primed.safetensors")
    return folder


@pytest.fixture
def album(workshop, shelf) -> Path:
    """Beside photo.jpg and wave.jpg: a folder with three good photos, and a file that is none."""
    folder = workshop / "album"
    (folder / "deep").mkdir(parents=True)
    for name, size in (("a.png", (20, 12)), ("deep/b.jpg", (9, 24)), ("c.webp", (16, 16))):
        Image.open("photo.jpg").resize(size).save(folder / name)
    (folder / "notes.txt").write_text("no photo")
    return folder


@pytest.fixture
def stylize(impasto, album):
    def run(*arguments, style=("night",), **rest):
        return impasto("stylize", *arguments, "--style", *style, **rest)

    return run


def test_one_photo(stylize):
    result = stylize("photo.jpg", "-o", "out.png")
    assert result.exit_code == 0, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("out.png: 96 x 64 pixels, stylized in ")
    with Image.open("out.png") as picture:
        assert picture.size == (96, 64)
    assert json.loads(io.read_record("out.png"))["styles"][0]["style"] == "night"


def test_a_folder_below_that_cannot_be_read_fails_like_a_photo(stylize, album, monkeypatch):
    usual = os.scandir

    def scan(path):
        if Path(path).name in ("closed", "empty"):
            raise PermissionError(13, "Permission denied", str(path))
        return usual(path)

    monkeypatch.setattr("os.scandir", scan)  # root may read anything
    (album / "closed").mkdir()
    result = stylize("album", "-o", "out")
    assert result.exit_code == 1, result.stderr
    *_, error, counts = result.stderr.splitlines()
    assert error == "error: the folder album/closed cannot be read: Permission denied"
    assert counts.startswith("3 stylized, 1 failed in ")
    for quiet in ([], ["--quiet"]):
        one = stylize("album/deep", "album/closed/..", "-o", "deep", *quiet)
        assert (one.exit_code, one.stderr.count("closed cannot be read")) == (1, 1)
    (album / "empty").mkdir()
    assert error_of(stylize("album/empty", "-o", "out"), 1).startswith("error: the folder album/empty cannot")
    planned = stylize("album", "-o", "plan", "--dry-run")
    assert "the folder album/closed cannot be read" in planned.stderr


def test_folders_patterns_and_files(stylize, album):
    result = stylize("album", "*.jpg", "-o", "out")
    assert result.exit_code == 0, result.stderr
    made = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*.*"))
    assert made == ["a.png", "c.webp", "deep/b.jpg", "photo.jpg", "wave.jpg"]
    assert result.stderr.splitlines()[-1].startswith("5 stylized in ")


def test_again_and_again(stylize):
    assert stylize("album", "-o", "out").exit_code == 0
    Path("out/a.png").unlink()
    lines = stylize("album", "-o", "out").stderr.splitlines()
    assert lines[-1].startswith("1 stylized, 2 skipped in ")
    lines = stylize("album", "-o", "out", style=("wave",)).stderr.splitlines()
    assert "note: out/a.png was made with other inputs or options, and was kept" in lines
    assert lines[-1].startswith("0 stylized, 3 kept in ")
    lines = stylize("album", "-o", "out", "--overwrite", style=("wave",)).stderr.splitlines()
    assert lines[-1].startswith("3 stylized in ")


def test_one_photo_again(stylize):
    stylize("photo.jpg", "-o", "out.png")
    before = Path("out.png").read_bytes()
    result = stylize("photo.jpg", "-o", "out.png")
    assert (result.exit_code, "made with the same inputs and options" in result.stderr) == (0, True)
    assert "--overwrite" in error_of(stylize("photo.jpg", "-o", "out.png", "--strength", 0.5), 1)
    assert Path("out.png").read_bytes() == before
    assert stylize("photo.jpg", "-o", "out.png", "--strength", 0.5, "--overwrite").exit_code == 0
    assert Path("out.png").read_bytes() != before


def test_failures_stop_nothing_and_are_told(stylize, album):
    for index in range(23):
        (album / f"bad{index:02}.jpg").write_bytes(b"\xff\xd8 no")
    result = stylize("album", "-o", "out")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len([line for line in lines if line.startswith("error: album/bad")]) == 20
    assert "error: and 3 more photos failed" in lines
    assert lines[-1].startswith("3 stylized, 23 failed in ")
    assert len(list(Path("out").rglob("*.*"))) == 3


def test_styles_that_arrive_as_inputs(stylize):
    for name, words in {
        "a.png": ["night:0.6", "wave:0.4"],
        "b.png": ["wave:2", "--style", "night:3"],
        "c.png": ["night:0.6", "shelf/cards/wave.safetensors:0.4"],
    }.items():
        result = stylize("photo.jpg", "-o", name, style=words)
        assert result.exit_code == 0, result.stderr
    pictures = [np.asarray(Image.open(name)).tolist() for name in ("a.png", "b.png", "c.png")]
    assert pictures[0] == pictures[1] == pictures[2]
    record = json.loads(io.read_record("a.png"))
    assert [(part["style"], part["weight"]) for part in record["styles"]] == [("night", 0.6), ("wave", 0.4)]


def test_notes_are_told(stylize, shelf):
    (shelf / "primed.safetensors").unlink()
    result = stylize("photo.jpg", "-o", "out.png", "--strength", 0.5)
    assert result.stderr.startswith("note: night did not start from the shipped primed weights")
    assert stylize("photo.jpg", "-o", "b.png", "--strength", 0.5, "-q").stderr == ""


def test_flags_reach_the_picture(stylize):
    flags = "--size 48 --bit-depth 16 --format png --strip-metadata --device cpu --precision float32"
    assert stylize("photo.jpg", "-o", "out", *flags.split()).exit_code == 0
    _, info = io.read("out/photo.png")
    assert (info.size, info.bit_depth) == ((32, 48), 16)
    assert io.read_record("out/photo.png") is None
    for quality in (20, 95):
        assert stylize("photo.jpg", "-o", f"{quality}.jpg", "--quality", quality).exit_code == 0
    assert Path("20.jpg").stat().st_size < Path("95.jpg").stat().st_size


def test_quiet_says_nothing_but_errors(stylize, album):
    assert stylize("album", "-o", "out", "--quiet").output == ""
    (album / "cut.jpg").write_bytes(b"\xff\xd8")
    assert "cut.jpg" in error_of(stylize("album", "-o", "out", "--quiet"), 1)


def test_a_terminal_sees_a_bar(stylize):
    result = stylize("album", "-o", "out", FORCE_COLOR="1")
    assert "━" in result.stderr
    assert "3/3, " in result.stderr
    assert "images/s" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "style", "code", "fragments"),
    [
        (["photo.jpg"], ["nigth"], 2, ["no style nigth", "did you mean night?", "night, wave"]),
        (["photo.jpg"], ["night:0.6", "wvae:0.4"], 2, ["no style wvae", "wave"]),
        (["photo.jpg"], ["night:0"], 2, ["sum above 0"]),
        (["photo.jpg"], ["none.safetensors"], 1, ["no style card none.safetensors"]),
        (["photo.jpg"], ["photo.jpg.safetensors"], 1, ["no style card"]),
        (["wave"], ["night"], 2, ["wave names only styles", "add a photo"]),
        (["none.jpg"], ["night"], 1, ["none.jpg does not exist"]),
        (["album/*.bmp"], ["night"], 1, ["matches nothing"]),
        (["shelf"], ["night"], 2, ["no pictures in shelf"]),
        (["album", "-o", "album"], ["night"], 2, ["is one of the photos"]),
        (["photo.jpg", "-o", "photo.jpg"], ["night"], 2, ["is one of the photos"]),
        (["photo.jpg", "-o", "out.gif"], ["night"], 2, ["out.gif", ".png"]),
        (["album", "-o", "out.png"], ["night"], 2, ["name a folder for many"]),
        (["photo.jpg", "-o", "wave.jpg/x"], ["night"], 1, ["cannot be made"]),
        (["photo.jpg", "--format", "gif"], ["night"], 2, [".png"]),
        (["photo.jpg", "--bit-depth", "12"], ["night"], 2, ["--bit-depth is auto, 8 or 16, not 12"]),
        (["photo.jpg", "-o", "o.jpg", "--bit-depth", "16"], ["night"], 2, ["16 bits"]),
        (["photo.jpg", "--strength", "1.5"], ["night"], 2, ["strength must be from 0 to 1, not 1.5"]),
        (["photo.jpg", "--size", "big"], ["night"], 2, ["--size must be a number of pixels, or original"]),
        (["photo.jpg", "--size", "0"], ["night"], 2, ["size must be"]),
        (["photo.jpg", "--max-pixels", "0.001"], ["night"], 1, ["max_pixels"]),
        (["photo.jpg", "--max-pixels", "nan"], ["night"], 2, ["--max-pixels"]),
        (["photo.jpg", "--device", "abacus"], ["night"], 2, ["device must be one of auto"]),
    ],
)
def test_bad_input_gets_one_line(stylize, album, arguments, style, code, fragments):
    out = [] if "-o" in arguments else ["-o", "out"]
    before = {path: path.stat().st_mtime_ns for path in album.parent.rglob("*.*")}
    line = error_of(stylize(*arguments, *out, style=style), code)
    assert all(fragment in line for fragment in fragments), line
    assert {path: path.stat().st_mtime_ns for path in album.parent.rglob("*.*")} == before


def test_a_full_disk_is_told(stylize, monkeypatch):
    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("impasto.imaging.files.os.fsync", refuse)
    result = stylize("album", "-o", "out")
    assert result.exit_code == 1
    assert "could not be written: No space left on device" in result.stderr.splitlines()[-1]
    assert not [path for path in Path("out").rglob("*") if path.is_file()]


@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
def test_ctrl_c_keeps_what_is_done(interrupt, stylize, album, shelf):
    photo = Path("photo.jpg").read_bytes()
    for index in range(150):
        (album / f"{index:03}.jpg").write_bytes(photo)
    rest = interrupt(
        "stylize", "album", "-o", "out", "--style", shelf / "cards/night.safetensors", at="0/153"
    )
    assert "stopped: " in rest
    assert "the same command goes on" in rest
    assert "Traceback" not in rest
    made = [path for path in Path("out").rglob("*") if path.is_file()]
    assert len(made) < 153
    for path in made:
        Image.open(path).load()


def test_help_fits_a_screen(impasto, shelf):
    result = impasto("stylize", "--help", columns=80)
    assert len(result.stdout.rstrip().splitlines()) <= 40
    assert "--strength" in result.stdout
    assert "--bit-depth" not in result.stdout
    everything = impasto("stylize", "--help-all").stdout
    assert all(flag in everything for flag in ("--bit-depth", "--format", "--precision", "--max-pixels"))


def test_files_passed_over_are_counted_and_named_in_a_dry_run(stylize, album):
    (album / "a.DNG").touch()
    (album / "deep" / "b.dng").touch()
    run = stylize("album", "-o", "out")
    assert "files skipped: 2 .dng, 1 .txt; --dry-run names them" in " ".join(run.stderr.split())
    told = " ".join(stylize("album", "-o", "out", "--dry-run").stderr.split())
    for name in ("album/a.DNG", "album/deep/b.dng", "album/notes.txt"):
        assert f"skips {name}" in told
    assert "passed over" not in stylize("album", "-o", "out", "--quiet").stderr


def test_photos_of_one_name_are_all_stylized(stylize, album):
    for suffix in (".png", ".gif", ".bmp"):
        Image.open("photo.jpg").resize((16, 16)).save(album / f"IMG_1{suffix}")
    run = stylize("album", "-o", "out")
    made = {path.name for path in Path("out").glob("IMG_1*")}
    assert made == {"IMG_1.png", "IMG_1.gif.png", "IMG_1.bmp.png"}
    words = " ".join(run.stderr.split())
    assert (
        "photos that differ only in their suffix keep it in the output's name: IMG_1.bmp.png and 1 more"
        in words
    )
    again = stylize("album", "-o", "out")
    assert "0 stylized, 6 skipped" in again.stdout + again.stderr
