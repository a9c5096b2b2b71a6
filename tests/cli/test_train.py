"""`impasto train`, end to end with small files."""

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from impasto import networks, recipes
from impasto.cli.flags import EXPERT
from impasto.cli.train import FLAGS, recipe_priming, resolve
from impasto.cli.training_session import parse_skips
from impasto.errors import DivergenceError, UsageError
from impasto.imaging import io
from impasto.networks.card import Card, fingerprint, load_card, load_primed, save_card
from impasto.options import kebab
from impasto.training import metrics_log
from impasto.training.options import TrainOptions

Impasto = Callable[..., Any]
CARD = "wave.safetensors"
SMALL = ("--size", "32", "--batch", "2", "--style-size", "48", "--workers", "0")
DEPTHS = {"vgg16": (2, 2, 3, 3), "vgg19": (2, 2, 4, 4, 1)}
WIDTHS = (64, 128, 256, 512, 512)


@pytest.fixture(scope="session")
def vggs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """VGG-16 to conv4_3 and VGG-19 to conv5_1, with random weights in float16."""
    folder, dice = tmp_path_factory.mktemp("vggs"), torch.Generator().manual_seed(4)
    for name, depths in DEPTHS.items():
        tensors, index, inputs = {}, 0, 3
        for depth, width in zip(depths, WIDTHS, strict=False):
            for _ in range(depth):
                weight = torch.randn(width, inputs, 3, 3, generator=dice) * (2 / (9 * inputs)) ** 0.5
                tensors |= {
                    f"features.{index}.weight": weight.half(),
                    f"features.{index}.bias": torch.zeros(width),
                }
                index, inputs = index + 2, width
            index += 1
        save_file(tensors, folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in DEPTHS}


@pytest.fixture(scope="session")
def narrow() -> Card:
    """A light network with few channels, as a start."""
    with torch.random.fork_rng():
        torch.manual_seed(6)
        network = networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=4)
    return Card(network="light", config=network.config, tensors=network.state_dict())


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, narrow: Card, compact_file: Path) -> Path:
    """The current folder, with photos, a style, a small backbone and small weights to start from."""
    (tmp_path / "photos").mkdir()
    for name in ("astronaut", "chelsea", "coffee"):
        picture = Image.fromarray(getattr(data, name)()).resize((72, 60))
        picture.save(tmp_path / "photos" / f"{name}.jpg")
    Image.fromarray(data.immunohistochemistry()).resize((64, 64)).save(tmp_path / "wave.jpg")
    save_card(narrow, tmp_path / "start.safetensors")
    shutil.copy(compact_file, tmp_path / "backbone.safetensors")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def train(impasto: Impasto, studio: Path) -> Impasto:
    """Run `impasto train wave.jpg`, small and short; later flags override."""

    def run(
        *arguments: object,
        style: str = "wave.jpg",
        photos: Iterable[str] = ("photos",),
        start: str | None = "start.safetensors",
        **rest: Any,
    ) -> Any:
        flags = [flag for path in photos for flag in ("--photos", path)]
        begin = () if start is None else ("--from", start)
        length = () if {"--minutes", "--steps"} & {*map(str, arguments)} else ("--steps", "3")
        small = (*SMALL, "--backbone", "backbone.safetensors", *begin, *length)
        return impasto("train", style, *flags, *small, *arguments, **rest)

    return run


def error_of(result: Any, code: int) -> str:
    """The line that a failing command ends with."""
    assert result.exit_code == code, (result.stderr, result.exception)
    assert "Traceback" not in result.output
    lines: list[str] = [line for line in result.stderr.splitlines() if not line.startswith("note: ")]
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1, lines
    return errors[0]


# --- a training ---------------------------------------------------------------------------------------------


