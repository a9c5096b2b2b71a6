"""Networks for other runtimes: copies to trace, and ONNX models; only here are ONNX's libraries imported."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from impasto.errors import MissingExtraError
from impasto.networks.base import StyleNetwork
from impasto.networks.blocks import InstanceNorm
from impasto.networks.light import Enlarging, EnlargingConvolution

OPSET = 18  # version of the operators: old enough for runtimes of 2023

_NAMES = {"onnx": "ONNX", "onnxscript": "ONNX Script"}


@contextmanager
def required(extra: str, purpose: str) -> Iterator[None]:
    """Turn the error of a missing library into a MissingExtraError that names the extra to install."""
    try:
        yield
    except MissingExtraError:
        raise
    except ImportError as error:
        raise MissingExtraError(_NAMES.get(error.name or "", "ONNX Runtime"), extra, purpose) from error


def check_libraries() -> None:
    """Raise ImportError if a library for exports is missing, before an export, which takes seconds."""
    for name in ("onnxruntime", "onnx", "onnxscript"):
        import_module(name)


def write(module: nn.Module, example: Tensor, sizes: Mapping[int, Any]) -> bytes:
    """Export a module as an ONNX model, with the input "image", like `example`, and the output "picture".

    Args:
        sizes: by axis, the `torch.export.Dim` of each side that may differ from the example's.

    The model contains no information about the machine or the code that made it. Raises ImportError without
    ONNX and ONNX Script.
    """
    with _quiet():
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["image"],
            output_names=["picture"],
            dynamic_shapes=(dict(sizes),),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _forget_origin(model)
    return bytes(model.SerializeToString())


def describe(model: bytes, version: str, properties: Mapping[str, str]) -> bytes:
    """Add the producer and properties, which runtimes show, to a model. Raises ImportError without ONNX."""
    import onnx

    proto = onnx.load_model_from_string(model)
    proto.producer_name, proto.producer_version = "impasto", version
    onnx.helper.set_model_props(proto, dict(properties))
    return bytes(proto.SerializeToString())


def start(model: bytes, threads: int | None = None) -> Any:
    """Start a session of ONNX Runtime on the CPU. Raises ImportError without ONNX Runtime."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    options.log_severity_level = 3  # errors
    options.enable_cpu_mem_arena = False  # the arena would never release the memory of the largest picture
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(session: Any, image: Tensor) -> Tensor:
    """Stylize (N, 3, H, W) with a session from `start`."""
    (painted,) = session.run(None, {"image": image.contiguous().numpy()})
    return torch.from_numpy(painted)


def quantize(model: bytes, photos: Iterable[Tensor]) -> bytes:
    """Quantize a float32 model: inputs and weights of its convolutions become 8-bit.

    The first and last convolutions of each network stay in float32, as they read and write colors. Weights
    have a scale for each channel. Activations have one scale, from the mean of the ranges measured on the
    photos, as a range that includes a few extremes would make the steps too coarse for all other values.

    Raises ImportError without ONNX and ONNX Runtime.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    proto = onnx.load_model_from_string(model)
    with tempfile.TemporaryDirectory(prefix="impasto-") as folder, _quiet():
        target = Path(folder, "quantised.onnx")
        quantize_static(
            proto,
            target,
            _Reader(photos),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=_ends(proto.graph),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"CalibMovingAverage": True},
        )
        return target.read_bytes()


class _Reader:
    """Supplies photos to the quantizer, which calls `get_next`."""

    def __init__(self, photos: Iterable[Tensor]) -> None:
        self._photos = iter(photos)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next photo, by the input's name; None at the end."""
        photo = next(self._photos, None)
        return None if photo is None else {"image": photo.numpy()}


def _ends(graph: Any) -> Sequence[str]:
    """Names of the convolutions that read or write colors: three channels, or pixels folded from them."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv" and node.input[1] in shapes]
    return [node.name for node in convolutions if any(n in _COLORS for n in shapes[node.input[1]][:2])]


_COLORS = {3 * side**2 for side in (1, 2, 4)}


def _forget_origin(model: Any) -> None:
    """Remove the lines of code and files that torch records at each node."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        part.doc_string = ""
        del part.metadata_props[:]
    for tensor in graph.initializer:
        tensor.doc_string = ""
        del tensor.metadata_props[:]


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's messages about optional libraries and its own deprecated calls."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "")]
    levels = [logger.level for logger in loggers]
    silent = logging.NullHandler()  # without a handler, logging would add a permanent one to the root logger
    loggers[-1].addHandler(silent)
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        loggers[-1].removeHandler(silent)


class Traceable(nn.Module):
    """Copy of a network for export, in float32 on the CPU; `forward` is `paint`, without padding.

    Sides must be multiples of `multiple`. Norms are `nn.InstanceNorm2d`. Other runtimes turn a group norm
    with one channel per group, which torch computes faster, into reshapes: OpenVINO converts the layout of
    its convolutions at each, and version 2026.4 crashes when it compiles some of them in float32. Kernels
    that are computed from learned kernels become constants.
    """

    def __init__(self, network: StyleNetwork) -> None:
        super().__init__()
        self.network = deepcopy(network).float().cpu().requires_grad_(False)
        _replace_parts(self.network)
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        """Stylize an image whose sides are multiples of the network's `multiple`."""
        return self.network.paint(image)


def _replace_parts(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, InstanceNorm):
            setattr(module, name, _plain(child))
        elif isinstance(child, EnlargingConvolution):
            setattr(module, name, Enlarging(child))
        else:
            _replace_parts(child)


def _plain(norm: InstanceNorm) -> nn.InstanceNorm2d:
    plain = nn.InstanceNorm2d(len(norm.weight), affine=True)
    plain.weight, plain.bias = norm.weight, norm.bias
    return plain
