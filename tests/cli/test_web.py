"""`impasto app`: its flags, and the whole program from its start to its end."""

from __future__ import annotations

import os
import signal
import webbrowser
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import impasto.app
from impasto.app.limits import Limits
from impasto.cli import app
from tests.app.conftest import Asking, run_app, wait_until, write_photo

Call = Callable[..., Any]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Limits, dict[str, Any]]]:
    """What the app would be served with; nothing is served."""
    calls: list[tuple[Limits, dict[str, Any]]] = []

    def launch(limits: Limits, **more: Any) -> None:
        calls.append((limits, more))
        more["ready"]("http://127.0.0.1:7860/")

    monkeypatch.setattr(impasto.app, "launch", launch)
    return calls


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    pages: list[str] = []
    monkeypatch.setattr(webbrowser, "open", pages.append)
    return pages


def call(*words: object) -> Any:
    return CliRunner().invoke(app, ["app", *map(str, words)], env={"COLUMNS": "200"})


def test_it_is_private_by_default(launched: list[Any], opened: list[str]) -> None:
    result = call()
    assert result.exit_code == 0
    ((limits, more),) = launched
    assert limits == Limits()
    assert (more["host"], more["port"], more["share"]) == ("127.0.0.1", None, False)
    assert opened == ["http://127.0.0.1:7860/"]
    assert "the app is at http://127.0.0.1:7860/" in result.output


def test_what_is_asked_for(launched: list[Any], opened: list[str]) -> None:
    assert call("--host", "0.0.0.0", "--port", 8000, "--share", "--no-browse").exit_code == 0
    ((_, more),) = launched
    assert (more["host"], more["port"], more["share"]) == ("0.0.0.0", 8000, True)
    assert not opened


def test_names_that_it_answers_to(launched: list[Any], opened: list[str]) -> None:
    assert call().exit_code == 0
    assert call("--allow-host", "paint.example.org", "--allow-host", "studio.lan").exit_code == 0
    assert [list(more["allow_hosts"]) for _, more in launched] == [[], ["paint.example.org", "studio.lan"]]


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_every_limit_has_its_flag(name: str, launched: list[Any], opened: list[str]) -> None:
    asked = getattr(Limits(), name) + 65
    result = call(f"--{name.replace('_', '-')}", asked)
    assert result.exit_code == 0, result.output
    assert launched[0][0] == Limits(**{name: asked})


@pytest.mark.parametrize(
    "flag", ["--upload-mb", "--megapixels", "--paintings", "--waiting", "--keep-minutes", "--visits"]
)
def test_a_limit_that_cannot_mean_anything(flag: str, launched: list[Any]) -> None:
    result = call(flag, 0)
    assert result.exit_code == 2
    assert flag.removeprefix("--").replace("-", "_") in result.output.replace("-", "_")
    assert not launched


def test_help_names_every_limit_with_its_default() -> None:
    text = CliRunner().invoke(app, ["app", "--help-all"], env={"COLUMNS": "200"}).output
    for field in fields(Limits):
        assert f"--{field.name.replace('_', '-')}" in text
        assert f"{field.default:g}" in text  # type: ignore[str-format]


def test_from_start_to_end(tmp_path: Path) -> None:
    """It answers where it said, forgets who is idle, and leaves nothing when it is told to end.

    What was uploaded and what was made go; what the page itself shows stays.
    """
    photo = write_photo(tmp_path / "photo.png")
    with run_app(Limits(keep_minutes=0.05)) as app, Asking(app.address) as ask:
        static = app.files
        assert any(path.name == "starry-night.jpg" for path in static)
        uploaded = ask.upload(photo)
        ask("stylize", photo=uploaded)
        assert app.files > static
        wait_until(lambda: app.files == static)
        assert ask.refusal("download", original=True).startswith("There is no picture yet")
        ask.refusal("stylize", photo=uploaded)
        assert ask("stylize", photo=ask.upload(photo)), "and may begin anew"
        os.kill(app.process, signal.SIGTERM)
        wait_until(lambda: not list(app.room.iterdir()))
        wait_until(lambda: app.said.endswith("the app has stopped\n"))
        assert "Traceback" not in app.said.partition("the app is at")[0]
