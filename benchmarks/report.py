"""Where results go: tables on the terminal, sections of one JSON file, and what machine they are from."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

console = Console(highlight=False, width=None if sys.stdout.isatty() else 132)


def machine() -> dict[str, Any]:
    """What the numbers depend on besides the code."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "impasto": version("impasto"),
        "date": date.today().isoformat(),
    }


def _cpu_model() -> str:
    """With its generation where Linux tells it: clouds call all of them "AMD EPYC"."""
    try:
        first, *_ = Path("/proc/cpuinfo").read_text().split("\n\n")
    except OSError:
        return platform.processor()
    told = (line.partition(":") for line in first.splitlines())
    facts = {name.strip(): value.strip() for name, _, value in told}
    if "model name" not in facts:
        return platform.processor()
    generation = f"family {facts['cpu family']}, model {facts['model']}" if "cpu family" in facts else ""
    return facts["model name"] + (f" ({generation})" if generation else "")


def save_section(path: Path, name: str, section: dict[str, Any]) -> Path:
    """Put one section into a file of results, with the machine; the other sections stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = json.loads(path.read_text()) if path.exists() else {}
    whole[name] = {"machine": machine()} | section
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(_rounded(whole), indent=1) + "\n")
    partial.replace(path)
    return path


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], note: str = "") -> None:
    """Numbers to the right; the first column to the left."""
    table = Table(title=title, title_justify="left", caption=note or None, caption_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(shown(value) for value in row))
    console.print(table)


def shown(value: Any) -> str:
    """Three significant digits; a dash for nothing."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "[bold]no[/bold]"
    return f"{value:#.3g}".rstrip(".") if isinstance(value, float) else str(value)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, (list, tuple)) else value
