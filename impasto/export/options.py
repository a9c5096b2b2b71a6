"""Options of an export. Imports no torch."""

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
        precision: of the weights and of most of the arithmetic. What goes in and comes out is float32 always.
        strength: from 0, the photo, to 1, the whole style, as when stylizing.
        photos: files and folders; int8 is calibrated on them, and what precision costs is measured on them.
        runtime_dir: of "web", a folder with the files of onnxruntime-web; without it npm fetches them.
        overwrite: replace what is there.

    Raises UsageError for what cannot be had.
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
            raise UsageError(f"TorchScript is exported in float32: {self.precision} needs to=onnx or to=web")
        if self.precision == "int8" and not self.photos:
            raise UsageError("int8 is calibrated on photos: name a folder of some twenty with photos=")
        if self.runtime_dir is not None and self.to != "web":
            raise UsageError("runtime_dir= is for to=web, which alone needs it")