def test_trains(train: Impasto, studio: Path) -> None:
    result = train(
        "-o", CARD, "--artist", "Hokusai", "--year", 1831, "--title", "Great Wave", "--license", "PD"
    )
    assert result.exit_code == 0, (result.stderr, result.exception)
    lines = result.stderr.splitlines()
    assert lines[0].startswith("note: 3 photos in photos are few: ")
    assert any(re.search(r"learning  1/3, style [\d.]+, content [\d.]+, tv [\d.]+", line) for line in lines)
    assert re.fullmatch(
        rf"{CARD}: 0\.\d MB, held-out loss [\d.]+ after 3 steps; this run took \d+ s", lines[-3]
    )
    assert lines[-2] == "sample pictures are in wave.training/samples, losses in wave.training/losses.png"
    assert lines[-1] == f"use it: impasto stylize photo.jpg -o out.jpg --style {CARD}"
    card = load_card(CARD)
    assert (card.style, card.artist, card.year, card.title, card.licence) == (
        "wave", "Hokusai", "1831", "Great Wave", "PD",
    )  # fmt: skip
    assert card.base == fingerprint(load_card("start.safetensors"))
    assert {path.name for path in (studio / "wave.training").iterdir()} == {
        "last.safetensors", "losses.csv", "losses.png", "samples",
    }  # fmt: skip


def test_dry_run(train: Impasto, studio: Path) -> None:
    before = sorted(studio.rglob("*"))
    result = train("-o", CARD, "--steps", 100, "--dry-run")
    assert result.exit_code == 0, (result.stderr, result.exception)
    lines = result.stdout.splitlines()
    rows = {line.split()[0]: line.split(maxsplit=1)[1].strip() for line in lines if line.strip()}
    assert rows["size"] == "32"
    assert rows["photos"] == "3 photos in photos"
    assert rows["start"] == "start.safetensors"
    assert "minutes" not in rows
    assert re.fullmatch(r"about \d+(\.\d)? (s|min|h), for 100 steps", rows["time"])
    assert [line.split()[0] for line in lines[-3:]] == ["memory", "disk", "time"]
    assert sorted(studio.rglob("*")) == before


