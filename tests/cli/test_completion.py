"""Tab: what shells are told, asked in the ways in which they ask, and bash itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from impasto import recipes, styles
from impasto.cli.completion import recipe_names, style_names


def ask(shell: str, line: str) -> str:
    """What impasto answers to a shell about a command line that ends where the cursor is."""
    words = line.split(" ")
    environment = {
        "_IMPASTO_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    command = [sys.executable, "-m", "impasto"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_names() -> None:
    assert style_names("") == list(styles.cards())
    assert style_names("star") == ["starry-night"]
    assert style_names("photo.jpg") == []
    assert recipe_names("train")("joh") == ["johnson", "johnson-onecycle"]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("impasto stylize photo.jpg --style star", ["starry-night"]),
        ("impasto video a.mp4 b.mp4 --style ", list(styles.cards())),
        ("impasto webcam --style the", ["the-scream"]),
        ("impasto sheet a.jpg --styles great", ["great-wave"]),
        ("impasto styles wheat", ["wheat-field-with-cypresses"]),
        ("impasto paint a.jpg b.jpg --recipe ", list(recipes.names("paint"))),
        ("impasto train a.jpg --recipe un", ["unet"]),
        ("impasto doc", ["doctor"]),
        ("impasto paint --reci", ["--recipe"]),
        ("impasto stylize --style starry-night pho", []),  # a file: bash completes it itself
    ],
)
def test_bash_gets_names(line: str, names: list[str]) -> None:
    assert ask("bash", line).split() == names


def test_zsh_gets_names() -> None:
    answer = ask("zsh", "impasto stylize photo.jpg --style s")
    assert answer.startswith("_arguments '*: :((")
    assert '"starry-night"' in answer
    assert '"shipwreck-of-the-minotaur"' in answer
    assert '"great-wave"' not in answer
    assert ask("zsh", "impasto stylize pho").strip() == "_files"


def test_fish_gets_names() -> None:
    assert ask("fish", "impasto paint a.jpg b.jpg --recipe g").split() == ["gatys", "gatys-noise"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_itself(tmp_path: Path) -> None:
    """Installed by the option, loaded as a new shell does, and asked by the function that Tab calls."""
    script = tmp_path / "bin/impasto"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m impasto "$@"\n')
    script.chmod(0o755)
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": f"{script.parent}:{os.environ['PATH']}"}

    def bash(commands: str) -> str:
        command = ["bash", "--norc", "-c", commands]
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout

    assert "bash completion installed" in bash("impasto --install-completion; true")
    press_tab = "COMP_WORDS=(impasto stylize a.jpg --style sh); COMP_CWORD=4; _impasto_completion impasto"
    assert bash(f'. ~/.bashrc; {press_tab}; echo "${{COMPREPLY[@]}}"') == "shipwreck-of-the-minotaur\n"
