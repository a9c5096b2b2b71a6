"""Texts of the page: progress and errors."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import gradio as gr
from gradio.utils import get_upload_folder

from impasto.app.jobs import JobKind, JobQueues, Waiting
from impasto.device import ran_out_of_memory
from impasto.errors import ImpastoError

log = logging.getLogger("impasto.app")

# advice that names parameters of Python, which the page does not have, and what it says instead
_PARAMETERS = (
    (r",? or raise max_pixels", ""),
    (r"\btry tile=\w+", "choose a smaller size"),
    (r", fewer scales=", ""),
    (r"\bsize=(\d+)", r"size \1"),
    (r"\bsize=", "size"),
)
_LONGEST = 500  # characters of an error


@contextmanager
def explaining() -> Iterator[None]:
    """Turn an exception into a sentence on the page; a bug goes to the log in full."""
    try:
        yield
    except (gr.Error, GeneratorExit):
        raise
    except ImpastoError as error:
        raise refusal(_sentence(str(error))) from error
    except Exception as error:
        if ran_out_of_memory(error):
            raise refusal("Memory ran out. Try a smaller size.") from error
        log.exception("a request failed")
        raise gr.Error(
            "Something went wrong; the app's log has the details.", title="Sorry", print_exception=False
        ) from error


def refusal(text: str) -> gr.Error:
    """Return an error to raise for an invalid request; a long text is cut, as it may quote the request."""
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return gr.Error(_as_text(short), title="That did not work", print_exception=False)


def status(text: str, done: float | None = None) -> str:
    """Return HTML for the status line, with a progress bar if the share of the work is known."""
    bar = "" if done is None else f'<progress max="1" value="{done:.3f}" aria-label="progress"></progress>'
    return f'<div class="status" role="status">{bar}<span>{escape(text)}</span></div>'


def seconds(number: float) -> str:
    """Format a duration, such as 45 s or 3 min."""
    return f"{number:.0f} s" if number < 90 else f"{number / 60:.0f} min"


def waiting(place: Waiting) -> str:
    """Return the line of news of a job that waits."""
    where = "Next in the queue" if place.place == 1 else f"Number {place.place} in the queue"
    return status(f"{where}: starts in about {seconds(max(1.0, place.seconds))}")


def outlook(queues: JobQueues, kind: JobKind, amount: float) -> str:
    """Tell how long a job would take if it were started now, such as "about 8 s"."""
    told = f"about {seconds(max(1.0, queues.seconds(kind, amount)))}"
    place = queues.outlook(kind)
    return told if place is None else f"{told}, {in_the_queue(place)}"


def in_the_queue(place: Waiting) -> str:
    """Tell when a job would start, such as "after about 40 s as number 2 in the queue"."""
    return f"after about {seconds(max(1.0, place.seconds))} as number {place.place} in the queue"


def pixels(size: tuple[int, int]) -> str:
    """Format a (height, width), such as 640 x 480 pixels."""
    return f"{size[1]} x {size[0]} pixels"


def tell(notes: tuple[str, ...]) -> None:
    """Show messages to the visitor."""
    for note in notes:
        gr.Info(_as_text(_sentence(note)))


def _as_text(message: str) -> str:
    """Keep Gradio, which shows messages as HTML, from making elements of what a file says."""
    return message.replace("<", "&lt;")


def _sentence(text: str) -> str:
    """Reduce paths to file names, so that no folder of the server is shown; begin with a capital."""
    folders = rf"{re.escape(get_upload_folder())}([\\/](\w+-)?[0-9a-f]{{16,}}|[\\/]visits)*[\\/]"
    text = re.sub(folders, "", text)
    for pattern, plain in _PARAMETERS:
        text = re.sub(pattern, plain, text)
    begins_with_a_name = "." in text.split(" ", 1)[0].rstrip(".:")
    return text if begins_with_a_name else text[:1].upper() + text[1:]
