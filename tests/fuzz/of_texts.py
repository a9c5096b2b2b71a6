"""Targets that read texts: options, names of styles, tables, and archives of photos."""

from __future__ import annotations

import io
import json
import math
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from impasto import styles
from impasto.cli.controls import FLAGS as HANDLE_FLAGS
from impasto.cli.controls import parse_regions
from impasto.cli.evaluate import by_name, parse_engine
from impasto.cli.flags import Flag, with_flags
from impasto.cli.paint import FLAGS as PAINT_FLAGS
from impasto.cli.paint import parse_style
from impasto.cli.texture import FLAGS as TEXTURE_FLAGS
from impasto.cli.train import FLAGS as TRAIN_FLAGS
from impasto.cli.video import FLAGS as VIDEO_FLAGS
from impasto.errors import ImpastoError
from impasto.evaluation.measuring import MeasurementStore
from impasto.grading.looks import read_cube
from impasto.options import kebab, parse_layers
from impasto.painting.options import PaintOptions, TextureOptions
from impasto.styles.mixture import load_styles
from impasto.stylizing.batch.dispatcher import FOLDER as MANIFEST_FOLDER
from impasto.stylizing.batch.dispatcher import Manifest
from impasto.stylizing.batch.inputs import collect
from impasto.stylizing.options import StyleControls, VideoOptions
from impasto.training.metrics_log import MetricsLog
from impasto.training.options import TrainOptions
from impasto.training.photos import Shard
from tests.fuzz.seeds import pictures
from tests.fuzz.target import Target, stored

_COMMANDS: Mapping[str, tuple[type, Mapping[str, Flag]]] = {
    "paint": (PaintOptions, PAINT_FLAGS),
    "texture": (TextureOptions, TEXTURE_FLAGS),
    "video": (VideoOptions, VIDEO_FLAGS),
    "train": (TrainOptions, TRAIN_FLAGS),
    "handles": (StyleControls, HANDLE_FLAGS),
}
_FLAGS = (
    b"paint\nsize=512\nscales=128,256\nstyle-layers=relu1_1=0.5,relu2_1\ntile=auto\nstrength=0.5",
    b"texture\nsize=1024x768\nstroke_size=2\nseed=3\niterations=10",
    b"video\nstart=1:30\nend=0:02:00.5\nsize=original\ncodec=vp9\ncrf=20\nevery=2",
    b"train\nminutes=5\nskips=2,3,4\nsize=256\nlearning_rate=1e-3\nschedule=cosine",
    b"handles\nkeep_color=luminance\ndetail=0.5\nstroke_size=0.25\nkeep_color_amount=1",
)
_NAMES = (b"starry-night:0.6", b"card.safetensors:2", b"relu1_1=0.5,relu2_1", b"sky.png=starry-night",
          b"bold=stylize:strength=1", b"paint:strength=0.7,iterations=30", b"photos/**/*.jpg")  # fmt: skip


def _text(data: bytes) -> str:
    """As an argument of a command comes: bytes that are no UTF-8 are kept, and there is no NUL."""
    return data.replace(b"\0", b"").decode("utf-8", "surrogateescape")


def _read_flags(data: bytes, folder: Path) -> None:
    """The first line names a command, the others its flags: what is taken makes options, and can be told."""
    command, *lines = _text(data).split("\n")
    command = command if command in _COMMANDS else "paint"
    flags = _COMMANDS[command][1]
    given: dict[str, str | None] = dict.fromkeys(flags)
    for line in lines:
        name, _, text = line.partition("=")
        if name.replace("-", "_") in flags:
            given[name.replace("-", "_")] = text
    _parser(command)(**given)


@cache
def _parser(command: str) -> Callable[..., None]:
    options, flags = _COMMANDS[command]

    def made(*, given: Mapping[str, Any]) -> None:
        json.dumps(asdict(options(**given)))

    return with_flags(options, flags)(made)


