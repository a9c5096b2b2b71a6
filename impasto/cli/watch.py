"""Progress display of a training, and its Ctrl-C handling."""

from __future__ import annotations

from threading import Event

from impasto.cli.display import Show, as_time, say, warn
from impasto.training.checkpoints import TrainStep

_MOST_NAMES = 10


class TrainingProgress:
    """Draws each step, tells what goes wrong, and ends the work between two steps when that was asked for."""

    def __init__(self, show: Show, stop: Event, quiet: bool) -> None:
        self._show, self._stop, self._quiet = show, stop, quiet
        self._doing, self._begun, self._sample = "", False, ""
        self._skipped: dict[str, None] = {}

    def begin(self, doing: str) -> None:
        """Name the phase that begins now."""
        self._doing, self._begun, self._sample = doing, False, ""
        self._show(0.0, "preparing", "")

    def download(self, here: int, total: int) -> None:
        """Takes the bytes of a backbone that are here, and those in all."""
        self._show(here / total, "downloading weights", f"{here / 1e6:.0f} of {total / 1e6:.0f} MB")

    def __call__(self, step: TrainStep) -> None:
        if not (self._begun or self._quiet) and step.step > 1:
            say(f"going on from the checkpoint, after step {step.step - 1}")
        self._begun = True
        if step.complaint and not self._quiet:
            warn(
                f"step {step.step}: {step.complaint}; went back {step.went_back} steps and halved the "
                "learning rate"
            )
        self._skipped |= dict.fromkeys(step.skipped)
        self._sample = f"samples/{step.sample.name}" if step.sample else self._sample
        self._show(step.done, self._doing, self._state(step))
        if self._stop.is_set():
            raise KeyboardInterrupt

    def report_skipped(self) -> None:
        """Name the photos that could not be read, or some of them."""
        if not self._skipped or self._quiet:
            return
        names = list(self._skipped)
        count = "1 photo was" if len(names) == 1 else f"{len(names)} photos were"
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        warn(f"{count} skipped, as unreadable: {', '.join(names[:_MOST_NAMES])}{more}")

    def _state(self, step: TrainStep) -> str:
        terms = [f"{name} {value:.3g}" for name, value in step.losses.items() if name != "total"]
        speed = [f"{step.images_per_second:.1f} images/s"] if step.images_per_second else []
        left = [f"{as_time(step.seconds_left)} left"] if step.seconds_left else []
        sample = [self._sample] if self._sample else []
        return ", ".join([f"{step.step}/{step.steps}", *terms, *speed, *left, *sample])
