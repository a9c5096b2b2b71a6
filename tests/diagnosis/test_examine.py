"""Section after section, whatever happens in one of them."""

import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from impasto.diagnosis import SECTIONS, Finding, Section, examine
from impasto.diagnosis.libraries import CORE

Play = Callable[..., Section]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """A section that finds the given things, and raises the given errors."""

    def make(title: str, *results: Finding | Exception, needs_core: bool = True) -> Section:
        def look() -> Iterator[Finding]:
            for result in results:
                if isinstance(result, Exception):
                    raise result
                yield result

        monkeypatch.setitem(sys.modules, f"impasto.diagnosis.{title}", SimpleNamespace(look=look))
        return Section(title, title, needs_core=needs_core)

    return make


def names(*sections: Section) -> list[tuple[str, str, str]]:
    return [(section.title, finding.name, finding.state) for section, finding in examine(sections)]


def test_every_section_has_its_module() -> None:
    assert len({section.module for section in SECTIONS}) == len(SECTIONS)
    assert [section.needs_core for section in SECTIONS[:2]] == [False, False]


def test_findings_come_in_order(play: Play) -> None:
    sections = play("one", Finding("a", "ok", ""), Finding("b", "failed", "", "do")), play("two")
    assert names(*sections, play("three", Finding("c", "ok", ""))) == [
        ("one", "a", "ok"), ("one", "b", "failed"), ("three", "c", "ok"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ImportError("no torch"), "pip install --force-reinstall impasto"),
        (OSError("libc.so: wrong ELF class"), "pip install --force-reinstall impasto"),
        (ValueError("odd"), "report it with: impasto doctor --json"),
    ],
)
def test_a_look_that_fails_is_a_finding(play: Play, error: Exception, advice: str) -> None:
    sections = play("one", Finding("a", "ok", ""), error), play("two", Finding("b", "ok", ""))
    _, (_, failed), (_, last) = examine(sections)
    assert (failed.name, failed.state, failed.advice) == ("one", "failed", advice)
    assert failed.text == f"could not be looked at: {type(error).__name__}: {error}"
    assert last.name == "b"


def test_nothing_is_tried_on_broken_ground(play: Play) -> None:
    broken = play("ground", Finding(CORE, "failed", "torch does not load", "reinstall"), needs_core=False)
    rest = play("first", Finding("a", "ok", "")), play("second", Finding("b", "ok", ""), needs_core=False)
    assert names(broken, *rest) == [("ground", CORE, "failed"), ("second", "b", "ok")]
