"""A store like S3 that several processes share: files are put whole, requests take time.

What a photo is called says what goes wrong: `flaky` is put at the second try, whoever fetches `poison` dies,
and whoever fetches `fatal` dies once.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from pathlib import Path
from typing import Any

import fsspec
from fsspec.spec import AbstractFileSystem

DELAY = 0.02  # seconds


class Box(AbstractFileSystem):
    """crate://FOLDER, where FOLDER is a path of this machine. FOLDER.log tells who put what, in order."""

    protocol = "crate"
    cachable = False

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        place = Path(self._strip_protocol(path))
        if not place.exists():
            raise FileNotFoundError(path)
        kind = "directory" if place.is_dir() else "file"
        return {"name": str(place), "size": place.stat().st_size, "type": kind}

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        place = Path(self._strip_protocol(path))
        if not place.exists():
            raise FileNotFoundError(path)
        entries = [self.info(str(entry)) for entry in (place.iterdir() if place.is_dir() else [place])]
        return entries if detail else [entry["name"] for entry in entries]

    def cat_file(self, path: str, start: Any = None, end: Any = None, **_: Any) -> bytes:
        return Path(self._strip_protocol(path)).read_bytes()[start:end]

    def get_file(self, rpath: str, lpath: str, **_: Any) -> None:
        time.sleep(DELAY)
        if "poison" in rpath or ("fatal" in rpath and _first_time(self._strip_protocol(rpath))):
            os.kill(os.getpid(), signal.SIGKILL)
        Path(lpath).write_bytes(Path(self._strip_protocol(rpath)).read_bytes())

    def put_file(self, lpath: str, rpath: str, **_: Any) -> None:
        self.pipe_file(rpath, Path(lpath).read_bytes())

    def pipe_file(self, path: str, value: bytes, **_: Any) -> None:
        place = Path(self._strip_protocol(path))
        place.parent.mkdir(parents=True, exist_ok=True)
        if "flaky" in path and _first_time(str(place)):
            raise ConnectionResetError("the line was cut")
        part = place.with_name(f".part-{secrets.token_hex(4)}")
        part.write_bytes(value)
        with Path(os.environ["BOX_LOG"]).open("a") as log:
            log.write(f"{os.getpid()} {place.name}\n")
        part.replace(place)

    def rm_file(self, path: str) -> None:
        Path(self._strip_protocol(path)).unlink()


def _first_time(path: str) -> bool:
    mark = Path(f"{os.environ['BOX_LOG']}.{Path(path).name}")
    if mark.exists():
        return False
    mark.touch()
    return True


def install(folder: Path) -> dict[str, str]:
    """Make crate:// known to this process; gives the variables by which others know it, too."""
    fsspec.register_implementation("crate", Box, clobber=True)
    known = folder / "box-1.dist-info"
    known.mkdir()
    (known / "METADATA").write_text("Metadata-Version: 2.1\nName: box\nVersion: 1\n")
    (known / "entry_points.txt").write_text("[fsspec.specs]\ncrate = tests.stylizing.boxes:Box\n")
    root = Path(__file__).parents[2]
    path = os.pathsep.join(filter(None, [str(root), str(folder), os.environ.get("PYTHONPATH")]))
    return {"PYTHONPATH": path, "BOX_LOG": str(folder / "box.log")}
