"""Trainings from end to end, in seconds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from impasto.errors import ImageError, UsageError, WeightsError
from impasto.imaging import io
from impasto.networks.card import Card, fingerprint, load_card
from impasto.training import checkpoints
from impasto.training.checkpoints import TrainingPlan, TrainStep, workspace
from impasto.training.options import PrimeOptions, TrainOptions
from impasto.training.photos import find_photos
from impasto.training.train import find_rate, prime, train
from impasto.weights import load_metadata

Options = Callable[..., TrainOptions]
Picture = Callable[[str, int], Tensor]


@pytest.fixture
def plan(tmp_path: Path, folder: Path, narrow: Card) -> TrainingPlan:
    return TrainingPlan(find_photos([folder]), tmp_path / "pink.safetensors", start=narrow)


def test_it_learns_a_style(
    plan: TrainingPlan, style_file: Path, options: Options, picture: Picture, narrow: Card
) -> None:
    steps: list[TrainStep] = []
    about = {"style": "pink", "artist": "a microscope", "recipe": "light"}
    card = train(
        style_file, options(steps=60, learning_rate=0.01), replace(plan, on_step=steps.append, about=about)
    )
    assert [step.step for step in steps] == list(range(1, 61))
    assert {step.steps for step in steps} == {60}
    assert steps[-1].done == 1
    assert steps[0].losses.keys() == {"total", "style", "content", "tv", "lattice", "light"}
    validations = [step.validation["total"] for step in steps if step.validation]
    assert len(validations) == 25
    assert validations[-1] < 0.8 * validations[0]
    assert card.scores["held_out_loss"] == pytest.approx(min(validations), abs=1e-5)
    assert steps[-1].sample == workspace(plan.out) / "samples" / "000060.jpg"
    assert steps[-1].images_per_second > 0

    loaded = load_card(plan.out)
    assert (loaded.style, loaded.artist, loaded.recipe) == ("pink", "a microscope", "light")
    assert loaded.training_data == plan.photos.summary
    assert str(plan.out.parent) not in str(load_metadata(plan.out))
    assert loaded.base == fingerprint(narrow)
    assert loaded.options["steps"] == 60
    photo = picture("coffee", 50)[None]
    painted = loaded.build()(photo)
    assert painted.shape == photo.shape
    assert (painted - narrow.build()(photo)).abs().mean() > 0.02

    left = {str(path.relative_to(plan.out.parent)) for path in plan.out.parent.rglob("*") if path.is_file()}
    work = "pink.training"
    assert {plan.out.name, f"{work}/last.safetensors", f"{work}/losses.csv", f"{work}/losses.png"} <= left
    assert len(left) == 4 + 25


@pytest.mark.parametrize("enough", [0, 5])
def test_it_ends_when_it_is_enough(
    plan: TrainingPlan, style_file: Path, options: Options, narrow: Card, enough: int
) -> None:
    """With a card of what it learned until then; before the first step, of where it began."""
    steps: list[TrainStep] = []
    card = train(
        style_file,
        options(steps=None, minutes=10),
        replace(plan, on_step=steps.append, is_enough=lambda: len(steps) == enough),
    )
    assert len(steps) == enough == card.options["steps"]
    assert 0 < card.scores["held_out_loss"] < 100
    loaded = load_card(plan.out)
    same = all(torch.equal(tensor, narrow.tensors[name]) for name, tensor in loaded.tensors.items())
    assert same == (enough == 0)
    assert not (workspace(plan.out) / "checkpoint.pt").exists()


def test_what_is_raised_instead_of_an_answer_ends_it_at_once(
    plan: TrainingPlan, style_file: Path, options: Options
) -> None:
    def give_up() -> bool:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        train(style_file, options(), replace(plan, is_enough=give_up))
    assert not plan.out.exists()
    assert not list(workspace(plan.out).rglob("*"))


@pytest.mark.parametrize("loss", ["pixels", "content"])
def test_priming_and_training_from_it(
    plan: TrainingPlan, style_file: Path, options: Options, compact_file: Path, narrow: Card, loss: Any
) -> None:
    out = plan.out.with_name("primed.safetensors")
    losses: list[float] = []
    small = {"size": 32, "batch": 2, "workers": 0, "precision": "float32", "backbone": str(compact_file)}
    primed = prime(
        PrimeOptions(loss=loss, steps=40, learning_rate=0.01, **small),  # type: ignore[arg-type]
        replace(plan, out=out, on_step=lambda step: losses.append(step.losses["total"])),
    )
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
    assert (primed.style, load_card(out).style) == ("", "")

    train(style_file, options(steps=2), replace(plan, start=load_card(out)))
    start, card = load_card(out), load_card(plan.out)
    assert start.base == card.base == fingerprint(narrow)  # from which both began, and so can be mixed
    assert start.config == card.config
    assert fingerprint(start) != fingerprint(narrow)


def test_a_range_test_writes_nothing(plan: TrainingPlan, style_file: Path, options: Options) -> None:
    seen: list[TrainStep] = []
    test = find_rate(style_file, options(), replace(plan, on_step=seen.append), steps=12)
    assert len(test.trials) == len(seen) <= 12
    assert seen[0].losses["rate"] == 1e-6
    assert 1e-7 < test.suggestion() < 1
    assert not list(plan.out.parent.iterdir())


def test_best_and_last_may_differ(
    plan: TrainingPlan, style_file: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held-out losses that only rise make the first weights the best."""
    honest = checkpoints.Training.validate
    rising = iter(range(1, 100))

    def worse(self: Any, photos: Tensor) -> dict[str, float]:
        monkeypatch.setattr(self, "objective", lambda *_: (torch.tensor(float(next(rising))), {}))
        try:
            return honest(self, photos)
        finally:
            monkeypatch.undo()
            monkeypatch.setattr(checkpoints.Training, "validate", worse)

    monkeypatch.setattr(checkpoints.Training, "validate", worse)
    train(style_file, options(steps=5, learning_rate=0.05), plan)
    best, last = (load_card(path) for path in (plan.out, workspace(plan.out) / "last.safetensors"))
    assert best.scores["held_out_loss"] == 1
    assert fingerprint(best) != fingerprint(last)


