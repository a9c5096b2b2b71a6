"""A window that shows pictures as they come, and hears keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import UsageError

if TYPE_CHECKING:
    import tkinter

_TICK = 5  # milliseconds between looks for a new picture
_MARGIN = 8  # pixels
_GROUND, _TEXT, _DIM, _RED = "#1c1c1c", "#f0f0f0", "#909090", "#ff4040"
_WAY_OUT = "or record without a window: --no-window --record FILE"


class Window:
    """One window of Tk, which is part of Python; it appears with the first picture.

    Args:
        title: of the window.
        hint: what stands below everything.

    Raises UsageError: no Tk here, or no screen.
    """

    def __init__(self, title: str, hint: str) -> None:
        tk = _load_tkinter()
        try:
            self._root = tk.Tk(className=title)
        except tk.TclError as error:
            raise UsageError(
                f"there is no screen for a window ({error}): start it on one, {_WAY_OUT}"
            ) from error
        self._fault: BaseException | None = None
        self._root.withdraw()
        self._root.title(title)
        self._root.configure(background=_GROUND)
        self._photo = tk.PhotoImage(master=self._root)
        tk.Label(self._root, image=self._photo, borderwidth=0).pack()
        self._add_lines(tk, hint)
        self._root.protocol("WM_DELETE_WINDOW", self._root.quit)
        self._root.report_callback_exception = self._fail

    def show(self, pixels: NDArray[np.uint8], status: str, recording: str = "") -> None:
        """A picture, (H, W, 3) RGB, a line about it, and what to say beside the red dot, if anything."""
        height, width, _ = pixels.shape
        self._photo.configure(data=b"P6 %d %d 255\n" % (width, height) + pixels.tobytes(), format="ppm")
        if self._hint.cget("wraplength") != width - 2 * _MARGIN:
            self._hint.configure(wraplength=width - 2 * _MARGIN)
        self._status.configure(text=status)
        self._recording.configure(text=f"● {recording}" if recording else "")
        if self._root.state() == "withdrawn":
            self._root.deiconify()

    def run(self, tick: Callable[[], bool], keys: Mapping[str, Callable[[], None]]) -> None:
        """Call `tick` again and again, until it returns False or the window is closed.

        `keys` tells what to call for a key, by Tk's name for it in lower case: "n", "left", "space",
        "escape". Raises what any of these raises.
        """

        def again() -> None:
            if tick():
                self._root.after(_TICK, again)
            else:
                self._root.quit()

        def press(event: tkinter.Event[Any]) -> None:
            if action := keys.get(event.keysym.lower()):
                action()

        self._root.bind("<Key>", press)
        self._root.after(0, again)
        self._root.mainloop()
        if self._fault:
            raise self._fault

    def close(self) -> None:
        """Take the window away."""
        self._root.destroy()

    def _add_lines(self, tk: ModuleType, hint: str) -> None:
        """Status and recording beside each other, and below them the hint."""
        line = tk.Frame(self._root, background=_GROUND)
        line.pack(fill="x", padx=_MARGIN)
        self._status = tk.Label(line, background=_GROUND, foreground=_TEXT)
        self._status.pack(side="left")
        self._recording = tk.Label(line, background=_GROUND, foreground=_RED)
        self._recording.pack(side="right")
        self._hint = tk.Label(self._root, text=hint, background=_GROUND, foreground=_DIM, justify="left")
        self._hint.pack(anchor="w", padx=_MARGIN)

    def _fail(self, kind: Any, error: BaseException, trace: Any) -> None:
        self._fault = error
        self._root.quit()


def _load_tkinter() -> ModuleType:
    try:
        import tkinter
    except ImportError as error:
        raise UsageError(
            f"a window needs Tk, which this Python was built without: install it (python3-tk), {_WAY_OUT}"
        ) from error
    return tkinter
