"""The wheel with all that users can add, really installed by pip: minutes, and a registry."""

from __future__ import annotations

import json
import subprocess
import venv
from pathlib import Path

import pytest

from tests.clips import pan, read_clip, write_clip
from tests.packaging.conftest import ROOT, Built, Installed
from tests.packaging.test_installed import NEEDS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def complete(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("complete")
    venv.create(folder, symlinks=True, with_pip=True)
    wanted = f"{built.wheel}[{','.join(sorted(NEEDS))}]"
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--constraint", str(ROOT / "constraints.txt"), wanted], check=True)
    subprocess.run([*pip, "check"], check=True)
    return Installed(folder)


def test_doctor_misses_nothing(complete: Installed, tmp_path: Path) -> None:
    done = complete.run("impasto", "doctor", "--json", cwd=tmp_path)
    findings = json.loads(done.stdout)["findings"]
    states = {one["name"]: one["state"] for one in findings}
    assert {state for name, state in states.items() if name in {"impasto needs", *NEEDS}} == {"ok"}, states


def test_a_video_is_made(complete: Installed, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", pan(3))
    words = ("impasto", "video", "clip.mp4", "painted.mp4", "--style", "starry-night", "--runtime", "auto")
    done = complete.run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(read_clip(tmp_path / "painted.mp4")) == 3
