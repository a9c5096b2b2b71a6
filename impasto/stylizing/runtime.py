"""Runtimes of style networks: PyTorch, OpenVINO or ONNX Runtime behind one interface.

torch is imported with the runtimes: their names alone, which flags need, must come at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

from impasto.device import DeviceName, PrecisionName, resolve_device, resolve_precision
from impasto.errors import MissingExtraError, UsageError
from impasto.options import check_choice

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from impasto.networks import StyleNetwork

RuntimeName = Literal["auto", "torch", "openvino", "onnxruntime"]

MANY = 8  # photos: for fewer, loading and compiling a faster runtime takes longer than it saves


class Runner(Protocol):
    """A network that is ready to paint. May be called from any thread."""

    name: RuntimeName

    def __call__(self, batch: Tensor) -> Tensor:
        """(N, 3, H, W) float32 in [0, 1] on the runner's device to the same shape, not clamped."""

    def frame(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) RGB to the same shape."""


def runtime_for(runtime: RuntimeName, photos: int) -> RuntimeName:
    """Resolve "auto" for this many photos: PyTorch, which is loaded already, for fewer than MANY."""
    return "torch" if runtime == "auto" and photos < MANY else runtime


def resolve(
    runtime: RuntimeName, device: DeviceName, precision: PrecisionName
) -> tuple[torch.device, torch.dtype]:
    """Device and precision of a runtime. All but PyTorch compute on the CPU.

    Raises UsageError for names that are none, and for what a runtime cannot do.
    """
    check_choice("runtime", runtime, RuntimeName)
    check_choice("device", device, DeviceName)
    check_choice("precision", precision, PrecisionName)
    if runtime in ("openvino", "onnxruntime"):
        if device not in ("auto", "cpu"):
            raise UsageError(
                f"the runtime {runtime} computes on the CPU, not on {device}: take runtime torch"
            )
        device = "cpu"
    if runtime == "onnxruntime":
        if precision == "bfloat16":
            raise UsageError("the runtime onnxruntime computes in float32: take runtime openvino or torch")
        precision = "float32"
    place = resolve_device(device)
    return place, resolve_precision(precision, place)


def make_runner(
    network: StyleNetwork, runtime: RuntimeName, device: torch.device, dtype: torch.dtype
) -> tuple[Runner, list[str]]:
    """The network, of float32 on the CPU, made ready, and sentences that the user should hear.

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
    from impasto.stylizing.torch_runtime import TorchRunner

    return TorchRunner(network), notes


def _fastest_first(device: torch.device, dtype: torch.dtype) -> tuple[RuntimeName, ...]:
    """Runtimes to try before PyTorch, whose bfloat16 is faster than ONNX Runtime's float32."""
    if device.type != "cpu":
        return ()
    return ("openvino", "onnxruntime") if str(dtype) == "torch.float32" else ("openvino",)


def _checked(name: RuntimeName, network: StyleNetwork, dtype: torch.dtype) -> Runner:
    from impasto.stylizing.agreement import excess

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
    from impasto.stylizing.onnx_runtime import OnnxRunner
    from impasto.stylizing.openvino_runtime import OpenVinoRunner

    return {"openvino": OpenVinoRunner, "onnxruntime": lambda network, dtype: OnnxRunner(network)}
