"""Options of an export. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from impasto.errors import UsageError
from impasto.options import check_choice, check_range

Target = Literal["onnx", "torchscript", "web"]
Precision = Literal["float32", "float16", "int8"]

SUFFIXES: dict[Target, tuple[str, ...]] = {"onnx": (".onnx",), "torchscript": (".pt", ".ts", ".torchscript")}


@dataclass(frozen=True)
class ExportOptions:
    """Options of an export.

    Attributes:
        to: "onnx", a file; "torchscript", a file; "web", a folder with a page.
        precision: precision of weights and of most operations; input and output are always float32.
        strength: from 0, the photo, to 1, the whole style, as in stylizing.
        photos: files and folders, for the calibration of int8 and for measuring the loss of quality.
        runtime_dir: for "web", a folder with the files of onnxruntime-web; without it npm fetches them.
        overwrite: replace an existing output.

    Raises UsageError for impossible combinations.
    """

    to: Target = "onnx"
    precision: Precision = "float32"
    strength: float = 1.0
    photos: tuple[Path, ...] = ()
    runtime_dir: Path | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_choice("to", self.to, Target)
        check_choice("precision", self.precision, Precision)
        check_range("strength", self.strength, 0, 1)
        if self.to == "torchscript" and self.precision != "float32":
            raise UsageError(
                f"TorchScript is exported in float32 only: {self.precision} needs to=onnx or to=web"
            )
        if self.precision == "int8" and not self.photos:
            raise UsageError("int8 needs photos= for calibration: name a folder of some twenty photos")
        if self.runtime_dir is not None and self.to != "web":
            raise UsageError("runtime_dir= works only with to=web: leave it out")
