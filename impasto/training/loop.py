"""One training as an object: network, optimiser, pace and watchdog, which a checkpoint holds whole."""

from __future__ import annotations

import copy
import math
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
from impasto.training.options import LoopOptions
from impasto.training.schedule import Pace, rate_and_momentum
from impasto.training.watchdog import Watchdog, share_of_blobs

StateDict = dict[str, Tensor]
B = TypeVar("B")  # what a network is called with: photos, or photos and more

_BETA_2 = 0.99
_SNAPSHOT_STEPS = 50
_MOST_ROLLBACKS = 8


@dataclass(frozen=True)
class StepResult:
    """Result of a step.

    Attributes:
        losses: "total" and each term, means over all processes.
        complaint: of the watchdog, if it went back to an earlier state instead of making the step.
        went_back: how many steps are lost by that.
    """

    losses: dict[str, float]
    complaint: str | None = None
    went_back: int = 0


class Training(Generic[B]):
    """A network that learns. Every random choice is made elsewhere, by the number of the step.

    Args:
        network: on its device, with the weights to start from. It makes pictures, (N, 3, H, W), of a batch.
        objective: what to minimize.
        options: rate, schedule, clipping.
        dtype: precision of the network's convolutions; losses are float32.
        group: the processes that share the work.
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
        self.optimiser = torch.optim.AdamW(
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
        """One gradient step, of `options.accumulate` batches; or one back, if something broke.

        Raises DivergenceError where going back did not help.
        """
        self._set_rate()
        measured = self._differentiate(batches)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.options.clip)
        seen = self.group.means({**measured, "gradient": norm})
        # a gradient that is no number spoils the weights even where the loss still is one
        judged = seen["total"] + 0 * seen.pop("gradient")
        complaint = self._watchdog.complaint(judged, seen.pop("blobs"))
        if complaint:
            self._roll_back(complaint)
        else:
            self.optimiser.step()
        self.pace.advance()
        self.pace.done = self.group.broadcast(self.pace.done)
        if complaint:
            return StepResult(seen, complaint, self.pace.step - self._good_step)
        if self.pace.step % _SNAPSHOT_STEPS == 0:
            self._good, self._good_step = self._snapshot(), self.pace.step
        return StepResult(seen)

    def try_rate(self, batches: Iterable[B], rate: float) -> float:
        """The loss, before a step of this learning rate is made: for `lr_finder`."""
        self.optimiser.param_groups[0] |= {"lr": rate, "betas": (0.9, _BETA_2)}
        total = self._differentiate(batches)["total"]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.options.clip)
        self.optimiser.step()
        return self.group.means({"total": total})["total"]

    def validate(self, batch: B) -> dict[str, float]:
        """Losses on what is held out; the best weights so far are remembered."""
        with torch.no_grad():
            total, terms = self.objective(batch, self._paint(self.network, batch))
        seen = self.group.means({"total": total, **terms})
        if math.isfinite(seen["total"]) and (self.best is None or seen["total"] < self.best[0]):
            self.best = (seen["total"], self.weights())
        return seen

    def weights(self) -> StateDict:
        """A copy of the network's weights."""
        return {name: tensor.detach().clone() for name, tensor in self.network.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
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
        """Go on from `state()`."""
        self._load(state)
        for name in ("step", "done", "seconds", "step_seconds"):
            setattr(self.pace, name, state[name])
        self.brake, self._rollbacks, self._good = state["brake"], state["rollbacks"], state["good"]
        self._good_step = state.get("good_step", state["step"])
        self.best = None if state["best"] is None else (state["best"][0], state["best"][1])

    def _set_rate(self) -> None:
        rate, momentum = rate_and_momentum(self.options.schedule, self.pace.done)
        rate *= self.options.learning_rate * self.brake
        self.optimiser.param_groups[0] |= {"lr": rate, "betas": (momentum, _BETA_2)}

    def _differentiate(self, batches: Iterable[B]) -> dict[str, Tensor]:
        """The gradient of a step, left with the weights, and its losses and share of blobs.

        All are means over the batches, hence over the pictures, as each loss is a mean over those of its own.
        """
        count = self.options.accumulate
        self.optimiser.zero_grad()
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
        """For several passes, each is looked at once before: only then are the means over all known."""
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
            "optimiser": copy.deepcopy(self.optimiser.state_dict()),
            "watchdog": self._watchdog.state(),
        }

    def _load(self, snapshot: Mapping[str, Any]) -> None:
        self.network.load_state_dict(snapshot["network"])
        self.optimiser.load_state_dict(copy.deepcopy(snapshot["optimiser"]))
        self._watchdog.restore(snapshot["watchdog"])

    def _roll_back(self, complaint: str) -> None:
        self._rollbacks += 1
        if self._rollbacks > _MOST_ROLLBACKS:
            raise DivergenceError(
                f"the training broke {self._rollbacks} times, at the last because {complaint}: choose a "
                "lower learning_rate=, or find one with the range test (--find-lr)"
            )
        self.brake *= 0.5
        self._load(self._good)
