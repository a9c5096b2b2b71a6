"""Check the required libraries, and those of the extras: versions, and whether each loads."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata

from impasto.diagnosis.findings import Finding, FindingState
from impasto.diagnosis.machine import usable_cores

CORE = "impasto needs"  # name of the finding about the required libraries

_PACKAGE = "impasto"
_FOR_DEVELOPERS = {"dev", "docs", "fuzz"}
_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)\s*(?:\[[^\]]*\])?\s*\(?(?P<spec>[^;)]*)\)?\s*(?:;(?P<marker>.*))?"
)
_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w.-]+)['"]""")
_RELEASE = re.compile(r"\d+(?:\.\d+)*")
_MODULES = {"opencv-python-headless": "cv2"}  # modules that several distributions provide


@dataclass(frozen=True)
class Requirement:
    """Requirement of a library: its distribution, allowed versions, and the extra that needs it, or None.

    `optional` is True for a library that only some machines need.
    """

    name: str
    spec: str = ""
    extra: str | None = None
    optional: bool = False


@dataclass(frozen=True)
class Library:
    """Requirement with the installed version and distribution, or None, and the error if it does not load."""

    wanted: Requirement
    version: str | None = None
    distribution: str = ""
    fault: str | None = None

    @property
    def is_outdated(self) -> bool:
        """Return whether the installed version is outside the required versions."""
        return self.version is not None and not meets(self.version, self.wanted.spec)


def look() -> Iterator[Finding]:
    """Check the requirements of impasto, then of each extra in alphabetical order."""
    groups = find_groups(map(parse, metadata.requires(_PACKAGE) or ()))
    found = {library.wanted: library for library in _find(groups)}
    for name, wanted in groups.items():
        yield _judge(name, [found[one] for one in wanted])


def parse(text: str) -> Requirement:
    """Parse a requirement from the metadata, such as "onnx>=1.17; extra == 'fast'"."""
    match = _REQUIREMENT.match(text)
    if match is None:
        raise ValueError(f"{text!r} names no library")
    marker = match["marker"] or ""
    extra = _EXTRA.search(marker)
    others = re.sub(r"[()\s]|\band\b", "", _EXTRA.sub("", marker))
    name = re.sub(r"[-_.]+", "-", match["name"]).lower()
    return Requirement(name, match["spec"].strip(), extra[1] if extra else None, bool(others))


def find_groups(requirements: Iterable[Requirement]) -> dict[str, list[Requirement]]:
    """Group the requirements: of impasto, as CORE, and of each extra for users, without nested extras."""
    groups: dict[str, list[Requirement]] = {CORE: []}
    for one in sorted(requirements, key=lambda one: (one.extra or "", one.name)):
        if one.name != _PACKAGE and one.extra not in _FOR_DEVELOPERS:
            groups.setdefault(one.extra or CORE, []).append(one)
    return groups


def meets(version: str, spec: str) -> bool:
    """Return whether a version is within the bounds ">=" and "<" of a specifier such as ">=2.4,<3"."""
    bounds = [part.strip() for part in spec.split(",")]
    least = [part[2:] for part in bounds if part.startswith(">=")]
    below = [part[1:] for part in bounds if part.startswith("<") and not part.startswith("<=")]
    here = _release(version)
    return all(here >= _release(bound) for bound in least) and all(here < _release(bound) for bound in below)


def _release(version: str) -> tuple[int, ...]:
    """Parse the numbers of a version, without zeros at the end: "2.13.0+cpu" is (2, 13)."""
    match = _RELEASE.match(version.strip())
    numbers = [int(part) for part in match[0].split(".")] if match else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _find(groups: Mapping[str, list[Requirement]]) -> list[Library]:
    """Find installed libraries, and load each once in a separate process."""
    owners = {module: list(names) for module, names in metadata.packages_distributions().items()}
    wanted = [one for group in groups.values() for one in group]
    modules = {one.name: _module_of(one.name, owners) for one in wanted}
    here = {name: owner for name, module in modules.items() if (owner := _owner(name, module, owners))}
    broken = faults({modules[name] for name in here})
    return [
        Library(one, metadata.version(here[one.name]), _normal(here[one.name]), broken.get(modules[one.name]))
        if one.name in here
        else Library(one)
        for one in wanted
    ]


def _module_of(name: str, owners: Mapping[str, list[str]]) -> str:
    """Module name of a distribution."""
    guess = _MODULES.get(name, name.replace("-", "_"))
    own = [module for module, names in owners.items() if name in map(_normal, names)]
    public = sorted(module for module in own if not module.startswith("_"))
    return guess if guess in public or not public else public[0]


def _owner(name: str, module: str, owners: Mapping[str, list[str]]) -> str | None:
    """Name of the distribution, or of another distribution of its module, such as onnxruntime-gpu."""
    names = owners.get(module, [])
    return next((one for one in names if _normal(one) == name), next(iter(names), None))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _judge(group: str, libraries: list[Library]) -> Finding:
    """Make one finding for a group; its worst library determines the state."""
    here = [one for one in libraries if one.version is not None]
    missing = [one.wanted.name for one in libraries if one.version is None and not one.wanted.optional]
    broken = [one for one in here if one.fault]
    outdated = [one for one in here if one.is_outdated]

    def found(state: FindingState, parts: Iterable[str], advice: str = "") -> Finding:
        facts = {one.distribution: one.version for one in here}
        return Finding(group, state, "; ".join(filter(None, parts)), advice, facts=facts)

    wanted = _PACKAGE if group == CORE else f"'{_PACKAGE}[{group}]'"
    versions = ", ".join(f"{one.distribution} {one.version}" for one in here)
    if broken:
        names = " ".join(one.distribution for one in broken)
        texts = (f"{one.distribution} {one.version} does not load ({one.fault})" for one in broken)
        return found("failed", texts, f"pip install --upgrade --force-reinstall {names}")
    if missing:
        state: FindingState = "failed" if group == CORE else "absent"
        return found(state, [versions, f"{', '.join(missing)} not installed"], f"pip install {wanted}")
    if outdated:
        texts = (f"{one.distribution} {one.version} where {one.wanted.spec} is needed" for one in outdated)
        return found("warning", texts, f"pip install --upgrade {wanted}")
    return found("ok", [versions])


_PATIENCE = 60.0  # seconds for each; on a slow disk the first import of the largest takes half of this
_AT_ONCE = 4
_LONGEST = 200  # characters of an error message

# Telemetry is disabled, as in stylizing.cpu_runtimes: even an import would be reported to the vendor.
_LOAD = "import sys; sys.modules['openvino_telemetry'] = None; __import__(sys.argv[1])"
_QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}


def faults(modules: Iterable[str]) -> dict[str, str]:
    """Find the modules that do not load; returns the reason for each by name."""
    names = sorted(modules)
    with ThreadPoolExecutor(min(_AT_ONCE, usable_cores())) as pool:
        reasons = dict(zip(names, pool.map(_fault, names), strict=True))
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _fault(module: str) -> str | None:
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _LOAD, module],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE,
            env={**os.environ, **_QUIET},
        )
    except subprocess.TimeoutExpired:
        return f"it takes longer than {_PATIENCE:.0f} s"
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        return f"it crashes: {signal.strsignal(-done.returncode) or done.returncode}"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1][:_LONGEST] if lines else f"it ends with code {done.returncode}"
