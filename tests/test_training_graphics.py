"""The graphics of examples/make_graphics.py: every kind, the same in each run."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from skimage import data

SCRIPT = Path(__file__).parents[1] / "examples" / "make_graphics.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_graphics", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    path = tmp_path_factory.mktemp("pictures") / "coffee.jpg"
    Image.fromarray(data.coffee()).save(path)
    return [path]


@pytest.mark.parametrize("number", range(5))
def test_a_graphic_follows_from_its_number(script: ModuleType, pictures: list[Path], number: int) -> None:
    one, again, other = (np.asarray(script.graphic(pictures, n)) for n in (number, number, number + 5))
    assert one.shape == (script.SIDE, script.SIDE, 3)
    assert np.array_equal(one, again)
    assert np.abs(one.astype(int) - other).mean() > 10
    assert one.std() > 15


def test_a_folder_without_pictures(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["make_graphics.py", str(tmp_path / "out"), "--from", str(tmp_path)])
    with pytest.raises(SystemExit):
        script.main()
    assert "has no .jpg pictures" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
