"""The import of libvips, an optional library."""

from typing import Any

from impasto.errors import MissingExtraError


def load_vips(purpose: str) -> Any:
    """Import pyvips, without the decoders that libvips calls unsafe: SVG, PDF, ImageMagick's.

    Raises MissingExtraError, which begins with the purpose.
    """
    try:
        import pyvips
    except (ImportError, OSError) as error:  # OSError: the binding without its library
        raise MissingExtraError("pyvips", "huge", purpose) from error
    pyvips.block_untrusted_set(True)
    return pyvips