def test_dry_run_without_a_backbone(train: Impasto, studio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_CACHE", str(studio / "cache"))
    result = train("-o", CARD, "--backbone", "vgg19", "--dry-run")
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert "note: training would first download " in result.stderr
    assert "time" not in result.stdout


def test_the_card_paints(train: Impasto, impasto: Impasto) -> None:
    assert train("-o", CARD, "--quiet", "--name", "The Wave").output == ""
    assert load_card(CARD).style == "The Wave"
    assert impasto("stylize", "photos/coffee.jpg", "-o", "out.png", "--style", CARD).exit_code == 0
    with Image.open("out.png") as picture:
        assert picture.size == (72, 60)


def test_a_style_whose_name_is_no_unicode(train: Impasto, impasto: Impasto, studio: Path) -> None:
    """As old archives have them: its letters are shown and kept as far as they have an encoding."""
    name = "v\udce9g.jpg"
    shutil.copy("wave.jpg", name)
    result = train("-o", "v\udce9g.safetensors", style=name)
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert r"v\udce9g.safetensors: " in result.stderr
    board = train("-o", "v\udce9h.safetensors", "--tensorboard", style=name)
    assert r"TensorBoard cannot write to v\udce9h.training, which is not valid UTF-8" in error_of(board, 2)
    assert load_card("v\udce9g.safetensors").style == "v-g"
    painted = impasto("stylize", "photos/coffee.jpg", "-o", "out.png", "--style", "v\udce9g.safetensors")
    assert painted.exit_code == 0, (painted.stderr, painted.exception)


def test_without_photos_and_with_a_budget(train: Impasto) -> None:
    result = train("-o", CARD, "--minutes", 0.02, photos=())
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert "note: without --photos, training uses synthetic pictures" in result.stderr
    assert load_card(CARD).training_data.endswith("synthetic pictures")


@pytest.mark.parametrize("name", recipes.names("train"))
def test_recipes(train: Impasto, vggs: dict[str, Path], name: str) -> None:
    recipe = recipes.find(name, "train")
    backbone = vggs.get(recipe.options.get("backbone", ""), "backbone.safetensors")
    start = "start.safetensors" if name == "light" else None
    result = train("-o", CARD, "--recipe", name, "--backbone", backbone, "--steps", 2, start=start)
    assert result.exit_code == 0, (result.stderr, result.exception)
    card = load_card(CARD)
    assert (card.recipe, card.network, card.options["steps"]) == (name, recipe.options["network"], 2)
    primed = Path("wave.training/primed.safetensors")
    assert primed.exists() == bool(recipe.priming)
    if recipe.priming:
        assert "priming  1/1, pixels" in result.stderr
        assert card.base == fingerprint(load_card(primed))
    elif name != "light":
        assert card.base == ""  # random weights


def test_weights_that_a_recipe_primed_are_used_again(train: Impasto, vggs: dict[str, Path]) -> None:
    unet = ("-o", CARD, "--recipe", "unet", "--backbone", vggs["vgg16"], "--steps", 1)
    assert train(*unet, start=None).exit_code == 0
    again = train(*unet, "--overwrite", "--skips", "2,3,4", start=None)
    assert again.exit_code == 0, again.stderr
    assert "priming" not in again.stderr
    shutil.copy("wave.training/primed.safetensors", "primed.safetensors")
    other = train(*unet, "-o", "other.safetensors", start="primed.safetensors")
    assert other.exit_code == 0, other.stderr
    assert load_card("other.safetensors").base == load_card(CARD).base
    assert not Path("other.training/primed.safetensors").exists()


def test_it_starts_from_the_embedded_weights(train: Impasto) -> None:
    primed = load_primed("light")
    if primed is None:
        pytest.skip("no weights are embedded")
    assert train("-o", CARD, "--steps", 1, start=None).exit_code == 0
    assert load_card(CARD).base == fingerprint(primed)


def test_a_random_start(train: Impasto) -> None:
    assert train("-o", CARD, "--network", "encoder_decoder", start="random").exit_code == 0
    assert load_card(CARD).base == ""


def test_a_learning_rate_is_suggested(train: Impasto, studio: Path) -> None:
    result = train("-o", CARD, "--find-lr")
    assert result.exit_code == 0, (result.stderr, result.exception)
    last = result.stderr.splitlines()[-1]
    found = re.fullmatch(
        r"suggested: --learning-rate ([\d.e-]+); see wave\.training/learning-rate\.csv and "
        r"wave\.training/learning-rate\.png",
        last,
    )
    assert found, last
    assert 1e-6 < float(found[1]) < 1
    with Path("wave.training/learning-rate.csv").open(newline="") as file:
        assert 10 < len(list(csv.DictReader(file))) <= 120
    assert not Path(CARD).exists()
    assert {path.name for path in (studio / "wave.training").iterdir()} == {
        "learning-rate.csv", "learning-rate.png",
    }  # fmt: skip


def test_without_matplotlib_there_are_tables(train: Impasto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_log, "find_spec", lambda name: None)
    result = train("-o", CARD, "--find-lr")
    assert result.stderr.splitlines()[-1].endswith("needs Matplotlib: pip install 'impasto[train]'")
    assert train("-o", CARD).stderr.splitlines()[-2].endswith("losses in wave.training/losses.csv")


def test_a_terminal_sees_a_bar_without_two_clocks(train: Impasto) -> None:
    result = train("-o", CARD, "--steps", 8, FORCE_COLOR="1")
    assert result.exit_code == 0
    assert "━" in result.stderr
    assert "-:--" not in result.stderr


def test_event_files(train: Impasto) -> None:
    pytest.importorskip("tensorboard")
    assert train("-o", CARD, "--tensorboard").exit_code == 0
    assert list(Path("wave.training/tensorboard").iterdir())


# --- what is told -------------------------------------------------------------------------------------------


def test_steps_back_are_told(train: Impasto, monkeypatch: pytest.MonkeyPatch) -> None:
    complaints = iter([None, "the loss is not a number", None])
    monkeypatch.setattr("impasto.training.optimization.Watchdog.complaint", lambda *_: next(complaints))
    result = train("-o", CARD)
    assert result.exit_code == 0
    assert (
        "note: step 2: the loss is not a number; went back 2 steps and halved the learning rate"
        in result.stderr.splitlines()
    )


@pytest.mark.parametrize(("bad", "rest"), [(1, ""), (12, " and 2 more")])
def test_photos_that_cannot_be_read_are_named(train: Impasto, bad: int, rest: str) -> None:
    for number in range(bad):
        Path(f"photos/bad{number:02}.jpg").write_text("a thousand words")
    Path("photos/notes.txt").write_text("no picture")
    result = train("-o", CARD, "--batch", 16, "--steps", 2)
    assert result.exit_code == 0, result.stderr
    (line,) = (line for line in result.stderr.splitlines() if "unreadable" in line)
    count = "1 photo was" if bad == 1 else f"{bad} photos were"
    assert line.startswith(f"note: {count} skipped, because unreadable: photos/bad")
    assert line.count("photos/bad") == min(bad, 10)
    assert line.endswith(rest or ".jpg")


def test_photos_smaller_than_the_crops(train: Impasto) -> None:
    Image.open("photos/coffee.jpg").resize((20, 14)).save("photos/small.png")
    assert train("-o", CARD, "--size", 64).exit_code == 0


def test_styles_with_alpha_and_16_bits(train: Impasto, studio: Path) -> None:
    image, _ = io.read("wave.jpg")
    alpha = torch.ones(1, *image.shape[1:])
    alpha[..., :20] = 0
    io.write("cut.png", image, alpha=alpha)
    io.write("deep.png", image, bit_depth=16)
    Image.open("wave.jpg").save("moving.gif", save_all=True, append_images=[Image.new("RGB", (64, 64))])
    for style in ("cut.png", "deep.png", "moving.gif", "swirling-night"):
        result = train("-o", CARD, "--overwrite", "--steps", 1, style=style)
        assert result.exit_code == 0, result.stderr
        assert ("note: moving.gif is animated (2 frames)" in result.stderr) == (style == "moving.gif")


# --- options ------------------------------------------------------------------------------------------------


def test_flags_override_a_recipe() -> None:
    options = resolve({"size": 64, "style_weight": 7.0}, recipes.find("johnson", "train"))
    assert (options.size, options.style_weight, options.content_weight) == (64, 7.0, 1e5)
    assert (options.network, options.steps, options.normalize) == ("transformer_net", 40_000, False)


def test_minutes_take_the_place_of_a_recipes_steps() -> None:
    options = resolve({"minutes": 5.0}, recipes.find("johnson", "train"))
    assert (options.minutes, options.steps) == (5.0, None)


def test_nothing_given_is_the_defaults_and_light() -> None:
    assert resolve({}) == resolve({}, recipes.find("light", "train")) == TrainOptions()


@pytest.mark.parametrize(
    ("given", "steps", "minutes"),
    [({}, 1250, 15.0), ({"steps": 100}, 25, 15.0), ({"minutes": 8.0}, None, 2.0)],
)
def test_priming_scales_with_the_training(given: dict[str, Any], steps: int | None, minutes: float) -> None:
    recipe = recipes.find("johnson-onecycle", "train")
    options = recipe_priming(recipe, resolve({**given, "size": 64}, recipe))
    assert (options.steps, options.minutes) == (steps, minutes)
    assert (options.network, options.size, options.batch, options.learning_rate) == (
        "transformer_net", 64, 16, 1e-3,
    )  # fmt: skip


def test_expert_flags_reach_the_card(train: Impasto) -> None:
    flags = (
        "--style-layers relu1_1=0.5,relu2_1 --content-layers relu2_1 --style-weight 3 --tv-weight 0 "
        "--style-loss gram --pooling average --learning-rate 0.01 --schedule cosine --no-augment --clip 2 "
        "--weight-decay 0.1 --seed 4 --precision float32 --device cpu --no-normalize --content-weight 2"
    )
    result = train("-o", CARD, *flags.split())
    assert result.exit_code == 0, result.stderr
    options = load_card(CARD).options
    assert options["style_layers"] == [["relu1_1", 0.5], ["relu2_1", 1.0]]
    assert (options["schedule"], options["augment"], options["seed"]) == ("cosine", False, 4)
    assert (options["normalize"], options["style_loss"], options["clip"]) == (False, "gram", 2.0)


@pytest.mark.parametrize(
    ("text", "expected"), [("2,3", (2, 3)), ("4", (4,)), ("none", ())], ids=["two", "one", "none"]
)
def test_skips(text: str, expected: tuple[int, ...]) -> None:
    assert parse_skips(text) == expected


def test_skips_that_are_none() -> None:
    with pytest.raises(UsageError, match="--skips must be a list of levels such as 2,3,4, or none, not all"):
        parse_skips("all")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Starry Night_2", "starry-night-2"),
        ("wave", "wave"),
        ("Bœuf  écorché", "bœuf-écorché"),
        ("--", "style"),
    ],
)
def test_kebab_case(text: str, expected: str) -> None:
    assert kebab(text) == expected


