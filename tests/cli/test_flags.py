"""Tab: what shells are told, asked in the ways in which they ask, and bash itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from impasto import recipes, styles
from impasto.cli import app
from impasto.cli.flags import recipe_names, style_names, with_current_flags


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
    result = CliRunner().invoke(app, env=environment, prog_name="impasto")
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


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


def test_earlier_flags_go_on_working(paint):
    result = paint("-o", "a.png", "--keep-colour", "luminance", "--keep-colour-amount=0.5")
    assert result.exit_code == 0, result.stderr
    assert "note: --keep-colour is now called --keep-color\n" in result.stderr
    assert "note: --keep-colour-amount is now called --keep-color-amount\n" in result.stderr


def test_the_licence_is_now_a_license():
    assert list(with_current_flags(["--licence", "CC0"])) == ["--license", "CC0"]
    assert list(with_current_flags(["--licence=CC0"])) == ["--license=CC0"]


def test_help_shows_the_names_of_today(impasto):
    everything = impasto("paint", "--help-all").stdout
    assert "--keep-color" in everything
    assert "colour" not in everything


@pytest.mark.parametrize(
    "words", [["photo.jpg", "--size", "9"], ["--no-normalize"], ["a--keep-colour"], ["-"]]
)
def test_all_else_stays(words):
    assert list(with_current_flags(words)) == words
