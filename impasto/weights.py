"""Weights files: records, verified download into a cache, reading and writing; independent of networks."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from ssl import SSLError
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import torch
from safetensors import SafetensorError, deserialize, safe_open
from safetensors.torch import load, load_file, save
from torch import Tensor

from impasto.atomic_files import draft, held, held_while
from impasto.errors import WeightsError
from impasto.safe_paths import is_file, is_folder, is_unicode

ProgressCallback = Callable[[int, int], None]  # downloaded bytes, total bytes

_TIMEOUT = 30.0  # seconds without data
_CHUNK = 1 << 20  # bytes
_NETWORK_ERRORS = (URLError, HTTPException, SSLError, TimeoutError, ConnectionError)


@dataclass(frozen=True)
class PublishedWeights:
    """A published weights file. `sha256` is in lower-case hexadecimal, `size` in bytes."""

    name: str
    url: str
    sha256: str
    size: int
    licence: str
    origin: str

    @property
    def filename(self) -> str:
        """Name of the file in the cache."""
        return self.url.rpartition("/")[2]


def cache_dir() -> Path:
    """Folder for downloaded files: $IMPASTO_CACHE, or `impasto` in the system's cache folder."""
    if chosen := os.environ.get("IMPASTO_CACHE"):
        return Path(chosen).expanduser()
    variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    return Path(os.environ.get(variable) or Path.home() / ".cache") / "impasto"


def fetch(weights: PublishedWeights, *, on_progress: ProgressCallback | None = None) -> Path:
    """Get the path of a verified copy: from impasto's cache, from torch's hub cache, or downloaded now.

    The hash is checked at every call. The next call continues an interrupted download. Raises WeightsError if
    no verified copy can be obtained.
    """
    if found := _find(weights):
        return found
    kept = cache_dir() / weights.filename
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with _claimed(kept.with_name(f"{kept.name}.part")) as part:
            _download(weights, part, on_progress)
            _install(part, kept, weights)
    except _NETWORK_ERRORS as error:
        raise _not_downloaded(weights, _network_reason(error)) from error
    except OSError as error:
        reason = error.strerror or error
        raise WeightsError(
            f"cannot store the {weights.name} weights in {kept.parent} ({reason}): free "
            f"{weights.size / 1e6:.0f} MB there, or name another folder in IMPASTO_CACHE"
        ) from error
    return kept


def is_cached(weights: PublishedWeights) -> bool:
    """Return whether `fetch` would find a verified copy without a download."""
    return _find(weights) is not None


def _find(weights: PublishedWeights) -> Path | None:
    """Find a verified copy in impasto's cache or in that of torch.hub."""
    folders = cache_dir(), Path(torch.hub.get_dir(), "checkpoints")
    paths = (folder / weights.filename for folder in folders)
    return next((path for path in paths if _mismatch(path, weights) is None), None)


@contextmanager
def _claimed(part: Path) -> Iterator[Path]:
    """Rename `part` to a private name to download into; rename it back to `part` if it was not moved away.

    Renaming is atomic, so that only one of two processes continues an interrupted download. Files that a
    killed process left, which are unlocked, are used, too.
    """
    own = part.with_name(f"{part.name}.{secrets.token_hex(4)}")
    with ExitStack() as holding:
        for leftover in (*part.parent.glob(f"{part.name}.*"), part):
            if holding.enter_context(held(leftover)) or leftover == part:
                with suppress(OSError):
                    leftover.replace(own)
        if not own.exists():
            holding.enter_context(held_while(lambda: _touched(own)))
        try:
            yield own
        finally:
            with suppress(OSError):
                if own.stat().st_size:
                    own.replace(part)


def _touched(path: Path) -> Path:
    path.touch()
    return path


def _download(weights: PublishedWeights, part: Path, on_progress: ProgressCallback | None) -> None:
    done = part.stat().st_size if part.exists() else 0
    if done == weights.size:
        return
    resume = {"Range": f"bytes={done}-"} if 0 < done < weights.size else {}
    request = Request(weights.url, headers={"User-Agent": "impasto", **resume})
    with urlopen(request, timeout=_TIMEOUT) as response:
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            done = 0
        with part.open("ab" if done else "wb") as file:
            while done <= weights.size and (chunk := response.read(_CHUNK)):
                file.write(chunk)
                done += len(chunk)
                if on_progress:
                    on_progress(done, weights.size)


def _install(part: Path, kept: Path, weights: PublishedWeights) -> None:
    reason = _mismatch(part, weights)
    if reason is None:
        part.replace(kept)
        return
    if part.stat().st_size >= weights.size:
        part.unlink()  # continuing after wrong bytes would always fail
    raise _not_downloaded(weights, reason)


