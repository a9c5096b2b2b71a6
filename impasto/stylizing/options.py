"""What a run over files can be asked for. Every default stands here and nowhere else; imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from impasto.errors import UsageError
from impasto.options import check_whole


@dataclass(frozen=True)
class ImageOptions:
    """How a picture is read and written. A value that cannot mean anything raises UsageError.

    Attributes:
        size: long side of the result in pixels; None keeps the photo's.
        bit_depth: 8, or 16 for PNG and TIFF.
        quality: 1 to 100, of JPEG and WebP.
        strip_metadata: write neither the photo's EXIF nor the record that tells how the picture was made.
        max_pixels: the largest photo to accept; None is `imaging.io.MAX_PIXELS`.
    """

    size: int | None = None
    bit_depth: int = 8
    quality: int = 95
    strip_metadata: bool = False
    max_pixels: int | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            check_whole("size", self.size, 1, 100_000)
        if self.max_pixels is not None:
            check_whole("max_pixels", self.max_pixels, 1, 2**40)
        check_whole("quality", self.quality, 1, 100)
        if self.bit_depth not in (8, 16):
            raise UsageError(f"bit_depth is 8 or 16, not {self.bit_depth}")


@dataclass(frozen=True)
class BulkOptions(ImageOptions):
    """The same for many.

    Attributes:
        suffix: the format of all results, such as ".webp"; None keeps each photo's where it can be written,
            and takes .png elsewhere.
        overwrite: make again what is there already.
    """

    suffix: str | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.suffix is not None:
            object.__setattr__(self, "suffix", f".{self.suffix.removeprefix('.')}")