def test_every_option_has_a_flag() -> None:
    assert FLAGS.keys() == {field.name for field in fields(TrainOptions)}
    assert all(name in FLAGS["network"].help for name in networks.NAMES)


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("command", ["train", "prime"])
def test_help_fits_a_screen(impasto: Impasto, command: str, columns: int) -> None:
    result = impasto(command, "--help", columns=columns)
    lines = result.stdout.strip().splitlines()
    assert result.exit_code == 0
    assert 15 < len(lines) <= 24
    assert max(map(len, lines)) <= columns
    assert all(
        flag in result.stdout for flag in ("--photos", "--minutes", "--steps", "--resume", "--help-all")
    )
    assert "--clip" not in result.stdout


def test_help_all_shows_every_flag_with_its_default(impasto: Impasto) -> None:
    text = impasto("train", "--help-all").stdout
    for field in fields(TrainOptions):
        (line,) = (line for line in text.splitlines() if f"--{field.name.replace('_', '-')} " in line)
        if field.default is not None and not isinstance(field.default, bool):
            assert f"({field.default})" in line
    assert EXPERT in text
    for flag in (
        "--overwrite",
        "--tensorboard",
        "--name",
        "--title",
        "--artist",
        "--year",
        "--license",
        "--origin",
    ):
        assert flag in text
    line = next(line for line in text.splitlines() if "--recipe" in line)
    assert all(name in line for name in recipes.names("train"))
    assert "gatys" not in line


