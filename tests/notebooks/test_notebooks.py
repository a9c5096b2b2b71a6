"""The notebooks run from the top, at small settings, and their committed outputs are fit to be seen."""

from __future__ import annotations

import ast
import json
import re
from base64 import b64decode
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

import impasto
from tests.clips import read_clip

FOLDER = Path(__file__).parents[2] / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
SMALL: dict[str, dict[str, Any]] = {
    "1-paint": {"size": 64, "watched": 48, "gradients": 20, "frames": 8},
    "2-what-the-layers-see": {"size": 64, "gradients": 3, "strengths": (0.2, 0.8)},
    "3-train-your-own-style": {"priming_steps": 6, "trials": 4, "steps": 6, "crop": 64, "frames": 4},
}
MOST_BYTES = 1_500_000
PLACES = re.compile(r"/(?:work|root|home|tmp|usr|Users|content)/|[A-Z]:\\\\|site-packages|file://")
LONGEST_CELL = 300  # seconds
EMBEDDED = re.compile(r'src="data:image/[^;]+;base64,([^"]+)"')

each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def read(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def pictures(cell: NotebookNode) -> list[bytes]:
    """What a cell shows: pictures of their own, and those within HTML."""
    found = []
    for output in cell.outputs:
        data = output.get("data", {})
        found += [text for kind, text in data.items() if kind.startswith("image/")]
        found += EMBEDDED.findall(data.get("text/html", ""))
    return [b64decode(text) for text in found]


def words(notebook: NotebookNode) -> str:
    """All that can be read in a notebook: its cells and outputs, without the pictures."""
    bare = deepcopy(notebook)
    for output in (output for cell in code(bare) for output in cell.outputs):
        data = output.get("data", {})
        output["data"] = {
            kind: EMBEDDED.sub("", text) for kind, text in data.items() if not kind.startswith("image/")
        }
    return json.dumps(bare)


def is_parameters(cell: NotebookNode) -> bool:
    return "parameters" in cell.metadata.get("tags", [])


def execute(notebook: NotebookNode, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a kernel of its own, that writes nowhere else. Raises CellExecutionError for a cell that fails."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(folder / ".jupyter"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=LONGEST_CELL, kernel_name="python3", resources=resources).execute()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a notebook of this name, made small, away from the repository; gives it and its files' folder."""

    def run(name: str) -> tuple[NotebookNode, Path]:
        notebook = read(FOLDER / f"{name}.ipynb")
        for cell in code(notebook):
            cell.outputs, cell.execution_count = [], None
        after = next(number for number, cell in enumerate(notebook.cells) if is_parameters(cell)) + 1
        settings = "\n".join(f"{setting} = {value!r}" for setting, value in SMALL[name].items())
        notebook.cells.insert(after, nbformat.v4.new_code_cell(settings))
        execute(notebook, tmp_path, monkeypatch)
        del notebook.cells[after]
        check_pictures(notebook, read(FOLDER / f"{name}.ipynb"))
        return notebook, tmp_path / "out"

    return run


def check_pictures(notebook: NotebookNode, committed: NotebookNode) -> None:
    """Every cell ran, and shows as many pictures as in the committed notebook, none of them blank."""
    for fresh, known in zip(code(notebook), code(committed), strict=True):
        assert fresh.execution_count is not None
        assert len(pictures(fresh)) == len(pictures(known)), fresh.source
        for data in pictures(fresh):
            with Image.open(BytesIO(data)) as picture:
                assert any(low < high for low, high in picture.convert("RGB").getextrema())


def test_paint(run: Any) -> None:
    _, folder = run("1-paint")
    with Image.open(folder / "painting.jpg") as painting:
        assert max(painting.size) == 64
    for start in ("photo", "noise"):
        with Image.open(folder / f"from-{start}.webp") as film:
            assert film.n_frames > 4


def test_layers(run: Any) -> None:
    notebook, _ = run("2-what-the-layers-see")
    printed = "".join(output.get("text", "") for cell in code(notebook) for output in cell.outputs)
    rows = [line for line in printed.splitlines() if line.startswith("style weight")]
    assert len(rows) == 4
    assert len(set(rows)) == 4  # each pair of weight and rate leads elsewhere


def test_train(run: Any) -> None:
    _, folder = run("3-train-your-own-style")
    assert impasto.load(folder / "burning.safetensors").name == "burning-sky"
    painted = read_clip(folder / "painted.mp4")
    assert len(painted) == SMALL["3-train-your-own-style"]["frames"]
    for frame, path in zip(painted, sorted((folder / "pan-4").iterdir()), strict=True):
        with Image.open(path) as photo:
            assert abs(frame - np.asarray(photo, dtype=float)).mean() > 2


@each
def test_installs_only_what_is_missing(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for pip, in a folder without a repository, and in one within it."""
    first = code(read(path))[0].source
    asked = "get_ipython().register_magic_function(lambda line: print('pip', line), magic_name='pip')"
    hidden = "import sys; sys.modules['impasto'] = None"
    inside = (
        "import os; os.makedirs('copy/notebooks'); open('copy/pyproject.toml', 'w'); "
        "os.chdir('copy/notebooks')"
    )
    cells = [nbformat.v4.new_code_cell(text) for text in (asked, first, hidden, first, inside, first)]
    execute(nbformat.v4.new_notebook(cells=cells), tmp_path, monkeypatch)
    said = ["".join(output.get("text", "") for output in cell.outputs).strip() for cell in cells]
    assert said[1] == ""
    assert said[3] == 'pip install --quiet "impasto[notebooks]"'
    assert said[5] == 'pip install --quiet "..[notebooks]"'


@each
def test_settings_are_those_of_the_notebook(path: Path) -> None:
    (cell,) = filter(is_parameters, code(read(path)))
    names = {target.id for line in ast.parse(cell.source).body for target in line.targets}  # type: ignore[attr-defined]
    assert set(SMALL[path.stem]) <= names


@each
def test_committed_outputs(path: Path) -> None:
    """Of one run from the top, without errors, small, and without a trace of the machine that made them."""
    notebook = read(path)
    assert path.stat().st_size <= MOST_BYTES
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert not PLACES.findall(words(notebook))
    assert sum(len(pictures(cell)) for cell in code(notebook)) >= 6


def test_readme_names_each() -> None:
    assert [path.stem for path in PATHS] == list(SMALL)
    linked = re.findall(r"\((\S+\.ipynb)\)", (FOLDER / "README.md").read_text(encoding="utf-8"))
    assert linked == [path.name for path in PATHS]
