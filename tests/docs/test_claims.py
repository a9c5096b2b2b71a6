"""What the documentation says of the code is true: constants of formulas, messages, files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
import yaml

import impasto
from docs.generators.elsewhere import with_links
from impasto.cli.display import with_flags
from impasto.imaging import color_transfer, detail
from impasto.imaging import light as cell_light
from impasto.networks import blocks, light
from impasto.painting import objective, solver
from impasto.painting.options import PaintOptions
from impasto.perception import _SHARE_OF_MOMENTS, COMPARISONS
from impasto.stylizing import motion, tiles
from impasto.training import objective as training_objective
from impasto.training.objective import FLAT
from impasto.training.options import TrainOptions
from tests.docs.snippets import PAGES, ROOT, snippets

DOCS = ROOT / "docs"
MATHEMATICS = (DOCS / "mathematics.md").read_text(encoding="utf-8")


def is_tied(pixel: int) -> bool:
    """Whether a kernel of ones across, and each of three taps down, becomes what the page's matrix has."""
    stated = ((3, 1, 0), (1, 3, 0), (0, 3, 1)), ((1, 3, 0), (0, 3, 1), (0, 1, 3))
    taps = light._TAPS.view(3, 3, 2, 2, 3, 3)[:, :, pixel, 0].sum(
        (1, 3)
    )  # for each tap across, weights sum to 1
    return bool(torch.allclose(4 * taps / 3, torch.tensor(stated[pixel], dtype=taps.dtype)))


@pytest.mark.parametrize(
    ("said", "is_so"),
    [
        (r"0.8 \, v", motion._SHARE == 0.8),
        (r"|}{0.12}", motion._CHANGE == 0.12),
        (
            "windows of 15 pixels, between 1 and 1.2",
            (motion._WINDOW, motion._MOST_GAIN) == (15, 1.2),
        ),
        ("0.026 with the effort", PaintOptions(effort="best").weights[0] == 0.026),
        (r"C + 0.3 \, E_\text{light}", objective._LIGHT_WEIGHT == 0.3),
        ("variance plus 0.001", objective._FLAT_LIGHT == 1e-3),
        (r"10 \, E_\text{range}", objective._RANGE_WEIGHT == training_objective._RANGE_WEIGHT == 10),
        (r"m = 0.6 \, m_\text{crop} + 0.4", training_objective._OWN == 0.6),
        ("70 % of the style error (`--pooled`)", TrainOptions.pooled == 0.7),
        ("Over squares of 16 x 16 pixels", cell_light._CELL == 16),
        ("1 for `gram`", COMPARISONS["gram"].balance == 1),
        ("1.5 for `moments`", COMPARISONS["moments"].balance == 1.5),
        ("3 for `sliced`", COMPARISONS["sliced"].balance == 3),
        ("0.8 for `nearest`", COMPARISONS["nearest"].balance == 0.8),
        (r"\frac{1}{2} \frac{E_\text{moments}}", _SHARE_OF_MOMENTS == 0.5),
        ("in\ntraining 0.1 of it", FLAT == 0.1),
        ("C^4", COMPARISONS["gram"].raw_power == 4),
        (r"\bar e_p / 4 + 10^{-4}", (detail._FAVOUR, detail._NOISE) == (2, 0.01)),
        ("more than eightfold", color_transfer._MOST_GAIN == 8),
        ("10^{-5}", blocks.EPSILON == 1e-5),
        (r"T_0 = \frac{1}{4} \begin{pmatrix} 3 & 1 & 0 \\ 1 & 3 & 0 \\ 0 & 3 & 1 \end{pmatrix}", is_tied(0)),
        (r"T_1 = \frac{1}{4} \begin{pmatrix} 1 & 3 & 0 \\ 0 & 3 & 1 \\ 0 & 1 & 3 \end{pmatrix}", is_tied(1)),
        ("up to 64 crops", tiles._MOST_CROPS == 64),
        ("twelve pairs", solver._HISTORY == 12),
        ("four times the last", solver._EXPLODED == 4),
    ],
)
def test_constants_of_formulas(said: str, is_so: bool) -> None:
    assert " ".join(said.split()) in " ".join(MATHEMATICS.split())
    assert is_so


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.5, 1.0])
def test_weights_by_strength(strength: float) -> None:
    r"""(2 s)^2 (S + 0.05 E_tv) + 0.05 (2 - 2 s)^2 (C + 0.3 E_light)."""
    assert (
        r"(2\sigma)^2 \left( S + 0.05 \, E_\text{tv} \right) + 0.05 \, (2 - 2\sigma)^2 \, (C + 0.3 "
        in MATHEMATICS
    )
    content, style, variation = PaintOptions(strength=strength).weights
    assert content == pytest.approx(0.05 * (2 - 2 * strength) ** 2)
    assert (style, variation) == pytest.approx(((2 * strength) ** 2, 0.05 * (2 * strength) ** 2))


@cache
def messages() -> list[re.Pattern[str]]:
    return list(_messages())


def _messages() -> Iterator[re.Pattern[str]]:
    """All texts that the package may print, with anything where it fills something in."""
    for path in Path(impasto.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts = [node.value]
            else:
                continue
            if sum(len(part) for part in parts if part) >= 12:
                yield re.compile(
                    "".join(".*" if part is None else re.escape(with_flags(part)) for part in parts)
                )


QUOTED = [
    line.strip()
    for snippet in snippets("docs/troubleshooting.md")
    if snippet.language == "text"
    for line in snippet.text.splitlines()
]


@pytest.mark.parametrize("line", QUOTED)
def test_quoted_messages_are_real(line: str) -> None:
    label, _, message = line.partition(": ")
    assert label in ("error", "note")
    assert len(QUOTED) >= 9
    parts = [pattern for pattern in messages() if pattern.search(message)]
    covered = max((len(re.sub(r"\.\*|\\", "", pattern.pattern)) for pattern in parts), default=0)
    assert covered >= 20, f"impasto prints nothing like: {message}"


def test_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "version", "license", "type"} <= citation.keys()
    assert citation["version"] == impasto.__version__
    assert f"## {impasto.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere_in_the_repository(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(
        r"\]\(([^)\s#:]+)(?:#[^)]*)?\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    ):
        made = page.startswith("docs/") and target.startswith("models/")
        assert made or ((ROOT / page).parent / target).exists(), f"{page}: {target}"


def test_links_are_turned() -> None:
    turned = with_links("[a](../benchmarks/README.md#x) [b](../impasto/losses.py) [c](#d)", "performance.md")
    assert turned == "[a](benchmarks.md#x) b [c](#d)"
    card = with_links("[why](../../docs/architecture.md)\n```\n[no](link.md)\n```", "models/compact.md")
    assert card == "[why](../architecture.md)\n```\n[no](link.md)\n```"
    with pytest.raises(ValueError, match=r"no docs/nowhere\.md"):
        with_links("[a](nowhere.md)", "performance.md")


def test_no_machine_is_named() -> None:
    """Neither pages nor generators tell of the place where they were written."""
    for path in (*DOCS.rglob("*.md"), *DOCS.rglob("*.py"), ROOT / "README.md", ROOT / "mkdocs.yml"):
        assert not re.search(r"(?<![\w.])/(?:work|root|tmp)/", path.read_text(encoding="utf-8")), path
