"""Check the installation: findings about a machine, for `impasto doctor` and bug reports.

Nothing is downloaded or sent, and nothing is written outside the temporary folder. Each section is a module,
which is imported just before its checks, so that a PyTorch that does not load is a finding, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

from impasto.diagnosis.findings import Finding, reason_of
from impasto.diagnosis.libraries import CORE

__all__ = ["SECTIONS", "Finding", "Section", "examine"]


@dataclass(frozen=True)
class Section:
    """Section of the diagnosis: the function `look` of a module of this package yields its findings.

    `needs_core` is True for a section that cannot run without impasto's required libraries.
    """

    title: str
    module: str
    needs_core: bool = True


SECTIONS = (
    Section("Machine", "machine", needs_core=False),
    Section("Libraries", "libraries", needs_core=False),
    Section("Devices", "devices"),
    Section("Runtimes", "runtimes"),
    Section("Caches", "caches"),
    Section("Self-test", "selftest"),
)


def examine(sections: Sequence[Section] = SECTIONS) -> Iterator[tuple[Section, Finding]]:
    """Check one section after the other; yields each finding as soon as it is made.

    Never raises: an error during a check is a finding. Sections that need broken libraries are skipped.
    """
    core_works = True
    for section in sections:
        if section.needs_core and not core_works:
            continue
        for finding in _look(section):
            if finding.name == CORE and finding.state == "failed":
                core_works = False
            yield section, finding


def _look(section: Section) -> Iterator[Finding]:
    started = time.monotonic()
    try:
        yield from import_module(f"impasto.diagnosis.{section.module}").look()
    except Exception as error:
        broken = isinstance(error, ImportError | OSError)  # a C library that does not load raises either
        yield Finding(
            section.title.lower(),
            "failed",
            f"could not be looked at: {reason_of(error)}",
            "pip install --force-reinstall impasto" if broken else "report it with: impasto doctor --json",
            seconds=time.monotonic() - started,
        )
