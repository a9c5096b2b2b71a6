"""Turn Gradio's callbacks into calls of methods that take a session and named values, and start long jobs."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, cast

import gradio as gr

from impasto.app.jobs import JobKind
from impasto.app.page.words import explaining, status
from impasto.app.sessions import Session, Sessions

FieldValues = dict[str, Any]
CALLED_OFF = "Stopped before it began."


def by_name(
    method: Callable[[Session, FieldValues], Any], names: Sequence[str], visits: Sessions
) -> Callable[..., Any]:
    """Return a callback whose parameters have those names, also in Gradio's API.

    It calls `method` with the caller's session, and turns errors into messages on the page.
    """

    def call(*values: Any) -> Any:
        *given, request = values
        with explaining():
            return method(visit_of(request, visits), dict(zip(names, given, strict=True)))

    def stream(*values: Any) -> Generator[Any, None, None]:
        *given, request = values
        with explaining():
            yield from method(visit_of(request, visits), dict(zip(names, given, strict=True)))

    function: Any = stream if inspect.isgeneratorfunction(method) else call
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    asking = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=gr.Request)
    function.__signature__ = inspect.Signature([*parameters, asking])
    function.__annotations__ = {"request": gr.Request}
    function.__name__, function.__doc__ = method.__name__.strip("_"), method.__doc__
    return cast("Callable[..., Any]", function)


def by_selection(method: Callable[[Session, int], Any], visits: Sessions) -> Callable[..., Any]:
    """Return a callback for a gallery, called with the index of the chosen picture."""

    def call(chosen: gr.SelectData, request: gr.Request) -> Any:
        with explaining():
            return method(visit_of(request, visits), int(chosen.index))

    call.__annotations__ = {"chosen": gr.SelectData, "request": gr.Request}
    return call


def by_choice(method: Callable[[Session, int], str], visits: Sessions) -> Callable[..., Any]:
    """Return a callback for a gallery of styles: the chosen name, and an update of the gallery.

    The gallery forgets the choice, as it would not report a second choice of one picture in a row.
    """

    def chosen(visit: Session, index: int) -> list[Any]:
        return [method(visit, index), gr.Gallery(selected_index=None)]

    return by_selection(chosen, visits)


def connect_job(
    start: gr.Button, stop: gr.Button, news: gr.HTML, job: Mapping[str, Any], give_up: Callable[..., str]
) -> Any:
    """Connect the two buttons of a long job and its line of news; return the event of the job's end.

    Args:
        job: the arguments of the event that starts the job and follows it.
        give_up: returns the line of news after a failure.
    """
    quietly: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    begun = start.click(_at_work, None, [start, stop, news], **quietly)
    ended = begun.then(**job, concurrency_limit=None, show_progress="hidden")
    ended.success(_at_rest, None, [start, stop], **quietly)
    ended.failure(give_up, None, [news], **quietly).then(_at_rest, None, [start, stop], **quietly)
    return ended


def stop_job(visit: Session, kind: JobKind) -> str:
    """Stop a job of a visit; return the line of news."""
    visit.stop(kind)
    job = visit.jobs.get(kind)
    return status("Stopping…") if job and job.has_begun else status(CALLED_OFF)


def visit_of(request: gr.Request | None, visits: Sessions) -> Session:
    """Return the caller's session; a call without a session gets a new one."""
    session = request.session_hash if request else None
    return visits.of(session or secrets.token_hex(16))


def _at_work() -> list[Any]:
    """Return updates of the two buttons and the line of news as the job starts."""
    return [gr.Button(interactive=False), gr.Button(visible=True), status("Starting")]


def _at_rest() -> list[Any]:
    """Return updates of the two buttons after the job's end."""
    return [gr.Button(interactive=True), gr.Button(visible=False)]
