"""Formulas as MathML, which browsers set by themselves: no script, no fonts, nothing to load."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

# as pymdownx.arithmatex leaves them
_MARKED = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def with_formulas(page: str) -> str:
    """HTML with each formula that is marked in it, in LaTeX, set."""
    return _MARKED.sub(_set, page)


def _set(found: re.Match[str]) -> str:
    kind, latex = ("block" if found[2] == "[" else "inline"), html.unescape(found[3]).strip()
    formula: str = convert(latex, display=kind)
    return f'<{found[1]} class="formula formula-{kind}">{formula}</{found[1]}>'
