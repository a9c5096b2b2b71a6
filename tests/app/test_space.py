"""The Space in examples/: its configuration, its requirements, and the app that it starts."""

from __future__ import annotations

import re
import runpy
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import impasto.app
from impasto.app.limits import Limits

ROOT = Path(__file__).parents[2]
SPACE = ROOT / "examples" / "space"


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    _, header, _ = (SPACE / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return dict(re.findall(r'^(\w+): "?([^"\n]*)"?$', header, re.MULTILINE))


def test_settings(settings: dict[str, str], project: dict[str, Any]) -> None:
    assert settings["sdk"] == "gradio"
    assert (SPACE / settings["app_file"]).is_file()
    (gradio,) = map(Requirement, project["optional-dependencies"]["app"])
    assert gradio.name == "gradio"
    assert settings["sdk_version"] in gradio.specifier
    assert len(settings["short_description"]) <= 60, "more is refused there"
    assert settings["license"] == project["license"].lower()
    assert settings["python_version"] == project["requires-python"].removeprefix(">=")


def test_requirements(project: dict[str, Any]) -> None:
    (needed,) = map(Requirement, (SPACE / "requirements.txt").read_text(encoding="utf-8").split())
    assert needed.name == project["name"]
    assert {"app", "video"} <= needed.extras <= set(project["optional-dependencies"])


def test_it_serves_everybody_but_not_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Limits, dict[str, Any]]] = []
    monkeypatch.setattr(impasto.app, "launch", lambda limits, **more: calls.append((limits, more)))
    monkeypatch.setenv("PORT", "8123")
    monkeypatch.setenv("SPACE_HOST", "somebody-impasto.hf.space")
    runpy.run_path(str(SPACE / "app.py"), run_name="__main__")
    ((limits, more),) = calls
    assert (more["host"], more["port"]) == ("0.0.0.0", 8123)
    assert not more.get("share")
    assert list(more["allow_hosts"]) == ["somebody-impasto.hf.space"]
    usual = Limits()
    for field in fields(Limits):
        assert getattr(limits, field.name) <= getattr(usual, field.name)
    assert limits != usual
