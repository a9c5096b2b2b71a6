"""`impasto paint`, end to end on small pictures."""

import json
import os
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from skimage import data

from impasto.cli.display import download
from impasto.cli.flags import EXPERT
from impasto.cli.paint import FLAGS, find_recipe, parse_scales, parse_size, parse_style, resolve
from impasto.errors import DivergenceError, ImageError, UsageError
from impasto.imaging import io
from impasto.painting.base import options_from
from impasto.painting.options import PaintOptions
from impasto.painting.paint import Painter
from impasto.styles import pictures

OUT = "out.png"


def pixels(path):
    """(H, W, 3) levels, as numbers that can be subtracted."""
    return np.asarray(Image.open(path).convert("RGB"), dtype=float)


def error_of(result, code):
    """The one line that a failing command prints."""
    assert result.exit_code == code, (result.stderr, result.exception)
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert "Traceback" not in result.output
    return lines[0]


# --- a painting ---------------------------------------------------------------------------------------------


def test_paints(paint, workshop):
    result = paint("-o", OUT)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[-1].startswith("out.png: 48 x 32 pixels, painted in ")
    assert pixels(OUT).shape == (32, 48, 3)
    photo = np.asarray(Image.open("photo.jpg").resize((48, 32)), dtype=float)
    assert 1 < np.abs(pixels(OUT) - photo).mean() < 128
    assert sorted(path.name for path in workshop.iterdir()) == [OUT, "photo.jpg", "wave.jpg"]


def test_paints_with_what_is_embedded(impasto, workshop):
    result = impasto("paint", "photo.jpg", "swirling-night", "-o", OUT, "--size", 64, "--iterations", 12)
    assert result.exit_code == 0, result.stderr
    record = json.loads(io.read_record(OUT))
    assert record["options"]["backbone"] == "compact"
    assert record["losses"]["style"] < 0.5  # the photo itself is at 1, give or take


