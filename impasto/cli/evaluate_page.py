"""The page that reports are written on, in light and dark, on wide screens and phones."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def page(title: str, sections: Sequence[str]) -> str:
    """The whole page."""
    return _PAGE.format(title=escape(title), body="\n".join(sections))


def table(headings: Sequence[str], rows: Sequence[tuple[bool, Sequence[tuple[str, str]]]]) -> str:
    """Rows, controls marked as such, of numbers with what stands below them."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in headings)
    body = "".join(
        f"<tr{' class=control' if control else ''}>{''.join(_cell(n, *c) for n, c in enumerate(row))}</tr>"
        for control, row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def paragraphs(sentences: Sequence[str]) -> str:
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)


def section(title: str, *parts: str) -> str:
    """Nothing where there is nothing in it."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>" if any(parts) else ""


def _cell(number: int, text: str, below: str) -> str:
    tag, more = ("th", ' scope="row"') if number == 0 else ("td", "")
    small = f"<small>{escape(below)}</small>" if below else ""
    return f"<{tag}{more}>{escape(text)}{small}</{tag}>"


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>impasto: {title}</title>
<style>
:root {{
  color-scheme: light dark;
  --ink: light-dark(#1c1b1a, #ece9e4); --faint: light-dark(#6a6661, #a39e97);
  --paper: light-dark(#fdfcfa, #171614);
  --line: light-dark(#e4e0da, #35322e); --accent: light-dark(#a8441f, #f09a6c);
  font: 16px/1.5 system-ui, sans-serif;
}}
body {{ margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 70rem; }}
body {{ background: var(--paper); color: var(--ink); }}
h1 {{ font-size: 1.6rem; margin: 0 0 1rem; }}
h2 {{ font-size: 1.15rem; margin: 2.5rem 0 .75rem; }}
h3 {{ font-size: 1rem; font-weight: 600; margin: 1.5rem 0 .5rem; }}
p {{ max-width: 46rem; margin: .4rem 0; }}
small {{ display: block; color: var(--faint); font-size: .78rem; font-weight: 400; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: right; vertical-align: top; padding: .45rem .9rem .45rem 0; }}
th, td {{ border-bottom: 1px solid var(--line); }}
th:first-child {{ text-align: left; }}
thead th {{ font-size: .82rem; vertical-align: bottom; color: var(--faint); font-weight: 500; }}
td {{ white-space: nowrap; }}
.control th, .control td {{ color: var(--faint); font-weight: 400; }}
.pareto {{ display: block; width: 100%; max-width: 44rem; height: auto; font-size: 13px; fill: var(--ink); }}
.pareto .grid {{ stroke: var(--line); }}
.pareto .faint {{ fill: var(--faint); }}
.pareto .axis {{ fill: var(--faint); font-weight: 600; }}
.pareto .name {{ font-weight: 600; }}
.pareto .front {{ fill: none; stroke: var(--accent); stroke-width: 1.5; stroke-dasharray: 4 4; }}
.pareto .contender circle {{ fill: var(--accent); }}
.pareto .contender line {{ stroke: var(--accent); stroke-width: 1.5; opacity: .55; }}
.pareto .control circle {{ fill: var(--paper); stroke: var(--faint); stroke-width: 1.5; }}
.pareto .control line {{ stroke: var(--faint); opacity: .5; }}
@media (max-width: 34rem) {{ .pareto {{ font-size: 20px; }} }}
.row {{ display: grid; gap: .75rem; }}
.row {{ grid-template-columns: repeat(auto-fill, minmax(min(9.5rem, 45%), 1fr)); }}
figure {{ margin: 0; }}
img {{ display: block; width: 100%; height: auto; border-radius: 3px; }}
figcaption {{ font-size: .85rem; margin-top: .25rem; }}
footer {{ margin-top: 3rem; color: var(--faint); font-size: .85rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
