"""The locks: packages by version and hash, all that is asked for, nothing of the machine that made them."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from docs.generators.licences import FOR_DEVELOPERS
from tests.packaging.conftest import ROOT, closure

LOCKS = sorted(path.stem for path in (ROOT / "requirements").glob("*.lock"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
AGAIN = "pyproject.toml asks for something else by now: make lock"
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")


def pins(*names: str) -> dict[str, set[str]]:
    """Versions by package; several where they differ by the interpreter."""
    found: dict[str, set[str]] = {}
    for name in names:
        for line in text(name).splitlines():
            if line[0].isalnum():
                requirement = Requirement(line.removesuffix("\\"))
                (pinned,) = requirement.specifier
                assert pinned.operator == "==" and "*" not in pinned.version, line
                assert not requirement.url, line
                found.setdefault(canonicalize_name(requirement.name), set()).add(pinned.version)
    return found


def unmet(lines: list[str], *locks: str) -> Iterator[str]:
    """Requirements that no pin of the locks, or a wrong one, answers."""
    pinned = pins(*locks)
    for line in lines:
        requirement = Requirement(line)
        versions = pinned.get(canonicalize_name(requirement.name), set())
        if not versions or not all(map(requirement.specifier.contains, versions)):
            yield line


def test_all_locks_are_there() -> None:
    assert LOCKS == ["dev", "plain", "tools", "torch"]


@pytest.mark.parametrize("name", LOCKS)
def test_everything_has_hashes_and_nothing_an_address(name: str) -> None:
    entries = re.split(r"^(?=\w)", text(name), flags=re.MULTILINE)[1:]
    assert len(entries) >= 20
    for entry in entries:
        first, *hashes = entry.rstrip().splitlines()
        assert first.endswith(" \\")
        assert hashes and all(HASH.fullmatch(line) for line in hashes), entry
    assert not re.search(r"://|--(extra-)?index|--find-links|file:|^-|(?<=[\s@])/", text(name), re.MULTILINE)


def test_locks_answer_what_is_asked_for() -> None:
    assert [*unmet(PROJECT["dependencies"], "plain", "torch")] == [], AGAIN
    assert [*unmet([*PROJECT["dependencies"], *EXTRAS["dev"]], "dev", "torch")] == [], AGAIN
    tools = (ROOT / "requirements" / "tools.in").read_text(encoding="utf-8").splitlines()
    assert [*unmet([line for line in tools if not line.startswith("#")], "tools")] == []
    assert [*unmet(PROJECT["dependencies"], "plain")] == [PROJECT["dependencies"][0]], "PyTorch is apart"


def test_what_users_can_add_is_locked() -> None:
    users = [line for extra, lines in EXTRAS.items() if extra not in FOR_DEVELOPERS for line in lines]
    assert [*unmet(users, "dev", "torch")] == [], AGAIN


def test_the_check_would_notice() -> None:
    assert [*unmet(["numpy>=99", "pillow>=11.3", "nothing-of-this-name"], "plain")] == [
        "numpy>=99",
        "nothing-of-this-name",
    ]


def test_plain_is_the_whole_of_what_impasto_needs() -> None:
    assert {*closure("impasto")} <= pins("plain", "torch").keys(), AGAIN
    assert pins("plain").items() <= pins("dev").items()


def test_pytorch_is_the_one_that_is_tested() -> None:
    constraint = Requirement((ROOT / "constraints.txt").read_text(encoding="utf-8").strip())
    assert pins("torch")["torch"] == {next(iter(constraint.specifier)).version}


@pytest.fixture(scope="module")
def lock() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lock", Path(ROOT, "requirements/lock.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pytorch_is_set_apart(lock: ModuleType) -> None:
    entry = "{} \\\n    --hash=sha256:" + "0" * 64 + "\n"
    kinds = (
        "numpy==2.0",
        "nvidia-cublas==13.1 ; sys_platform == 'linux'",
        "torch==2.13.0",
        "torchmetrics==1.9",
    )
    torch, others = lock.split("# head\n" + "".join(map(entry.format, kinds)))
    assert torch == entry.format(kinds[1]) + entry.format(kinds[2])
    assert others == entry.format(kinds[0]) + entry.format(kinds[3])
