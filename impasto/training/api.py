"""Train a style network in one call, with the defaults of `impasto train`.

Unless something is named, a training begins with synthetic photos and the style's instant card.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from impasto.encoding import encode
from impasto.errors import UsageError
from impasto.imaging.files import check_target
from impasto.networks.card import Card, load_card, load_primed, save_card
from impasto.training.checkpoints import TrainingPlan, TrainStep, workspace
from impasto.training.distributed import is_main_process, is_restarted
from impasto.training.options import LoopOptions, TrainOptions
from impasto.training.photos import find_photos
from impasto.training.synthetic import Synthetic
from impasto.training.train import train

_Paths = str | os.PathLike[str]


def train_style(
    style: _Paths,
    out: _Paths,
    photos: _Paths | Iterable[_Paths] | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    callback: Callable[[TrainStep], None] | None = None,
    **options: Any,
) -> Card:
    """Train a network for a style, and write its card.

    Args:
        style: style picture.
        out: card to write, a .safetensors file; samples, losses and checkpoints are in a folder beside it.
        photos: photos to train on: folders, files, tar archives; None trains on synthetic pictures.
        resume: continue an interrupted training with identical arguments.
        overwrite: replace an existing card.
        callback: called with every step; an exception in it ends the training, after a checkpoint.
        options: fields of `training.options.TrainOptions`, such as `minutes=15`.

    Returns:
        The card with the lowest loss on held-out photos, which `impasto.load(out)` applies.

    Raises ImpastoError, the base class of all errors.
    """
    style, out, asked = Path(style), Path(out), TrainOptions(**options)
    if check_target(out).suffix != ".safetensors":
        raise UsageError(f"{out} must end in .safetensors")
    if out.exists() and not (resume or overwrite):
        raise UsageError(f"{out} exists: name another file, or say overwrite=True")
    if isinstance(photos, str | os.PathLike):
        photos = [photos]
    plan = TrainingPlan(
        find_photos([Path(path) for path in photos]) if photos is not None else made_up(asked),
        out,
        start=_start(style, out, asked, resume),
        about={"style": out.stem},
        resume=resume,
        overwrite=overwrite,
        on_step=callback or (lambda step: None),
    )
    return train(style, asked, plan)


def _start(style: Path, out: Path, options: TrainOptions, resume: bool) -> Card | None:
    """Choose the default start: the available weights of this network that are nearest to the style."""
    if options.network == "light":
        return instant_start(style, out, resume=resume)
    return load_primed(options.network)


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
