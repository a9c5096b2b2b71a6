"""Make a network ready in a runtime, and compare its pictures with PyTorch's before it is used."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from impasto import styles
from impasto.errors import MissingExtraError, UsageError
from impasto.imaging import io
from impasto.imaging.geometry import resize
from impasto.networks import StyleNetwork
from impasto.stylizing.pixels import paint_bytes
from impasto.stylizing.runtime import Runner, RuntimeName

if TYPE_CHECKING:
    from impasto.imaging.video.clip import Pixels

TOLERANCE = 2 / 255  # for 95 of 100 values; a border alone is more than the rest in pictures this small

_SIZES = ((72, 100), (64, 48))  # different ones, as shapes may be frozen; the first needs padding


class TorchRunner:
    """A `runtime.Runner` on the device of the network and in its precision."""

    name: RuntimeName = "torch"

    def __init__(self, network: StyleNetwork) -> None:
        self._network = network

    def __call__(self, batch: Tensor) -> Tensor:
        weight = next(self._network.parameters())
        # the whole in bfloat16 takes half the memory that autocast does, and is as fast
        batch = batch.to(weight.device, weight.dtype, memory_format=torch.channels_last)
        with torch.inference_mode():
            painted: Tensor = self._network(batch)
            return painted.float()

    def frame(self, frame: Pixels) -> Pixels:
        return paint_bytes(self, frame)


def make_runner(
    network: StyleNetwork, runtime: RuntimeName, device: torch.device, dtype: torch.dtype
) -> tuple[Runner, list[str]]:
    """Make a network, float32 on the CPU, ready to paint; return the runner and notes for the user.

    "auto" takes the fastest runtime that is installed and paints as PyTorch does. The runner of PyTorch is
    the network itself, which the caller moves to where it shall compute; others have weights of their own.

    Raises:
        MissingExtraError: a runtime asked for by name is not installed.
        UsageError: it cannot run this network, or paints something else.
    """
    if runtime not in ("auto", "torch"):
        return _checked(runtime, network, dtype), []
    notes: list[str] = []
    for name in _fastest_first(device, dtype) if runtime == "auto" else ():
        try:
            return _checked(name, network, dtype), notes
        except MissingExtraError:
            continue
        except UsageError as error:
            notes.append(f"{error}; another one computes")
    return TorchRunner(network), notes


def _fastest_first(device: torch.device, dtype: torch.dtype) -> tuple[RuntimeName, ...]:
    """Runtimes to try before PyTorch, whose bfloat16 is faster than ONNX Runtime's float32."""
    if device.type != "cpu":
        return ()
    return ("openvino", "onnxruntime") if str(dtype) == "torch.float32" else ("openvino",)


def _checked(name: RuntimeName, network: StyleNetwork, dtype: torch.dtype) -> Runner:
    try:
        runner = _makers()[name](network, dtype)
        difference = excess(runner, network, dtype)
    except MissingExtraError:
        raise
    except Exception as error:  # whatever a foreign library can fail with
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(f"the runtime {name} cannot run {network.name} here ({reason:.200})") from error
    if difference is not None:
        raise UsageError(
            f"the runtime {name} does not paint as torch does here: it is off by {255 * difference:.0f}/255"
        )
    return runner


def _makers() -> dict[RuntimeName, Callable[[StyleNetwork, torch.dtype], Runner]]:
    # brings torch.export, which takes a second
    from impasto.stylizing.cpu_runtimes import OnnxRunner, OpenVinoRunner

    return {"openvino": OpenVinoRunner, "onnxruntime": lambda network, dtype: OnnxRunner(network)}


def excess(runner: Runner, network: StyleNetwork, dtype: torch.dtype) -> float | None:
    """Compare the runner's pictures with the network's; return the difference if it is too large, else None.

    The network computes in float32. TOLERANCE is allowed, and twice what PyTorch itself misses in `dtype`:
    there are networks in which the rounding of bfloat16 grows.
    """
    rounded = deepcopy(network).to(dtype)
    for size in _SIZES:
        photo = resize(_sample(), size)
        with torch.inference_mode():
            exact, near = network(photo), rounded(photo.to(dtype)).float()
        allowed = max(TOLERANCE, 2 * difference(near, exact))
        if not (found := difference(runner(photo), exact)) <= allowed:
            return found
    return None


def difference(one: Tensor, other: Tensor) -> float:
    """Compute the 95th percentile of the absolute differences of two pictures, clamped to [0, 1]."""
    apart = (one.clamp(0, 1) - other.clamp(0, 1)).abs().flatten()
    return float(apart.kthvalue(max(1, round(0.95 * len(apart)))).values)


@cache
def _sample() -> Tensor:
    return io.read(styles.sample())[0][None]
