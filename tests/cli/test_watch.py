"""`impasto watch`, with a clock of its own."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from PIL import Image

SHORT = ("--style", "starry-night", "--runtime", "torch", "--size", "32")


class Clock(Event):
    """Does one thing in each pause, and then asks to stop."""

    def __init__(self, *deeds: Callable[[], object]) -> None:
        super().__init__()
        self.deeds = list(deeds)

    def wait(self, timeout: float | None = None) -> bool:
        if self.deeds:
            self.deeds.pop(0)()
        else:
            self.set()
        return self.is_set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def start(*deeds: Callable[[], object]) -> None:
        @contextmanager
        def stopping() -> Iterator[Event]:
            yield Clock(*deeds)

        monkeypatch.setattr(sys.modules["impasto.cli.watch"], "stopping", stopping)

    return start


def test_a_folder_is_watched(impasto, workshop: Path, clock) -> None:
    box, away = Path("box"), Path("away")
    box.mkdir()
    clock(
        lambda: Path("photo.jpg").rename(box / "photo.jpg"),
        lambda: (box / "broken.png").write_bytes(b"no picture"),
        lambda: None,
        lambda: box.rename(away),
        lambda: None,
        lambda: away.rename(box),
    )
    result = impasto("watch", box, "out", *SHORT)
    assert result.exit_code == 0, (result.stderr, result.exception)
    lines = result.stderr.splitlines()
    assert lines[0] == "watching box; results and their log go to out; Ctrl-C stops it"
    assert lines[1].startswith("out/photo.jpg: ")
    assert lines[2].startswith("error: box/broken.png ")
    assert lines[3:] == [
        "note: the folder that is watched is gone: waiting for it to come back",
        "stopped: 1 result, 1 failed",
    ]
    with Image.open("out/photo.jpg") as picture:
        assert max(picture.size) == 32

    clock(lambda: None, lambda: None)
    (box / "broken.png").unlink()
    assert impasto("watch", box, "out", *SHORT).stderr.splitlines()[1:] == ["stopped: 0 results"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("box", "out"), "missing --style"),
        (("none", "out", *SHORT), "none is not a folder"),
        ((".", ".", *SHORT), "is the folder that is watched"),
        ((".", "out", "--style", "sunflowers"), "sunflowers"),
    ],
)
def test_what_cannot_be_done(impasto, workshop: Path, arguments: tuple[str, ...], message: str) -> None:
    result = impasto("watch", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
