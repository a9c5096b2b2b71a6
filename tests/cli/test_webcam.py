"""`impasto webcam`, end to end with a clip as the camera, and with a window that presses keys by itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impasto import networks
from impasto.cli import window
from impasto.cli.webcam import KEYS
from impasto.networks.card import Card, fingerprint, save_card
from tests.clips import Pixels, pan, read_clip, write_clip

Impasto = Callable[..., Any]


def error_of(result: Any, code: int) -> str:
    """The one line that a failing command prints."""
    assert result.exit_code == code, (result.stderr, result.exception)
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    return str(line)


@pytest.fixture
def clip(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Half a second of video in the current folder; two tiny styles ship, and what they came from."""
    shelf = workshop / "shelf"
    network = networks.build("light", channels=(8, 8), blocks=(0, 1, 0), last_channels=8)
    primed = Card("light", network.config, network.state_dict())
    save_card(primed, shelf / "primed.safetensors")
    for name in ("night", "wave"):
        card = replace(primed, style=name, base=fingerprint(primed))
        save_card(card, shelf / "cards" / f"{name}.safetensors")
    monkeypatch.setattr("impasto.styles._CARDS", shelf / "cards")
    monkeypatch.setattr("impasto.networks.card._FILE", shelf / "primed.safetensors")
    return write_clip(workshop / "clip.mp4", pan(6))


@pytest.fixture
def webcam(impasto: Impasto, clip: Path) -> Impasto:
    """Run it small, in PyTorch; later flags override."""

    def run(*arguments: object, style: str = "night", camera: object = clip) -> Any:
        given = ("--style", style, "--camera", camera, "--size", 64, "--runtime", "torch", *arguments)
        return impasto("webcam", *given)

    return run


def test_recording_without_a_window(webcam: Impasto, clip: Path) -> None:
    result = webcam("--no-window", "--record", "out.mp4", "--no-steady", "--strength", "0.5")
    assert result.exit_code == 0, result.stderr
    assert "recording to out.mp4" in result.stderr
    frames = read_clip(Path("out.mp4"))
    assert 1 <= len(frames) <= 6
    assert f"out.mp4: {len(frames)} frames" in result.stderr
    assert frames[0].shape == (48, 64, 3)
    assert list(Path().glob(".impasto*")) == []


class PressingWindow:
    """Presses the next key when what it pressed before has come about."""

    keys: Iterator[tuple[str, Callable[[str, str], bool]]]
    titles: list[str]

    def __init__(self, title: str, hint: str) -> None:
        self._shown = "", ""
        PressingWindow.titles = [title, hint]

    def show(self, pixels: Pixels, status: str, recording: str = "") -> None:
        self._shown = status, recording

    def run(self, tick: Callable[[], bool], keys: Mapping[str, Callable[[], None]]) -> None:
        deadline = time.monotonic() + 60
        key, expected = next(self.keys)
        while tick():
            assert time.monotonic() < deadline, (key, self._shown)
            if expected(*self._shown):
                keys[key]()
                key, expected = next(self.keys, ("q", lambda *_: False))

    def close(self) -> None:
        pass


