"""Self-test: a few seconds of small real jobs, whose results are checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from impasto.diagnosis import files, pictures
from impasto.diagnosis.findings import Finding, reason_of
from impasto.errors import ImpastoError, MissingExtraError

_REPORT = "report it with: impasto doctor --json"
_SLOWER = "try --device cpu --precision float32; if that helps, " + _REPORT
_AGAIN = "pip install --force-reinstall impasto"
_ELSEWHERE = "name a folder that can be written to in TMPDIR"


@dataclass(frozen=True)
class SelfTestPart:
    """Part of the self-test: a function that works in a given folder and returns a description.

    If the function raises `pictures.Unexpected`, or any other exception, `advice` is shown.
    """

    name: str
    work: Callable[[Path], str]
    advice: str


PARTS = (
    SelfTestPart("stylize", pictures.stylize, _SLOWER),
    SelfTestPart("any style", pictures.stylize_any, _SLOWER),
    SelfTestPart("paint", pictures.paint, _SLOWER),
    SelfTestPart("files", files.pictures, _AGAIN),
    SelfTestPart("videos", files.video, "pip install --upgrade --force-reinstall av opencv-python-headless"),
)


def look() -> Iterator[Finding]:
    """Run all parts of the self-test."""
    for part in PARTS:
        yield attempt(part)


def attempt(part: SelfTestPart) -> Finding:
    """Run a part of the self-test; never raises."""
    started = time.monotonic()

    def found(state: str, text: str, advice: str = "") -> Finding:
        return Finding(part.name, state, text, advice, time.monotonic() - started)  # type: ignore[arg-type]

    try:
        with TemporaryDirectory(prefix="impasto-doctor-") as folder:
            return found("ok", part.work(Path(folder)))
    except MissingExtraError as error:
        wish, _, command = str(error).partition(": ")
        return found("absent", wish, command)
    except ImpastoError as error:
        return found("failed", str(error), part.advice)
    except OSError as error:
        return found("failed", reason_of(error), _ELSEWHERE)
    except Exception as error:
        return found("failed", f"this should not happen: {reason_of(error)}", _REPORT)
