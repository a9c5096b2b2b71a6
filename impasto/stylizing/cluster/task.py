"""Task and answers of workers; all can be sent to another machine."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from impasto.device import DeviceName, PrecisionName
from impasto.networks.card import Card
from impasto.stylizing.controls import StyleControls
from impasto.stylizing.inputs import WorkItem
from impasto.stylizing.options import BulkOptions
from impasto.stylizing.pipeline import Event
from impasto.stylizing.runtime import RuntimeName
from impasto.stylizing.stylizer import Stylizer

Cards = tuple[tuple[Card, float], ...]  # with their shares
ItemBatch = Sequence[tuple[int, WorkItem]]  # errands with their numbers


@dataclass(frozen=True)
class PictureBytes:
    """A file's name and bytes: workers need not see the disk that it is on."""

    name: str
    data: bytes = field(repr=False)

    @classmethod
    def read(cls, path: str | Path) -> PictureBytes:
        return cls(Path(path).name, Path(path).read_bytes())

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.name
        path.write_bytes(self.data)
        return path


@dataclass(frozen=True)
class StylizerConfig:
    """The arguments of a `Stylizer`, with cards and masks in the place of their names."""

    styles: Cards
    strength: float = 1.0
    mask: PictureBytes | None = None
    regions: tuple[tuple[PictureBytes, Cards], ...] = ()
    handles: StyleControls = field(default_factory=StyleControls)
    device: DeviceName = "auto"
    precision: PrecisionName = "auto"
    runtime: RuntimeName = "auto"

    def stylizer(self, folder: Path) -> Stylizer:
        """The stylizer; masks are kept in a folder, which must stay as long as it is used."""
        return Stylizer(
            list(self.styles) or None,
            self.strength,
            mask=None if self.mask is None else self.mask.write(folder / "mask"),
            region=[
                (picture.write(folder / f"region-{number}"), list(cards))
                for number, (picture, cards) in enumerate(self.regions)
            ],
            device=self.device,
            precision=self.precision,
            runtime=self.runtime,
            **asdict(self.handles),
        )


@dataclass(frozen=True)
class Task:
    """Configuration shared by all workers of a run.

    Attributes:
        threads: processors that one worker computes on.
        version: of impasto, which has to be the same everywhere.
    """

    look: StylizerConfig
    options: BulkOptions
    threads: int = 1
    version: str = field(default_factory=lambda: version("impasto"))


def packed(task: Task) -> bytes:
    """A task as bytes. What sends objects between processes would share tensors, by open files."""
    return pickle.dumps(task)


def unpacked(data: bytes) -> Task:
    """The task that `packed` packed, in a process that this program started."""
    task = pickle.loads(data)
    if not isinstance(task, Task):
        raise TypeError(f"{type(task).__name__} is no task")
    return task


@dataclass(frozen=True)
class Answer:
    """Result of one work item: its number, event, picture bytes, and worker."""

    number: int
    event: Event
    length: int = 0
    worker: str = ""
