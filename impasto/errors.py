"""Errors that impasto raises.

ImpastoError
├── UsageError          an invalid option or argument (also a ValueError)
├── ImageError          a picture that cannot be read or written
├── VideoError          a video that cannot be read or written
├── WeightsError        a weights file that is missing, damaged or of another network
├── ExportError         a network that could not be exported, or whose export gives other pictures
├── MemoryLimitError    work that would not fit in memory
├── DivergenceError     an optimization that could not return to finite numbers
├── ClusterError        workers, or file storage, that cannot be reached or fail repeatedly
└── MissingExtraError   an optional library that is not installed (also an ImportError)

A message is a sentence for the user: what is wrong with which file or option, and how to fix it.
"""


class ImpastoError(Exception):
    """Base class of all errors of impasto."""


class UsageError(ImpastoError, ValueError):
    """An invalid option or argument."""


class ImageError(ImpastoError):
    """A picture that cannot be read or written."""


class VideoError(ImpastoError):
    """A video that cannot be read or written."""


class WeightsError(ImpastoError):
    """A weights file that is missing, damaged or of another network."""


class ExportError(ImpastoError):
    """A network that could not be exported, or whose export gives other pictures."""


class MemoryLimitError(ImpastoError):
    """Work that would not fit in memory."""


class DivergenceError(ImpastoError):
    """An optimization that could not return to finite numbers."""


class ClusterError(ImpastoError):
    """Workers, or file storage, that cannot be reached or fail repeatedly."""


class MissingExtraError(ImpastoError, ImportError):
    """An optional library that is not installed."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {library}: pip install 'impasto[{extra}]'")
