"""`impasto doctor`: lines, JSON and exit codes; once for real, without a network and under another home."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from impasto import diagnosis, styles
from impasto.diagnosis import SECTIONS, Finding, Section
from impasto.diagnosis.selftest import PARTS

ONE, TWO = Section("Machine", "machine"), Section("Self-test", "selftest")

# libraries that take seconds to load, and that the test of a broken PyTorch is not about
OTHERS = ("av", "cv2", "gradio", "matplotlib", "onnx", "onnxruntime", "onnxscript", "openvino", "ray",
          "skimage", "tensorboard", "torchmetrics")  # fmt: skip

# every process that Python starts runs this first: whoever calls is noted
NO_NETWORK = """
import os, socket
def refuse(self, address, *rest):
    if self.family != getattr(socket, "AF_UNIX", None):
        with open(os.environ["CALLS"], "a") as file:
            file.write(f"{address}\\n")
        raise OSError("no network here")
socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = refuse
"""


@pytest.fixture
def doctor(impasto: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command, with these findings in place of what is here."""

    def run(*found: tuple[Section, Finding], arguments: tuple[str, ...] = (), **rest: Any) -> Any:
        monkeypatch.setattr(diagnosis, "examine", lambda: iter(found))
        return impasto("doctor", *arguments, **rest)

    return run


def start(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """`impasto doctor` in a process of its own, with `folder` to import from, and as home."""
    return subprocess.run(
        [sys.executable, "-m", "impasto", "doctor", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "PYTHONPATH": str(folder), **environment},
    )


def test_this_machine_for_real(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)
    calls = tmp_path / "calls"
    done = start(tmp_path, "--json", CALLS=str(calls), IMPASTO_CACHE=f"{tmp_path}/cache")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["impasto"] == metadata.version("impasto")
    assert report["ok"] is True
    assert 1 < report["seconds"] < 120
    found = {(one["section"], one["name"]): one for one in report["findings"]}
    assert {section for section, _ in found} == {section.title for section in SECTIONS}
    parts = {name: one for (section, name), one in found.items() if section == "Self-test"}
    assert [(name, one["state"]) for name, one in parts.items()] == [(part.name, "ok") for part in PARTS]
    assert all(one["seconds"] > 0 for one in parts.values())
    assert parts["stylize"]["text"].startswith(f"{len(styles.cards())} shipped styles")
    assert found["Libraries", "impasto needs"]["facts"]["torch"] == metadata.version("torch")
    assert found["Caches", "weights"]["facts"]["folder"] == "~/cache"
    assert str(tmp_path) not in done.stdout
    assert not calls.exists(), calls.read_text()
    assert not (tmp_path / "cache").exists()


def test_a_torch_that_does_not_load(tmp_path: Path) -> None:
    for name in OTHERS:
        (tmp_path / f"{name}.py").touch()
    (tmp_path / "torch.py").write_text("raise OSError('libtorch_cpu.so: cannot open shared object file')")
    done = start(tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "does not load (OSError: libtorch_cpu.so: cannot open shared object file)" in done.stdout
    assert "-> pip install --upgrade --force-reinstall torch\n" in done.stdout
    assert "\nMachine\n" in done.stdout
    assert "Self-test" not in done.stdout


def test_lines_for_a_file(doctor: Callable[..., Any]) -> None:
    missing = Finding("heic", "absent", "pillow-heif not installed", "pip install 'impasto[heic]'")
    result = doctor(
        (ONE, Finding("python", "ok", "3.11")),
        (ONE, missing),
        (TWO, Finding("paint", "ok", "fell", "", 0.31)),
    )
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:-1] == [
        "",
        "Machine",
        "ok        python         3.11",
        "-         heic           pillow-heif not installed",
        "                         -> pip install 'impasto[heic]'",
        "",
        "Self-test",
        "ok 0.3 s  paint          fell",
        "",
    ]
    assert "All works. Parts marked - are optional, and not installed" in result.stdout


def test_lines_for_a_terminal_are_wrapped_in_their_column(doctor: Callable[..., Any]) -> None:
    found = Finding("heic", "warning", "word " * 30, "pip install 'impasto[heic]'")
    printed = doctor((ONE, found), columns=60, FORCE_COLOR="1", TERM="xterm").stdout
    assert "\x1b[33mnote" in printed  # yellow
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed)
    lines = [line.rstrip() for line in plain.splitlines() if "word" in line or "->" in line]
    assert lines[0].startswith("note      heic           word word")
    assert len(lines) == 6
    assert all(
        line.startswith(" " * 25 + word) for line, word in zip(lines[1:], ["word"] * 4 + ["->"], strict=True)
    )
    assert max(map(len, lines)) <= 60
    assert "1 could be better" in plain


def test_a_failure_is_an_exit_code(doctor: Callable[..., Any]) -> None:
    failed = Finding("paint", "failed", "[red] is no number", "mend [it]")
    result = doctor((ONE, Finding("python", "ok", "3.11")), (TWO, failed))
    assert result.exit_code == 1
    assert "FAILED    paint          [red] is no number\n" in result.stdout  # no markup
    assert "-> mend [it]" in result.stdout
    assert "1 of 2 failed: the lines after -> say what to do" in result.stdout


def test_json_of_a_failure(doctor: Callable[..., Any]) -> None:
    version = Finding("impasto", "ok", "here", facts={"version": "9.9"})
    failed = Finding("paint", "failed", "naïve", "mend it", 1.5)
    result = doctor((ONE, version), (TWO, failed), arguments=("--json",))
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert (report["impasto"], report["ok"]) == ("9.9", False)
    assert report["findings"][1] == {
        "section": "Self-test",
        "name": "paint",
        "state": "failed",
        "text": "naïve",
        "advice": "mend it",
        "seconds": 1.5,
        "facts": {},
    }
