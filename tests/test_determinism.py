"""The same command with the same seed, on the same machine, gives the same bytes: in separate processes.

They differ in what must not count: the order in which Python hashes, the folder that they run in, the clock,
and the commands that ran before.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from impasto import styles

SAMPLE = styles.sample()
STYLE = styles.pictures()["swirling-night"]
COMMANDS = {
    "paint": ("paint", SAMPLE, STYLE, "-o", "out.png", "--size", 96, "--iterations", 8),
    "paint from noise": (
        "paint", SAMPLE, STYLE, "-o", "out.png", "--size", 96, "--iterations", 8, "--init", "noise",
        "--seed", 7,
    ),
    "stylize": (
        "stylize", SAMPLE, "-o", "out.png", "--size", 160, "--style", "the-scream", "--strength", 0.7,
    ),
    "stylize with any picture": ("stylize", SAMPLE, "-o", "out.jpg", "--size", 160, "--style", STYLE),
    "train": (
        "train", STYLE, "--photos", SAMPLE, "-o", "card.safetensors", "--steps", 3, "--size", 64,
        "--style-size", 128, "--seed", 5,
    ),
}  # fmt: skip
SEVERAL = """
import json, os, sys
from impasto.cli import main
for folder, words in json.loads(sys.argv[1]):
    os.makedirs(folder)
    os.chdir(folder)
    sys.argv = ["impasto", *words]
    try:
        main()
    except SystemExit as end:
        assert end.code in (0, None), words
"""
SEEDED = [name for name, command in COMMANDS.items() if "--seed" in command]
WRITTEN = {"train": {"card.safetensors", "card.training/last.safetensors", "card.training/start.safetensors"}}


def run(home: Path, names: Iterable[str], hashing: str, *more: object) -> None:
    """Run commands in one process, which takes seconds to load PyTorch, each in a folder of its name."""
    jobs = [(str(home / name), [*map(str, (*COMMANDS[name], *more))]) for name in names]
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL, json.dumps(jobs)],
        env={**os.environ, "PYTHONHASHSEED": hashing},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def digests(home: Path) -> dict[str, str]:
    """By name, of every file that counts which a command left in a folder."""
    files = [path for path in home.rglob("*") if path.suffix in (".png", ".jpg", ".safetensors")]
    return {
        path.relative_to(home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.stem != "losses"  # a plot, drawn by another library
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands wrote: "first", "second" in another process, "other" with another seed."""
    home = tmp_path_factory.mktemp("made")
    run(home / "first", COMMANDS, "1")
    time.sleep(1.1 - time.time() % 1)  # into another second, which a file might tell
    run(home / "second", reversed(COMMANDS), "2")
    run(home / "other", SEEDED, "1", "--seed", 8)
    return home


@pytest.mark.parametrize("name", COMMANDS)
def test_another_process_writes_the_same_bytes(made: Path, name: str) -> None:
    first, command = digests(made / "first" / name), COMMANDS[name]
    assert digests(made / "second" / name) == first
    assert {str(command[command.index("-o") + 1]), *WRITTEN.get(name, ())} <= first.keys()
    distinct = [one for path, one in first.items() if Path(path).stem != "last"]  # which may be the best
    assert len(set(distinct)) == len(distinct), "files that differ have digests that differ"


@pytest.mark.parametrize("name", SEEDED)
def test_another_seed_gives_other_bytes(made: Path, name: str) -> None:
    """Or the same bytes would prove nothing."""
    first, other = (digests(made / which / name) for which in ("first", "other"))
    assert first.keys() == other.keys()
    out = str(COMMANDS[name][COMMANDS[name].index("-o") + 1])
    assert other[out] != first[out]
