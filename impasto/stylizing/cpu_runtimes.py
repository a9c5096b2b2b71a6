"""OpenVINO and ONNX Runtime, which run style networks on the CPU."""

from __future__ import annotations

import sys
import warnings
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.export import Dim

from impasto.errors import MissingExtraError
from impasto.networks import StyleNetwork, onnx
from impasto.networks.onnx import Traceable
from impasto.stylizing.pixels import paint_bytes
from impasto.stylizing.runtime import RuntimeName

_TELEMETRY = "openvino_telemetry"
_SIDE = 64  # pixels of the image that a network is traced with
_EXAMPLE = (8, 12)  # sides in multiples: neither equal nor 1, which an export would take for constants


class OpenVinoRunner:
    """A `runtime.Runner`.

    Photos, which come in many sizes, share one compiled model of dynamic shape. Frames, of which many have
    one size, get a model of that shape, which takes bytes and gives bytes; it is compiled, in under a second,
    with the first frame of each size, and the last one is kept.

    Raises MissingExtraError where OpenVINO is not installed.
    """

    name: RuntimeName = "openvino"

    def __init__(self, network: StyleNetwork, dtype: torch.dtype) -> None:
        self._core = _core()
        self._network = network
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if dtype == torch.bfloat16 else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "ENABLE_CPU_PINNING": False,  # other processes would be pinned to the same cores
        }
        self._model = _convert(network)
        self._model.reshape([1, 3, -1, -1])
        self._photos = self._compile(self._model)
        self._busy = Lock()
        self._frames: tuple[tuple[int, ...], Any] = ((), None)

    def __call__(self, batch: Tensor) -> Tensor:
        painted = [self._network.pad_and_crop(image[None], self._paint) for image in batch]
        return painted[0] if len(painted) == 1 else torch.cat(painted)

    def frame(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width, _ = frame.shape
        down, right = self._network.padding(height, width)
        if down or right:
            frame = np.pad(frame, ((0, down), (0, right), (0, 0)), mode="edge")
        shape, compiled = self._frames
        if shape != frame.shape:
            compiled = self._compile(self._of_bytes(frame.shape))
            self._frames = (frame.shape, compiled)
        painted = _infer(compiled, np.ascontiguousarray(frame)[None])
        return np.ascontiguousarray(painted[0, :height, :width])

    def _paint(self, image: Tensor) -> Tensor:
        with self._busy:
            painted = torch.from_numpy(_infer(self._photos, image.contiguous().numpy()))
            self._photos.release_memory()  # what it keeps would be missing when the next photo's is counted
            return painted

    def _compile(self, model: Any) -> Any:
        return self._core.compile_model(model, "CPU", self._settings)

    def _of_bytes(self, shape: tuple[int, ...]) -> Any:
        """Make the model for frames, which includes the conversions: they cost next to nothing there."""
        from openvino import Layout, Type
        from openvino.preprocess import PrePostProcessor

        outer = PrePostProcessor(self._model.clone())
        outer.input().tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
        outer.input().preprocess().convert_element_type(Type.f32).scale(255.0)
        outer.input().model().set_layout(Layout("NCHW"))
        outer.output().model().set_layout(Layout("NCHW"))
        outer.output().postprocess().custom(_as_levels)
        outer.output().tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
        model = outer.build()
        model.reshape([1, *shape])
        return model


def _infer(compiled: Any, image: NDArray[Any]) -> NDArray[Any]:
    """Infer with a new request, which costs nothing: threads cannot share one."""
    request = compiled.create_infer_request()
    result: NDArray[Any] = request.infer([image], share_inputs=True)[0]
    return result


def _as_levels(picture: Any) -> Any:
    from openvino import opset13 as ops

    scaled = ops.multiply(ops.clamp(picture, 0.0, 1.0), np.float32(255))
    return ops.round(scaled, "half_to_even").output(0)


def _convert(network: StyleNetwork) -> Any:
    """Convert a network as `openvino.convert_model` does, without its report to the makers."""
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch import ConversionExtension
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of deprecated tracing, and of sides that are not constants
        example = torch.zeros(1, 3, _SIDE, _SIDE)
        traced = torch.jit.trace(Traceable(network), example, check_trace=False)  # type: ignore[no-untyped-call]
    decoder = TorchScriptPythonDecoder(traced, shared_memory=False)
    frontend = FrontEndManager().load_by_framework("pytorch")
    frontend.add_extension(ConversionExtension("aten::pixel_shuffle", _as_depth_to_space))
    return frontend.convert(frontend.load(decoder))


def _as_depth_to_space(context: Any) -> list[Any]:
    """A pixel_shuffle as one operation. It becomes reshapes otherwise, which lose the number of channels: a
    model of dynamic shape then leaves the layout of its convolutions for each.
    """
    from openvino import opset13 as ops

    shuffled = ops.depth_to_space(context.get_input(0), "depth_first", context.get_values_from_const_input(1))
    return [shuffled.output(0)]


@cache
def _core() -> Any:
    """Make the OpenVINO core, one for the process.

    Each gives the thread that it begins in a stack for signals, and takes that memory back when it ends, even
    if the next one has meanwhile noted it as the stack to return to: the next Ctrl-C would be a crash.
    """
    return _load_openvino().Core()


def _load_openvino() -> Any:
    """Import OpenVINO without its telemetry, which would report the import to its makers."""
    loaded = _TELEMETRY in sys.modules or "openvino" in sys.modules
    if not loaded:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # an import of it fails, as it may
    try:
        import openvino
    except ImportError as error:
        raise MissingExtraError("OpenVINO", "fast", "The runtime openvino") from error
    finally:
        if not loaded:
            del sys.modules[_TELEMETRY]
    return openvino


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
        return onnx.run(self._session, image)


def _start(network: StyleNetwork) -> Any:
    with onnx.required("fast", "The runtime onnxruntime"):
        onnx.check_libraries()
        return onnx.start(export(network))


def export(network: StyleNetwork) -> bytes:
    """Export `paint` as an ONNX model: "image" (1, 3, H, W) to "picture", sides multiples of its own."""
    multiple = network.multiple
    example = torch.zeros(1, 3, *(max(n * multiple, network.least_side) for n in _EXAMPLE))
    sides = {axis + 2: multiple * Dim(name, min=2) for axis, name in enumerate(("rows", "columns"))}
    return onnx.write(Traceable(network), example, sides)
