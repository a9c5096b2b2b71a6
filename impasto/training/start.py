"""Default inputs of a training: synthetic photos, and the style's instant card to start from."""

from __future__ import annotations

from pathlib import Path

from impasto.encoding import encode
from impasto.networks.card import Card, load_card, save_card
from impasto.training.checkpoints import workspace
from impasto.training.distributed import is_main_process, is_restarted
from impasto.training.options import LoopOptions
from impasto.training.synthetic import Synthetic


def made_up(options: LoopOptions) -> Synthetic:
    """Make synthetic training pictures, as large as crops need, which show at least 0.6 of a side."""
    return Synthetic(size=options.size * 5 // 4, seed=options.seed)


def instant_start(style: Path, out: Path, *, resume: bool = False) -> Card:
    """Make the adaptive network's card for a style, as the start of a training that writes `out`.

    The card is saved in the training's folder, and read from there when the training is resumed, as computing
    it again may give another card. Only one of several processes saves it; the others take over its weights
    when they begin. Raises ImageError for a picture without a style, and WeightsError.
    """
    kept = workspace(out) / "start.safetensors"
    if not is_main_process():
        return encode(style)
    if not ((resume or is_restarted(kept.parent)) and kept.exists()):
        save_card(encode(style), kept)
    return load_card(kept)  # the file's rounded weights, also for a new training