def test_quiet_says_nothing(paint):
    result = paint("-o", OUT, "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert Path(OUT).exists()


def test_a_terminal_sees_a_bar(paint):
    result = paint("-o", OUT, FORCE_COLOR="1")
    assert "━" in result.stderr
    assert "scale 1/1" in result.stderr


def test_a_download_is_shown(capsys):
    with download(quiet=False) as on_download:
        on_download(1_000_000, 4_000_000)
    assert capsys.readouterr().err == " 25%  downloading weights  1 of 4 MB\n"
    with download(quiet=True) as on_download:
        on_download(1_000_000, 4_000_000)
    assert capsys.readouterr().err == ""


def test_same_seed_same_picture(paint):
    for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        assert paint("-o", name, "--init", "noise", "--seed", seed).exit_code == 0
    assert (pixels("a.png") == pixels("b.png")).all()
    assert np.abs(pixels("a.png") - pixels("c.png")).mean() > 1


def test_weights_of_styles(paint):
    night = "swirling-night"
    for name, styles in {
        "first.png": ("wave.jpg",),
        "weighted.png": ("wave.jpg:0.7", f"{night}:0"),
        "both.png": ("wave.jpg:0.7", f"{night}:0.3"),
    }.items():
        assert paint("-o", name, pictures=("photo.jpg", *styles)).exit_code == 0
    assert (pixels("first.png") == pixels("weighted.png")).all()
    assert (pixels("first.png") != pixels("both.png")).any()
    assert json.loads(io.read_record("both.png"))["styles"] == pytest.approx([0.7, 0.3])


def test_starts_from_a_picture(paint, workshop):
    Image.new("RGB", (30, 20), (255, 0, 0)).save("red.png")
    for name, start in (("a.png", "photo"), ("b.png", "red.png"), ("c.png", "style")):
        assert paint("-o", name, "--init", start, "--iterations", 1).exit_code == 0
    assert (pixels("b.png") == (255, 0, 0)).all()
    assert np.abs(pixels("a.png") - pixels("c.png")).mean() > 5


def test_expert_flags_reach_the_options(paint):
    flags = (
        "--style-layers relu1_1=0.5,relu2_1 --content-layers relu2_1 --scales 32,48 --style-weight 3 "
        "--tv-weight 0 --style-loss moments --optimizer adam --pooling average --learning-rate 0.01 "
        "--precision float32 --device cpu --stroke-size 0.5"
    )
    result = paint("-o", OUT, *flags.split())
    assert result.exit_code == 0, result.stderr
    options = options_from(OUT)
    assert options.style_layers == (("relu1_1", 0.5), ("relu2_1", 1.0))
    assert (options.scales, options.weights[1:], options.style_loss) == ((32, 48), (3.0, 0.0), "moments")
    assert (options.optimizer, options.step_length, options.stroke_size) == ("adam", 0.01, 0.5)


@pytest.fixture
def masks(workshop):
    """left.png and right.png, which overlap a little, and others that mean nothing."""
    for name, box in (("left", (0, 0, 60, 64)), ("right", (48, 0, 96, 64)), ("black", (0, 0, 0, 0)),
                      ("white", (0, 0, 96, 64)), ("top", (0, 0, 96, 20))):  # fmt: skip
        mask = Image.new("L", (96, 64))
        mask.paste(255, box)
        mask.save(f"{name}.png")
    return workshop


def test_handles_reach_the_options(paint):
    flags = "--keep-color lab-transfer --keep-color-amount 0.5 --detail 0.25 --stroke-size 2"
    result = paint("-o", OUT, *flags.split(), "--style-loss", "nearest")
    assert result.exit_code == 0, result.stderr
    options = options_from(OUT)
    assert (options.keep_color, options.keep_color_amount) == ("lab-transfer", 0.5)
    assert (options.detail, options.stroke_size, options.style_loss) == (0.25, 2.0, "nearest")


def test_a_mask_leaves_the_photo(paint, masks):
    assert paint("-o", OUT, "--mask", "left.png").exit_code == 0
    photo = np.asarray(Image.open("photo.jpg").resize((48, 32), Image.Resampling.BICUBIC), dtype=float)
    assert np.abs(pixels(OUT) - photo)[:, 34:].mean() < 2
    assert np.abs(pixels(OUT) - photo)[:, :26].mean() > 4


def test_regions_with_and_without_a_style_for_the_rest(paint, masks):
    regions = ("--region", "left.png=wave.jpg", "--region", "right.png=swirling-night")
    result = paint("-o", "a.png", *regions, pictures=("photo.jpg",))
    assert result.exit_code == 0, result.stderr
    assert "% of the picture, where they are mixed" in result.stderr
    result = paint("-o", "b.png", "--region", "top.png=swirling-night")
    assert result.exit_code == 0, result.stderr
    assert "note" not in result.stderr
    assert (pixels("a.png") != pixels("b.png")).any()


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (("--mask", "white.png"), "the mask white.png is white all over: everything is styled"),
        (("--mask", "wave.jpg"), "the mask wave.jpg has 80 x 80 pixels and was resized to 96 x 64"),
        (("--region", "top.png=wave.jpg"), "of the picture free, which the nearest one takes"),
    ],
)
def test_what_masks_do_is_told(paint, masks, arguments, note):
    styles = () if "--region" in arguments else ("wave.jpg",)
    result = paint("-o", OUT, *arguments, "--iterations", 1, pictures=("photo.jpg", *styles))
    assert result.exit_code == 0, result.stderr
    assert note in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "fragment"),
    [
        (("--mask", "black.png"), 1, "the mask black.png is black all over"),
        (("--mask", "none.png"), 1, "none.png does not exist"),
        (("--region", "black.png=wave.jpg"), 1, "the mask black.png is black all over"),
        (("--region", "none.png=wave.jpg"), 1, "none.png does not exist"),
        (("--region", "left.png=none.jpg"), 1, "none.jpg does not exist; the shipped styles are"),
        (("--region", "left.png=wave.jpg:0"), 2, "sum must be positive"),
        (("--region", "left.png"), 2, "--region must be MASK=STYLE"),
        (("--keep-color", "all"), 2, "keep_color must be one of none, luminance"),
        (("--keep-color-amount", "2"), 2, "keep_color_amount must be from 0 to 1, not 2"),
        (("--detail", "much"), 2, "--detail must be a number, not much"),
        (("--style-loss", "sliced", "--tile", "256"), 2, "cannot be computed in tiles"),
        (("-o", "left.png", "--mask", "left.png"), 2, "output left.png is the same file as an input"),
        (
            ("-o", "left.png", "--region", "left.png=wave.jpg"),
            2,
            "output left.png is the same file as an input",
        ),
    ],
)
def test_bad_handles_get_one_line(paint, masks, arguments, code, fragment):
    assert fragment in error_of(paint("-o", OUT, *arguments), code)
    assert not Path(OUT).exists()


