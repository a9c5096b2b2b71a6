"""impasto: neural style transfer that paints any photo in any style, in seconds, on any machine."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.errors import ImpastoError
    from impasto.grading.grader import Grader, grade
    from impasto.grading.options import GradeOptions
    from impasto.painting.options import PaintOptions
    from impasto.painting.paint import Painter, paint
    from impasto.painting.texture import texture
    from impasto.progress import Step
    from impasto.stylizing.stylizer import Stylizer, load
    from impasto.stylizing.video import stylize_video
    from impasto.training.train import train_style

    __version__: str

__all__ = [
    "GradeOptions",
    "Grader",
    "ImpastoError",
    "PaintOptions",
    "Painter",
    "Step",
    "Stylizer",
    "__version__",
    "grade",
    "load",
    "paint",
    "stylize_video",
    "texture",
    "train_style",
]

_HOMES = {
    "GradeOptions": "impasto.grading.options",
    "Grader": "impasto.grading.grader",
    "ImpastoError": "impasto.errors",
    "PaintOptions": "impasto.painting.options",
    "Painter": "impasto.painting.paint",
    "Step": "impasto.progress",
    "Stylizer": "impasto.stylizing.stylizer",
    "grade": "impasto.grading.grader",
    "load": "impasto.stylizing.stylizer",
    "paint": "impasto.painting.paint",
    "stylize_video": "impasto.stylizing.video",
    "texture": "impasto.painting.texture",
    "train_style": "impasto.training.train",
}


if not TYPE_CHECKING:  # type checkers would accept any name

    def __getattr__(name: str) -> Any:
        """Import public names when they are first used, so that `import impasto` is instant."""
        if name == "__version__":
            from importlib.metadata import version

            return version("impasto")
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module 'impasto' has no attribute {name!r}")
