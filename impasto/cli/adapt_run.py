"""`impasto adapt` at work: everything behind the command line that needs torch."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

from impasto import styles
from impasto.cli.adapt import AdaptJob
from impasto.cli.display import as_time, say
from impasto.cli.train_options import check_length
from impasto.cli.train_run import check_out, find_training_photos, make_plan, working
from impasto.networks.adaptive import Adaptive
from impasto.networks.adaptive_file import load_adaptive
from impasto.training.adapt import adapt
from impasto.training.checkpoints import workspace
from impasto.training.data import find_photos
from impasto.training.options import AdaptOptions


def run(job: AdaptJob) -> None:
    """Train; raises what `explained` explains."""
    check_length(job.given)
    options = AdaptOptions(**job.given)
    check_out(job)
    pictures, photos = find_photos(job.styles), find_training_photos(job, options)
    network = _find_start(job.start)
    with working(job, options) as watch:
        watch.begin("learning")
        started = time.monotonic()
        adapt(pictures, network, options, make_plan(job, photos, watch))
    if not job.quiet:
        say(f"{job.out}: this run took {as_time(time.monotonic() - started)}")
        say(f"sample pictures are in {workspace(job.out) / 'samples'}")
        say(f"use it: impasto encode style.jpg --network {shlex.quote(str(job.out))} -o card.safetensors")


def _find_start(start: str | None) -> Adaptive:
    """The network in a file, the embedded one, or one made of the shipped cards."""
    if start != "cards":
        return load_adaptive(Path(start)) if start else load_adaptive()
    network = Adaptive()
    cards = [styles.load(name) for name in styles.cards()]
    network.start_from([card.tensors for card in cards])
    network.base = cards[0].base
    return network
