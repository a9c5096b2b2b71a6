"""Libraries that are there, missing, too old, broken or crashing: made for the test, and really loaded."""

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from impasto.diagnosis import libraries
from impasto.diagnosis.findings import Finding
from impasto.diagnosis.libraries import CORE, Requirement, faults, find_groups, meets, parse

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a distribution with one module into a folder that this process and its children import from."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def put(name: str, code: str = "", version: str = "1.0", module: str = "") -> None:
        module = module or name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "top_level.txt").write_text(f"{module}\n")
        (info / "RECORD").write_text(f"{module}.py,,\n")

    return put


def look_for(monkeypatch: pytest.MonkeyPatch, *requirements: str) -> dict[str, Finding]:
    monkeypatch.setattr(metadata, "requires", lambda package: list(requirements))
    return {finding.name: finding for finding in libraries.look()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("torch<3,>=2.4", Requirement("torch", "<3,>=2.4")),
        ("pyvips[binary]>=3.0; extra == 'huge'", Requirement("pyvips", ">=3.0", "huge")),
        ('Pillow_Heif (>=0.21) ; extra == "heic"', Requirement("pillow-heif", ">=0.21", "heic")),
        ("a; (sys_platform == 'linux') and extra == 'x'", Requirement("a", "", "x", optional=True)),
        ("b ; python_version < '3.12'", Requirement("b", "", None, optional=True)),
    ],
)
def test_requirements_are_read(text: str, expected: Requirement) -> None:
    assert parse(text) == expected


def test_every_requirement_of_the_package_is_read() -> None:
    groups = find_groups(map(parse, metadata.requires("impasto") or ()))
    assert {"torch", "numpy", "pillow"} <= {one.name for one in groups[CORE]}
    assert {one.name: one.spec for one in groups["heic"]}["pillow-heif"].startswith(">=")
    extras = set(metadata.metadata("impasto").get_all("Provides-Extra") or ())
    assert set(groups) - {CORE} == extras - {"dev", "docs", "fuzz", "all"}


def test_extras_of_extras_and_those_for_developers_are_left_out() -> None:
    texts = [
        "impasto[a,b]; extra == 'all'",
        "ruff; extra == 'dev'",
        "x; extra == 'b'",
        "y",
        "w; extra == 'a'",
    ]
    groups = find_groups(map(parse, texts))
    assert {name: [one.name for one in group] for name, group in groups.items()} == {
        CORE: ["y"], "a": ["w"], "b": ["x"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("version", "spec", "expected"),
    [
        ("2.13.0+cpu", ">=2.4,<3", True),
        ("3.0.0", ">=2.4,<3", False),
        ("2.3.9", ">=2.4", False),
        ("10.0", ">=9.1", True),
        ("18", ">=18.0", True),
        ("1.0rc1", "", True),
        ("5.0", "!=4", True),
    ],
)
def test_versions_are_compared_as_numbers(version: str, spec: str, expected: bool) -> None:
    assert meets(version, spec) is expected


def test_what_is_here_is_told_with_its_version(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("sound-lib", version="2.5")
    found = look_for(monkeypatch, "sound-lib>=2; extra == 'x'")["x"]
    assert (found.state, found.text, found.facts) == ("ok", "sound-lib 2.5", {"sound-lib": "2.5"})


def test_what_is_missing_is_no_failure(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("sound-lib")
    found = look_for(
        monkeypatch, "sound-lib; extra == 'x'", "nowhere-lib; extra == 'x'", "gone; extra == 'y'"
    )
    assert [(found[name].state, found[name].text) for name in ("x", "y")] == [
        ("absent", "sound-lib 1.0; nowhere-lib not installed"),
        ("absent", "gone not installed"),
    ]
    assert found["x"].advice == "pip install 'impasto[x]'"


def test_what_impasto_cannot_do_without_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    found = look_for(monkeypatch, "nowhere-lib")[CORE]
    assert (found.state, found.advice) == ("failed", "pip install impasto")


def test_what_other_machines_need_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = look_for(monkeypatch, "rich", "nowhere-lib; sys_platform == 'amiga'")[CORE]
    assert (found.state, set(found.facts)) == ("ok", {"rich"})


def test_what_is_too_old_is_to_be_upgraded(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("old-lib", version="1.9")
    found = look_for(monkeypatch, "old-lib>=1.10; extra == 'x'")["x"]
    assert (found.state, found.text) == ("warning", "old-lib 1.9 where >=1.10 is needed")
    assert found.advice == "pip install --upgrade 'impasto[x]'"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ImportError('libGL.so.1: no such file')", "ImportError: libGL.so.1: no such file"),
        ("import os; os.abort()", "it crashes: Aborted"),
        ("import sys; sys.exit(3)", "it ends with code 3"),
    ],
)
def test_what_does_not_load_is_told_with_the_reason(
    install: Install, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    install("broken-lib", code)
    found = look_for(monkeypatch, "broken-lib; extra == 'x'")["x"]
    assert found.state == "failed"
    assert found.text == f"broken-lib 1.0 does not load ({reason})"
    assert found.advice == "pip install --upgrade --force-reinstall broken-lib"


def test_another_distribution_with_the_same_module_will_do(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("vision-lib-gpu", module="vision_lib", version="4.2")
    found = look_for(monkeypatch, "vision-lib>=4; extra == 'x'")["x"]
    assert (found.state, found.text) == ("ok", "vision-lib-gpu 4.2")


def test_a_library_that_hangs_is_given_up(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("slow-lib", "import time; time.sleep(60)")
    monkeypatch.setattr("impasto.diagnosis.libraries._PATIENCE", 0.3)
    assert faults(["slow_lib"]) == {"slow_lib": "it takes longer than 0 s"}


def test_loading_tells_no_one(install: Install) -> None:
    """OpenVINO reports that it was imported, if it finds the library for that."""
    install("openvino-telemetry")
    install("talker", "import openvino_telemetry")
    assert "openvino_telemetry" in faults(["talker"])["talker"]


def test_a_module_in_the_current_folder_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "safetensors.py").write_text("raise ValueError('mine')")
    monkeypatch.chdir(tmp_path)
    assert faults(["safetensors"]) == {}
