"""Optimization of a network: gradient steps, learning-rate schedule, watchdog and rollback."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from impasto.errors import DivergenceError
from impasto.perception import Features
from impasto.training.distributed import ProcessGroup, with_gradient
from impasto.training.objective import BatchObjective, Pool
from impasto.training.options import LoopOptions, Schedule

StateDict = dict[str, Tensor]
B = TypeVar("B")  # input of a network: photos, or photos with styles

_BETA_2 = 0.99
_SNAPSHOT_STEPS = 50
_MOST_ROLLBACKS = 8

# the schedule
_RISE = 0.1  # share of a cycle in which the rate rises
_LOWEST = 1e-3  # of the peak rate, at both ends of a cycle
_MOMENTA = (0.95, 0.85)  # Adam's first beta at the lowest and at the highest rate
_TRIED = 3  # steps before the duration is measured, as the first steps are slow

# the watchdog
_FAR = 0.25  # distance from [0, 1] of a pixel that counts as a blob
_MOST_BLOBS = 0.02  # largest share of such pixels, smoothed
_SMOOTH = 0.95
_EXPLOSION = 5.0  # limit of a value, times the smoothed value
_QUIET = 50  # steps before values are compared, as they fall fast at first


@dataclass(frozen=True)
class StepResult:
    """Result of a step.

    Attributes:
        losses: "total" and each term, means over all processes.
        complaint: problem found by the watchdog, if an earlier state was restored instead of a step.
        went_back: number of steps lost by the rollback.
    """

    losses: dict[str, float]
    complaint: str | None = None
    went_back: int = 0


class Training(Generic[B]):
    """Network with its optimizer, schedule and watchdog. Contains no random choices.

    Args:
        network: network on its device, with the weights to start from; maps a batch to pictures, (N, 3, H,
            W).
        objective: objective to minimize.
        options: learning rate, schedule, clipping.
        dtype: precision of the network's convolutions; losses are float32.
        group: process group.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: BatchObjective[B],
        options: LoopOptions,
        dtype: torch.dtype,
        group: ProcessGroup,
    ) -> None:
        self.network: nn.Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective, self.options, self.dtype, self.group = objective, options, dtype, group
        self._shared: nn.Module = group.share(self.network)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
        )
        self.pace = Pace(options)
        self.brake = 1.0  # factor of the rate, halved at each rollback
        self.best: tuple[float, StateDict] | None = None  # validation loss, weights
        self._watchdog = Watchdog()
        self._rollbacks = 0
        self._good, self._good_step = self._snapshot(), 0

    def paint(self, batch: B) -> Tensor:
        """Apply the network, (N, 3, H, W), without gradients."""
        with torch.no_grad():
            return self._paint(self.network, batch)

    def advance(self, batches: Iterable[B]) -> StepResult:
        """Take a gradient step on `options.accumulate` batches, or roll back if the training broke.

        Raises DivergenceError if rolling back did not help.
        """
        self._set_rate()
        measured = self._differentiate(batches)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.options.clip)
        seen = self.group.means({**measured, "gradient": norm})
        # a gradient that is not finite spoils the weights even if the loss is finite
        judged = seen["total"] + 0 * seen.pop("gradient")
        complaint = self._watchdog.complaint(judged, seen.pop("blobs"))
        if complaint:
            self._roll_back(complaint)
        else:
            self.optimizer.step()
        self.pace.advance()
        self.pace.done = self.group.broadcast(self.pace.done)
        if complaint:
            return StepResult(seen, complaint, self.pace.step - self._good_step)
        if self.pace.step % _SNAPSHOT_STEPS == 0:
            self._good, self._good_step = self._snapshot(), self.pace.step
        return StepResult(seen)

    def try_rate(self, batches: Iterable[B], rate: float) -> float:
        """Take a step with this learning rate; returns the loss before the step, for `lr_finder`."""
        self.optimizer.param_groups[0] |= {"lr": rate, "betas": (0.9, _BETA_2)}
        total = self._differentiate(batches)["total"]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.options.clip)
        self.optimizer.step()
        return self.group.means({"total": total})["total"]

    def validate(self, batch: B) -> dict[str, float]:
        """Measure the losses on a held-out batch; keeps the best weights so far."""
        with torch.no_grad():
            total, terms = self.objective(batch, self._paint(self.network, batch))
        seen = self.group.means({"total": total, **terms})
        if math.isfinite(seen["total"]) and (self.best is None or seen["total"] < self.best[0]):
            self.best = (seen["total"], self.weights())
        return seen

    def weights(self) -> StateDict:
        """Copy the network's weights."""
        return {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {
            **self._snapshot(),
            "step": self.pace.step,
            "done": self.pace.done,
            "seconds": self.pace.seconds,
            "step_seconds": self.pace.step_seconds,
            "brake": self.brake,
            "rollbacks": self._rollbacks,
            "best": self.best,
            "good": self._good,
            "good_step": self._good_step,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a state from `state()`."""
        self._load(state)
        for name in ("step", "done", "seconds", "step_seconds"):
            setattr(self.pace, name, state[name])
        self.brake, self._rollbacks, self._good = state["brake"], state["rollbacks"], state["good"]
        self._good_step = state.get("good_step", state["step"])
        self.best = None if state["best"] is None else (state["best"][0], state["best"][1])

    def _set_rate(self) -> None:
        rate, momentum = rate_and_momentum(self.options.schedule, self.pace.done)
        rate *= self.options.learning_rate * self.brake
        self.optimizer.param_groups[0] |= {"lr": rate, "betas": (momentum, _BETA_2)}

    def _differentiate(self, batches: Iterable[B]) -> dict[str, Tensor]:
        """Compute the gradient of a step, in the weights' `grad`; returns losses and share of blobs.

        All values are means over the batches, and so over the pictures, as each batch's loss is a mean.
        """
        count = self.options.accumulate
        self.optimizer.zero_grad()
        passes = list(islice(batches, count))
        pool = self._pool(passes)
        seen: list[dict[str, Tensor]] = []
        for number, batch in enumerate(passes, 1):
            with self.group.apart(self._shared, number < count):
                painted = self._paint(self._shared, batch)
                total, terms = self.objective(batch, painted, pool)
                (total / count).backward()  # type: ignore[no-untyped-call]
            losses = {"total": total, **terms, "blobs": share_of_blobs(painted)}
            seen.append({name: value.detach() for name, value in losses.items()})
        return {name: torch.stack([each[name] for each in seen]).mean(0) for name in seen[0]}

    def _pool(self, passes: Sequence[B]) -> Pool:
        """Make the pool; several passes need a first run of all, to compute the overall means."""
        if len(passes) == 1 or not self.objective.pools:
            return self.group.pool
        means: list[Features] = []

        def remember(own: Features) -> Features:
            means.append(own)
            return own

        with torch.no_grad():
            for batch in passes:
                self.objective(batch, self._paint(self.network, batch), remember)
            whole = self.group.pool(
                {layer: torch.stack([m[layer] for m in means]).mean(0) for layer in means[0]}
            )
        return lambda own: with_gradient(whole, own)

    def _paint(self, network: nn.Module, batch: B) -> Tensor:
        device = self.group.device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            painted: Tensor = network(batch)
        return painted.float()

    def _snapshot(self) -> dict[str, Any]:
        return {
            "network": self.weights(),
            "optimiser": copy.deepcopy(self.optimizer.state_dict()),
            "watchdog": self._watchdog.state(),
        }

    def _load(self, snapshot: Mapping[str, Any]) -> None:
        self.network.load_state_dict(snapshot["network"])
        self.optimizer.load_state_dict(copy.deepcopy(snapshot["optimiser"]))
        self._watchdog.restore(snapshot["watchdog"])

    def _roll_back(self, complaint: str) -> None:
        self._rollbacks += 1
        if self._rollbacks > _MOST_ROLLBACKS:
            raise DivergenceError(
                f"the training broke {self._rollbacks} times, at the last because {complaint}: choose a "
                "lower learning_rate=, or find one with the learning-rate range test"
            )
        self.brake *= 0.5
        self._load(self._good)


def rate_and_momentum(schedule: Schedule, done: float) -> tuple[float, float]:
    """Share of the peak learning rate, and Adam's first beta, for a share of the work done, 0..1.

    One cycle: Smith & Topin 2018, with Adam's momentum running against the rate.
    """
    if schedule == "constant":
        return 1.0, 0.9
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done)), 0.9
    rising = done < _RISE
    share = done / _RISE if rising else (done - _RISE) / (1 - _RISE)
    height = 0.5 * (1 - math.cos(math.pi * share))  # 0 to 1
    height = height if rising else 1 - height
    low, high = _MOMENTA
    return _LOWEST + (1 - _LOWEST) * height, low + (high - low) * height


@dataclass
class Pace:
    """Progress of a training, by steps, or by minutes: then the remaining steps fill the remaining time.

    Attributes:
        step: number of steps done.
        done: share of the work done, 0..1.
        seconds: time spent so far, in this and earlier processes.
        step_seconds: smoothed duration of a step; 0 if not yet known.
    """

    options: LoopOptions
    step: int = 0
    done: float = 0.0
    seconds: float = 0.0
    step_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._last = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Return whether all work is done."""
        return self.done >= 1 - 1e-9

    @property
    def steps(self) -> int:
        """Total number of steps, estimated if minutes are given."""
        if self.options.steps:
            return self.options.steps
        return self.step if self.is_over else max(self.step, round(self.step + self._remaining()))

    @property
    def seconds_left(self) -> float:
        """Estimated remaining time in seconds."""
        return max(0, self.steps - self.step) * self.step_seconds

    def advance(self) -> None:
        """Count a step; its time includes everything since the step before, such as sample pictures."""
        now = time.monotonic()
        taken, self._last = now - self._last, now
        self.seconds += taken
        self.step += 1
        if self.step >= _TRIED:
            known = self.step_seconds or taken
            self.step_seconds = 0.95 * known + 0.05 * taken
        if self.options.steps:
            self.done = self.step / self.options.steps
        else:
            self.done += (1 - self.done) / max(1.0, self._remaining())

    def _remaining(self) -> float:
        left = 60 * self.options.minutes - self.seconds
        return left / (self.step_seconds or 1.0)


class Watchdog:
    """Checks the value and the pictures of each step, so that a broken training can be rolled back.

    Blobs are spots far outside the range of colors: a network can pass signal strength through instance norm
    in a few huge activations (Karras et al. 2020), which appear at one place in every picture.
    """

    def __init__(self) -> None:
        self._value, self._blobs, self._seen = 0.0, 0.0, 0

    def complaint(self, value: float, blobs: float) -> str | None:
        """Describe what is wrong with a step, or None. `blobs` is from `share_of_blobs`."""
        if not math.isfinite(value):
            return "the loss is not a number"
        if self._seen >= _QUIET and value > _EXPLOSION * self._value:
            return f"the loss rose from {self._value:.3g} to {value:.3g}"
        first = self._seen == 0
        self._value = value if first else _SMOOTH * self._value + (1 - _SMOOTH) * value
        self._blobs = _SMOOTH * self._blobs + (1 - _SMOOTH) * blobs
        self._seen += 1
        if self._seen >= _QUIET and self._blobs > _MOST_BLOBS:
            return f"{self._blobs:.0%} of the pixels are blobs far outside the range of colors"
        return None

    def state(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {"value": self._value, "blobs": self._blobs, "seen": self._seen}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state from `state()`."""
        self._value, self._blobs, self._seen = state["value"], state["blobs"], state["seen"]


def share_of_blobs(painted: Tensor) -> Tensor:
    """Share of the pixels of (N, 3, H, W) that lie far outside [0, 1], a scalar."""
    far = ((painted < -_FAR) | (painted > 1 + _FAR)).any(1)
    return far.float().mean() if bool(torch.isfinite(painted).all()) else painted.new_tensor(1.0)