# --- bad input ----------------------------------------------------------------------------------------------


@pytest.fixture
def rubbish(studio: Path) -> Path:
    """Files and folders that are not what they should be."""
    for name in ("empty", "texts", "bad"):
        (studio / name).mkdir()
    (studio / "texts" / "notes.txt").write_text("no picture")
    for number in range(3):
        (studio / "bad" / f"{number}.jpg").write_text("a thousand words")
    (studio / "style.jpg").write_text("a thousand words")
    Image.new("RGBA", (40, 40)).save("clear.png")
    (studio / "done.safetensors").write_bytes((studio / "start.safetensors").read_bytes())
    unet = networks.build("unet", width=2, depth=2, skips=[2])
    save_card(Card("unet", unet.config, unet.state_dict()), studio / "unet.safetensors")
    return studio


@pytest.mark.parametrize(
    ("arguments", "code", "fragments"),
    [
        (["--photos", "none"], 2, ["none does not exist"]),
        (["--photos", "empty"], 2, ["empty is empty"]),
        (["--photos", "texts"], 2, ["texts holds 1 file, no picture (.txt)"]),
        (["-o", "card.pth"], 2, ["card.pth must end in .safetensors"]),
        (["-o", "none/card.safetensors"], 1, ["there is no folder"]),
        (["-o", "photos"], 2, ["photos is a folder"]),
        (["-o", "done.safetensors"], 2, ["done.safetensors exists", "--overwrite"]),
        (["--resume"], 1, ["there is no checkpoint wave.training/checkpoint.pt to resume: leave out"]),
        (["--resume", "--recipe", "unet", "--from", ""], 1, ["there is no checkpoint", "primed.training"]),
        (["--recipe", "vermeer"], 2, ["no recipe vermeer: choose among johnson, johnson-onecycle, "]),
        (["--recipe", "gatys"], 2, ["gatys is for impasto paint; for impasto train choose among johnson, "]),
        (["--from", "unet.safetensors"], 2, ["are of a unet network, not of light"]),
        (["--from", "none.safetensors"], 1, ["none.safetensors"]),
        (["--from", "backbone.safetensors"], 1, ["backbone.safetensors is no style card"]),
        (["--skips", "2"], 2, ["skips are for a unet"]),
        (["--network", "perceptron", "--from", "random"], 2, ["no network perceptron: choose among light, "]),
        (["--network", "unet", "--skips", "9", "--from", "random"], 2, ["a unet network cannot be built"]),
        (["--minutes", "3", "--steps", "3"], 2, ["give one of them"]),
        (["--minutes", "0"], 2, ["minutes must be positive, not 0"]),
        (["--steps", "few"], 2, ["--steps must be a whole number, not few"]),
        (["--size", "16"], 2, ["size must be a whole number from 32 to 4096, not 16"]),
        (["--schedule", "stairs"], 2, ["schedule must be one of onecycle, cosine, constant, not stairs"]),
        (["--style-layers", "relu9_9"], 2, ["no layer relu9_9"]),
        (["--backbone", "none.pth"], 1, ["no weights file none.pth"]),
        (["--device", "abacus"], 2, ["device must be one of auto"]),
    ],
)  # fmt: skip
def test_bad_input_gets_one_line(
    train: Impasto, rubbish: Path, arguments: list[str], code: int, fragments: list[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in rubbish.rglob("*")}
    photos = () if "--photos" in arguments else ("photos",)
    start = None if "--from" in arguments else "start.safetensors"
    out = () if "-o" in arguments else ("-o", CARD)
    line = error_of(train(*out, *arguments, photos=photos, start=start), code)
    assert all(fragment in line for fragment in fragments), line
    assert {path: path.stat().st_mtime_ns for path in rubbish.rglob("*")} == before


@pytest.mark.parametrize(
    ("style", "fragment"),
    [
        ("none.jpg", "none.jpg does not exist; the shipped styles are burning-sky, "),
        ("style.jpg", "style.jpg is not a picture"),
        ("clear.png", "clear.png is wholly transparent"),
        ("photos", "photos is a folder"),
    ],
)
def test_bad_styles(train: Impasto, rubbish: Path, style: str, fragment: str) -> None:
    assert fragment in error_of(train("-o", CARD, style=style), 1)


def test_no_photo_can_be_read(train: Impasto, rubbish: Path) -> None:
    assert "none of the 3 photos in bad can be read" in error_of(train("-o", CARD, photos=("bad",)), 1)


def test_divergence(train: Impasto, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DivergenceError("the training broke 9 times")

    monkeypatch.setattr("impasto.training.optimization.Training.advance", fail)
    assert "broke 9 times" in error_of(train("-o", CARD), 1)


# --- ends before the end ------------------------------------------------------------------------------------


LONG = ("train", "wave.jpg", "--photos", "photos", *SMALL, "--from", "start.safetensors", "--steps", "400",
        "--backbone", "backbone.safetensors", "-o", CARD)  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="needs signals of POSIX")
def test_ctrl_c_saves_a_checkpoint_to_go_on_from(
    impasto: Impasto, interrupt: Callable[..., str], studio: Path
) -> None:
    rest = interrupt(*LONG, at="learning")
    assert "stopped; continue with the same command and --resume; the state is kept in wave.training" in rest
    assert "Traceback" not in rest
    assert not Path(CARD).exists()
    assert "wave.training holds an unfinished training: go on with --resume" in error_of(impasto(*LONG), 2)

    other = impasto(*LONG, "--resume", "--steps", 300, "--seed", 5)
    assert "seed was 0 and is now 5; steps was 400 and is now 300" in error_of(other, 2)
    assert impasto(*LONG, "--overwrite", "--steps", 1).exit_code == 0
    assert "there is no checkpoint" in error_of(impasto(*LONG, "--resume"), 1)


def test_it_goes_on_from_the_checkpoint(train: Impasto, monkeypatch: pytest.MonkeyPatch) -> None:
    from impasto.cli.training_session import TrainingProgress

    honest = TrainingProgress.__call__

    def interrupted(self: TrainingProgress, step: Any) -> None:
        honest(self, step)
        if step.step == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TrainingProgress, "__call__", interrupted)
        stopped = train("-o", CARD, "--steps", 6)
    assert stopped.exit_code == 130
    assert "and --resume" in stopped.stderr
    result = train("-o", CARD, "--steps", 6, "--resume")
    assert result.exit_code == 0, result.stderr
    assert "continuing from the checkpoint, after step 4" in result.stderr.splitlines()


