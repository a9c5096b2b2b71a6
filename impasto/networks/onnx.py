"""ONNX: the only file that knows the libraries which write, run and shrink it."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from impasto.errors import MissingExtraError

OPSET = 18  # of the models: old enough for runtimes of 2023

_NAMES = {"onnx": "ONNX", "onnxscript": "ONNX Script"}


@contextmanager
def required(extra: str, purpose: str) -> Iterator[None]:
    """Turn a missing library into a MissingExtraError that names it and what brings it."""
    try:
        yield
    except MissingExtraError:
        raise
    except ImportError as error:
        raise MissingExtraError(_NAMES.get(error.name or "", "ONNX Runtime"), extra, purpose) from error


def check_libraries() -> None:
    """Raise ImportError where one is not installed: before the seconds that an export takes."""
    for name in ("onnxruntime", "onnx", "onnxscript"):
        import_module(name)


def write(module: nn.Module, example: Tensor, sizes: Mapping[int, Any]) -> bytes:
    """A module as a model, whose "image" is like `example` and whose result is its "picture".

    Args:
        sizes: by axis, the `torch.export.Dim` of each side that may differ from the example's.

    The model tells nothing of the machine and the code that made it. Raises ImportError without ONNX and
    ONNX Script.
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
    """The model, with who made it and properties that runtimes show. Raises ImportError without ONNX."""
    import onnx

    proto = onnx.load_model_from_string(model)
    proto.producer_name, proto.producer_version = "impasto", version
    onnx.helper.set_model_props(proto, dict(properties))
    return bytes(proto.SerializeToString())


def start(model: bytes, threads: int | None = None) -> Any:
    """The model in ONNX Runtime on the CPU. Raises ImportError without it."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or torch.get_num_threads()
    options.log_severity_level = 3  # errors
    options.enable_cpu_mem_arena = False  # it would never give back what the largest picture took
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(session: Any, image: Tensor) -> Tensor:
    """(N, 3, H, W) through a session of `start`."""
    (painted,) = session.run(None, {"image": image.contiguous().numpy()})
    return torch.from_numpy(painted)


def quantize(model: bytes, photos: Iterable[Tensor]) -> bytes:
    """A float32 model with the inputs and weights of its convolutions in 8 bits.

    The first and the last ones of each network in it stay in float32: they see and make colors. Weights
    have a scale for each channel; activations one, from the mean of the ranges seen in the photos, as a few
    extremes would cost all others their steps.

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
    """Photos as the quantiser asks for them."""

    def __init__(self, photos: Iterable[Tensor]) -> None:
        self._photos = iter(photos)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        photo = next(self._photos, None)
        return None if photo is None else {"image": photo.numpy()}


def _ends(graph: Any) -> Sequence[str]:
    """Convolutions that read, or make, three channels or the pixels folded from them: where colors are."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv" and node.input[1] in shapes]
    outer = [node for node in convolutions if _is_color(shapes[node.input[1]])]
    return [node.name for node in outer]


def _is_color(shape: tuple[int, ...]) -> bool:
    outputs, inputs = shape[:2]
    return inputs in _COLORS or outputs in _COLORS


_COLORS = {3 * side**2 for side in (1, 2, 4)}


def _forget_origin(model: Any) -> None:
    """torch notes at each node the lines of code, with their files, that it comes from."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        part.doc_string = ""
        del part.metadata_props[:]
    for tensor in graph.initializer:
        tensor.doc_string = ""
        del tensor.metadata_props[:]


@contextmanager
def _quiet() -> Iterator[None]:
    """Exporting tells of libraries that are not needed, and of its own deprecated calls."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "")]
    levels = [logger.level for logger in loggers]
    silent = logging.NullHandler()  # without any, the root logger would be given one that stays
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
