"""`impasto doctor`: findings about the installation, line by line as they come, or as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from impasto import diagnosis
from impasto.cli.display import plain
from impasto.cli.error_handling import explained
from impasto.diagnosis import Finding, Section

_MARKS = {
    "ok": ("ok", "green"),
    "absent": ("-", "dim"),
    "warning": ("note", "yellow"),
    "failed": ("FAILED", "bold red"),
}
_MARK, _NAME, _GAP = 8, 13, 2  # characters of the first columns, and between columns

Found = tuple[Section, Finding]


@explained()
def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", metavar=" ", help="Print the report as JSON, for bug reports.")
    ] = False,
) -> None:
    """Check the installation: versions, devices, runtimes, caches, and a quick self-test."""
    started = time.monotonic()
    found = list(diagnosis.examine() if as_json else _shown())
    seconds = time.monotonic() - started
    findings = [finding for _, finding in found]
    if as_json:
        print(json.dumps(_as_json(found, seconds), indent=2, ensure_ascii=False))
    else:
        Console(highlight=False).print(f"\n{_sum_up(findings)} [dim]{seconds:.0f} s[/dim]")
    raise typer.Exit(1 if _count(findings, "failed") else 0)


def _shown() -> Iterator[Found]:
    """Pass findings on, and print each as it comes, below the title of its section."""
    console, title = Console(highlight=False), ""
    with console.status("[dim]checking ...[/dim]"):  # which a terminal alone shows
        for section, finding in diagnosis.examine():
            if section.title != title:
                title = section.title
                console.print(f"\n[bold]{title}[/bold]")
            if console.is_terminal:
                console.print(_as_row(finding))
            else:
                console.print(_as_line(finding), soft_wrap=True)
            yield section, finding


def _as_row(finding: Finding) -> Table:
    """For a terminal: the text with what to do below it, wrapped within its column."""
    table = Table.grid(padding=(0, _GAP, 0, 0))
    table.add_column(width=_MARK, no_wrap=True)
    table.add_column(width=_NAME, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(_mark(finding), finding.name, Text("\n").join(_texts(finding)))
    return table


def _as_line(finding: Finding) -> Text:
    """For a file: nothing is wrapped, so that it can be searched and copied."""
    start = f"{_mark(finding).plain:<{_MARK + _GAP}}{finding.name:<{_NAME + _GAP}}"
    return Text(f"\n{' ' * len(start)}").join(_texts(finding, start))


def _texts(finding: Finding, start: str = "") -> list[Text]:
    advice = Text(plain(f"-> {finding.advice}"), "bold" if finding.state == "failed" else "")
    return [Text(start + plain(finding.text)), *([advice] if finding.advice else [])]


def _mark(finding: Finding) -> Text:
    mark, style = _MARKS[finding.state]
    if finding.state == "ok" and finding.seconds is not None:
        mark = f"{mark} {finding.seconds:.1f} s"
    return Text(mark, style)


def _sum_up(findings: Sequence[Finding]) -> str:
    if failed := _count(findings, "failed"):
        return f"[bold red]{failed} of {len(findings)} failed[/bold red]: the lines after -> say what to do."
    noted = _count(findings, "warning")
    return (
        f"All works{f', {noted} could be better' if noted else ''}."
        f"{' Parts marked - are optional, and not installed.' if _count(findings, 'absent') else ''}"
    )


def _count(findings: Sequence[Finding], state: str) -> int:
    return sum(finding.state == state for finding in findings)


def _as_json(found: Sequence[Found], seconds: float) -> dict[str, Any]:
    findings = [{"section": section.title, **asdict(finding)} for section, finding in found]
    for finding in findings:
        finding["seconds"] = None if finding["seconds"] is None else round(finding["seconds"], 3)
    versions = (finding["facts"].get("version") for finding in findings if finding["name"] == "impasto")
    return {
        "impasto": next(versions, None),
        "ok": not any(finding["state"] == "failed" for finding in findings),
        "seconds": round(seconds, 1),
        "findings": findings,
    }
