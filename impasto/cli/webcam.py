"""`impasto webcam`: a camera seen through a style, in a window with keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto import styles
from impasto.cli.controls import FLAGS, Mask
from impasto.cli.display import say
from impasto.cli.error_handling import INTERRUPTED, explained, stopping
from impasto.cli.flags import (
    DeviceFlag,
    HelpAll,
    PrecisionFlag,
    QuietFlag,
    RuntimeFlag,
    style_names,
    with_flags,
)
from impasto.errors import UsageError
from impasto.stylizing.options import StyleControls

if TYPE_CHECKING:
    from impasto.cli.window import Window
    from impasto.stylizing.live import FramePainter, LiveStyle, LiveStyler, WebcamSession

# what each key does; the names are those of the keys in Tk, in lower case
KEYS = {
    "next style": ("right", "n"),
    "style before": ("left", "p"),
    "stronger": ("up",),
    "weaker": ("down",),
    "picture / side by side / photo": ("space",),
    "mirror": ("m",),
    "steady": ("s",),
    "record": ("r",),
    "save a picture": ("c",),
    "quit": ("q", "escape"),
}
KEYS_IN_WORDS = "; ".join(f"{' or '.join(keys)}: {what}" for what, keys in KEYS.items())


_STEP = 0.1  # of the strength, with one key
_NEWS_SECONDS = 3.0  # that a message stays in the window
_PATIENCE = 0.1  # seconds between looks at whether to stop, without a window


@explained()
@with_flags(StyleControls, FLAGS, "handles")
def webcam(
    *,
    style: Annotated[
        str,
        typer.Option(
            metavar="STYLE",
            autocompletion=style_names,
            help="First style: a name, any picture, or a card file.",
        ),
    ],
    camera: Annotated[
        str, typer.Option(metavar="CAMERA", help="Camera number, or a clip to play instead.")
    ] = "0",
    strength: Annotated[float, typer.Option(metavar="NUMBER", help="Style strength, 0 (photo) to 1.")] = 1.0,
    handles: Mapping[str, Any],
    mask: Mask = None,
    size: Annotated[int, typer.Option(metavar="PIXELS", min=16, max=4096, help="Long side in pixels.")] = 640,
    steady: Annotated[bool, typer.Option(metavar=" ", help="Reduce flicker: keep strokes in place.")] = True,
    record: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Record to this video file from the start.")
    ] = None,
    window: Annotated[
        bool, typer.Option(metavar=" ", help="Show a window; without one, record until Ctrl-C.")
    ] = True,
    quiet: QuietFlag = False,
    help_all: HelpAll = False,
    runtime: RuntimeFlag = "auto",
    device: DeviceFlag = "auto",
    precision: PrecisionFlag = "auto",
) -> None:
    """Apply a style to the camera's picture live, in a window."""
    controls = StyleControls(**handles)
    from impasto.cli.window import Window
    from impasto.imaging.files import check_target  # these bring torch, which --help need not wait for
    from impasto.imaging.video.camera import check_recording, open_camera
    from impasto.stylizing.finishing import FramePostprocessor, Postprocessor
    from impasto.stylizing.live import LiveStyle, LiveStyler, WebcamSession

    if record:
        check_target(check_recording(record))
    elif not window:
        raise UsageError("--no-window needs --record, e.g. --record video.mp4")
    with stopping() as stop, ExitStack() as stack:
        screen = stack.enter_context(closing(Window("impasto", KEYS_IN_WORDS))) if window else None
        news = WebcamStatus(quiet)
        settings = {"device": device, "precision": precision, "runtime": runtime}
        make_painter = partial(_painter, settings | {"stroke_size": controls.stroke_size}, news)
        finish = FramePostprocessor(Postprocessor(controls, mask))
        live = LiveStyler(make_painter, LiveStyle(style, strength), steady=steady, finish=finish)
        stack.enter_context(closing(live))
        source = stack.enter_context(open_camera(camera, size))
        session = WebcamSession(source, live, size, news, record)
        work = stack.enter_context(ThreadPoolExecutor(1, "impasto-live")).submit(session.work)
        # ends the work, so that the thread, which is waited for next, ends
        stack.callback(source.close)
        if screen:
            WebcamControls(live, session, news).use(screen, work, stop)
        else:
            _wait(record, work, stop, quiet=quiet)
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
        from impasto.stylizing.live import VIEWS

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


def _painter(settings: Mapping[str, Any], news: WebcamStatus, choice: LiveStyle) -> FramePainter:
    from impasto.stylizing.stylizer import Stylizer

    stylizer = Stylizer(choice.style, choice.strength, **settings)
    for note in stylizer.notes:
        news(note)
    return stylizer.paint_frame


def _in_order(first: str) -> list[str]:
    """List the shipped styles in order, preceded by the first style if it does not ship."""
    names = list(styles.cards())
    return names if first in names else [first, *names]


def _wait(record: Path | None, work: Future[None], stop: Event, *, quiet: bool) -> None:
    if not quiet:
        say(f"recording to {record}: Ctrl-C ends it")
    while not (work.done() or stop.wait(_PATIENCE)):
        pass
