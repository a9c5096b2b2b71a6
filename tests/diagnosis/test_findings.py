"""Findings say what to do, and name nobody."""

from pathlib import Path

import pytest

from impasto.diagnosis.findings import Finding, in_bytes, reason_of, without_home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "jane"
    folder.mkdir()
    monkeypatch.setattr(Path, "home", lambda: folder)
    return folder


@pytest.mark.parametrize("state", ["absent", "warning", "failed"])
def test_what_is_not_fine_says_what_to_do(state: str) -> None:
    with pytest.raises(ValueError, match=r"x is .*, and nothing says what to do"):
        Finding("x", state, "broken")  # type: ignore[arg-type]
    assert Finding("x", state, "broken", "mend it").advice == "mend it"  # type: ignore[arg-type]


def test_the_home_folder_is_in_no_part_of_a_finding(home: Path) -> None:
    facts = {"folder": f"{home}/cache", "all": [f"{home}", {"deep": f"at {home}"}], "count": 3}
    finding = Finding("x", "failed", f"{home}/a is gone", f"rm '{home}/a'", facts=facts)
    assert (finding.text, finding.advice) == ("~/a is gone", "rm '~/a'")
    assert finding.facts == {"folder": "~/cache", "all": ["~", {"deep": "at ~"}], "count": 3}


def test_other_folders_keep_their_names(home: Path) -> None:
    assert without_home(f"{home}t/x and {home}: {home.parent}") == f"{home}t/x and ~: {home.parent}"


def test_a_home_behind_a_link_is_known_by_both_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "home"
    link.symlink_to(tmp_path / "disk")
    monkeypatch.setattr(Path, "home", lambda: link)
    assert without_home(f"{link}/a {tmp_path / 'disk'}/b") == "~/a ~/b"


def test_a_root_for_a_home_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/"))
    assert without_home("/usr/lib") == "/usr/lib"


def test_no_home_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("could not determine home directory")

    monkeypatch.setattr(Path, "home", home)
    assert without_home("/usr/lib") == "/usr/lib"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("no libGL.so.1\nand more"), "OSError: no libGL.so.1"),
        (RuntimeError("\n\nCUDA error"), "RuntimeError: CUDA error"),
        (KeyError(), "KeyError"),
    ],
)
def test_the_reason_of_an_error_is_one_line(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


def test_a_long_reason_is_cut() -> None:
    assert len(reason_of(ValueError("x" * 9999))) == 300


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (12, "12 bytes"),
        (1_500, "1.5 kB"),
        (574_673_361, "575 MB"),
        (25_300_000_000, "25 GB"),
        (2e9, "2.0 GB"),
    ],
)
def test_bytes_in_words(number: float, text: str) -> None:
    assert in_bytes(number) == text
