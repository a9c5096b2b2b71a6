"""Write the files of a training: checkpoints, metrics, sample pictures and cards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from impasto.device import ran_out_of_memory
from impasto.errors import ImageError, UsageError, WeightsError
from impasto.imaging.files import replacing
from impasto.networks.card import Card
from impasto.options import with_current_names
from impasto.training.distributed import run_name
from impasto.training.metrics_log import MetricsLog
from impasto.training.optimization import StateDict, StepResult, Training
from impasto.training.photos import Photos
from impasto.weights import ProgressCallback, load_plain

B = TypeVar("B")
B_contra = TypeVar("B_contra", contravariant=True)

CHECKPOINT = "checkpoint.pt"
FINISHED = "finished.pt"  # last checkpoint of a training that was completed under torchrun
_VALIDATIONS = 25  # number per training
_SAMPLES = 4  # held-out photos to show
_FORMAT = 1
_LATER = {
    "accumulate": 1,
    "recolor": False,
    "pooled": 0.0,
}  # values of settings that older checkpoints do not contain
_FREE = {"workers", "device"}  # may differ when a training is resumed: they do not change results


@dataclass(frozen=True)
class TrainStep:
    """Progress event of a training, one per step.

    Attributes:
        step, steps: number of steps done, and estimated total.
        done: share of the work done, 0..1.
        losses: "total" and each unweighted term.
        images_per_second: rate of all processes together.
        seconds_left: estimate.
        validation: losses on held-out photos, if measured after this step.
        sample: file of the sample pictures, if written after this step.
        complaint: problem found by the watchdog, if the training was rolled back with half the learning rate.
        went_back: number of steps lost by the rollback.
        skipped: unreadable photos found in this step.
    """

    step: int
    steps: int
    done: float
    losses: dict[str, float]
    images_per_second: float
    seconds_left: float
    validation: dict[str, float] | None = None
    sample: Path | None = None
    complaint: str | None = None
    went_back: int = 0
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingPlan:
    """Inputs and outputs of a training, beside its options.

    Attributes:
        photos: photos to train on; a few are held out.
        out: card to write; other files of the training are in a folder beside it, `workspace(out)`.
        start: primed network or other card to start from.
        about: fields of the card: style, title, artist, year, licence, origin, recipe.
        resume: continue from the checkpoint in the workspace.
        overwrite: start again even if the workspace has a checkpoint.
        tensorboard: also write TensorBoard event files to the workspace.
        checkpoint_seconds: seconds between checkpoints.
        on_step: called with every step, in the main process; an exception in it ends the training, after a
            checkpoint.
        is_enough: called before every step; True ends the training with the best card so far. The result in
            the main process counts. An exception in it ends the training at once.
        on_download: called with the downloaded and the total bytes while a backbone is downloaded.
    """

    photos: Photos
    out: Path
    start: Card | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    resume: bool = False
    overwrite: bool = False
    tensorboard: bool = False
    checkpoint_seconds: float = 30.0
    on_step: Callable[[TrainStep], None] = lambda step: None
    is_enough: Callable[[], bool] = lambda: False
    on_download: ProgressCallback | None = None


def workspace(out: Path) -> Path:
    """Path of a training's folder, for checkpoint, losses, sample pictures and last weights."""
    return out.with_name(f"{out.stem}.training")


class Product(Protocol[B_contra]):
    """Interface for writing the results of a training."""

    def shown(self, batch: B_contra) -> list[Tensor]:
        """Return the pictures to show above the results of a batch, rows of (N, 3, H, W)."""
        ...

    def save(self, weights: StateDict, loss: float, steps: int, path: Path) -> None:
        """Write weights with their held-out loss and number of steps; the file is renamed into place."""
        ...