def test_no_style(impasto, workshop):
    line = error_of(impasto("paint", "photo.jpg", "-o", OUT), 2)
    assert "missing STYLE, e.g. impasto paint photo.jpg wave.jpg" in line


# --- what is written ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"), [("o.jpg", "JPEG"), ("o.png", "PNG"), ("o.webp", "WEBP"), ("o.tif", "TIFF")]
)
def test_suffix_decides_the_format(paint, name, kind):
    assert paint("-o", name, "--iterations", 1).exit_code == 0
    with Image.open(name) as picture:
        assert (picture.format, picture.size) == (kind, (48, 32))
    assert options_from(name).size == 48


def test_sixteen_bits(paint):
    assert paint("-o", OUT, "--bit-depth", 16).exit_code == 0
    image, info = io.read(OUT)
    assert info.bit_depth == 16
    assert ((image * 255 - (image * 255).round()).abs() > 0.1).any()  # more than 8 bits can say


def test_the_depth_of_the_photo_is_kept_where_the_format_can(paint):
    io.write("deep.png", io.read("photo.jpg")[0], bit_depth=16)
    deep = ("deep.png", "wave.jpg")
    assert "16 bits" not in paint("-o", OUT, "--iterations", 1, pictures=deep).stderr
    assert io.read(OUT)[1].bit_depth == 16
    assert "out.jpg only 8" in paint("-o", "out.jpg", "--iterations", 1, pictures=deep).stderr
    assert "16 bits" not in paint("-o", "out.jpg", "--bit-depth", 8, "--iterations", 1, pictures=deep).stderr


def test_quality(paint):
    for quality in (30, 95):
        assert paint("-o", f"{quality}.jpg", "--quality", quality).exit_code == 0
    assert Path("30.jpg").stat().st_size < 0.7 * Path("95.jpg").stat().st_size


def test_alpha_is_restored(paint):
    alpha = Image.fromarray(np.tile(np.linspace(0, 255, 96).astype(np.uint8), (64, 1)))
    photo = Image.open("photo.jpg")
    photo.putalpha(alpha)
    photo.save("cut.png")
    assert paint("-o", OUT, pictures=("cut.png", "wave.jpg")).exit_code == 0
    with Image.open(OUT) as picture:
        painted = np.asarray(picture.getchannel("A"), dtype=float)
    assert np.abs(painted - np.asarray(alpha.resize((48, 32)), dtype=float)).mean() < 2


def test_exif_stays_or_goes(paint):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist], exif[ExifTags.Base.Orientation] = "Ana", 6
    Image.open("photo.jpg").save("turned.jpg", exif=exif)
    assert paint("-o", "kept.jpg", pictures=("turned.jpg", "wave.jpg")).exit_code == 0
    assert paint("-o", "bare.jpg", "--strip-metadata", pictures=("turned.jpg", "wave.jpg")).exit_code == 0
    with Image.open("kept.jpg") as kept, Image.open("bare.jpg") as bare:
        assert kept.size == bare.size == (32, 48)
        assert kept.getexif()[ExifTags.Base.Artist] == "Ana"
        assert ExifTags.Base.Orientation not in kept.getexif()
        assert dict(bare.getexif()) == {}
    assert io.read_record("kept.jpg") is not None
    assert io.read_record("bare.jpg") is None


def test_making_of(paint):
    result = paint("-o", OUT, "--animate", "making.gif", "--iterations", 6)
    assert "out.png, and making.gif: " in result.stderr
    with Image.open("making.gif") as picture:
        assert (picture.n_frames, picture.size) == (6, (48, 32))


def test_iterates_whose_names_would_be_too_long(paint):
    name = "a" * 251 + ".png"
    assert paint("-o", name, "--dry-run").exit_code == 0
    result = paint("-o", name, "--save-every", 2, "--dry-run")
    assert error_of(result, 1).endswith(
        "-0000.png cannot be written: File name too long; choose a shorter name"
    )


def test_save_every(paint, workshop):
    assert paint("-o", OUT, "--save-every", 2, "--iterations", 5).exit_code == 0
    saved = sorted(path.name for path in workshop.glob("out*"))
    assert saved == ["out-0002.png", "out-0004.png", OUT]
    assert (pixels("out-0002.png") != pixels(OUT)).any()
    assert json.loads(io.read_record("out-0002.png"))["done"] == 0.4


