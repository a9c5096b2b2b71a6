"""Write the folder of a web page: model, page and runtime, moved into place together."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from impasto.atomic_files import draft_folder
from impasto.errors import ExportError, ImageError, UsageError
from impasto.export.options import ExportOptions
from impasto.weights import cache_dir

MODEL, ABOUT = "model.onnx", "style.json"
PAGE = ("index.html", "page.css", "app.js", "camera.js", "pictures.js", "painter.js", "worker.js")
LICENCES = "LICENCES.txt"

_PAGE = Path(__file__).with_name("page")
VERSION = "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
FILES = (
    "ort.wasm.min.mjs",  # for CPUs
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.min.mjs",  # for GPUs, with CPUs for unsupported operations
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)

_TIMEOUT = 600.0  # seconds, for 33 MB
_WAY_OUT = "or name a folder with its files in runtime_dir="


def check(out: Path, options: ExportOptions) -> None:
    """Raise UsageError or ImageError if the folder cannot be written, or contains other files."""
    if out.is_file():
        raise UsageError(f"{out} is a file: a page goes into a folder, such as {out.with_suffix('')}")
    if out.is_dir() and any(out.iterdir()):
        if not (out / ABOUT).is_file():
            raise UsageError(f"{out} holds other things than a page: name a new folder")
        if not options.overwrite:
            raise UsageError(f"{out} exists: name another folder, or replace it with overwrite=True")
    parent = out.absolute().parent
    if not parent.is_dir():
        raise ImageError(f"{out} cannot be written: there is no folder {parent}; create it first")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ImageError(f"{out} cannot be written: the folder {parent} is not writable; choose another")
    if options.runtime_dir is not None:
        find(options.runtime_dir)


def write(
    out: Path,
    model: bytes,
    properties: Mapping[str, str],
    options: ExportOptions,
    tell: Callable[[str], None],
) -> None:
    """Write the folder under a temporary name and rename it. Raises ExportError and UsageError."""
    final = out.resolve()
    try:
        with draft_folder(final) as own:
            (own / MODEL).write_bytes(model)
            about = {**properties, "runtime": f"onnxruntime-web {VERSION}"}
            (own / ABOUT).write_text(json.dumps(about, indent=2, ensure_ascii=False), encoding="utf-8")
            for name in (*PAGE, LICENCES):
                shutil.copyfile(_PAGE / name, own / name)
            tell("fetching onnxruntime-web")
            place(own, options.runtime_dir)
            _swap(own, final)
    except OSError as error:
        raise ExportError(f"{out} could not be written: {error.strerror or error}") from error


def _swap(own: Path, final: Path) -> None:
    """Rename the new folder into place, and remove an older page afterwards."""
    if not final.exists():
        own.rename(final)
        return
    old = final.with_name(f".impasto-{secrets.token_hex(6)}")
    final.rename(old)
    own.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def place(target: Path, runtime_dir: Path | None = None) -> None:
    """Copy FILES into a folder.

    Raises:
        UsageError: `runtime_dir` lacks some of them.
        ExportError: npm is missing, could not fetch the package, or fetched one with another hash.
    """
    if runtime_dir is not None:
        for path in find(runtime_dir):
            shutil.copyfile(path, target / path.name)
        return
    with tarfile.open(fetch(), "r:gz") as package:
        for name in FILES:
            source = package.extractfile(f"package/dist/{name}")
            if source is None:
                raise ExportError(f"onnxruntime-web {VERSION} holds no {name}")
            with (target / name).open("wb") as file:
                shutil.copyfileobj(source, file)


def find(runtime_dir: Path) -> list[Path]:
    """Find FILES in a folder, or in `dist` below it, as in an unpacked package. Raises UsageError."""
    for folder in (runtime_dir, runtime_dir / "dist"):
        if all((folder / name).is_file() for name in FILES):
            return [folder / name for name in FILES]
    missing = [name for name in FILES if not (runtime_dir / name).is_file()]
    raise UsageError(f"{runtime_dir} does not hold onnxruntime-web {VERSION}: it has no {', '.join(missing)}")


def fetch() -> Path:
    """Get the verified package, from the cache or from npm. Raises ExportError."""
    kept = cache_dir() / f"onnxruntime-web-{VERSION}.tgz"
    if not _is_right(kept):
        with tempfile.TemporaryDirectory(prefix="impasto-") as folder:
            fetched = _ask_npm(Path(folder))
            if not _is_right(fetched):
                raise ExportError(
                    f"npm brought another onnxruntime-web {VERSION} than the known one, which is not used: "
                    f"try again from another network, {_WAY_OUT}"
                )
            _keep(fetched, kept)
    return kept


def _ask_npm(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise ExportError(
            f"the page needs onnxruntime-web, which npm fetches once: install Node.js, {_WAY_OUT}"
        )
    command = [npm, "pack", f"onnxruntime-web@{VERSION}", "--silent", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"npm could not fetch onnxruntime-web ({error}): try again, {_WAY_OUT}") from error
    packages = list(folder.glob("*.tgz"))
    if done.returncode or len(packages) != 1:
        reason = " ".join(done.stderr.split())[-200:] or f"exit code {done.returncode}"
        raise ExportError(
            f"npm could not fetch onnxruntime-web {VERSION} ({reason}): check the network, {_WAY_OUT}"
        )
    return packages[0]


def _keep(fetched: Path, kept: Path) -> None:
    own = kept.with_name(f"{kept.name}.{secrets.token_hex(4)}")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(fetched, own)
        own.replace(kept)
    except OSError as error:
        own.unlink(missing_ok=True)
        raise ExportError(
            f"onnxruntime-web could not be kept in {kept.parent} ({error.strerror or error}): name another "
            "folder in IMPASTO_CACHE"
        ) from error


def _is_right(package: Path) -> bool:
    if not package.is_file():
        return False
    with package.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    return base64.b64encode(digest).decode() == SHA512
