"""Every command and block of Python in the documentation works as it is written, but for sizes and times."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from docs.generators.commands import commands as known_commands
from docs.generators.commands import options_of
from tests.clips import read_clip
from tests.docs import snippets
from tests.docs.snippets import NOT_RUN, PAGES, ROOT, Command, all_commands

# languages of blocks: what is typed, and what is only shown
RUN, SHOWN = {"console", "python"}, {"text", "dockerfile"}
BY_SECTION = "docs/control.md"  # whose commands tests/docs/test_control.py runs, picture by picture
TO_RUN = [page for page in PAGES if any(s.language in RUN for s in snippets.snippets(page))]
# words in code that look like options and belong to other programs
OTHERS = {
    "--help",
    "--version",
    "--methods",
    "--nnodes",
    "--nproc-per-node",
    "--only",
    "--rdzv-id",
    "--trainings",
    "--network",
    "--rm",
}


def size(path: str) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def check_readme() -> None:
    for name in ("any", "starry", "gentle", "mixed", "own-colors", "places"):
        assert size(f"{name}.jpg") == (96, 80), name
    assert size("painting.jpg") == size("fine.jpg") == (64, 53)
    assert len(read_clip(Path("night.mp4"))) == 4
    assert Path("my-scream.safetensors").is_file()


CHECKS: dict[str, Callable[[], None]] = {"README.md": check_readme}


@pytest.mark.parametrize("page", TO_RUN)
def test_page(page: str, desk: Path) -> None:
    """From top to bottom, in one folder, as a reader would."""
    snippets.run(page, lambda snippet: page != BY_SECTION or snippet.language == "python")
    CHECKS.get(page, lambda: None)()


def test_nothing_is_left_out() -> None:
    """What is typed is in a language that is run, and a command that is not ours has a reason not to be."""
    assert "README.md" in TO_RUN and "docs/index.md" in TO_RUN and len(TO_RUN) > 12
    for page in PAGES:
        for snippet in snippets.snippets(page):
            assert snippet.language in RUN | SHOWN, (
                f"{page}:{snippet.line}: nothing runs {snippet.language!r}"
            )
            if snippet.language in SHOWN:
                told = re.findall(r"^\s*(?:\$ |impasto \w+ .*--?o)", snippet.text, re.MULTILINE)
                assert not told, f"{page}:{snippet.line}: a command that is only shown"
    foreign = [c for c in all_commands() if not c.is_ours and c.reason is None]
    outside = [c for c in foreign if c.words[:2] != ["python", "-c"]]
    assert [f"{c.page}:{c.line}: {c.text}" for c in outside] == []


def test_reasons_are_needed() -> None:
    """A reason that fits no command any more is to be taken out of the table."""
    texts = [" ".join(command.words) for command in all_commands()]
    assert [part for part in NOT_RUN if not any(Command._has(text, part) for text in texts)] == []
    code = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    assert [said for said in snippets.IN_PYTHON if said not in code] == []


@pytest.mark.parametrize(
    "command", [c for c in all_commands() if c.is_ours], ids=lambda c: f"{c.page}:{c.line}"
)
def test_command_can_be_parsed(command: Command) -> None:
    """All that stand there, those that are not run as well: the command exists, and so do its options."""
    name, *words = command.words[1:]
    if name.startswith("--"):
        assert name == "--version"
        return
    known_commands()[name].make_context(name, list(words))


@pytest.mark.parametrize("page", [page for page in PAGES if "benchmarks" not in page])
def test_options_in_the_text_exist(page: str) -> None:
    """`--flag` in a sentence is a flag of some command, and `impasto NAME --flag` one of that command."""
    known = {name: {*_names(command)} for name, command in known_commands().items()}
    some = set().union(*known.values()) | OTHERS
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    for code in re.findall(r"`([^`]+)`", text):
        words = code.replace("\n", " ").split()
        flags = {word for word in words if re.fullmatch(r"--[a-z][a-z-]+", word)}
        own = re.match(r"impasto ([a-z]+)\b", code)
        assert flags <= (known[own[1]] | OTHERS if own else some), f"{page}: `{code}`"


def _names(command: object) -> list[str]:
    return [name for option in options_of(command) for name in (*option.opts, *option.secondary_opts)]


def test_shrinking() -> None:
    paint = Command("a.md", 1, "impasto paint a.jpg b.jpg -o c.png --size 1024 --iterations 9 --seed 3  # c")
    smaller = "paint a.jpg b.jpg -o c.png --seed 3 --size 64 --iterations 4"
    assert " ".join(snippets.shrink(paint.words)) == smaller
    train = Command("a.md", 1, "impasto train a.jpg -o a.safetensors --minutes 15")
    shorter = "train a.jpg -o a.safetensors --steps 2 --size 32 --workers 0"
    assert " ".join(snippets.shrink(train.words)) == shorter


def test_a_command_that_fails_is_told_with_its_line(desk: Path) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:7: impasto stylize nowhere\.jpg"):
        snippets.call(Command("page.md", 7, "impasto stylize nowhere.jpg -o a.jpg --style starry-night"))