def test_notes_are_told(paint):
    frames = [Image.open("wave.jpg"), Image.new("RGB", (80, 80), "red")]
    frames[0].save("moving.gif", save_all=True, append_images=frames[1:])
    result = paint("-o", OUT, pictures=("photo.jpg", "moving.gif"))
    assert result.exit_code == 0
    assert "note: moving.gif is animated (2 frames); using the first" in result.stderr.splitlines()


# --- recipes, records, dry runs -----------------------------------------------------------------------------


def test_flags_override_a_recipe():
    options = resolve({"size": 64, "scales": None, "style_weight": 7.0}, find_recipe("shallow"))
    assert (options.size, options.scales, options.style_weight) == (64, None, 7.0)
    assert (options.iterations, options.backbone, options.content_layers) == (
        2000, "vgg19", (("conv2_2", 1.0),)
    )  # fmt: skip


def test_nothing_given_is_the_defaults():
    assert resolve({}) == PaintOptions()


@pytest.mark.parametrize(
    ("given", "recipe", "like", "fragment"),
    [
        ({"strength": 0.3}, "gatys", None, "--style-weight"),
        ({"strength": 0.3, "content_weight": 1.0, "style_weight": 1.0}, None, None, "--style-weight"),
        ({}, "gatys", Path("x.png"), "give one of them"),
        ({"size": 3}, None, None, "size must be"),
    ],
)
def test_options_that_contradict_each_other(given, recipe, like, fragment):
    with pytest.raises(UsageError, match=fragment):
        resolve(given, find_recipe(recipe), like)


def test_a_recipe_from_the_command_line(paint, vgg_file):
    result = paint("-o", OUT, "--recipe", "shallow", "--backbone", vgg_file)  # size and iterations, too
    assert result.exit_code == 0, result.stderr
    options = options_from(OUT)
    assert (options.normalize, options.weights, options.scales) == (False, (1.0, 1e6, 1e-6), 1)
    assert (options.size, options.iterations) == (48, 4)


def test_gatys_noise_is_animated(paint):
    layers = ("--content-layers", "relu4_1", "--style-layers", "relu1_1")
    assert paint("-o", OUT, "--recipe", "gatys-noise", *layers).exit_code == 0
    with Image.open("out.gif") as picture:
        assert picture.n_frames == 4


def test_like_repeats_a_picture(paint, impasto):
    odd = (
        "--strength",
        0.7,
        "--init",
        "noise",
        "--seed",
        5,
        "--scales",
        "32,48",
        "--style-layers",
        "relu2_1=2",
    )
    assert paint("-o", OUT, *odd).exit_code == 0
    for name, more in (("again.png", ()), ("other.png", ("--seed", 6))):
        result = impasto("paint", "--like", OUT, "photo.jpg", "wave.jpg", "-o", name, *more)
        assert result.exit_code == 0, result.stderr
    assert options_from("again.png") == options_from(OUT)
    assert (pixels("again.png") == pixels(OUT)).all()
    assert options_from("other.png").seed == 6
    assert (pixels("other.png") != pixels(OUT)).any()


def test_dry_run_tells_and_writes_nothing(paint, workshop):
    result = paint("--dry-run", "--scales", "24,48", "--style-loss", "moments")
    assert result.exit_code == 0, result.stderr
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for line in ("size 48 x 32", "style-loss moments", "scales 24, 48", "content-layers relu3_1, relu4_1",
                 "24 x 16 2 iterations", "48 x 32 2 iterations"):  # fmt: skip
        assert line in lines
    assert {field.name.replace("_", "-") for field in fields(PaintOptions)} <= {
        line.split()[0] for line in lines if line
    }
    assert any(line.startswith("memory about 0.") and line.endswith(" GB") for line in lines)
    assert any(line.startswith("time about ") for line in lines)
    assert sorted(path.name for path in workshop.iterdir()) == ["photo.jpg", "wave.jpg"]


