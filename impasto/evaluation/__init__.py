"""Evaluate results: pictures against their photos and styles, and videos against their original clips.

`measuring` computes the `metrics` of all pairs and of controls; `outcome` summarizes them, with intervals
from the `bootstrap`. Names are imported when first used, as options must load without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.evaluation.bootstrap import CrossedBootstrap, Estimate
    from impasto.evaluation.measuring import Method, measure
    from impasto.evaluation.metrics import StyleMetrics
    from impasto.evaluation.options import EvaluateOptions
    from impasto.evaluation.outcome import Outcome
    from impasto.evaluation.pictures import match_results
    from impasto.evaluation.warping import WarpingError, compare_clips

__all__ = [
    "CrossedBootstrap",
    "Estimate",
    "EvaluateOptions",
    "Method",
    "Outcome",
    "StyleMetrics",
    "WarpingError",
    "compare_clips",
    "match_results",
    "measure",
]

_HOMES = {
    "Method": "measuring",
    "CrossedBootstrap": "bootstrap",
    "Estimate": "bootstrap",
    "EvaluateOptions": "options",
    "Outcome": "outcome",
    "WarpingError": "warping",
    "StyleMetrics": "metrics",
    "compare_clips": "warping",
    "match_results": "matching",
    "measure": "measuring",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
