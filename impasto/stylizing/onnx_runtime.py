"""Style networks in ONNX Runtime, which is there for processors that OpenVINO does not know."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.export import Dim

from impasto.errors import MissingExtraError
from impasto.networks import StyleNetwork
from impasto.networks.traceable import Traceable
from impasto.stylizing.runtime import RuntimeName
from impasto.stylizing.torch_runtime import paint_bytes

_EXAMPLE = (8, 12)  # sides in multiples: neither equal nor 1, which an export would take for constants


class OnnxRunner:
    """A `runtime.Runner` in float32; exporting to ONNX takes seconds.

    Raises MissingExtraError where ONNX Runtime, or what an export needs, is not installed.
    """

    name: RuntimeName = "onnxruntime"

    def __init__(self, network: StyleNetwork) -> None:
        self._network = network
        self._session = _start(network)

    def __call__(self, batch: Tensor) -> Tensor:
        return torch.cat([self._network.pad_and_crop(image[None], self._paint) for image in batch])

    def frame(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return paint_bytes(self, frame)

    def _paint(self, image: Tensor) -> Tensor:
        (painted,) = self._session.run(None, {"image": image.contiguous().numpy()})
        return torch.from_numpy(painted)


def _start(network: StyleNetwork) -> Any:
    try:
        import onnxruntime

        model = export(network)
    except ImportError as error:
        library = {"onnx": "ONNX", "onnxscript": "ONNX Script"}.get(error.name or "", "ONNX Runtime")
        raise MissingExtraError(library, "fast", "The runtime onnxruntime") from error
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    options.enable_cpu_mem_arena = False  # it would never give back what the largest picture took
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def export(network: StyleNetwork) -> bytes:
    """`paint` as an ONNX model: "image" (1, 3, H, W) to "picture", sides multiples of the network's."""
    multiple = network.multiple
    example = torch.zeros(1, 3, *(max(n * multiple, network.least_side) for n in _EXAMPLE))
    sides = {axis + 2: multiple * Dim(name, min=2) for axis, name in enumerate(("rows", "columns"))}
    with _quiet():
        program = torch.onnx.export(
            Traceable(network),
            (example,),
            dynamo=True,
            input_names=["image"],
            output_names=["picture"],
            dynamic_shapes=(sides,),
            verbose=False,
        )
    assert program is not None
    model: bytes = program.model_proto.SerializeToString()
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Exporting tells of libraries that are not needed, and of its own deprecated calls."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