def test_dry_run_of_a_recipe_downloads_nothing(paint, workshop, monkeypatch):
    monkeypatch.setenv("IMPASTO_CACHE", str(workshop / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(workshop / "torch"))
    result = paint("--dry-run", "--recipe", "gatys", "--backbone", "vgg19", "--size", 64)
    assert result.exit_code == 0, result.stderr
    note = " ".join(result.stderr.split())
    assert "painting would first download VGG-19, 575 MB, from https://download.pytorch.org" in note
    assert "memory about" in " ".join(result.stdout.split())
    assert not (workshop / "cache").exists()


# --- flags and help -----------------------------------------------------------------------------------------


def test_every_option_has_a_flag():
    assert FLAGS.keys() == {field.name for field in fields(PaintOptions)}


@pytest.mark.parametrize("columns", [80, 100])
def test_help_fits_a_screen(impasto, columns):
    result = impasto("paint", "--help", columns=columns)
    lines = result.stdout.rstrip().splitlines()
    assert result.exit_code == 0
    assert 20 < len(lines) <= 30
    assert max(map(len, lines)) <= columns
    assert "--strength" in result.stdout
    assert all(name in result.stdout for name in pictures())
    assert "--backbone" not in result.stdout


def test_help_all_shows_every_flag_with_its_default(impasto):
    text = impasto("paint", "--help-all").stdout
    for field in fields(PaintOptions):
        (line,) = (line for line in text.splitlines() if f"--{field.name.replace('_', '-')} " in line)
        if field.default is not None and not isinstance(field.default, bool):
            assert f"({field.default})" in line
    assert EXPERT in text
    assert all(flag in text for flag in ("--save-every", "--bit-depth", "--quality", "--strip-metadata"))
    assert f"({io.MAX_PIXELS / 1e6:.0f})" in next(
        line for line in text.splitlines() if "--max-pixels" in line
    )


@pytest.mark.parametrize(("text", "expected"), [("512", 512), ("original", None)], ids=["pixels", "original"])
def test_size(text, expected):
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("auto", None), ("3", 3), ("128,256", (128, 256)), ("64, 96", (64, 96))]
)
def test_scales(text, expected):
    assert parse_scales(text) == expected


@pytest.mark.parametrize("text", ["", "big", "128,", "1.5"])
def test_scales_that_are_none(text):
    with pytest.raises(UsageError, match="--scales"):
        parse_scales(text)


def test_style_names(workshop):
    (workshop / "odd:0.7").touch()
    (workshop / "stained-glass").touch()
    assert parse_style("wave.jpg") == (Path("wave.jpg"), 1.0)
    assert parse_style("wave.jpg:0.7") == (Path("wave.jpg"), 0.7)
    assert parse_style("odd:0.7") == (Path("odd:0.7"), 1.0)
    assert parse_style("odd:0.7:2") == (Path("odd:0.7"), 2.0)
    assert parse_style("woodblock-sea:2") == (pictures()["woodblock-sea"], 2.0)
    assert parse_style("stained-glass") == (Path("stained-glass"), 1.0)


def test_a_drive_letter_is_no_style_name(workshop):
    with pytest.raises(ImageError, match=r"^C:\\wave\.jpg does not exist"):
        parse_style(r"C:\wave.jpg")


# --- bad input ----------------------------------------------------------------------------------------------


