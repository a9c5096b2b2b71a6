"""Every error that impasto raises on purpose.

ImpastoError
├── UsageError          an option or argument that cannot mean anything (also a ValueError)
├── ImageError          a picture that cannot be read or written
├── VideoError          a video that cannot be read or written
├── WeightsError        a weights file that is missing, damaged or of another network
├── ExportError         a network that could not be exported, or came out as another one
├── MemoryLimitError    work that would not fit in memory
├── DivergenceError     an optimisation that could not be brought back to finite numbers
├── ClusterError        workers, or a store of files, that cannot be reached or fail again and again
└── MissingExtraError   an optional library that is not installed (also an ImportError)

A message is one sentence for a person: what is wrong with which file or option, and the way out.
"""


class ImpastoError(Exception):
    """Base of the family; catch this to catch them all."""


class UsageError(ImpastoError, ValueError):
    """An option or argument that cannot mean anything."""


class ImageError(ImpastoError):
    """A picture that cannot be read or written."""


class VideoError(ImpastoError):
    """A video that cannot be read or written."""


class WeightsError(ImpastoError):
    """A weights file that is missing, damaged or of another network."""


class ExportError(ImpastoError):
    """A network that could not be exported, or came out as another one."""


class MemoryLimitError(ImpastoError):
    """Work that would not fit in memory."""


class DivergenceError(ImpastoError):
    """An optimisation that could not be brought back to finite numbers."""


class ClusterError(ImpastoError):
    """Workers, or a store of files, that cannot be reached or fail again and again."""


class MissingExtraError(ImpastoError, ImportError):
    """An optional library that is not installed."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {library}: pip install 'impasto[{extra}]'")
