"""Export styles to other programs: ONNX files, TorchScript, and a web page that needs no server.

Names are imported when first used: the options, from which flags are made, must load without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.export.job import Report, export
    from impasto.export.options import ExportOptions

__all__ = ["ExportOptions", "Report", "export"]

_HOMES = {"ExportOptions": "options", "Report": "job", "export": "job"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
