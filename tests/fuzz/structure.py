"""Changes in what a file is made of: values of JSON, headers of safetensors, members of zips, chunks of PNG.

Lengths and checksums are made right, so that readers get to see the change.
"""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n"

_JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 0.5, -0.0, 1e308, 1e-320, float("nan"), float("inf"), 2**31, 2**63, 2**64,
    10**40, 10**400, "", "nan", "auto", "\0", "\ud800", "../../x", "relu1_1", "x" * 300,
    [], [[]], [1, 2, 3], {}, {"a": 1},
)  # fmt: skip
_LEVELS = 900  # of nesting: near the depth at which Python's recursion ends

EditBytes = Callable[[bytes, random.Random], bytes]


def sealed(data: bytes) -> bytes:
    """A PNG with right checksums, behind which the decoder looks; anything else as it is."""
    if not data.startswith(PNG):
        return data
    parts, at = [PNG], len(PNG)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        body = data[at + 4 : at + 8 + length]
        parts.append(data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    return b"".join(parts)


def in_json(data: bytes, dice: random.Random) -> bytes | None:
    """JSON with one thing changed; None if it is none any more, as of all functions here."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return json.dumps(_changed(value, dice)).encode("utf-8", "surrogatepass")


def in_safetensors(data: bytes, dice: random.Random) -> bytes | None:
    """The header of safetensors; values of its metadata may be JSON themselves."""
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
        inner = header.get("__metadata__")
        if isinstance(inner, dict) and inner and dice.random() < 0.6:
            name = dice.choice(sorted(inner))
            text = in_json(str(inner[name]).encode("utf-8", "replace"), dice)
            inner[name] = dice.choice(_JUNK) if text is None else text.decode("utf-8", "replace")
        else:
            header = _changed(header, dice)
        whole = json.dumps(header).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError, AttributeError):
        return None
    return len(whole).to_bytes(8, "little") + whole + data[8 + length :]


def in_zip(data: bytes, dice: random.Random, edit: EditBytes) -> bytes | None:
    """A member changed, most often the pickle of a PyTorch file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
    except Exception:  # zipfile raises nearly anything on what is damaged by then
        return None
    pickles = [name for name in members if name.endswith(".pkl")]
    chosen = dice.choice(pickles if pickles and dice.random() < 0.7 else sorted(members) or [""])
    if chosen in members:
        members[chosen] = edit(members[chosen], dice)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()


def _changed(value: Any, dice: random.Random) -> Any:
    """JSON with one thing in it changed: a leaf, a key, or a branch nested, repeated or gone."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        key = dice.choice(sorted(value))
        return _changed_at(dict(value), key, dice)
    if isinstance(value, list) and value and dice.random() < 0.85:
        changed = list(value)
        if dice.random() < 0.2:  # a shape that holds as much as before
            dice.shuffle(changed)
            return changed
        at = dice.randrange(len(changed))
        if dice.random() < 0.3:
            changed[at : at + 1] = dice.choice(([], [value[at]] * 2, [value[at]] * 200))
            return changed
        changed[at] = _changed(changed[at], dice)
        return changed
    if isinstance(value, int | float) and dice.random() < 0.4:
        return dice.choice((value + 1, value - 1, -value, value * 1000, str(value), [value]))
    if dice.random() < 0.02:
        return _nested(dice)
    return dice.choice(_JUNK)


def _changed_at(branch: dict[str, Any], key: str, dice: random.Random) -> dict[str, Any]:
    roll = dice.random()
    if roll < 0.12:
        del branch[key]
    elif roll < 0.2:
        branch[str(dice.choice(_JUNK))] = branch.pop(key)
    elif roll < 0.28:
        branch[key] = branch[dice.choice(sorted(branch))]
    else:
        branch[key] = _changed(branch[key], dice)
    return branch


def _nested(dice: random.Random) -> Any:
    value: Any = 0
    for _ in range(dice.randrange(1, _LEVELS)):
        value = [value]
    return value
