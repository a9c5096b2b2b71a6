"""What is not needed is not loaded: names, help and completion come before torch."""

import subprocess
import sys
from importlib import metadata

import pytest

HEAVY = {"torch", "numpy", "PIL", "safetensors", "av", "cv2", "openvino", "onnxruntime", "gradio"}

LOADED = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
HELP_AND_TYPOS = """
from typer.main import get_command
from typer.testing import CliRunner
from impasto.cli import app
for name in ["", *get_command(app).commands]:
    if name != "distill":  # which is passed on to a command of its own
        result = CliRunner().invoke(app, [*name.split(), "--help"])
        assert result.exit_code == 0 and "Usage: " in result.stdout, name
for line in ["--version", "paint --help-all", "train --help-all", "paint p s", "train p"]:
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == {"paint p s": 1, "train p": 2}.get(line, 0), line
"""


def python(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "code", ["import impasto; impasto.__version__", "import impasto.cli", HELP_AND_TYPOS]
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    loaded = set(python("-c", f"{code}\n{LOADED}").split())
    assert "impasto" in loaded
    assert loaded & HEAVY == set()


def test_public_names_load_what_they_need() -> None:
    code = "import impasto; assert all(getattr(impasto, name) for name in impasto.__all__)"
    assert {"torch", "numpy"} <= set(python("-c", f"{code}\n{LOADED}").split())


def test_the_module_is_the_command() -> None:
    assert python("-m", "impasto", "--version") == f"impasto {metadata.version('impasto')}\n"
    assert "Usage: impasto [OPTIONS] COMMAND" in python("-m", "impasto", "--help")
    assert "Usage: impasto stylize [OPTIONS]" in python("-m", "impasto", "stylize", "--help")
    wrong = subprocess.run([sys.executable, "-m", "impasto", "polish"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "No such command 'polish'" in wrong.stderr
