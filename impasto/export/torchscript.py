"""Write a graph as TorchScript, for programs in C++ and older versions of PyTorch."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

_EXAMPLE = (2, 3, 75, 101)
PROPERTIES = "impasto.json"  # name of the extra file in the archive


def write(graph: nn.Module, properties: Mapping[str, str]) -> bytes:
    """Make the bytes of a file for `torch.jit.load`: a function of an image of any size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript warns of its deprecation and of each traced constant
        with torch.no_grad():
            traced = torch.jit.trace(graph, torch.zeros(_EXAMPLE), check_trace=False)  # type: ignore[no-untyped-call]
        buffer = io.BytesIO()
        torch.jit.save(traced, buffer, _extra_files={PROPERTIES: json.dumps(dict(properties))})
    return buffer.getvalue()


def load(data: bytes) -> Any:
    """Load the function in the bytes of a TorchScript file, on the CPU: (N, 3, H, W) to this shape."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(io.BytesIO(data), map_location="cpu")  # type: ignore[no-untyped-call]

    def paint(image: Tensor) -> Tensor:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cast(Tensor, module(image))

    return paint
