"""A training on disk: everything it needs to go on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from impasto.device import ran_out_of_memory
from impasto.errors import ImageError, UsageError, WeightsError
from impasto.imaging.files import replacing
from impasto.weights import load_plain

_FORMAT = 1
_LATER = {
    "accumulate": 1,
    "recolor": False,
    "pooled": 0.0,
}  # settings that older checkpoints do not name: what they were made with
_FREE = {"workers", "device"}  # may differ after a pause: they do not change what is computed


def save_checkpoint(path: Path, settings: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write both, renamed into place; the one before survives any failure. Raises WeightsError."""
    try:
        with replacing(path) as temporary:
            torch.save({"format": _FORMAT, "settings": dict(settings), "state": dict(state)}, temporary)
    except (ImageError, RuntimeError, OSError) as error:  # torch.save reports a full disk as RuntimeError
        reason = f"{path} was written in part only" if isinstance(error, RuntimeError) else error
        raise WeightsError(
            f"no checkpoint could be written, but the one before is kept: {reason}; make room, and go on "
            "with resume=True"
        ) from error


def load_checkpoint(path: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The state, if it was saved with these settings.

    Raises:
        WeightsError: no checkpoint, or a damaged one.
        UsageError: other settings; all that differ are named.
    """
    try:
        saved = load_plain(path)
        older = {name: value for name, value in _LATER.items() if name in settings}
        known, state = older | saved["settings"], saved["state"]
    except FileNotFoundError as error:
        raise WeightsError(f"there is no checkpoint {path} to resume: leave out resume=") from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # a damaged file can fail anywhere inside the unpickler
        raise WeightsError(f"{path} is no checkpoint, or damaged: remove it to start anew") from error
    if saved.get("format") != _FORMAT:
        raise WeightsError(f"{path} is a checkpoint of another version of impasto: remove it to start anew")
    differences = [
        f"{name} was {_shown(known.get(name))} and is now {_shown(settings.get(name))}"
        for name in sorted({*known, *settings} - _FREE)
        if _plain(known.get(name)) != _plain(settings.get(name))
    ]
    if differences:
        raise UsageError(f"{path} cannot be resumed: {'; '.join(differences)}")
    result: dict[str, Any] = state
    return result


@contextmanager
def restoring() -> Iterator[None]:
    """Turn what a state raises that is no state of this training into a WeightsError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RuntimeError) as error:
        if ran_out_of_memory(error):
            raise
        raise WeightsError("the checkpoint is damaged: begin anew with overwrite=True") from error


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
