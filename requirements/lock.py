"""Write the locks: every package that impasto stands on, with its version and the SHA-256 of its files.

    python requirements/lock.py            what is locked stays, unless pyproject.toml asks for something else
    python requirements/lock.py --upgrade  the newest of everything

PyTorch has a lock of its own, with the CUDA libraries that its builds for Linux bring: a machine without one
takes PyTorch from elsewhere, and the rest from here.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LOCKS = {"plain": [], "dev": ["--extra", "dev"]}  # by name, what is locked beside the dependencies of all
HEAD = "# made by `make lock`; pip install --require-hashes --no-deps -r requirements/{name}.lock\n"

_OF_TORCH = re.compile(r"(torch|triton|cuda-.*|nvidia-.*)==")
_COMMON = (
    "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate",
    "--no-emit-index-url", "--quiet",
)  # fmt: skip


def split(lock: str) -> tuple[str, str]:
    """The entries of PyTorch and its CUDA libraries, and all others."""
    entries = re.split(
        r"^(?=[A-Za-z0-9])", re.sub(r"^#.*\n", "", lock, flags=re.MULTILINE), flags=re.MULTILINE
    )
    torch = [entry for entry in entries if _OF_TORCH.match(entry)]
    return "".join(torch), "".join(entry for entry in entries if not _OF_TORCH.match(entry))


def solve(sources: Sequence[Path], known: str, options: Sequence[str]) -> str:
    """The entries for some requirements; those of `known` stay where they can. Raises CalledProcessError."""
    draft = ROOT / "out" / "draft.lock"
    draft.parent.mkdir(exist_ok=True)
    draft.write_text(known, encoding="utf-8")
    uv = Path(sys.executable).with_name("uv")
    words = [uv, "pip", "compile", *sources, "--output-file", draft, *_COMMON, *options]
    subprocess.run([*map(str, words)], cwd=ROOT, check=True)
    return draft.read_text(encoding="utf-8")


def write(name: str, entries: str) -> None:
    path = HERE / f"{name}.lock"
    path.write_text(HEAD.format(name=name) + entries, encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {len(re.findall('^[^ #]', entries, re.MULTILINE))} packages")


def read(name: str) -> str:
    path = HERE / f"{name}.lock"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="the newest of everything")
    more = ["--upgrade"] if parser.parse_args(arguments).upgrade else []
    constraints = ["--constraint", "constraints.txt"]
    torch = read("torch")
    whole = {
        name: split(solve([ROOT / "pyproject.toml"], read(name) + torch, [*extra, *constraints, *more]))
        for name, extra in LOCKS.items()
    }
    write("torch", whole["plain"][0])
    for name, (_, entries) in whole.items():
        write(name, entries)
    write("tools", solve([HERE / "tools.in"], read("tools"), more))


if __name__ == "__main__":
    main(sys.argv[1:])
