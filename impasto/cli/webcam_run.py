"""`impasto webcam` at work: everything behind the command line that needs torch."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event

import typer

from impasto import styles
from impasto.cli.display import say
from impasto.cli.error_handling import INTERRUPTED
from impasto.cli.signals import stopping
from impasto.cli.webcam import KEYS, KEYS_IN_WORDS, WebcamTask
from impasto.cli.window import Window
from impasto.errors import UsageError
from impasto.imaging.files import check_target
from impasto.imaging.video.camera import open_camera
from impasto.imaging.video.recording import check_recording
from impasto.stylizing.finishing import FramePostprocessor, Postprocessor
from impasto.stylizing.live import FramePainter, LiveStyle, LiveStyler
from impasto.stylizing.session import VIEWS, WebcamSession
from impasto.stylizing.stylizer import Stylizer

_STEP = 0.1  # of the strength, with one key
_NEWS_SECONDS = 3.0  # that a message stays in the window
_PATIENCE = 0.1  # seconds between looks at whether to stop, without a window


def run(task: WebcamTask) -> None:
    """Until the user ends it, or the clip does; raises what `explained` explains."""
    if task.record:
        check_target(check_recording(task.record))
    elif not task.window:
        raise UsageError("without a window there is nothing to see: name a video with --record")
    with stopping() as stop, ExitStack() as stack:
        window = stack.enter_context(closing(Window("impasto", KEYS_IN_WORDS))) if task.window else None
        news = WebcamStatus(task.quiet)
        choice = LiveStyle(task.style, task.strength)
        finish = FramePostprocessor(Postprocessor(task.handles, task.mask))
        live = LiveStyler(partial(_painter, task, news), choice, steady=task.steady, finish=finish)
        stack.enter_context(closing(live))
        camera = stack.enter_context(open_camera(task.camera, task.size))
        session = WebcamSession(camera, live, task.size, news, task.record)
        work = stack.enter_context(ThreadPoolExecutor(1, "impasto-live")).submit(session.work)
        stack.callback(
            camera.close
        )  # which ends the work, so that the thread, which is waited for next, ends
        if window:
            WebcamControls(live, session, news).use(window, work, stop)
        else:
            _wait(task, work, stop)
    for note in finish.notes:
        news(note)
    work.result()
    if stop.is_set():
        raise typer.Exit(INTERRUPTED)


class WebcamStatus:
    """Sentences for the user, each printed, and the last one to be read for a while."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._last, self._until = "", 0.0

    def __call__(self, sentence: str) -> None:
        self._last, self._until = sentence, time.monotonic() + _NEWS_SECONDS
        if not self._quiet:
            say(sentence)

    @property
    def recent(self) -> str:
        return self._last if time.monotonic() < self._until else ""


class WebcamControls:
    """Keyboard control and texts of the webcam window."""

    def __init__(self, live: LiveStyler, session: WebcamSession, news: WebcamStatus) -> None:
        self._live, self._session, self._news = live, session, news
        self._styles = _in_order(live.choice.style)
        self._numbers = count(1)
        self._quit = Event()

    def use(self, window: Window, work: Future[None], stop: Event) -> None:
        """Show pictures until somebody or something ends it."""

        def tick() -> bool:
            if self._session.newest:
                shown = self._session.newest.popleft()
                recording = "" if shown.recorded is None else f"{shown.recorded:.0f} s"
                window.show(shown.pixels, self._status(shown.rate), recording)
            return not (self._quit.is_set() or stop.is_set() or work.done())

        window.run(tick, self.keys())

    def keys(self) -> dict[str, Callable[[], None]]:
        """Callbacks by key of KEYS."""
        actions: dict[str, Callable[[], None]] = {
            "next style": partial(self._turn_style, 1),
            "style before": partial(self._turn_style, -1),
            "stronger": partial(self._add_strength, _STEP),
            "weaker": partial(self._add_strength, -_STEP),
            "picture / side by side / photo": self._turn_view,
            "mirror": self._toggle_mirror,
            "steady": self._toggle_steady,
            "record": lambda: self._session.record(self._name(".mp4")),
            "save a picture": lambda: self._session.save(self._name(".png")),
            "quit": self._quit.set,
        }
        return {key: actions[what] for what, keys in KEYS.items() for key in keys}

    def _turn_style(self, by: int) -> None:
        place = self._styles.index(self._live.choice.style)
        style = self._styles[(place + by) % len(self._styles)]
        self._live.choice = replace(self._live.choice, style=style)

    def _add_strength(self, step: float) -> None:
        strength = min(1.0, max(0.0, round(self._live.choice.strength + step, 1)))
        self._live.choice = replace(self._live.choice, strength=strength)

    def _turn_view(self) -> None:
        self._session.view = VIEWS[(VIEWS.index(self._session.view) + 1) % len(VIEWS)]

    def _toggle_mirror(self) -> None:
        self._session.mirror = not self._session.mirror

    def _toggle_steady(self) -> None:
        self._live.steady = not self._live.steady

    def _name(self, suffix: str) -> Path:
        """Of a file in the current folder that is not there yet."""
        return Path(f"impasto-{time.strftime('%Y%m%d-%H%M%S')}-{next(self._numbers)}{suffix}")

    def _status(self, rate: float) -> str:
        choice = self._live.choice
        parts = [Path(choice.style).stem, f"strength {choice.strength:.1f}", f"{rate:.0f} frames/s"]
        parts += ["steady"] if self._live.steady else []
        parts += ["preparing ..."] if choice != self._live.shown else []
        return self._news.recent or " · ".join(parts)


def _painter(task: WebcamTask, news: WebcamStatus, choice: LiveStyle) -> FramePainter:
    stylizer = Stylizer(
        choice.style,
        choice.strength,
        device=task.device,
        precision=task.precision,
        runtime=task.runtime,  # type: ignore[arg-type]  # checked there
        stroke_size=task.handles.stroke_size,
    )
    for note in stylizer.notes:
        news(note)
    return stylizer.paint_frame


def _in_order(first: str) -> list[str]:
    """List the shipped styles in order, preceded by the first style if it does not ship."""
    names = list(styles.cards())
    return names if first in names else [first, *names]


def _wait(task: WebcamTask, work: Future[None], stop: Event) -> None:
    if not task.quiet:
        say(f"recording to {task.record}: Ctrl-C ends it")
    while not (work.done() or stop.wait(_PATIENCE)):
        pass
