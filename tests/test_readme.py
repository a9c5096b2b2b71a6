"""What the README shows works as it is written, but for the size, which is kept small here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from impasto.cli import app

README = Path(__file__).parents[1] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


def facts(path: str) -> tuple[tuple[int, int], int]:
    """Size and number of frames."""
    with Image.open(path) as picture:
        return picture.size, getattr(picture, "n_frames", 1)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, array in (("photo", data.astronaut()), ("wave", data.coffee()), ("scream", data.chelsea())):
        Image.fromarray(array).resize((96, 80)).save(f"{name}.jpg")
    (tmp_path / "other.jpg").write_bytes((tmp_path / "photo.jpg").read_bytes())
    return tmp_path


@pytest.mark.parametrize("code", blocks("python"))
def test_python(code: str, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = code.replace("size=768", "size=64, iterations=6")
    assert small != code
    exec(compile(small, str(README), "exec"), {})
    printed = capsys.readouterr().out
    assert facts("painting.jpg")[0] == (64, 53) if "save" in code else "100% (53, 64)" in printed


def test_commands(pictures: Path) -> None:
    """Each `impasto paint` line, in order: the last one repeats a picture made by another."""
    lines = [line.split("#")[0] for block in blocks("console") for line in block.splitlines()]
    commands = [
        line.split()[1:] for line in lines if line.startswith("impasto paint") and "gatys" not in line
    ]
    assert len(commands) == 4
    for command in commands:
        arguments = [word for word in command if word not in ("--size", "1024")]
        smaller = [] if "--like" in arguments else ["--size", "64", "--iterations", "4"]
        result = CliRunner().invoke(app, [*arguments, *smaller])
        assert result.exit_code == 0, result.output
        assert facts(command[command.index("-o") + 1])[0][0] == 64
    assert facts("mix.gif")[1] > 1
