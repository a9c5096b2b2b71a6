"""A style by one call."""

from pathlib import Path

import pytest
import torch

import impasto
from impasto import styles
from impasto.encoding import encode
from impasto.errors import ImageError, UsageError
from impasto.networks.card import load_card, save_card
from impasto.training.checkpoints import TrainingPlan, TrainStep, workspace
from impasto.training.distributed import mark_folder
from impasto.training.options import TrainOptions
from impasto.training.photos import find_photos
from impasto.training.train import instant_start, made_up, train
from tests.training.launcher import Launcher

SMALL = {"steps": 2, "size": 32, "batch": 2, "workers": 0, "style_size": 48}


def test_it_trains_as_its_parts_do(tmp_path: Path, folder: Path, style_file: Path) -> None:
    steps: list[TrainStep] = []
    out = tmp_path / "pink.safetensors"
    card = impasto.train_style(style_file, out, folder, callback=steps.append, **SMALL)
    assert [step.step for step in steps] == [1, 2]
    assert (card.style, card.options["steps"]) == ("pink", 2)
    same = tmp_path / "same.safetensors"
    plan = TrainingPlan(find_photos([folder]), same, start=instant_start(style_file, same))
    parts = train(style_file, TrainOptions(**SMALL), plan)
    assert all(torch.equal(parts.tensors[name], tensor) for name, tensor in card.tensors.items())
    assert load_card(out).tensors.keys() == card.tensors.keys()


def test_without_photos_and_with_several(tmp_path: Path, folder: Path, style_file: Path) -> None:
    alone = impasto.train_style(style_file, tmp_path / "made.safetensors", **SMALL)
    assert alone.training_data == made_up(TrainOptions(**SMALL)).summary
    files = sorted(folder.iterdir())
    several = impasto.train_style(style_file, tmp_path / "several.safetensors", map(str, files), **SMALL)
    assert several.training_data == find_photos(files).summary


def test_other_networks_do_not_start_from_an_instant_card(
    tmp_path: Path, folder: Path, style_file: Path
) -> None:
    card = impasto.train_style(style_file, tmp_path / "unet.safetensors", folder, network="unet", **SMALL)
    assert (card.network, card.base) == ("unet", "")


def test_it_goes_on_or_replaces_if_asked_to(tmp_path: Path, folder: Path, style_file: Path) -> None:
    def stop(step: TrainStep) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "pink.safetensors"
    with pytest.raises(KeyboardInterrupt):
        impasto.train_style(style_file, out, folder, callback=stop, **SMALL)
    assert (workspace(out) / "checkpoint.pt").exists()
    resumed = impasto.train_style(style_file, out, folder, resume=True, **SMALL)
    with pytest.raises(UsageError, match="overwrite=True"):
        impasto.train_style(style_file, out, folder, **SMALL)
    again = impasto.train_style(style_file, out, folder, overwrite=True, **SMALL)
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in resumed.tensors.items())


def test_what_cannot_be_done(tmp_path: Path, folder: Path, style_file: Path) -> None:
    with pytest.raises(UsageError, match=r"must end in \.safetensors"):
        impasto.train_style(style_file, tmp_path / "card.pt", folder)
    with pytest.raises(UsageError, match="none does not exist"):
        impasto.train_style(style_file, tmp_path / "card.safetensors", tmp_path / "none")
    with pytest.raises(ImageError, match=r"none\.jpg"):
        impasto.train_style(tmp_path / "none.jpg", tmp_path / "card.safetensors", folder)
    assert not list(tmp_path.glob("*.safetensors"))


def test_the_instant_card_is_kept_for_a_training_that_is_resumed(tmp_path):
    style, out = styles.pictures()["woodblock-sea"], tmp_path / "sea.safetensors"
    card = instant_start(style, out)
    kept = workspace(out) / "start.safetensors"
    for name, tensor in encode(style).tensors.items():
        assert torch.equal(card.tensors[name], tensor.half().float())
        assert torch.equal(card.tensors[name], load_card(kept).tensors[name])
    other = encode(styles.pictures()["burning-sky"])
    save_card(other, kept)
    assert instant_start(style, out, resume=True).style == "burning-sky"
    assert instant_start(style, out).style == "woodblock-sea"
    assert load_card(kept).style == "woodblock-sea"


def test_made_up_pictures_are_large_enough_for_crops_and_follow_the_seed():
    pictures = made_up(TrainOptions(size=64, seed=3))
    assert min(pictures.open(0).size) == 80
    assert pictures.open(5).tobytes() == made_up(TrainOptions(size=64, seed=3)).open(5).tobytes()
    assert pictures.open(5).tobytes() != made_up(TrainOptions(size=64, seed=4)).open(5).tobytes()


def test_a_restart_begins_with_the_same_instant_card(
    tmp_path: Path, style_file: Path, launched: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "pink.safetensors"
    launched("job-7", process=1)
    first = instant_start(style_file, out)
    mark_folder(workspace(out))
    launched("job-7", process=2)
    kept = workspace(out) / "start.safetensors"
    before = kept.stat().st_mtime_ns
    again = instant_start(style_file, out)
    assert kept.stat().st_mtime_ns == before
    assert all(torch.equal(tensor, again.tensors[name]) for name, tensor in first.tensors.items())

    monkeypatch.setenv("RANK", "1")  # others write nothing: they take over the weights of the first
    other = tmp_path / "other.safetensors"
    instant_start(style_file, other)
    assert not workspace(other).exists()
