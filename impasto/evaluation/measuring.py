"""Measure all pairs of photos and styles, one after the other, in bounded memory.

Measurements are kept in a file, so that an interrupted evaluation can resume.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Generic, TextIO, TypeVar

import numpy as np
from torch import Tensor

from impasto.errors import ImageError, ImpastoError, UsageError
from impasto.evaluation import pictures
from impasto.evaluation.metrics import PhotoFeatures, StyleFeatures, StyleMetrics
from impasto.evaluation.options import EvaluateOptions
from impasto.evaluation.outcome import Outcome
from impasto.evaluation.pictures import CONTROLS, Pair
from impasto.imaging.files import short_hash

OnPicture = Callable[[int, int], None]  # pictures measured so far, pictures in total
Place = tuple[int, int]  # row of a photo and column of a style
T = TypeVar("T")

_STRETCHED = "stretched"  # stored beside the metrics, so that the note about it can be repeated
_STYLES_AT_ONCE = 64  # encoded styles in memory: 8 MB each with vgg19, half of one with compact


@dataclass(frozen=True)
class Method:
    """A method's pictures by photo and style, with their time and memory, if known.

    Attributes:
        seconds: time for a picture.
        memory: peak memory, in bytes, of the process that made the pictures.
    """

    name: str
    pictures: Mapping[Pair, Path]
    seconds: Mapping[Pair, float] = field(default_factory=dict)
    memory: int | None = None


def measure(
    photos: Mapping[str, Path],
    styles: Mapping[str, Path],
    methods: Sequence[Method],
    style_metrics: StyleMetrics,
    options: EvaluateOptions | None = None,
    *,
    store: MeasurementStore | None = None,
    on_picture: OnPicture | None = None,
) -> Outcome:
    """Measure the pictures that methods made of each photo in each style, and the three controls.

    Args:
        photos, styles: files by name, as from `pictures.list_pictures`.
        store: cache of measurements; values in it are not measured again.

    An unreadable picture is added to `Outcome.failures` and does not stop the evaluation.

    Raises UsageError for two methods of one name, or one called as a control is.
    """
    _check_names(methods)
    work = _Work(
        photos, styles, methods, style_metrics, options or EvaluateOptions(), store or MeasurementStore(None)
    )
    work.run(on_picture or (lambda done, total: None))
    return work.outcome()


def _check_names(methods: Sequence[Method]) -> None:
    names = [method.name for method in methods]
    for name in names:
        if name in CONTROLS:
            raise UsageError(
                f"{name} is the name of a control: give these results another name, e.g. mine=DIR"
            )
        if names.count(name) > 1:
            raise UsageError(f"two results have the name {name}: give one another name, e.g. mine=DIR")


class _Seen(Generic[T]):
    """A photo or a style file; its hash and its features are computed when first used."""

    def __init__(self, name: str, path: Path, size: int, encode: Callable[[Tensor], T]) -> None:
        self.name, self._path, self._size, self._encode = name, path, size, encode

    @cached_property
    def digest(self) -> str:
        """Hash of the file's content."""
        return pictures.digest(self._path)

    @cached_property
    def seen(self) -> T:
        """Features of the picture."""
        return self._encode(pictures.read(self._path, self._size))