class CheckpointManager(Generic[B]):
    """Writes checkpoints, metrics and cards, and reports steps; only in the main process.

    Args:
        training: training to save.
        plan: paths and callbacks.
        settings: settings that must equal those of a checkpoint to resume it.
        held_out: held-out batch, on the training's device.
        product: writes the results.
    """

    def __init__(
        self,
        training: Training[B],
        plan: TrainingPlan,
        settings: Mapping[str, Any],
        held_out: B,
        product: Product[B],
    ) -> None:
        self._training, self._plan, self._settings = training, plan, settings
        self._held_out, self._product = held_out, product
        self._is_main = training.group.is_main_process
        self._folder = workspace(plan.out)
        self._validated = self._due()
        self._saved = time.monotonic()
        self._log: MetricsLog | None = None
        if self._is_main:
            self._log = MetricsLog(self._folder, training.pace.step, tensorboard=plan.tensorboard)

    def after(self, outcome: StepResult, skipped: tuple[str, ...]) -> None:
        """Log a step, validate and save if due, and report."""
        pace, options = self._training.pace, self._training.options
        validation, sample = None, None
        if self._log and not outcome.complaint:
            self._log.note(pace.step, outcome.losses)
        if self._due() > self._validated:
            self._validated = self._due()
            validation, sample = self._validate()
        if self._is_main and time.monotonic() - self._saved >= self._plan.checkpoint_seconds:
            self._save()
        photos, seconds = options.batch * options.accumulate, pace.step_seconds
        self._report(
            TrainStep(
                step=pace.step,
                steps=pace.steps,
                done=min(1.0, pace.done),
                losses=outcome.losses,
                images_per_second=photos / seconds if seconds else 0.0,
                seconds_left=pace.seconds_left,
                validation=validation,
                sample=sample,
                complaint=outcome.complaint,
                went_back=outcome.went_back,
                skipped=skipped,
            )
        )

    def _report(self, step: TrainStep) -> None:
        """Call `on_step` in the main process; if it raises, save a checkpoint first."""
        if not self._is_main:
            return
        try:
            self._plan.on_step(step)
        except BaseException:
            self._save()
            raise

    def finish(self) -> None:
        """Write the best weights to `plan.out`, and the last weights into the workspace.

        Under torchrun the checkpoint is kept under another name, as torchrun restarts all processes if one
        fails while it exits.
        """
        if not self._training.pace.is_over:  # the last weights may be the best
            self._validate()
        if not self._is_main:
            return
        self.close()  # before the card is written and the checkpoint is removed
        last, steps = self._training.weights(), self._training.pace.step
        loss, best = self._training.best or (float("nan"), last)
        self._product.save(best, loss, steps, self._plan.out)
        self._product.save(last, loss, steps, self._folder / "last.safetensors")
        checkpoint = self._folder / CHECKPOINT
        if run_name() is None:
            checkpoint.unlink(missing_ok=True)
        elif checkpoint.exists():
            checkpoint.replace(self._folder / FINISHED)

    def close(self) -> None:
        """Close the metrics log."""
        log, self._log = self._log, None
        if log:
            with suppress(OSError, ImageError):
                log.close()

    def _due(self) -> int:
        return int(self._training.pace.done * _VALIDATIONS + 1e-6)

    def _validate(self) -> tuple[dict[str, float], Path | None]:
        step = self._training.pace.step
        losses = self._training.validate(self._held_out)
        if not self._log:
            return losses, None
        self._log.validated(step, losses)
        rows = [*self._product.shown(self._held_out), self._training.paint(self._held_out)]
        with suppress(OSError, ImageError):  # a full disk must not end the training
            return losses, self._log.sample(step, [row[:_SAMPLES] for row in rows])
        return losses, None

    def _save(self) -> None:
        """Save metrics, then the checkpoint, which must not be older than the rows of the metrics."""
        if self._log:
            with suppress(OSError, ImageError):
                self._log.save()
        self._folder.mkdir(parents=True, exist_ok=True)
        save_checkpoint(self._folder / CHECKPOINT, self._settings, self._training.state())
        self._saved = time.monotonic()


def save_checkpoint(path: Path, settings: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a checkpoint, renamed into place; a failure keeps the previous one. Raises WeightsError."""
    try:
        with replacing(path) as temporary:
            torch.save({"format": _FORMAT, "settings": dict(settings), "state": dict(state)}, temporary)
    except (ImageError, RuntimeError, OSError) as error:  # torch.save reports a full disk as RuntimeError
        reason = f"{path} was written in part only" if isinstance(error, RuntimeError) else error
        raise WeightsError(
            f"no checkpoint could be written, but the one before is kept: {reason}; make room, and go on "
            "with resume=True"
        ) from error


def load_checkpoint(path: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Load the state from a checkpoint, if it was saved with these settings.

    Raises:
        WeightsError: not a checkpoint, or a damaged checkpoint.
        UsageError: other settings; the message lists all that differ.
    """
    try:
        saved = load_plain(path)
        older = {name: value for name, value in _LATER.items() if name in settings}
        known, state = older | with_current_names(saved["settings"]), saved["state"]
        differences = [
            f"{name} was {_shown(known.get(name))} and is now {_shown(settings.get(name))}"
            for name in sorted({*known, *settings} - _FREE)
            if _plain(known.get(name)) != _plain(settings.get(name))
        ]
    except FileNotFoundError as error:
        raise WeightsError(f"there is no checkpoint {path} to resume: leave out resume=") from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # a damaged file can fail anywhere inside the unpickler
        raise WeightsError(f"{path} is no checkpoint, or damaged: remove it to start anew") from error
    if saved.get("format") != _FORMAT:
        raise WeightsError(f"{path} is a checkpoint of another version of impasto: remove it to start anew")
    if differences:
        raise UsageError(f"{path} cannot be resumed: {'; '.join(differences)}")
    result: dict[str, Any] = state
    return result


@contextmanager
def restoring() -> Iterator[None]:
    """Turn errors from restoring the state of another training into a WeightsError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError) as error:
        if ran_out_of_memory(error):
            raise
        raise WeightsError("the checkpoint is damaged: begin anew with overwrite=True") from error


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