def test_keys(webcam: Impasto, workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a minute of video, of which the last key leaves most unseen."""
    camera = write_clip(workshop / "long.mp4", pan(600, step=0))
    steps = [
        ("n", "night · strength 1.0 · ", False),
        ("down", "wave · strength 1.0 · ", False),
        ("up", "wave · strength 0.9 · ", False),
        ("right", "wave · strength 1.0 · ", False),
        ("left", "night · strength 1.0 · ", False),
        ("r", "wave · strength 1.0 · ", False),
        ("s", "wave · strength 1.0 · ", True),
        ("c", "wave · strength 1.0 · ", True),
        ("r", "saved", True),
        ("q", "frames, ", False),
    ]

    def expects(status: str, recording: bool) -> Callable[[str, str], bool]:
        return lambda s, r: status in s and "preparing" not in s and bool(r) == recording

    PressingWindow.keys = iter([(key, expects(*shown)) for key, *shown in steps])
    monkeypatch.setattr(window, "Window", PressingWindow)
    result = webcam(camera=camera)
    assert result.exit_code == 0, result.stderr
    assert list(PressingWindow.keys) == []
    (video,), (picture,) = Path().glob("impasto-*.mp4"), Path().glob("impasto-*.png")
    assert len(read_clip(video)) >= 1
    assert f"{picture} saved" in result.stderr
    assert all(what in PressingWindow.titles[1] for what in KEYS)


def test_views_and_mirror(webcam: Impasto, workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = pan(1)[0]
    camera, seen = write_clip(workshop / "long.mp4", [photo] * 600), list[Pixels]()

    class Looking(PressingWindow):
        def show(self, pixels: Pixels, status: str, recording: str = "") -> None:
            seen.append(pixels)
            super().show(pixels, status, recording)

    def is_photo(mirrored: bool) -> bool:
        wanted = photo[:, ::-1] if mirrored else photo
        return seen[-1].shape == photo.shape and bool(np.abs(seen[-1].astype(int) - wanted).mean() < 4)

    PressingWindow.keys = iter(
        [
            ("space", lambda *_: bool(seen) and seen[-1].shape == (48, 64, 3)),
            ("space", lambda *_: seen[-1].shape == (48, 128, 3)),
            ("m", lambda *_: is_photo(True)),
            ("escape", lambda *_: is_photo(False)),
        ]
    )
    monkeypatch.setattr(window, "Window", Looking)
    assert webcam(camera=camera).exit_code == 0
    assert list(PressingWindow.keys) == []


def test_ctrl_c_finishes_the_recording(clip: Path) -> None:
    write_clip(Path("long.mp4"), pan(300, step=0))  # half a minute
    card = clip.parent / "shelf" / "cards" / "night.safetensors"
    flags = [
        "--camera",
        "long.mp4",
        "--no-window",
        "--record",
        "out.mp4",
        "--size",
        "64",
        "--runtime",
        "torch",
    ]
    command = [sys.executable, "-m", "impasto", "webcam", "--style", str(card), *flags]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        while not list(Path().glob(".impasto-*/.impasto-*")):  # with the first frame
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, printed = process.communicate(timeout=60)
    assert process.returncode == 130
    count = len(read_clip(Path("out.mp4")))
    assert f"out.mp4: {count} frames" in printed
    assert 1 <= count < 300
    assert list(Path().glob(".impasto*")) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--no-window",), 2, "--no-window needs --record"),
        (("--no-window", "--record", "clip.mp4"), 2, "clip.mp4 exists: name another file"),
        (("--no-window", "--record", "out.png"), 2, "not the name of a video"),
        (("--no-window", "--record", "nowhere/out.mp4"), 1, "there is no folder"),
        (("--no-window", "--record", "out.mp4", "--camera", "99"), 1, "camera 99 cannot be opened"),
        (("--no-window", "--record", "out.mp4", "--camera", "none.mp4"), 1, "none.mp4 does not exist"),
        (("--no-window", "--record", "out.mp4", "--style", "dawn"), 2, "there is no style dawn"),
        (("--no-window", "--record", "out.mp4", "--strength", "2"), 2, "strength must be from 0 to 1"),
        ((), 2, "--no-window --record FILE"),
    ],
)
def test_what_cannot_be_done(
    webcam: Impasto, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, message: str
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    assert message in error_of(webcam(*arguments), code)
    assert not Path("out.mp4").exists()


def test_a_camera_that_breaks_costs_no_recording(webcam: Impasto, workshop: Path) -> None:
    whole = write_clip(workshop / "whole.mkv", pan(40))
    Path("broken.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    result = webcam("--no-window", "--record", "out.mp4", "-q", camera="broken.mkv")
    assert "broken.mkv is damaged or cut short" in error_of(result, 1)
    assert 1 <= len(read_clip(Path("out.mp4"))) < 40


def test_help_names_the_keys(impasto: Impasto) -> None:
    shown = " ".join(impasto("webcam", "--help").stdout.split())
    for what, keys in KEYS.items():
        assert f"{' or '.join(keys)}: {what}" in shown
