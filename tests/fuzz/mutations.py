"""Edits that turn a good file into a hostile one: of bytes, of numbers, and of the structure that is known.

An edit is an operation and a seed, so that hypothesis can shrink a list of them, and a plain random generator
can make millions.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.fuzz.structure import PNG, in_json, in_safetensors, in_zip, sealed

_LARGEST = 1 << 18  # bytes: inputs do not grow beyond
_EDGES = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 1000, 2**15 - 1, 2**15, 2**16 - 1, 2**16, 2**31 - 1, 2**31)


class Edit(NamedTuple):
    """One of OPERATIONS, and the seed of all its choices."""

    operation: str
    seed: int


def apply(data: bytes, edits: Sequence[Edit], donor: bytes) -> bytes:
    """The data after all edits; `donor` is another input, of which some take parts."""
    for edit in edits:
        data = OPERATIONS[edit.operation](data, random.Random(edit.seed), donor)[:_LARGEST]
    return data


def draw(dice: random.Random) -> list[Edit]:
    """A few edits: often one alone, seldom many."""
    count = min(12, 1 + int(dice.expovariate(0.6)))
    return [Edit(dice.choice(_NAMES), dice.getrandbits(32)) for _ in range(count)]


def _flip(data: bytes, dice: random.Random, donor: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 8)) if data else 0):
        changed[_place(data, dice)] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _overwrite(data: bytes, dice: random.Random, donor: bytes) -> bytes:
    at, length = _place(data, dice), dice.choice((1, 2, 4, 16))
    return data[:at] + dice.randbytes(length) + data[at + length :]


def _number(data: bytes, dice: random.Random, donor: bytes) -> bytes:
    """A telling number, in any of the ways that headers have."""
    at, kind = _place(data, dice), dice.choice("BHIQ")
    size = struct.calcsize(kind)
    value = dice.choice(_EDGES) + dice.choice((0, 0, 1, -1)) if dice.random() < 0.8 else len(data)
    packed = struct.pack(dice.choice("<>") + kind, value % (1 << 8 * size))
    return data[:at] + packed + data[at + size :]


def _truncate(data: bytes, dice: random.Random, donor: bytes) -> bytes:
    return data[: _place(data, dice)]


def _remove(data: bytes, dice: random.Random, donor: bytes) -> bytes:
    at = _place(data, dice)
    return data[:at] + data[at + dice.choice((1, 4, 64, 1000)) :]


def _repeat(data: bytes, dice: random.Random, donor: bytes) -> bytes:
    at, length = _place(data, dice), dice.choice((1, 4, 64, 1000))
    return data[:at] + data[at : at + length] * dice.choice((2, 3, 40, 3000)) + data[at + length :]


def _insert(data: bytes, dice: random.Random, donor: bytes) -> bytes:
    at = _place(data, dice)
    return data[:at] + dice.choice((bytes(4), b"\xff" * 4, dice.randbytes(3), b'"', b"[" * 2000)) + data[at:]


def _splice(data: bytes, dice: random.Random, donor: bytes) -> bytes:
    at, start = _place(data, dice), _place(donor, dice)
    return data[:at] + donor[start : start + dice.choice((4, 64, 10_000))] + data[at:]


def _cross(data: bytes, dice: random.Random, donor: bytes) -> bytes:
    return data[: _place(data, dice)] + donor[_place(donor, dice) :]


def _structure(data: bytes, dice: random.Random, donor: bytes) -> bytes:
    """Of the kind that the data is: JSON, safetensors, zip, PNG; else a number in the first bytes."""
    changed: bytes | None = None
    if data[:1] in (b"{", b"["):
        changed = in_json(data, dice)
    elif data[8:9] == b"{":
        changed = in_safetensors(data, dice)
    elif data[:2] == b"PK":
        changed = in_zip(data, dice, _any)
    elif data.startswith(PNG):
        changed = sealed(_number(data, dice, donor))
    return _number(data[:64], dice, donor)[:64] + data[64:] if changed is None else changed


def _any(data: bytes, dice: random.Random) -> bytes:
    edits = (_flip, _overwrite, _number, _truncate, _remove, _repeat)
    return dice.choice(edits)(data, dice, b"")


def _place(data: bytes, dice: random.Random) -> int:
    """Anywhere, and twice as often near the start, where headers are."""
    if not data:
        return 0
    return dice.randrange(len(data)) if dice.random() < 0.5 else dice.randrange(min(len(data), 200))


_Operation = Callable[[bytes, random.Random, bytes], bytes]
OPERATIONS: dict[str, _Operation] = {
    "flip": _flip,
    "overwrite": _overwrite,
    "number": _number,
    "truncate": _truncate,
    "remove": _remove,
    "repeat": _repeat,
    "insert": _insert,
    "splice": _splice,
    "cross": _cross,
    "structure": _structure,
    "seal": lambda data, dice, donor: sealed(data),
}
_NAMES = (*OPERATIONS, "structure", "structure", "number", "seal")