# --- photos of all kinds ------------------------------------------------------------------------------------


@pytest.fixture
def mixed(tmp_path: Path, folder: Path) -> Path:
    """A folder of photos, one of them smaller than the crops, among others that cannot be read."""
    path = tmp_path / "mixed"
    path.mkdir()
    for photo in folder.iterdir():
        (path / photo.name).write_bytes(photo.read_bytes())
    Image.open(folder / "coffee.jpg").resize((20, 14)).save(path / "small.png")
    for number in range(3):
        (path / f"bad{number}.jpg").write_text("a thousand words")
    (path / "notes.txt").write_text("not a picture at all")
    return path


def test_unreadable_photos_are_skipped_and_named(
    plan: TrainingPlan, style_file: Path, options: Options, mixed: Path
) -> None:
    skipped: list[str] = []
    train(
        style_file,
        options(steps=8, batch=4),
        replace(plan, photos=find_photos([mixed]), on_step=lambda step: skipped.extend(step.skipped)),
    )
    assert sorted(Path(name).name for name in skipped) == ["bad0.jpg", "bad1.jpg", "bad2.jpg"]


def test_held_out_photos_that_cannot_be_read_are_replaced(
    plan: TrainingPlan, style_file: Path, options: Options, tmp_path: Path, folder: Path
) -> None:
    """With two photos one is held out; whichever it is, the other can be both."""
    for bad in ("a.jpg", "b.jpg"):
        pair = tmp_path / bad
        pair.mkdir()
        for name in ("a.jpg", "b.jpg"):
            (pair / name).write_bytes(b"no" if name == bad else (folder / "coffee.jpg").read_bytes())
        skipped: list[str] = []
        given = replace(plan, photos=find_photos([pair]), on_step=lambda step: skipped.extend(step.skipped))  # noqa: B023
        if is_trained_on(given, bad):
            with pytest.raises(ImageError, match="can be read"):
                train(style_file, options(steps=1), given)
        else:
            train(style_file, options(steps=1), given)
            assert [Path(name).name for name in skipped] == [bad]


def is_trained_on(plan: TrainingPlan, name: str) -> bool:
    from impasto.training.photos import split

    return Path(split(plan.photos, 0)[0].name(0)).name == name


def test_no_photo_can_be_read(plan: TrainingPlan, style_file: Path, options: Options, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_text("a thousand words")
    with pytest.raises(ImageError, match=r"none of the 3 photos in .* can be read: "):
        train(style_file, options(), replace(plan, photos=find_photos([folder])))


def test_styles_with_alpha_and_with_16_bits(
    plan: TrainingPlan, style_file: Path, options: Options, tmp_path: Path
) -> None:
    image, _ = io.read(style_file)
    alpha = torch.ones(1, *image.shape[1:])
    alpha[..., :20] = 0
    cut, deep, clear = (tmp_path / name for name in ("cut.png", "deep.tif", "clear.png"))
    io.write(cut, image, alpha=alpha)
    io.write(deep, image, bit_depth=16)
    io.write(clear, image, alpha=0 * alpha)
    losses: dict[str, float] = {}
    for path in (style_file, cut, deep):
        out = tmp_path / f"{path.stem}.safetensors"
        losses[path.stem] = train(path, options(steps=1), replace(plan, out=out)).scores["held_out_loss"]
    assert losses["deep"] == pytest.approx(losses["pink"], rel=1e-3)
    assert abs(losses["cut"] - losses["pink"]) > 1e-4  # what is transparent is no part of the style
    with pytest.raises(ImageError, match=r"clear\.png is wholly transparent"):
        train(clear, options(steps=1), plan)


# --- what cannot be done ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"network": "unet"}, UsageError, "are of a light network, not of unet"),
        ({"skips": (2,)}, UsageError, "skips are for a unet"),
        ({"style_layers": "relu9_9"}, UsageError, "no layer relu9_9"),
        ({"backbone": "none.pth"}, WeightsError, "no weights file none.pth"),
        ({"batch": 3, "size": 4096, "network": "perceptron"}, UsageError, "not of perceptron"),
    ],
)
def test_options_that_do_not_fit(
    plan: TrainingPlan, style_file: Path, options: Options, given: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        train(style_file, options(**given), plan)


def test_an_unknown_network(plan: TrainingPlan, style_file: Path, options: Options) -> None:
    with pytest.raises(UsageError, match="there is no network perceptron"):
        train(style_file, options(network="perceptron"), replace(plan, start=None))


def test_a_unet_with_other_skips(plan: TrainingPlan, style_file: Path, options: Options) -> None:
    from impasto import networks

    network = networks.build("unet", width=2, depth=2, skips=[2])
    start = Card("unet", network.config, network.state_dict())
    given = replace(plan, start=start)
    train(style_file, options(network="unet", skips=(2,), steps=1), given)
    with pytest.raises(UsageError, match=r"are of a unet with skips \[2\]"):
        train(style_file, options(network="unet", skips=(1, 2), steps=1), given)
