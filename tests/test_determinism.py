"""The same command with the same seed, on the same machine, gives the same bytes: in fresh processes.

They differ in what must not count: the order in which Python hashes, the folder that they run in, the clock.
"""

import hashlib
import os
import subprocess
import sys
import time
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
SEEDED = [name for name, command in COMMANDS.items() if "--seed" in command]
WRITTEN = {"train": {"card.safetensors", "card.training/last.safetensors", "card.training/start.safetensors"}}


def digests(home: Path, command: tuple[object, ...], hashing: str = "0") -> dict[str, str]:
    """By name, of every file that counts which the command leaves in a new folder."""
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "impasto", *map(str, command)],
        cwd=home,
        env={**os.environ, "PYTHONHASHSEED": hashing},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    files = [path for path in home.rglob("*") if path.suffix in (".png", ".jpg", ".safetensors")]
    return {
        path.relative_to(home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.stem != "losses"  # a plot, drawn by another library
    }


@pytest.fixture(scope="module")
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, str]]:
    """A command's name, and what it wrote."""
    home = tmp_path_factory.mktemp("made") / "first"
    return request.param, digests(home, COMMANDS[request.param], "1")


@pytest.mark.parametrize("made", COMMANDS, indirect=True)
def test_another_process_writes_the_same_bytes(tmp_path: Path, made: tuple[str, dict[str, str]]) -> None:
    name, first = made
    time.sleep(1.1 - time.time() % 1)  # into another second, which a file might tell
    assert digests(tmp_path / "second", COMMANDS[name], "2") == first
    command = COMMANDS[name]
    assert {str(command[command.index("-o") + 1]), *WRITTEN.get(name, ())} <= first.keys()
    distinct = [one for path, one in first.items() if Path(path).stem != "last"]  # which may be the best
    assert len(set(distinct)) == len(distinct), "files that differ have digests that differ"


@pytest.mark.parametrize("made", SEEDED, indirect=True)
def test_another_seed_gives_other_bytes(tmp_path: Path, made: tuple[str, dict[str, str]]) -> None:
    """Or the same bytes would prove nothing."""
    name, first = made
    second = digests(tmp_path / "other", (*COMMANDS[name], "--seed", 8))
    assert first.keys() == second.keys()
    out = str(COMMANDS[name][COMMANDS[name].index("-o") + 1])
    assert second[out] != first[out]
