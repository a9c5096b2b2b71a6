"""What a training begins with."""

from pathlib import Path

import pytest
import torch

from impasto import styles
from impasto.encoding import encode
from impasto.networks.card import load_card, save_card
from impasto.training.api import instant_start, made_up
from impasto.training.checkpoints import workspace
from impasto.training.distributed import mark_folder
from impasto.training.options import TrainOptions
from tests.training.launcher import Launcher


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
