"""A training on disk: everything it needs to go on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from impasto.errors import ImageError, UsageError, WeightsError
from impasto.imaging.files import replacing

_FORMAT = 1
_FREE = {"workers", "device"}  # may differ after a pause: they do not change what is computed


def save_checkpoint(path: Path, settings: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write both, renamed into place; the one before survives any failure. Raises WeightsError."""
    try:
        with replacing(path) as temporary:
            torch.save({"format": _FORMAT, "settings": dict(settings), "state": dict(state)}, temporary)
    except (ImageError, RuntimeError, OSError) as error:  # torch.save reports a full disk as RuntimeError
        raise WeightsError(
            f"no checkpoint could be written, but the one before is kept: {error}; make room, and go on with "
            "--resume"
        ) from error


def load_checkpoint(path: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The state, if it was saved with these settings.

    Raises:
        WeightsError: no checkpoint, or a damaged one.
        UsageError: other settings; all that differ are named.
    """
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        known, state = saved["settings"], saved["state"]
    except FileNotFoundError as error:
        raise WeightsError(f"there is no checkpoint {path} to resume: leave out --resume") from error
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


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
