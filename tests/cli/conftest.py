"""A small workshop for the commands: a folder with a photo and a style, and a way to call them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from impasto.cli import app

Impasto = Callable[..., Any]


@pytest.fixture
def interrupt() -> Callable[..., str]:
    """Run `python -m impasto` and press Ctrl-C when it prints a word; gives what it printed after that."""

    def run(*arguments: object, at: str) -> str:
        with subprocess.Popen(
            [sys.executable, "-m", "impasto", *map(str, arguments)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if at in line:
                    break
            process.send_signal(signal.SIGINT)
            rest = process.stderr.read()
            assert process.wait(60) == 130
        return rest

    return run


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with photo.jpg and wave.jpg in it."""
    Image.fromarray(data.coffee()).resize((96, 64)).save(tmp_path / "photo.jpg", quality=95)
    Image.fromarray(data.immunohistochemistry()).resize((80, 80)).save(tmp_path / "wave.jpg", quality=95)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def impasto() -> Impasto:
    """Run the command in this process; the result has exit_code, stdout and stderr."""

    def run(*arguments: object, columns: int = 300, **environment: str) -> Any:
        texts = [str(argument) for argument in arguments]
        return CliRunner().invoke(app, texts, env={"COLUMNS": str(columns), **environment})

    return run


@pytest.fixture
def paint(impasto: Impasto, workshop: Path, compact_file: Path) -> Impasto:
    """Run `impasto paint photo.jpg wave.jpg`, small and short; later flags override."""

    def run(*arguments: object, pictures: tuple[str, ...] = ("photo.jpg", "wave.jpg"), **rest: Any) -> Any:
        short = ("--size", 48, "--iterations", 4, "--backbone", compact_file)
        return impasto("paint", *pictures, *short, *arguments, **rest)

    return run
