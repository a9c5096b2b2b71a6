"""The style controls of `impasto stylize`, `impasto video` and `impasto webcam`."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto import networks
from impasto.imaging import io
from impasto.networks.card import Card, save_card
from tests.clips import pan, read_clip, write_clip


def error_of(result, code):
    """The one line that a failing command prints."""
    assert result.exit_code == code, (result.stderr, result.exception)
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    return line


@pytest.fixture
def workplace(workshop):
    """A photo of 96 x 64 pixels, two styles, a clip, and masks that are good and bad."""
    for name in ("night", "wave"):
        network = networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=8)
        card = Card("light", network.config, network.state_dict())
        save_card(replace(card, style=name), workshop / f"{name}.safetensors")
    left = np.repeat(np.array([[255] * 48 + [0] * 48], np.uint8), 64, axis=0)
    drawn = {
        "left": left,
        "right": 255 - left,
        "wide": left // 2 + 127,
        "full": left | 255,
        "black": left & 0,
    }
    for name, levels in drawn.items():
        Image.fromarray(levels).save(f"{name}.png")
    Image.fromarray(left).resize((48, 32), Image.Resampling.NEAREST).save("small.png")
    write_clip(workshop / "clip.mp4", pan(6, (48, 64)))
    return workshop


@pytest.fixture
def stylize(impasto, workplace):
    def run(*arguments, out="out.png", style=("night.safetensors",)):
        named = ("--style", *style) if style else ()
        return impasto("stylize", "photo.jpg", "-o", out, *named, "--precision", "float32", *arguments)

    return run


@pytest.fixture
def video(impasto, workplace):
    def run(*arguments, style="night.safetensors", out="out.mp4"):
        named = ("--style", style) if style else ()
        return impasto("video", "clip.mp4", out, *named, "--runtime", "torch", "--crf", 4, *arguments)

    return run


def pixels(path):
    return np.asarray(Image.open(path), int)


# --- pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "flags", ["--keep-color luminance", "--keep-color histogram --keep-color-amount 0.5", "--detail 0.7",
              "--stroke-size 2", "--mask left.png", "--region left.png=wave.safetensors"],
)  # fmt: skip
def test_each_handle_changes_the_picture(stylize, flags):
    assert stylize(out="plain.png").exit_code == 0
    result = stylize(*flags.split())
    assert result.exit_code == 0, result.stderr
    assert np.abs(pixels("out.png") - pixels("plain.png")).max() > 3
    assert pixels("out.png").shape == (64, 96, 3)
    assert len(json.loads(io.read_record("out.png"))) > len(json.loads(io.read_record("plain.png")))


def test_black_stays_the_photo_and_white_is_styled(stylize):
    stylize(out="plain.png")
    assert stylize("--mask", "left.png").exit_code == 0
    assert (pixels("out.png")[:, :48] == pixels("plain.png")[:, :48]).all()
    assert (pixels("out.png")[:, 48:] == pixels("photo.jpg")[:, 48:]).all()


def test_regions_have_their_styles(stylize):
    for name in ("night", "wave"):
        stylize(out=f"{name}.png", style=(f"{name}.safetensors",))
    night, wave = pixels("night.png"), pixels("wave.png")
    one, two = ("--region", "left.png=wave.safetensors"), ("--region", "right.png=night.safetensors")
    for flags, style in ((one, ("night.safetensors",)), ((*one, *two), ())):
        result = stylize(*flags, "--overwrite", style=style)
        assert result.exit_code == 0, result.stderr
        assert "note" not in result.stderr
        found = pixels("out.png")
        assert np.abs(found[:, :48] - wave[:, :48]).max() <= 1
        assert np.abs(found[:, 48:] - night[:, 48:]).max() <= 1


def test_a_mask_that_is_named_again_mixes_its_styles(stylize):
    both = ("night.safetensors:0.5", "wave.safetensors:0.5")
    stylize(out="mixed.png", style=both)
    flags = [flag for style in both for flag in ("--region", f"full.png={style}")]
    assert stylize(*flags, style=()).exit_code == 0
    assert np.abs(pixels("out.png") - pixels("mixed.png")).max() <= 1


def test_a_changed_handle_makes_a_picture_again(stylize):
    flags = ("--mask", "left.png", "--detail", "0.5")
    assert stylize(*flags).exit_code == 0
    assert "exists, made with the same inputs and options" in stylize(*flags).stderr
    Image.open("right.png").save("left.png")
    for changed in (flags, flags[:2], (*flags, "--keep-color", "luminance")):
        assert "made with other inputs or options: replace it with --overwrite" in error_of(
            stylize(*changed), 1
        )


@pytest.mark.parametrize(
    ("flags", "style", "words"),
    [
        ("--mask small.png", "night", "the mask small.png has 48 x 32 pixels and was resized to 96 x 64"),
        ("--mask full.png", "night", "the mask full.png is white all over: everything is styled"),
        ("--region left.png=wave.safetensors", "", "the regions leave 50.0% of the picture free, which the"),
        ("--region left.png=wave.safetensors --region wide.png=night.safetensors", "wave",
         "the regions overlap in 50.0% of the picture, where they are mixed"),
        ("--region small.png=wave.safetensors", "night",
         "the mask small.png has 48 x 32 pixels and was resized"),
    ],
)  # fmt: skip
def test_what_was_put_right_is_said(stylize, flags, style, words):
    result = stylize(*flags.split(), style=(f"{style}.safetensors",) if style else ())
    assert result.exit_code == 0, result.stderr
    (note,) = (line for line in result.stderr.splitlines() if words in line)
    assert note.startswith("note: ")


def test_of_many_photos_it_is_said_once(stylize, impasto):
    for side in (40, 50, 60):
        Image.open("photo.jpg").resize((side, side)).save(f"many-{side}.jpg")
    words = ("--style", "night.safetensors", "--mask", "small.png")
    result = impasto("stylize", "many-40.jpg", "many-50.jpg", "many-60.jpg", "-o", "out", *words)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("was resized") == 1


def test_dry_run_tells_handles(stylize):
    result = stylize("--dry-run", "--detail", "0.5", "--stroke-size", "2")
    rows = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line.strip())
    assert (rows["detail"].strip(), rows["stroke-size"].strip()) == ("0.5", "2.0")
    assert "keep-color" not in rows


BAD = [
    ("--mask none.png", 1, "none.png does not exist"),
    ("--mask night.safetensors", 1, "night.safetensors"),
    ("--mask black.png", 1, "the mask black.png is black all over, which leaves nothing to style"),
    ("--region left.png", 2, "--region must be MASK=STYLE, e.g. sky.png=starry-night, not left.png"),
    ("--region left.png=", 2, "--region must be MASK=STYLE"),
    ("--region =wave.safetensors", 2, "--region must be MASK=STYLE"),
    ("--region left.png=wvae", 2, "there is no style wvae"),
    ("--region none.png=wave.safetensors", 1, "none.png does not exist"),
    ("--region black.png=wave.safetensors", 1, "black.png is black all over"),
    ("--region left.png=wave.safetensors:0", 2, "sum above 0"),
    ("--region left.png=wave.safetensors:-1", 2, "the weight of a style"),
    ("--keep-color sepia", 2, "keep_color must be one of none, luminance, histogram, lab-transfer"),
    ("--keep-color-amount 1.5", 2, "keep_color_amount must be from 0 to 1, not 1.5"),
    ("--keep-color-amount much", 2, "--keep-color-amount must be a number, not much"),
    ("--detail -0.1", 2, "detail must be from 0 to 1, not -0.1"),
    ("--stroke-size 5", 2, "stroke_size must be from 0.25 to 4, not 5.0"),
    ("--stroke-size nan", 2, "stroke_size must be from 0.25 to 4"),
]


@pytest.mark.parametrize(("flags", "code", "words"), BAD)
def test_bad_input_gets_one_line(stylize, flags, code, words):
    assert words in error_of(stylize(*flags.split()), code)
    assert not Path("out.png").exists()


@pytest.mark.parametrize(("flags", "code", "words"), [*BAD[:4], BAD[6], BAD[11], BAD[14]])
def test_bad_input_for_a_video_gets_one_line(video, flags, code, words):
    before = sorted(Path().iterdir())
    assert words in error_of(video(*flags.split()), code)
    assert sorted(Path().iterdir()) == before


def test_without_any_style(stylize, video):
    for result in (stylize(style=()), video(style="")):
        assert "missing --style, e.g. --style starry-night" in error_of(result, 2)


def test_a_mask_is_not_overwritten(stylize):
    for flags in (("--mask", "left.png"), ("--region", "left.png=wave.safetensors")):
        before = Path("left.png").read_bytes()
        line = error_of(stylize(*flags, "--overwrite", out="left.png"), 2)
        assert "output left.png is the same file as a mask" in line
        assert Path("left.png").read_bytes() == before


# --- videos -------------------------------------------------------------------------------------------------


def test_a_video_with_a_mask_and_the_colors_of_its_photos(video):
    result = video("--mask", "left.png", "--keep-color", "luminance", "--detail", "0.5")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("left.png has 96 x 64 pixels and was resized to 64 x 48") == 1
    frames = read_clip(Path("out.mp4"))
    for frame, photo in zip(frames, pan(6, (48, 64)), strict=True):
        change = np.abs(frame.astype(int) - photo)
        assert change[:, 36:].mean() < 3  # not even steadied
        assert change[:, :28].mean() > 8


def test_regions_and_strokes_of_a_video(video):
    result = video("--region", "left.png=wave.safetensors", "--stroke-size", "2", "--keep-color", "histogram")
    assert result.exit_code == 0, result.stderr
    assert len(read_clip(Path("out.mp4"))) == 6
    assert video("--preview", "2", "--region", "left.png=wave.safetensors").exit_code == 0
    assert pixels("out.png").shape == (48, 64, 3)


def test_a_painted_video_has_handles(impasto, workplace):
    words = ("video", "clip.mp4", "out.mp4", "--engine", "paint", "--every", 5, "--crf", 4)
    flags = ("--mask", "left.png", "--keep-color", "luminance", "--stroke-size", 2)
    result = impasto(*words, *flags, "--style", "wave.jpg", "--region", "small.png=swirling-night:0.5")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("was resized to 64 x 48") == 2
    change = np.abs(read_clip(Path("out.mp4"))[0].astype(int) - pan(1, (48, 64))[0])
    assert change[:, 36:].mean() < 3 < change[:, :28].mean()
    for style, words_ in (("wvae", "wvae does not exist"), ("wave.jpg:-1", "the weight of a style")):
        result = impasto(*words, "--overwrite", "--region", f"left.png={style}")
        assert words_ in result.stderr
        assert result.exit_code in (1, 2)


def test_a_video_that_was_begun_otherwise(video, monkeypatch):
    monkeypatch.setattr("impasto.stylizing.video.join", None)  # so that it stops before its end
    assert video("--detail", "0.5").exit_code == 1
    assert "made otherwise" in error_of(video("--detail", "0.6"), 2)
    assert "made otherwise" in error_of(video("--detail", "0.5", "--mask", "left.png"), 2)
    monkeypatch.undo()


# --- webcam -------------------------------------------------------------------------------------------------


def test_a_webcam_with_handles(impasto, workplace):
    words = ("webcam", "--style", "night.safetensors", "--camera", "clip.mp4", "--no-window")
    words = (*words, "--record", "out.mp4", "--runtime", "torch", "--keep-color", "luminance")
    assert "black.png is black all over" in error_of(impasto(*words, "--mask", "black.png"), 1)
    result = impasto(*words, "--mask", "left.png")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("left.png has 96 x 64 pixels and was resized to") == 1
    frame = read_clip(Path("out.mp4"))[0]
    height, width, _ = frame.shape
    mirrored = Image.fromarray(np.ascontiguousarray(pan(1, (48, 64))[0][:, ::-1])).resize((width, height))
    change = np.abs(frame.astype(int) - np.asarray(mirrored))
    assert change[:, width * 5 // 8 :].mean() < 6
    assert change[:, : width * 3 // 8].mean() > 8
