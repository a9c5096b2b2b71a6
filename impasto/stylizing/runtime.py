"""Runtimes of style networks: PyTorch, OpenVINO or ONNX Runtime behind one interface.

torch is imported with the runtimes: their names alone, which flags need, must come at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from impasto.device import DeviceName, PrecisionName, resolve_device, resolve_precision
from impasto.errors import UsageError
from impasto.options import check_choice

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor


RuntimeName = Literal["auto", "torch", "openvino", "onnxruntime"]

MANY = 8  # photos: for fewer, loading and compiling a faster runtime takes longer than it saves


class Runner(Protocol):
    """A network that is ready to paint. May be called from any thread."""

    name: RuntimeName

    def __call__(self, batch: Tensor) -> Tensor:
        """Stylize (N, 3, H, W) float32 in [0, 1], on the runner's device; the result is not clamped."""

    def frame(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Stylize a frame, (H, W, 3) RGB."""


def runtime_for(runtime: RuntimeName, photos: int) -> RuntimeName:
    """Resolve "auto" for this many photos: PyTorch, which is loaded already, for fewer than MANY."""
    return "torch" if runtime == "auto" and photos < MANY else runtime


def resolve(
    runtime: RuntimeName, device: DeviceName, precision: PrecisionName
) -> tuple[torch.device, torch.dtype]:
    """Resolve device and precision of a runtime. All but PyTorch compute on the CPU.

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
