"""Networks of a stylizer as one module for images of any size, and its TorchScript."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from impasto.networks import StyleNetwork
from impasto.networks.onnx import Traceable

GraphParts = Sequence[tuple[StyleNetwork, float]]
_EXAMPLE = (2, 3, 75, 101)
PROPERTIES = "impasto.json"  # name of the extra file in the archive


class Graph(nn.Module):
    """Weighted sum of networks' pictures and the photo: (N, 3, H, W) in [0, 1] to a picture of this shape.

    Unlike a network, it takes any size and clamps. It copies the networks; copies compute in `dtype`, except
    for statistics of norms, which stay in float32. Input and output are float32.

    Args:
        parts: networks, each with its share of the picture.
        photo: share of the photo itself.
    """

    def __init__(self, parts: GraphParts, photo: float = 0.0, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.networks = nn.ModuleList(Traceable(network) for network, _ in parts)
        self.sizes = [(network.multiple, network.least_side) for network, _ in parts]
        self.shares = [share for _, share in parts]
        self.photo, self.dtype = photo, dtype
        if dtype != torch.float32:
            _round(self, dtype)
        self.eval()

    def forward(self, image: Tensor) -> Tensor:
        """Stylize images of any size."""
        pictures = [self.photo * image] if self.photo else []
        for network, share, (multiple, least) in zip(self.networks, self.shares, self.sizes, strict=True):
            picture = self._whole(network, image, multiple, least)
            pictures.append(picture if share == 1 else share * picture)
        whole = pictures[0]
        for picture in pictures[1:]:
            whole = whole + picture
        return whole.clamp(0, 1) if len(pictures) > 1 else whole

    def _whole(self, network: nn.Module, image: Tensor, multiple: int, least: int) -> Tensor:
        height, width = image.shape[2], image.shape[3]
        fill = _fill_traced if torch.jit.is_tracing() else _fill  # type: ignore[attr-defined, no-untyped-call]
        painted: Tensor = network(fill(image, multiple, least).to(self.dtype)).float()
        return painted[..., :height, :width].clamp(0, 1)


def _fill(image: Tensor, multiple: int, least: int) -> Tensor:
    """Repeat border pixels below and to the right, up to multiples, for symbolic sizes.

    No negative number is divided, as ONNX rounds quotients towards zero, and Python rounds them down.
    """
    for axis in (2, 3):
        side: Any = image.shape[axis]
        whole: Any = torch.sym_max((side + multiple - 1) // multiple * multiple, least)  # type: ignore[no-untyped-call]
        places = torch.arange(whole, device=image.device).clamp(max=side - 1)
        image = image.index_select(axis, places)
    return image


@torch.jit.script_if_tracing  # type: ignore[untyped-decorator]
def _fill_traced(image: Tensor, multiple: int, least: int) -> Tensor:
    """Pad for TorchScript, which has no symbolic sizes and keeps `max` unchanged."""
    for axis in (2, 3):
        side = image.shape[axis]
        whole = max((side + multiple - 1) // multiple * multiple, least)
        places = torch.arange(whole, device=image.device).clamp(max=side - 1)
        image = image.index_select(axis, places)
    return image


class _ExactNorm(nn.Module):
    """Norm in float32 among layers of lower precision, as sums over a picture overflow float16."""

    def __init__(self, norm: nn.InstanceNorm2d) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """Normalize in float32, and return the input's dtype."""
        normed: Tensor = self.norm(x.float())
        return normed.to(x.dtype)


def _round(module: nn.Module, dtype: torch.dtype) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.InstanceNorm2d):
            setattr(module, name, _ExactNorm(child))
        else:
            _round(child, dtype)
    own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    for _, tensor in own:
        tensor.data = tensor.data.to(dtype)


def write_torchscript(graph: nn.Module, properties: Mapping[str, str]) -> bytes:
    """Make the bytes of a file for `torch.jit.load`: a function of an image of any size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript warns of its deprecation and of each traced constant
        with torch.no_grad():
            traced = torch.jit.trace(graph, torch.zeros(_EXAMPLE), check_trace=False)  # type: ignore[no-untyped-call]
        buffer = io.BytesIO()
        torch.jit.save(traced, buffer, _extra_files={PROPERTIES: json.dumps(dict(properties))})
    return buffer.getvalue()


def load_torchscript(data: bytes) -> Any:
    """Load the function in the bytes of a TorchScript file, on the CPU: (N, 3, H, W) to this shape."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(io.BytesIO(data), map_location="cpu")  # type: ignore[no-untyped-call]

    def paint(image: Tensor) -> Tensor:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cast(Tensor, module(image))

    return paint
