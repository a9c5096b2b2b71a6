"""The import of libvips, an optional library."""

from typing import Any

from impasto.errors import MissingExtraError


def load_vips(purpose: str) -> Any:
    """The module pyvips, without the decoders that libvips does not answer for: SVG, PDF, ImageMagick's.

    Raises MissingExtraError, which says what it is needed for.
    """
    try:
        import pyvips
    except (ImportError, OSError) as error:  # OSError: the binding without its library
        raise MissingExtraError("pyvips", "huge", purpose) from error
    pyvips.block_untrusted_set(True)
    return pyvips