class _Work:
    """State of an evaluation: inputs, cached features, and measured values."""

    def __init__(
        self,
        photos: Mapping[str, Path],
        styles: Mapping[str, Path],
        methods: Sequence[Method],
        style_metrics: StyleMetrics,
        options: EvaluateOptions,
        store: MeasurementStore,
    ) -> None:
        self._photos, self._styles, self._methods = photos, styles, methods
        self._metrics, self._options, self._store = style_metrics, options, store
        shape = len(photos), len(styles)
        names = [*(method.name for method in methods), *CONTROLS]
        metrics = [*style_metrics.metrics, "seconds"]
        self._values = {name: {metric: np.full(shape, np.nan) for metric in metrics} for name in names}
        self._failures: list[str] = []
        self._stretched = dict.fromkeys(names, 0)
        self._identity = f"{style_metrics.identity} {options.size}"

    def run(self, on_picture: OnPicture) -> None:
        """Measure all pairs: for each block of styles, whose features stay in memory, all photos in turn."""
        done, names = 0, list(self._styles)
        total = len(self._photos) * len(names) * len(self._values)
        for start in range(0, len(names), _STYLES_AT_ONCE):
            block = [
                _Seen(name, self._styles[name], self._options.size, self._metrics.style)
                for name in names[start : start + _STYLES_AT_ONCE]
            ]
            for row, name in enumerate(self._photos):
                photo = _Seen(name, self._photos[name], self._options.size, self._metrics.photo)
                for column, style in enumerate(block, start):
                    for _ in self._measure_pair(photo, style, (row, column)):
                        done += 1
                        on_picture(done, total)

    def outcome(self) -> Outcome:
        """Return the results."""
        stretched = [
            f"{name}: {count} pictures have another shape than their photo and were stretched to it"
            for name, count in self._stretched.items()
            if count
        ]
        return Outcome(
            photos=tuple(self._photos),
            styles=tuple(self._styles),
            values=self._values,
            options=self._options,
            memory={c.name: c.memory for c in self._methods if c.memory is not None},
            failures=tuple(dict.fromkeys(self._failures)),
            notes=tuple(stretched),
        )

    def _measure_pair(
        self, photo: _Seen[PhotoFeatures], style: _Seen[StyleFeatures], place: Place
    ) -> Iterator[None]:
        for method in self._methods:
            path = method.pictures.get((photo.name, style.name))
            if path is not None:
                self._take(method.name, place, photo, style, path)
                seconds = method.seconds.get((photo.name, style.name), np.nan)
                self._values[method.name]["seconds"][place] = seconds
            yield
        for name in CONTROLS:
            self._take(name, place, photo, style, None)
            yield

    def _take(
        self,
        name: str,
        place: Place,
        photo: _Seen[PhotoFeatures],
        style: _Seen[StyleFeatures],
        path: Path | None,
    ) -> None:
        """Get the values of a method's or a control's picture, from the cache or by measuring."""
        metrics = (*self._metrics.metrics, _STRETCHED)
        try:
            what = name if path is None else pictures.digest(path)
            key = key_of(self._identity, photo.digest, style.digest, what)
            values = self._store.get(key, metrics)
            if values is None:
                picture, stretched = _picture(name, path, photo.seen.image, style.seen.image)
                values = self._metrics.measure(picture, photo.seen, style.seen)
                values[_STRETCHED] = float(stretched)
                self._store.add(key, values)
        except ImpastoError as error:
            self._failures.append(str(error))
            return
        self._stretched[name] += int(values.pop(_STRETCHED))
        for metric, value in values.items():
            self._values[name][metric][place] = value


def _picture(name: str, path: Path | None, photo: Tensor, style: Tensor) -> tuple[Tensor, bool]:
    """Read a picture at its photo's size; the second value is True if it was stretched."""
    if path is None:
        return pictures.control(name, photo, style), False
    return pictures.read_like(path, photo)


Values = dict[str, float]


class MeasurementStore:
    """Measured values by a key of everything they depend on; each is written at once, as a line of JSON.

    An incomplete line, left by a killed process, is skipped. With `path` None nothing is written.

    Raises ImageError if the file cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path, self._known = path, dict[str, Values]()
        self._file: TextIO | None = None
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                self._take(line)

    def get(self, key: str, metrics: Collection[str]) -> Values | None:
        """Return the values of these metrics, or None unless all are known."""
        known = self._known.get(key, {})
        return {name: known[name] for name in metrics} if set(metrics) <= known.keys() else None

    def add(self, key: str, values: Values) -> None:
        """Add values to those already stored for a key."""
        self._known[key] = {**self._known.get(key, {}), **values}
        if self._path is None:
            return
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("a", encoding="utf-8")
                self._file.write("\n" * bool(self._path.stat().st_size))  # ends an incomplete line
            self._file.write(json.dumps({"key": key, "values": self._known[key]}) + "\n")
            self._file.flush()
        except OSError as error:
            raise ImageError(f"{self._path} cannot be written: {error.strerror or error}") from error

    def __enter__(self) -> MeasurementStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the values stay in memory."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _take(self, line: str) -> None:
        try:
            entry = json.loads(line)
            self._known[str(entry["key"])] = {str(k): float(v) for k, v in entry["values"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
            return


def key_of(*parts: object) -> str:
    """Hash everything that a value depends on to a short key."""
    return short_hash([json.dumps([str(part) for part in parts]).encode()], digits=32)
