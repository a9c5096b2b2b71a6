"""What a user installs: wheel and sdist, built once, and an environment with what the wheel needs alone."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
QUIET = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True)
class Built:
    wheel: Path
    sdist: Path


@dataclass(frozen=True)
class Installed:
    """A virtual environment in which impasto is installed."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def run(self, *words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Call a program of the environment, away from the repository."""
        program, *rest = map(str, words)
        return subprocess.run(
            [str(self.folder / "bin" / program), *rest],
            cwd=cwd,
            env={**_plain_environment(), **QUIET, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_"))}


def build(source: Path, out: Path, *kinds: str) -> None:
    """By the hatchling that is installed: nothing is fetched."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", str(out), str(source)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    out = tmp_path_factory.mktemp("dist")
    build(ROOT, out, "--wheel", "--sdist")
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="session")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Without extras. What impasto needs is linked from here, which takes a second where copies of PyTorch
    take a minute; nothing else of this environment is to be seen in the other.
    """
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in closure("impasto"):
        _link(metadata.distribution(name), site)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *quiet, "--no-deps", "--no-index", str(built.wheel)], check=True)
    return Installed(folder)


def _link(distribution: metadata.Distribution, site: Path) -> None:
    """Link the folders and files of a distribution that lie in its site-packages."""
    here = Path(str(distribution.locate_file("")))
    for first in {Path(file).parts[0] for file in distribution.files or ()}:
        if first not in ("..", "__pycache__") and not (site / first).exists():
            (site / first).symlink_to(here / first)


def closure(name: str) -> list[str]:
    """What a distribution without extras needs on this machine, at any depth."""
    found: dict[str, None] = {}
    waiting = list(needs(name))
    while waiting:
        requirement = waiting.pop()
        key = canonicalize_name(requirement.name)
        if key not in found:
            found[key] = None
            waiting += needs(key, requirement.extras)
    return sorted(found)


def needs(name: str, extras: set[str] | None = None) -> Iterator[Requirement]:
    """The requirements of a distribution that hold here."""
    for line in metadata.requires(name) or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *(extras or ()))):
            yield requirement
