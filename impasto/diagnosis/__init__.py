"""Check the installation: findings about a machine, for `impasto doctor` and bug reports.

Nothing is downloaded or sent, and nothing is written outside the temporary folder. Each section is a module,
which is imported when its turn comes: a PyTorch that does not load is a finding, too.
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
    """Findings about one matter: the function `look` of a module of this package yields them.

    `needs_core` tells that it cannot begin without the libraries that impasto stands on.
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
    """Look into one section after the other; each finding comes as soon as it is made.

    Never raises: what goes wrong while looking is a finding. Sections that stand on broken libraries are
    left out.
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
        broken = isinstance(error, ImportError | OSError)  # a library of C code that does not load is either
        yield Finding(
            section.title.lower(),
            "failed",
            f"could not be looked at: {reason_of(error)}",
            "pip install --force-reinstall impasto" if broken else "report it with: impasto doctor --json",
            seconds=time.monotonic() - started,
        )
