"""A real distillation, in small: tiny pictures, random teachers, a few steps."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from impasto import backbones
from impasto.backbones import distill as distill_module
from impasto.backbones.compact import LAYERS, TEACHER_WIDTHS, WIDTH_OF, load_compact
from impasto.backbones.distill import (
    Distillation,
    DistillOptions,
    DistillStep,
    Teachers,
    distill,
    pictures_in,
)
from impasto.errors import UsageError, WeightsError
from impasto.weights import load_metadata

OPTIONS = DistillOptions(steps=6, batch=3, exact=2, size=32, learning_rate=2e-3, seed=5)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "chelsea", "coffee"):
        Image.fromarray(getattr(data, name)()).resize((72, 60)).save(folder / f"{name}.jpg")
    return pictures_in(folder)


@pytest.fixture(scope="module")
def teachers(vgg_file: Path, compressed_file: Path) -> Teachers:
    """An exact network for relu1_1 to relu3_1 and a compressed one beyond, as in earnest."""
    return Teachers([backbones.load(vgg_file), backbones.load(compressed_file)])


@pytest.fixture(scope="module")
def untouched(photos: list[Path], teachers: Teachers) -> Distillation:
    """At its start, for tests that only look."""
    return Distillation([photos], teachers, OPTIONS)


def state(run: Distillation) -> dict[str, Tensor]:
    return {**run.student.state_dict(), **run.heads.state_dict()}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def test_teachers_share_the_layers(vgg_file: Path, compressed_file: Path, photos: list[Path]) -> None:
    exact, compressed = backbones.load(vgg_file), backbones.load(compressed_file)
    image = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = Teachers([exact, compressed]).features(image, 2)
    assert {layer: tuple(f.shape[:2]) for layer, f in found.items()} == {
        "relu1_1": (2, 64),
        "relu2_1": (2, 128),
        "relu3_1": (2, 256),
        "relu4_1": (3, 512),
        "relu5_1": (3, 512),
    }
    expected = exact(image[:2], LAYERS[:3]) | compressed.teacher_features(image, LAYERS[3:])
    assert_same(found, expected)


def test_teacher_alone_sees_every_picture(compressed_file: Path) -> None:
    image = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = Teachers([backbones.load(compressed_file)]).features(image, 1)
    assert {layer: tuple(f.shape[:2]) for layer, f in found.items()} == {
        layer: (3, width) for layer, width in TEACHER_WIDTHS.items()
    }


def test_layers_that_nobody_teaches(vgg_file: Path) -> None:
    with pytest.raises(UsageError, match="no teacher has relu4_1, relu5_1"):
        Teachers([backbones.load(vgg_file)])


def test_no_pictures(teachers: Teachers) -> None:
    with pytest.raises(UsageError, match="no pictures to learn from"):
        Distillation([], teachers, OPTIONS)


def test_pictures_are_found_at_any_depth_in_a_fixed_order(tmp_path: Path) -> None:
    for name in ("b/2.PNG", "a/1.jpeg", "a/deep/3.webp", "a/notes.txt", "0.jpg", "b/4.gif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in pictures_in(tmp_path)]
    assert found == ["0.jpg", "a/1.jpeg", "a/deep/3.webp", "b/2.PNG", "b/4.gif"]


def test_batches_follow_from_seed_and_step(
    untouched: Distillation, photos: list[Path], teachers: Teachers
) -> None:
    batch = untouched.batch(3)
    assert batch.shape == (3, 3, 32, 32)
    assert 0 <= batch.min() < batch.max() <= 1
    random.seed(1)
    torch.manual_seed(9)
    assert torch.equal(untouched.batch(3), batch)
    assert not torch.equal(untouched.batch(4), batch)
    other = Distillation([photos], teachers, DistillOptions(batch=3, size=32, seed=6))
    assert not torch.equal(other.batch(3), batch)


def test_crop_shows_a_piece_of_the_picture(
    monkeypatch: pytest.MonkeyPatch, untouched: Distillation, photos: list[Path]
) -> None:
    """Without the odd colors, each crop is a part of a photo, perhaps mirrored, at another scale."""
    monkeypatch.setattr(distill_module, "_vary", lambda image, chance: image)
    batch = untouched.batch(0)
    pictures = [np.asarray(Image.open(path).convert("RGB"), np.float32) / 255 for path in photos]
    for crop in batch.permute(0, 2, 3, 1).numpy():
        assert min(np.abs(crop.mean((0, 1)) - picture.mean((0, 1))).max() for picture in pictures) < 0.2
        assert crop.std() > 0.05


def test_losses_are_the_unexplained_share_of_variance(photos: list[Path], teachers: Teachers) -> None:
    """With heads that say nothing, all variance and the squared mean stay, in units of the scales."""
    run = Distillation([photos], teachers, OPTIONS)
    for parameter in run.heads.parameters():
        torch.nn.init.zeros_(parameter)
    image = run.batch(0)
    losses = run.losses(image)
    target = teachers.features(image, OPTIONS.exact)
    assert set(losses) == set(LAYERS)
    for layer, t in target.items():
        expected = (t.double() / run.scales[layer]).square().mean().item()
        assert losses[layer].item() == pytest.approx(expected, rel=0.02)  # the teacher runs in bfloat16
        assert run.scales[layer].shape == (1, TEACHER_WIDTHS[layer], 1, 1)


def test_training_explains_more_and_more(photos: list[Path], teachers: Teachers) -> None:
    options = DistillOptions(steps=400, batch=3, exact=2, size=32, learning_rate=2e-2, seed=5)
    run = Distillation([photos], teachers, options)
    image = run.batch(-77)
    before = run.losses(image)
    for _ in range(25):
        reported = run.advance()
    after = run.losses(image)
    assert run.step == 25
    assert set(reported) == set(LAYERS)
    for layer in LAYERS:
        assert after[layer] < 0.9 * before[layer], layer


def test_killed_and_resumed_run_is_the_uninterrupted_one(
    tmp_path: Path, photos: list[Path], teachers: Teachers
) -> None:
    whole = Distillation([photos], teachers, OPTIONS)
    for _ in range(6):
        whole.advance()

    killed = Distillation([photos], teachers, OPTIONS)
    for _ in range(3):
        killed.advance()
    killed.save(tmp_path / "run.checkpoint")
    killed.advance()  # lost

    torch.manual_seed(1234)
    resumed = Distillation([photos], teachers, OPTIONS)
    resumed.load(tmp_path / "run.checkpoint")
    assert resumed.step == 3
    for _ in range(3):
        resumed.advance()
    assert_same(state(resumed), state(whole))
    assert [path.name for path in tmp_path.iterdir()] == ["run.checkpoint"]


def test_checkpoint_of_other_options_is_refused(
    tmp_path: Path, untouched: Distillation, photos: list[Path], teachers: Teachers
) -> None:
    path = tmp_path / "run.checkpoint"
    untouched.save(path)
    other = Distillation([photos], teachers, DistillOptions(batch=3, size=32))
    with pytest.raises(WeightsError, match=r"run\.checkpoint was made with other options"):
        other.load(path)


def test_maps_are_the_least_squares_optimum(photos: list[Path], teachers: Teachers) -> None:
    """Against numpy.linalg.lstsq, with a row for each unknown that stands for the ridge."""
    run = Distillation([photos], teachers, OPTIONS)
    ridge, batches = 1e-3, 2
    shares = run.solve_maps(batches, ridge)
    inputs: dict[str, list[Tensor]] = {layer: [] for layer in LAYERS}
    outputs: dict[str, list[Tensor]] = {layer: [] for layer in LAYERS}
    for number in range(batches):
        image = run.batch(-1000 - number)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            target = teachers.features(image, OPTIONS.exact)
        with torch.no_grad():
            seen = run.student(image, LAYERS)
        for layer, t in target.items():
            inputs[layer].append(seen[layer][: len(t)].double().transpose(0, 1).flatten(1))
            outputs[layer].append((t.double() / run.scales[layer]).transpose(0, 1).flatten(1))
    for layer in LAYERS:
        features, y = (torch.cat(parts[layer], 1).numpy() for parts in (inputs, outputs))
        x = np.vstack([features, np.ones(features.shape[1])])
        damping = np.sqrt(ridge * np.diag(x @ x.T).mean()) * np.eye(len(x))
        extended = np.hstack([x, damping]), np.hstack([y, np.zeros((len(y), len(x)))])
        expected = np.linalg.lstsq(extended[0].T, extended[1].T, rcond=None)[0].T
        found = run.student.maps[layer]
        assert found.shape == (TEACHER_WIDTHS[layer], WIDTH_OF[layer] + 1)
        np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3 * np.abs(expected).max())
        alive = y.var(1) > 1e-3 * y.var(1).mean()
        unexplained = (((expected @ x - y)[alive] ** 2).mean(1) / y[alive].var(1)).mean()
        assert shares[layer] == pytest.approx(unexplained, rel=1e-2, abs=1e-4)


def test_distill_writes_a_backbone_that_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photos: list[Path], teachers: Teachers
) -> None:
    few_batches(monkeypatch)
    out = tmp_path / "new" / "compact.safetensors"
    seen: list[DistillStep] = []
    shares = distill([photos], teachers, out, OPTIONS, seen.append)
    assert [step.step for step in seen] == [1, 2, 3, 4, 5, 6]
    assert all(step.steps == 6 and set(step.unexplained) == set(LAYERS) for step in seen)
    assert set(shares) == set(LAYERS)
    network = load_compact(out)
    assert set(network.maps) == set(LAYERS)
    metadata = load_metadata(out)
    assert (metadata["seed"], metadata["steps"]) == ("5", "6")
    assert f"relu3_1 {shares['relu3_1']:.3f}" in metadata["unexplained"]
    assert [path.name for path in out.parent.iterdir()] == ["compact.safetensors"]


def test_distill_goes_on_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photos: list[Path], teachers: Teachers
) -> None:
    few_batches(monkeypatch)
    whole, resumed = tmp_path / "whole.safetensors", tmp_path / "resumed.safetensors"
    distill([photos], teachers, whole, OPTIONS)

    class Killed(Exception):
        pass

    def kill_at_four(step: DistillStep) -> None:
        if step.step == 4:
            raise Killed

    often = DistillOptions(**{**vars(OPTIONS), "checkpoint_minutes": 0.0})
    with pytest.raises(Killed):
        distill([photos], teachers, resumed, often, kill_at_four)
    assert not resumed.exists()
    seen: list[int] = []
    distill([photos], teachers, resumed, often, lambda step: seen.append(step.step))
    assert seen == [5, 6]
    one, other = load_compact(whole), load_compact(resumed)
    assert_same(one.state_dict() | one.maps, other.state_dict() | other.maps)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["resumed.safetensors", "whole.safetensors"]


def few_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    solve: Callable[..., dict[str, float]] = Distillation.solve_maps
    monkeypatch.setattr(Distillation, "solve_maps", lambda run: solve(run, batches=2))
