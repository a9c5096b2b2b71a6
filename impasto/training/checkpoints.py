"""The files of a training: checkpoints to resume from, metrics, sample pictures and cards."""

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
FINISHED = "finished.pt"  # the last checkpoint of a training that came to its end under torchrun
_VALIDATIONS = 25  # in a training
_SAMPLES = 4  # of the held-out photos
_FORMAT = 1
_LATER = {
    "accumulate": 1,
    "recolor": False,
    "pooled": 0.0,
}  # settings that older checkpoints do not name: what they were made with
_FREE = {"workers", "device"}  # may differ after a pause: they do not change what is computed


@dataclass(frozen=True)
class TrainStep:
    """Progress of a training.

    Attributes:
        step, steps: done, and in all as far as one can tell.
        done: share of the work, 0..1.
        losses: "total" and each unweighted term.
        images_per_second: over all processes.
        seconds_left: estimated.
        validation: losses on held-out photos, if they were measured after this step.
        sample: the sample pictures written then.
        complaint: of the watchdog, if it went back; the learning rate is halved.
        went_back: how many steps are lost by that.
        skipped: photos that could not be read, met in this step.
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
        photos: to learn from; a few are held out.
        out: the card to write; what belongs to the training lies in a folder beside it, `workspace(out)`.
        start: a primed network or another card to begin with.
        about: fields of the card: style, title, artist, year, licence, origin, recipe.
        resume: go on from the checkpoint in the workspace.
        overwrite: begin anew in spite of a checkpoint there.
        tensorboard: write event files there, too.
        checkpoint_seconds: between checkpoints.
        on_step: told every step, in the main process; what it raises ends the work, after a checkpoint.
        is_enough: asked before every step whether to end there, with the best card so far; the answer of the
            leading process counts. What it raises ends the work at once.
        on_download: told the bytes that are here, and those in all, while a backbone is fetched.
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
    """The folder of a training: checkpoint, losses, sample pictures, last weights."""
    return out.with_name(f"{out.stem}.training")


class Product(Protocol[B_contra]):
    """Interface for writing the results of a training."""

    def shown(self, batch: B_contra) -> list[Tensor]:
        """Pictures to show above what became of a batch, rows of (N, 3, H, W)."""
        ...

    def save(self, weights: StateDict, loss: float, steps: int, path: Path) -> None:
        """Write weights with a held-out loss after so many steps; renamed into place."""
        ...


class CheckpointManager(Generic[B]):
    """Writes and reports what a training comes to, step by step; only the main process does so.

    Args:
        training: what is kept.
        plan: where, and for whom.
        settings: what a checkpoint must agree in to be resumed.
        held_out: what is never trained on, on the training's device.
        product: what comes of it.
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
        """Note a step, measure and save where it is time, and report."""
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
        """Tell the main process's caller; save first what a callback that raises would lose."""
        if not self._is_main:
            return
        try:
            self._plan.on_step(step)
        except BaseException:
            self._save()
            raise

    def finish(self) -> None:
        """Write the best weights to their place, and the last ones into the folder.

        Under torchrun, which starts all again if a process dies in leaving, the checkpoint is kept aside.
        """
        if not self._training.pace.is_over:  # the last ones, too, may be the best
            self._validate()
        if not self._is_main:
            return
        self.close()  # before the card is there and nothing is left to go on with
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
        with suppress(OSError, ImageError):  # a disk that is full for sample pictures ends no training
            return losses, self._log.sample(step, [row[:_SAMPLES] for row in rows])
        return losses, None

    def _save(self) -> None:
        """The checkpoint last: it is what counts, and must not be older than the rows of the metrics."""
        if self._log:
            with suppress(OSError, ImageError):
                self._log.save()
        self._folder.mkdir(parents=True, exist_ok=True)
        save_checkpoint(self._folder / CHECKPOINT, self._settings, self._training.state())
        self._saved = time.monotonic()


def save_checkpoint(path: Path, settings: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write both, renamed into place; the one before survives any failure. Raises WeightsError."""
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
    """The state, if it was saved with these settings.

    Raises:
        WeightsError: no checkpoint, or a damaged one.
        UsageError: other settings; all that differ are named.
    """
    try:
        saved = load_plain(path)
        older = {name: value for name, value in _LATER.items() if name in settings}
        known, state = older | with_current_names(saved["settings"]), saved["state"]
    except FileNotFoundError as error:
        raise WeightsError(f"there is no checkpoint {path} to resume: leave out resume=") from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # a damaged file can fail anywhere inside the unpickler
        raise WeightsError(f"{path} is no checkpoint, or damaged: remove it to start anew") from error
    if saved.get("format") != _FORMAT:
        raise WeightsError(f"{path} is a checkpoint of another version of impasto: remove it to start anew")
    differences = [
        f"{name} was {_shown(known.get(name))} and is now {_shown(settings.get(name))}"
        for name in sorted({*known, *settings} - _FREE)
        if _plain(known.get(name)) != _plain(settings.get(name))
    ]
    if differences:
        raise UsageError(f"{path} cannot be resumed: {'; '.join(differences)}")
    result: dict[str, Any] = state
    return result


@contextmanager
def restoring() -> Iterator[None]:
    """Turn what a state raises that is no state of this training into a WeightsError."""
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