def _mismatch(path: Path, weights: PublishedWeights) -> str | None:
    """Describe how the file differs from the published one; None if it does not."""
    try:
        size = path.stat().st_size
        if size != weights.size:
            return f"{size} bytes came instead of {weights.size}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return error.strerror or str(error)
    return None if digest == weights.sha256 else f"its SHA-256 is {digest} instead of {weights.sha256}"


def _network_reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        error.close()
        return f"HTTP {error.code}"
    cause = error.reason if isinstance(error, URLError) else error
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _not_downloaded(weights: PublishedWeights, reason: str) -> WeightsError:
    return WeightsError(
        f"cannot download the {weights.name} weights from {weights.url} ({reason}); download "
        f"{weights.filename} by hand and put it at {cache_dir() / weights.filename}, or pass backbone=FILE"
    )


def load_tensors(path: str | Path) -> dict[str, Tensor]:
    """Load the named tensors of a .safetensors, .pth or .pt file to the CPU; all values must be finite.

    Tensors may be nested under `state_dict`. A pickle that contains more than data is rejected. Raises
    WeightsError, which names the file.
    """
    path = _existing(path)
    tensors = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    if not tensors:
        raise WeightsError(f"{path} holds no named tensors")
    for name, tensor in tensors.items():
        _check_whole(path, name, tensor)
        _check_finite(path, name, tensor)
    return tensors


def load_floats(path: str | Path) -> dict[str, Tensor]:
    """Load tensors as float32. Raises WeightsError also for integers and for values beyond float32."""
    return {name: to_float32(path, name, tensor) for name, tensor in load_tensors(path).items()}


def to_float32(path: str | Path, name: str, tensor: Tensor) -> Tensor:
    """Convert a file's tensor to float32. Raises WeightsError for integers and other non-float types."""
    if not tensor.is_floating_point():
        raise WeightsError(
            f"{name} in {path} is of {str(tensor.dtype).removeprefix('torch.')}: weights are floats"
        )
    single = tensor.float()
    _check_finite(Path(path), name, single)
    return single


def load_plain(path: Path) -> Any:
    """Load a `torch.save` file that contains only data, to the CPU.

    No code in the file is run, and the data takes no more memory than the file has bytes: an archive that
    unpacks to more raises ValueError. A damaged file may raise any exception, a missing file OSError.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
                raise ValueError(f"{path} unpacks to more than its size")
    return torch.load(path, map_location="cpu", weights_only=True)


def _check_whole(path: Path, name: str, tensor: Tensor) -> None:
    """Raise WeightsError for an expanded tensor, which has more values than the file stores for it."""
    strided = tensor.layout is torch.strided
    if strided and tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise WeightsError(f"{name} in {path} says that it has more numbers than the file holds")


def _check_finite(path: Path, name: str, tensor: Tensor) -> None:
    try:
        finite = bool(tensor.isfinite().all())
    except (RuntimeError, NotImplementedError) as error:  # sparse, quantized, float8 and the like
        raise WeightsError(f"{name} in {path} is no plain tensor of numbers, but {tensor.dtype}") from error
    if not finite:
        raise WeightsError(f"{name} in {path} holds {'NaN' if tensor.isnan().any() else 'infinity'}")


def load_metadata(path: str | Path) -> dict[str, str]:
    """Load the metadata of a .safetensors file; empty for other weights files."""
    path = _existing(path)
    if path.suffix != ".safetensors":
        return {}
    try:
        if not is_unicode(path):  # safetensors opens only names in Unicode
            return _read_metadata(path.read_bytes())
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"cannot read the weights file {path} ({error})") from error


def _read_metadata(data: bytes) -> dict[str, str]:
    """Parse the metadata in a .safetensors file's bytes. Raises SafetensorError for damaged bytes."""
    deserialize(data)  # type: ignore[no-untyped-call]  # checks the bytes
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    found: dict[str, str] = header.get("__metadata__", {})
    return found


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a .safetensors file under a temporary name and rename it into place. Raises WeightsError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        with draft(path) as own:
            with own.open("wb") as file:  # save_file would make the file unreadable for other users
                file.write(_in_order(save(whole, dict(metadata))))
                file.flush()
                os.fsync(file.fileno())
            own.replace(path)
    except (SafetensorError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(f"cannot write the weights file {path} ({reason})") from error


def _in_order(data: bytes) -> bytes:
    """Rewrite a .safetensors file with sorted metadata, which the library writes in random order."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[start:]


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if is_folder(path):
        raise WeightsError(f"{path} is a folder, not a weights file")
    if not is_file(path):
        raise WeightsError(f"there is no weights file {path}")
    return path


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path) if is_unicode(path) else load(path.read_bytes())
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"cannot read the weights file {path} ({error})") from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        loaded = load_plain(path)
    except Exception as error:  # a foreign file can fail anywhere inside the unpickler
        raise WeightsError(
            f"cannot read {path}: it is no .safetensors, .pth or .pt file, is damaged, or holds more than "
            "tensors, which could run code"
        ) from error
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict):
        return {}
    return {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}
