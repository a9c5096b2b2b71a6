"""What the documentation tells a reader to type: collected from its pages, and run with less to do.

Commands run as they are written, in the order of the page, in one folder that holds the files they name. Only
what stands in the tables below is changed, so that pictures stay small and trainings short.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from impasto.cli import app

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "impasto/backbones/README.md",
        ROOT / "impasto/networks/README.md",
    )
)

# options that take the place of a command's own
SMALLER = {
    "paint": "--size 64 --iterations 4",
    "texture": "--size 64x48 --iterations 4",
    "sheet": "--size 64",
    "evaluate": "--size 64 --resamples 100",
    "train": "--steps 2 --size 32 --workers 0",
    "prime": "--steps 2 --size 32 --workers 0",
    "adapt": "--steps 1 --size 32 --workers 0",
    "webcam": "--camera holiday.mp4 --no-window --record seen.mp4",
}
AMONG_OTHERS = {"train": "--minutes", "prime": "--minutes", "adapt": "--minutes"}  # what --steps excludes
# words that stand for something, and times that a clip of three frames has not
INSTEAD = {"N": "2", "W": "0.1", "...": "1888", "1:30": "0.1", "2:00": "0.3", "120": "1"}
IN_PYTHON = {
    "size=768": "size=64, iterations=6",
    "minutes=15": "steps=2, size=32, workers=0",
    'style_loss="sliced"': 'style_loss="sliced", size=64, iterations=4',
}

# beginnings or ends of commands that no test runs, and why
NOT_RUN = {
    "pip install": "it changes what is installed",
    "impasto doctor": "ten seconds of self-tests, which its own tests have",
    "make ": "CI runs make demo and make test, of which this is a part",
    ".venv/bin/": "make lint runs these",
    "python -m tests.faults": "minutes of work, of which tests/faults/test_killing.py is the short form",
    ".venv/tools/bin/": "it publishes",
    "git ": "it asks or changes the repository",
    "docker ": "it needs Docker",
    "ray start": "it needs machines: tests/stylizing/batch/test_ray_pool.py",
    "--cluster auto": "Ray takes long to start: tests/cli/test_stylize_cluster.py",
    "--cluster 10.0.0.1:6379": "it needs that cluster: tests/stylizing/batch/test_ray_pool.py",
    "impasto stylize gs://": "it needs a bucket: tests/stylizing/batch/test_dispatcher.py",
    "torchrun ": "several processes: tests/training/test_torchrun.py",
    "python examples/handles.py": "tests/docs/test_control.py runs what it does",
    "python -m docs.generators.": "they make pictures, which tests/docs/test_site.py compares",
    "--minutes 15 --resume": "it goes on where a training was interrupted: tests/cli/test_train.py",
    "impasto app": "it serves until it is stopped",
    "impasto watch": "it watches until it is stopped: tests/cli/test_watch.py",
    "python examples/app_client.py": "it needs a running app: tests/app/test_app_api.py",
    "impasto export starry-night -o": "exports to ONNX take a quarter of a minute each: tests/export",
    "impasto export starry-night:0.6": "the same",
    "impasto export starry-night --precision": "the same",
    "impasto export starry-night --to web": "the same, and it asks npm: tests/export/test_page.py",
    "python -m http.server": "it serves until it is stopped",
    "python examples/onnx_without_torch.py": "tests/export/test_without_torch.py",
    "impasto import": "it needs a checkpoint of others: tests/cli/test_import_.py",
    "impasto stylize photo.jpg -o mosaic.jpg": "it needs that checkpoint's card",
    "--recipe johnson --steps 2000": "it downloads 553 MB",
}


@dataclass(frozen=True)
class Snippet:
    """A block of code: its page, the number of its first line, its language, and what it says."""

    page: str
    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A line of a console block."""

    page: str
    line: int
    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)

    @property
    def reason(self) -> str | None:
        """Why it is not run, if it is not."""
        text = shlex.join(self.words)
        return next((why for part, why in NOT_RUN.items() if self._has(text, part)), None)

    @staticmethod
    def _has(text: str, part: str) -> bool:
        return text.endswith(part) if part.startswith("--") else f"{text} ".startswith(part)

    @property
    def is_ours(self) -> bool:
        return self.words[0] == "impasto"


def snippets(page: str) -> list[Snippet]:
    """All blocks of a page, whatever their language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.finditer(r"^ *```(\S*)[^\n]*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [Snippet(page, text[: m.start()].count("\n") + 2, m[1], m[2]) for m in found]


def commands(snippet: Snippet) -> list[Command]:
    """The lines of a console block that call something."""
    lines = [Command(snippet.page, snippet.line + n, t) for n, t in enumerate(snippet.text.splitlines())]
    return [command for command in lines if command.words]


def all_commands() -> Iterator[Command]:
    """Those of all pages."""
    for page in PAGES:
        for snippet in snippets(page):
            if snippet.language == "console":
                yield from commands(snippet)


def shrink(words: list[str]) -> list[str]:
    """The words of a command with less to do, by the tables above."""
    name = words[1]
    words = [INSTEAD.get(word, word) for word in words]
    added = [] if "--like" in words else SMALLER.get(name, "").split()
    dropped = {word for word in added if word.startswith("--")}
    if name in AMONG_OTHERS:
        dropped.add(AMONG_OTHERS[name])
    kept = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if word not in dropped and before not in dropped
    ]
    return [*kept[1:], *added]


def call(command: Command) -> str:
    """Run it in this process; what it printed. Raises AssertionError where it fails or leaves nothing."""
    if not command.is_ours:
        assert command.words[:2] == ["python", "-c"], f"{command.page}:{command.line}: {command.text}"
        exec(compile(command.words[2], f"{command.page}:{command.line}", "exec"), {})  # python -c CODE
        return ""
    words = shrink(command.words)
    result = CliRunner().invoke(app, words)
    place = f"{command.page}:{command.line}: impasto {shlex.join(words)}"
    assert result.exit_code == 0, f"{place}\n{result.output}\n{result.exception!r}"
    if "-o" in words and not {"--dry-run", "--find-lr"} & set(words):
        out = Path(words[words.index("-o") + 1])
        assert out.exists(), f"{place}\nleft no {out}"
    return result.output


def run_python(snippet: Snippet, names: dict[str, object]) -> None:
    """A block of Python, among the names that the blocks before it made."""
    code = snippet.text
    for said, smaller in IN_PYTHON.items():
        code = code.replace(said, smaller)
    padded = "\n" * (snippet.line - 1) + code  # so that an error tells the page's line
    exec(compile(padded, str(ROOT / snippet.page), "exec"), names)


def run(page: str, only: Callable[[Snippet], bool] = lambda snippet: True) -> str:
    """All that a page tells to do, from top to bottom; what the commands printed."""
    names: dict[str, object] = {}
    said = []
    for snippet in filter(only, snippets(page)):
        if snippet.language == "python":
            run_python(snippet, names)
        elif snippet.language == "console":
            ours = (command for command in commands(snippet) if not command.reason)
            said += [call(command) for command in ours]
    return "\n".join(said)