def _read_names(data: bytes, folder: Path) -> None:
    """By everything that takes a text that a user wrote."""
    text = _text(data)
    kebab(text)
    styles.is_style(text)
    readers: Sequence[Callable[[str], object]] = (
        styles.parse,
        parse_layers,
        parse_engine,
        parse_style,
        lambda one: parse_regions([one]),
        lambda one: by_name([one, "mine=x"], "--results"),
        lambda one: load_styles(f"no such {one}"),
        lambda one: collect([f"{folder}/{one}"], folder / "out"),
    )
    for read in readers:
        try:
            read(text)
        except ImpastoError as error:
            str(error).encode("utf-8", "backslashreplace")


def _read_store(data: bytes, folder: Path) -> None:
    with MeasurementStore(stored(data, folder, "measured.jsonl")) as store:
        store.get("a", ["ssim"])
        store.add("b", {"ssim": 1.0})
    assert MeasurementStore(folder / "measured.jsonl").get("b", ["ssim"]) == {"ssim": 1.0}


class _Store:
    """One file, as a store of URLs gives it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, url: str) -> bytes:
        return self._data


def _read_manifest(data: bytes, folder: Path) -> None:
    """What many machines have done, as it lies in a store."""
    manifest = Manifest(_Store(data), "memory://out")  # type: ignore[arg-type]
    manifest.read({f"memory://out/{MANIFEST_FOLDER}/done-1.jsonl": len(data)})
    entry = manifest.find("memory://out/a.jpg")
    assert entry is None or (isinstance(entry.length, int) and isinstance(entry.digest, str))


def _read_journal(data: bytes, folder: Path) -> None:
    """A table of losses, to which a row is added."""
    stored(data, folder, "losses.csv")
    journal = MetricsLog(folder, 30)
    journal.note(40, {"total": 0.5})
    if len(data) % _SELDOM:
        journal._plotted = math.inf  # a plot takes a hundred times as long as the rest
    journal.save()


@cache
def _archives() -> tuple[bytes, ...]:
    files = []
    for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=kind) as tar:
            for name in ("a.jpg", "folder/" + "long" * 20 + ".png", "notes.txt"):
                content = pictures()[0][:2000]
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        files.append(file.getvalue())
    return tuple(files)


def _read_archive(data: bytes, folder: Path) -> None:
    shard = Shard(stored(data, folder, "photos.tar"))
    for index in range(min(5, len(shard))):
        try:
            shard.open(index)
        except ImpastoError as error:
            assert shard.name(index) in str(error)


def _read_cube(data: bytes, folder: Path) -> None:
    lut = read_cube(stored(data, folder, "look.cube"))
    assert lut.table.isfinite().all()
    assert lut(lut.inputs[:, :, :64]).isfinite().all()


_SELDOM = 200
_CUBE = b'# a look\nTITLE "late sun"\nLUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1.0 1.0 1e0\n' + b"".join(
    b"%d %d %d.5\n" % (red, green, blue) for blue in (0, 1) for green in (0, 1) for red in (0, 1)
)
_STORE = b'{"key": "a", "values": {"ssim": 0.5, "style": 1.25}}\n{"key": "c", "values": {"ssim": 1}}\n'
_MANIFEST = b'["a.jpg", 1234, "0123456789abcdef"]\n["b/c.png", 99, "fedcba9876543210"]\n'
_TABLE = b"step,total,style,held_out_total\n10,0.5,0.25,\n20,0.25,0.125,0.75\n"

TARGETS = (
    Target("flags", lambda: _FLAGS, _read_flags),
    Target("names", lambda: _NAMES, _read_names),
    Target("measured values", lambda: [_STORE], _read_store),
    Target("manifest", lambda: [_MANIFEST], _read_manifest),
    Target("table of losses", lambda: [_TABLE], _read_journal),
    Target("LUT", lambda: [_CUBE], _read_cube),
    Target("archive of photos", _archives, _read_archive),
)
