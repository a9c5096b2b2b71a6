"""Files behind URLs, such as s3://bucket/photos, by fsspec: listed, fetched, and put as a whole."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from impasto.errors import ClusterError, ImageError, UsageError

ResultT = TypeVar("ResultT")

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_PAUSES = (0.5, 2.0, 8.0)  # seconds before another try
_FINAL = (PermissionError, IsADirectoryError)  # a second try would meet them again
_LIBRARIES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}


def is_url(text: str) -> bool:
    """Return whether a text names something in a store, and not a file of this machine."""
    return bool(_URL.match(text))


class Store:
    """A kind of store, such as S3, with the credentials that its own library finds.

    Paths are whole URLs. A request that fails is made again after 0.5, 2 and 8 seconds. Methods raise
    ImageError for what is not there or not allowed, ClusterError for a store that does not answer.
    """

    def __init__(self, files: Any) -> None:
        self._files = files

    def normal(self, url: str) -> str:
        """Write the URL as `find` returns it."""
        text: str = self._files.unstrip_protocol(self._files._strip_protocol(url))
        return text.rstrip("/")

    def find(self, url: str) -> dict[str, int]:
        """List the files below a folder, or that match a pattern: URL to length in bytes."""

        def listed() -> Mapping[str, Any]:
            self._files.invalidate_cache()
            place = self._files._strip_protocol(url)
            if "*" in place or "?" in place or "[" in place:
                return self._files.glob(place, detail=True)  # type: ignore[no-any-return]
            return self._files.find(place, detail=True)  # type: ignore[no-any-return]

        entries = _retry(listed, url, "listed")
        files = (entry for entry in entries.values() if entry.get("type") != "directory")
        return {self._files.unstrip_protocol(entry["name"]): int(entry["size"] or 0) for entry in files}

    def read(self, url: str) -> bytes:
        """Read a file."""
        data: bytes = _retry(lambda: self._files.cat_file(url), url, "read")
        return data

    def write(self, url: str, data: bytes) -> None:
        """Write a file of these bytes, whole."""
        self._make(url, lambda: self._files.pipe_file(url, data))

    def fetch(self, url: str, path: Path) -> None:
        """Copy a file to this machine."""
        path.parent.mkdir(parents=True, exist_ok=True)
        _retry(lambda: self._files.get_file(url, str(path)), url, "read")

    def put(self, path: Path, url: str) -> None:
        """Copy a file of this machine to the store, whole."""
        self._make(url, lambda: self._files.put_file(str(path), url))

    def remove(self, url: str) -> None:
        """Delete a file that may be gone already."""
        try:
            _retry(lambda: self._files.rm_file(url), url, "removed")
        except ImageError:
            return

    def _make(self, url: str, make: Callable[[], Any]) -> None:
        def tried() -> None:
            try:
                make()
            except FileNotFoundError:  # a store that has folders; others need no request for them
                self._files.makedirs(self._files._parent(url), exist_ok=True)
                make()

        _retry(tried, url, "written")


def normal(text: str) -> str:
    """Write a URL as its store lists it, without a slash at the end; a path stays as it is."""
    return store_of(text).normal(text) if is_url(text) else text


@cache
def store_of(url: str) -> Store:
    """Find the store of a URL. Raises UsageError for an unknown kind, or if its library is missing."""
    return _store(url.partition("://")[0].lower())


@cache
def _store(protocol: str) -> Store:
    import fsspec

    try:
        return Store(fsspec.filesystem(protocol))
    except ImportError as error:
        library = _LIBRARIES.get(protocol)
        way_out = f"{library}: pip install {library}" if library else f"a library: {error}"
        raise UsageError(f"{protocol}:// needs {way_out}") from error
    except ValueError as error:
        raise UsageError(f"there is no store of the kind {protocol}://: {error}") from error


def _retry(request: Callable[[], ResultT], url: str, done: str) -> ResultT:
    """Make a request, up to four times, and return its result."""
    for pause in (*_PAUSES, None):
        try:
            return request()
        except FileNotFoundError as error:
            raise ImageError(f"{url} does not exist; check its name") from error
        except _FINAL as error:
            raise ImageError(f"{url} could not be {done}: {error}") from error
        except Exception as error:  # libraries of stores have errors of their own
            if pause is None:
                reason = f"{type(error).__name__}: {error}"
                raise ClusterError(f"{url} could not be {done}, at four tries: {reason}") from error
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")
