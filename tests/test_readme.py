"""What the README shows works as it is written, but for the size, which is kept small here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from impasto.cli import app
from tests.clips import pan, read_clip, write_clip

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
    for copy in ("other.jpg", "holiday/photo.jpg", "holiday/2025/other.jpg"):
        (tmp_path / copy).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / copy).write_bytes((tmp_path / "photo.jpg").read_bytes())
    Image.linear_gradient("L").save("sky.png")
    write_clip(tmp_path / "holiday.mp4", pan(3))
    return tmp_path


def test_python(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All blocks, one after the other, as a reader would."""
    names: dict[str, object] = {}
    for code in blocks("python"):
        exec(compile(code.replace("size=768", "size=64, iterations=6"), str(README), "exec"), names)
    assert facts("painting.jpg")[0] == (64, 53)
    assert facts("starry.jpg")[0] == (96, 80)
    assert "100% (53, 64)" in capsys.readouterr().out
    assert len(read_clip(Path("painted.mp4"))) == 3


def commands(name: str) -> list[list[str]]:
    """The words of each line that calls this command."""
    lines = [line.split("#")[0] for block in blocks("console") for line in block.splitlines()]
    return [line.split()[1:] for line in lines if line.split()[:2] == ["impasto", name]]


def call(*words: str) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output


def test_paint(pictures: Path) -> None:
    """Each line, in order: the last one repeats a picture made by another."""
    lines = [words for words in commands("paint") if "gatys" not in words]
    assert len(lines) == 5
    for words in lines:
        arguments = [word for word in words if word not in ("--size", "1024")]
        smaller = [] if "--like" in arguments else ["--size", "64", "--iterations", "4"]
        call(*arguments, *smaller)
        assert facts(words[words.index("-o") + 1])[0][0] == 64
    assert facts("mix.gif")[1] > 1


def test_stylize(pictures: Path) -> None:
    assert len(commands("stylize")) == 7
    for words in commands("stylize"):
        call(*words)
        out = Path(words[words.index("-o") + 1])
        assert facts(str(out / "photo.jpg" if out.is_dir() else out))[0] == (96, 80)
    for words in commands("styles"):
        call(*words)


def test_control(pictures: Path) -> None:
    """What is neither painted nor stylised: those are above."""
    (texture,), (sheet,) = commands("texture"), commands("sheet")
    call(*[word.replace("1024x768", "64x48") for word in texture], "--iterations", "4")
    assert facts("pattern.png")[0] == (64, 48)
    call(*sheet)
    assert facts("sheet.png")[0][0] >= 640


def test_video(pictures: Path) -> None:
    (words,) = commands("video")
    call(*words)
    assert len(read_clip(Path("painted.mp4"))) == 3


def test_train(pictures: Path) -> None:
    (words,) = commands("train")
    short = [word for word in words if word not in ("--minutes", "15")]
    call(*short, "--steps", "2", "--size", "32", "--workers", "0")
    assert Path("my-scream.safetensors").is_file()