@pytest.fixture
def rubbish(workshop):
    """Files that are not what their names say."""
    whole = (workshop / "photo.jpg").read_bytes()
    (workshop / "empty.jpg").touch()
    (workshop / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (workshop / "text.jpg").write_text("a thousand words")
    Image.fromarray(data.coffee()[:8, :8]).save("flat.png")
    header = bytearray((workshop / "flat.png").read_bytes())
    header[16:20] = bytes(4)  # the width
    (workshop / "flat.png").write_bytes(header)
    Image.new("RGBA", (40, 40)).save("clear.png")
    Image.new("RGB", (40, 40), "red").save("plain.png")
    Image.fromarray(data.coffee()[:20, :40]).save("small.png")
    (workshop / "folder").mkdir()
    torch.save({"features.0.weight": torch.full((64, 3, 3, 3), torch.nan)}, "nan.pth")
    (workshop / "bad.safetensors").write_text("no")
    return workshop


@pytest.mark.parametrize(
    ("photo", "arguments", "code", "fragments"),
    [
        ("none.jpg", [], 1, ["none.jpg does not exist", "check its name"]),
        ("empty.jpg", [], 1, ["empty.jpg is empty"]),
        ("cut.jpg", [], 1, ["cut.jpg is damaged, cut short"]),
        ("text.jpg", [], 1, ["text.jpg is not a picture", "JPEG"]),
        ("flat.png", [], 1, ["flat.png"]),
        ("folder", [], 1, ["folder is a folder"]),
        ("photo.jpg", ["--max-pixels", "0.001"], 1, ["photo.jpg has 96 x 64", "max", "pixels"]),
        ("photo.jpg", ["-o", "none/out.png"], 1, ["there is no folder", "none"]),
        ("photo.jpg", ["-o", "folder"], 2, ["folder is a folder"]),
        ("photo.jpg", ["-o", "out.gif"], 2, ["out.gif", ".png"]),
        ("photo.jpg", ["-o", "out"], 2, ["out has no suffix"]),
        ("photo.jpg", ["-o", "photo.jpg"], 2, ["photo.jpg is the same file as an input"]),
        ("photo.jpg", ["-o", "./wave.jpg"], 2, ["wave.jpg is the same file as an input"]),
        ("photo.jpg", ["-o", "clear.png", "--init", "clear.png"], 2, ["clear.png is the same file as an"]),
        ("photo.jpg", ["-o", "out.jpg", "--bit-depth", "16"], 2, ["16 bits", ".png"]),
        ("photo.jpg", ["--bit-depth", "12"], 2, ["--bit-depth is auto, 8 or 16, not 12"]),
        ("photo.jpg", ["--animate", "out.avi"], 2, ["out.avi", ".gif"]),
        ("none.jpg", ["--animate", "none/out.gif"], 1, ["there is no folder"]),
        ("photo.jpg", ["--animate", "wave.jpg"], 2, ["wave.jpg is the same file as an input"]),
        ("photo.jpg", ["-o", "x.webp", "--animate", "x.webp"], 2, ["--out and --animate both name x.webp"]),
        ("photo.jpg", ["--style-layers", "relu9_9"], 2, ["no layer relu9_9", "relu1_1, relu2_1"]),
        ("photo.jpg", ["--style-layers", "relu1_1=much"], 2, ["weight of layer relu1_1"]),
        ("photo.jpg", ["--backbone", "none.pth"], 1, ["no weights file none.pth"]),
        ("photo.jpg", ["--backbone", "nan.pth"], 1, ["nan.pth holds NaN"]),
        ("photo.jpg", ["--backbone", "bad.safetensors"], 1, ["bad.safetensors"]),
        ("photo.jpg", ["--strength", "2"], 2, ["strength must be from 0 to 1, not 2"]),
        ("photo.jpg", ["--strength", "much"], 2, ["--strength must be a number, not much"]),
        ("photo.jpg", ["--size", "big"], 2, ["--size must be a number of pixels, or original, not big"]),
        ("photo.jpg", ["--max-pixels", "nan"], 2, ["--max-pixels", "nan"]),
        ("photo.jpg", ["--size", "16", "--scales", "1"], 2, ["too small"]),
        ("photo.jpg", ["--scales", "96"], 2, ["96"]),
        ("photo.jpg", ["--device", "abacus"], 2, ["device must be one of auto, cpu"]),
        ("photo.jpg", ["--recipe", "vermeer"], 2, ["vermeer", "gatys, gatys-noise, shallow"]),
        ("photo.jpg", ["--like", "wave.jpg"], 2, ["wave.jpg holds no record of its options"]),
        ("photo.jpg", ["--like", "none.png"], 1, ["none.png does not exist"]),
        ("photo.jpg", ["--init", "nose"], 1, ["nose does not exist"]),
    ],
)  # fmt: skip
def test_bad_input_gets_one_line(paint, rubbish, photo, arguments, code, fragments):
    before = {path: path.stat().st_mtime_ns for path in rubbish.iterdir()}
    line = error_of(paint("-o", OUT, *arguments, pictures=(photo, "wave.jpg")), code)
    assert all(fragment in line for fragment in fragments), line
    assert {path: path.stat().st_mtime_ns for path in rubbish.iterdir()} == before


@pytest.mark.parametrize(
    ("style", "code", "fragment"),
    [
        ("none.jpg", 1, "none.jpg does not exist; the shipped styles are burning-sky, "),
        ("none.jpg:0.5", 1, "none.jpg does not exist; the shipped"),
        ("stary-night", 1, "stary-night does not exist: did you mean starry-night or "),
        ("wave.jpg:-1", 2, "wave.jpg:-1: the weight of a style"),
        ("wave.jpg:inf", 2, "the weight of a style"),
        ("wave.jpg:0", 2, "sum must be positive"),
        ("clear.png", 1, "clear.png is wholly transparent"),
        ("plain.png", 1, "plain.png is of one color: there is no style to see in it"),
        ("small.png", 1, "small.png has 40 x 20 pixels; a style needs at least 32 each way"),
    ],
)
def test_bad_styles(paint, rubbish, style, code, fragment):
    assert fragment in error_of(paint("-o", OUT, pictures=("photo.jpg", style)), code)
    assert not Path(OUT).exists()


def test_nowhere_to_write(paint):
    assert "-o painting.jpg" in error_of(paint(), 2)


@pytest.mark.parametrize("arguments", [[], ["photo.jpg", "wave.jpg", "--colour"]])
def test_misuse_points_to_the_help(impasto, workshop, arguments):
    result = impasto("paint", *arguments)
    assert result.exit_code == 2
    assert "impasto paint --help" in result.stderr
    assert "Traceback" not in result.stderr


def test_too_little_memory_is_told_before_the_work(paint, monkeypatch):
    monkeypatch.setattr("impasto.painting.base.available_memory", lambda device: 352 << 20)
    line = error_of(paint("-o", OUT, "--size", 4000, "--iterations", 20), 1)
    assert "at 4000 pixels needs about" in line
    assert 32 <= int(line.rpartition("--size ")[2]) < 4000


def test_full_disk_leaves_nothing(paint, workshop, monkeypatch):
    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("impasto.imaging.files.os.fsync", refuse)
    assert "out.png could not be written: No space left" in error_of(paint("-o", OUT, "--quiet"), 1)
    assert sorted(path.name for path in workshop.iterdir()) == ["photo.jpg", "wave.jpg"]


# --- an end before the end ----------------------------------------------------------------------------------


@pytest.fixture
def failing(monkeypatch):
    """Make every painting raise an error after so many steps."""
    honest = Painter.steps

    def arrange(error, after=0):
        def steps(self):
            for count, step in enumerate(honest(self)):
                if count == after:
                    raise error
                yield step

        monkeypatch.setattr(Painter, "steps", steps)

    return arrange


def test_divergence_keeps_the_last_good_picture(paint, failing):
    failing(DivergenceError("the objective is not a finite number"), after=2)
    line = error_of(paint("-o", OUT, "--quiet"), 1)
    assert "not a finite number; out.png is the last good picture, 50% of the way" in line
    assert pixels(OUT).shape == (32, 48, 3)


def test_divergence_at_once_writes_nothing(paint, failing):
    failing(DivergenceError("the objective is not a finite number"))
    assert "not a finite number" in error_of(paint("-o", OUT, "--quiet"), 1)
    assert not Path(OUT).exists()


def test_interrupted_before_the_first_step(paint, failing):
    failing(KeyboardInterrupt())
    result = paint("-o", OUT, "--quiet")
    assert (result.exit_code, result.stderr) == (130, "stopped; nothing was written\n")
    assert not Path(OUT).exists()


def test_interrupted_at_a_coarse_scale_is_written_at_full_size(paint, failing):
    failing(KeyboardInterrupt(), after=1)
    result = paint("-o", OUT, "--quiet", "--scales", "24,48", "--animate", "making.gif")
    assert result.exit_code == 130
    assert result.stderr.startswith("stopped at ")
    assert "out.png is the picture so far" in result.stderr
    assert pixels(OUT).shape == (32, 48, 3)
    assert Path("making.gif").exists()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"),
    ],
    ids=["python", "gpu", "cpu"],
)
def test_out_of_memory_names_a_smaller_size(paint, failing, error):
    failing(error, after=1)
    assert "memory ran out while painting at 48 pixels: try --size 34" in error_of(paint("-o", OUT, "-q"), 1)


def test_a_bug_asks_to_be_reported(paint, failing):
    failing(ZeroDivisionError("division by zero"))
    line = error_of(paint("-o", OUT, "--quiet"), 1)
    assert "ZeroDivisionError: division by zero" in line
    assert "IMPASTO_DEBUG=1" in line
    assert isinstance(paint("-o", OUT, "-q", IMPASTO_DEBUG="1").exception, ZeroDivisionError)


@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
def test_ctrl_c_keeps_the_picture(interrupt, workshop, compact_file):
    command = "paint photo.jpg wave.jpg -o out.png --size 48 --iterations 100000 --backbone"
    rest = interrupt(*command.split(), compact_file, at="scale 1/1")
    assert "out.png is the picture so far" in rest
    assert "Traceback" not in rest
    assert pixels(OUT).shape == (32, 48, 3)
