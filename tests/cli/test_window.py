"""The window on a screen of its own: Xvfb, where it is installed.

Tk stays connected to a screen until its process ends, and ends its process when the screen goes. So it is
used in a process of its own, which ends first.
"""

import os
import shutil
import subprocess
import sys
import time
import tkinter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from PIL import ImageGrab, features

from impasto.cli.window import Window
from impasto.errors import UsageError
from tests.clips import Pixels, pan

Run = Callable[[Callable[[], Any]], Any]

PATIENCE = 60  # seconds


@pytest.fixture(scope="module")
def on_screen() -> Iterator[Run]:
    """Call a function of this module in a process that has a screen."""
    if not (program := shutil.which("Xvfb")):
        pytest.skip("there is no Xvfb here")
    command = [program, "-displayfd", "1", "-screen", "0", "640x480x24"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        name = f":{server.stdout.readline().strip()}"
        with ProcessPoolExecutor(1, get_context("spawn"), use_screen, (name,)) as process:
            yield lambda function: process.submit(function).result(PATIENCE)
        server.terminate()


def use_screen(name: str) -> None:
    os.environ["DISPLAY"] = name


def show_three() -> list[tuple[bool, bool]]:
    """Whether each of three pictures was to be seen, and a red dot, which the second one asks for."""
    window, seen = Window("impasto", "q: quit"), list[tuple[bool, bool]]()
    left = pan(3, size=(120, 160))

    def tick() -> bool:
        picture, recording = left.pop(0), "3 s" if len(left) == 1 else ""
        window.show(picture, "starry-night", recording)
        seen.append(look_for(picture, bool(recording)))
        return bool(left)

    window.run(tick, {})
    window.close()
    return seen


def look_for(picture: Pixels, red: bool) -> tuple[bool, bool]:
    """Whether the picture stands on the screen, to the pixel, and anything red below; looks until both are
    as they should be, as a screen may take its time.
    """
    found, deadline = (False, not red), time.monotonic() + PATIENCE / 4
    while found != (True, red) and time.monotonic() < deadline:
        tkinter._default_root.update()  # type: ignore[attr-defined]
        shot = np.asarray(ImageGrab.grab(xdisplay=os.environ["DISPLAY"]).convert("RGB"))
        below = shot[len(picture) :]
        found = is_on(picture, shot), bool(((below[..., 0] > 200) & (below[..., 1] < 80)).any())
    return found


def is_on(picture: Pixels, shot: Pixels) -> bool:
    height, width, _ = picture.shape
    places = np.argwhere((shot == picture[0, 0]).all(2))
    return any(np.array_equal(shot[top : top + height, left : left + width], picture) for top, left in places)


@pytest.mark.skipif(not features.check("xcb"), reason="this Pillow takes no pictures of screens")
def test_pictures_are_shown(on_screen: Run) -> None:
    assert on_screen(show_three) == [(True, False), (True, True), (True, False)]


def press_keys() -> list[str]:
    """What was heard of five keys, one of which means nothing."""
    window, heard = Window("impasto", ""), list[str]()
    root = tkinter._default_root  # type: ignore[attr-defined]

    def press(event: object) -> None:
        for key in ("<Key-n>", "<Key-Left>", "<Key-N>", "<Key-x>", "<Key-space>"):
            root.event_generate(key)

    root.bind("<FocusIn>", press)
    window.show(pan(1)[0], "")
    root.focus_force()
    window.run(lambda: len(heard) < 4, {key: partial(heard.append, key) for key in ("n", "left", "space")})
    window.close()
    return heard


def test_keys(on_screen: Run) -> None:
    assert on_screen(press_keys) == ["n", "left", "n", "space"]


def close_by_hand() -> None:
    window = Window("impasto", "")
    window.show(pan(1)[0], "")
    root = tkinter._default_root  # type: ignore[attr-defined]
    root.after(50, lambda: root.tk.eval(root.protocol("WM_DELETE_WINDOW")))
    window.run(lambda: True, {})
    window.close()


def test_closing_the_window_ends_it(on_screen: Run) -> None:
    on_screen(close_by_hand)


def fail_in_a_tick() -> None:
    def tick() -> bool:
        raise UsageError("the tick failed")

    window = Window("impasto", "")
    try:
        window.run(tick, {})
    finally:
        window.close()


def test_errors_come_out(on_screen: Run) -> None:
    with pytest.raises(UsageError, match="the tick failed"):
        on_screen(fail_in_a_tick)


def test_without_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(UsageError, match=r"no screen for a window .*--no-window --record FILE"):
        Window("impasto", "")


def test_without_tk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tkinter", None)
    with pytest.raises(UsageError, match=r"python3-tk.*--no-window --record FILE"):
        Window("impasto", "")