def test_a_priming_that_was_interrupted_goes_on(
    train: Impasto, vggs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from impasto.cli.training_session import TrainingProgress

    honest, unet = (
        TrainingProgress.__call__,
        ("-o", CARD, "--recipe", "unet", "--backbone", vggs["vgg16"], "--steps", 4),
    )

    def interrupt_at(place: str) -> Any:
        def interrupted(self: TrainingProgress, step: Any) -> None:
            honest(self, step)
            if ("pixels" in step.losses, step.step) == (place == "priming", 1):
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(TrainingProgress, "__call__", interrupted)
            return train(*unet, *(["--resume"] if place != "priming" else []), start=None)

    assert interrupt_at("priming").exit_code == 130
    assert Path("wave.training/primed.training/checkpoint.pt").exists()
    half = interrupt_at("learning")
    assert half.exit_code == 130, half.stderr
    assert half.stderr.count("continuing from the checkpoint, after step 1") == 1
    result = train(*unet, "--resume", start=None)
    assert result.exit_code == 0, result.stderr
    assert "priming" not in result.stderr
    assert load_card(CARD).base == fingerprint(load_card("wave.training/primed.safetensors"))


@pytest.mark.skipif(os.name == "nt", reason="gloo under torchrun needs POSIX here")
def test_processes_that_torchrun_starts_speak_with_one_voice(studio: Path) -> None:
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "impasto")
    run = subprocess.run(
        [sys.executable, *torchrun, *LONG, "--steps", "3"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("learning  1/3") == 1
    assert run.stderr.count(f"use it: impasto stylize photo.jpg -o out.jpg --style {CARD}") == 1
    assert "Warning" not in run.stderr
    assert load_card(CARD).options["steps"] == 3


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_it_leaves_nothing_behind(studio: Path) -> None:
    """No warning of Python's, and no process: workers have ended with the training."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default", "MARK": "impasto-left"}
    run = subprocess.run(
        [sys.executable, "-m", "impasto", *LONG, "--steps", "3", "--workers", "2"],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert run.returncode == 0, run.stderr
    assert "Warning" not in run.stderr
    assert "leaked" not in run.stderr
    alive = [path for path in Path("/proc").glob("[0-9]*/environ") if b"MARK=impasto-left" in _bytes(path)]
    assert alive == []


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
