"""Turn Gradio's callbacks into calls of methods that take a session and named values, and start long jobs."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, cast

import gradio as gr

from impasto.app.jobs import BETWEEN, BackgroundJob, JobKind, News, Waiting
from impasto.app.page.words import explaining, status, waiting
from impasto.app.sessions import Session, Sessions

FieldValues = dict[str, Any]  # values of components by their names, and the name of the page under PAGE
PAGE = "page"
COOKIE = "impasto_visit"
_CALLED_OFF = "Stopped before it began."


def by_name(
    method: Callable[[Session, FieldValues], Any], names: Sequence[str], visits: Sessions
) -> Callable[..., Any]:
    """Return a callback whose parameters have those names, also in Gradio's API.

    It calls `method` with the caller's session, and turns errors into messages on the page.
    """

    def named(given: Sequence[Any], request: gr.Request | None) -> FieldValues:
        return {**dict(zip(names, given, strict=True)), PAGE: _page_of(request)}

    def call(*values: Any) -> Any:
        *given, request = values
        with explaining():
            return method(visit_of(request, visits), named(given, request))

    def stream(*values: Any) -> Generator[Any, None, None]:
        *given, request = values
        with explaining():
            yield from method(visit_of(request, visits), named(given, request))

    function: Any = stream if inspect.isgeneratorfunction(method) else call
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    asking = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=gr.Request)
    function.__signature__ = inspect.Signature([*parameters, asking])
    function.__annotations__ = {"request": gr.Request}
    function.__name__, function.__doc__ = method.__name__.strip("_"), method.__doc__
    return cast("Callable[..., Any]", function)


def by_selection(method: Callable[[Session, FieldValues], Any], visits: Sessions) -> Callable[..., Any]:
    """Return a callback for a gallery, called with the index of the chosen picture as the value `index`."""

    def call(chosen: gr.SelectData, request: gr.Request) -> Any:
        with explaining():
            values = {"index": int(chosen.index), PAGE: _page_of(request)}
            return method(visit_of(request, visits), values)

    call.__annotations__ = {"chosen": gr.SelectData, "request": gr.Request}
    return call


def by_choice(method: Callable[[Session, int], str], visits: Sessions) -> Callable[..., Any]:
    """Return a callback for a gallery of styles: the chosen name, and an update of the gallery.

    The gallery forgets the choice, as it would not report a second choice of one picture in a row.
    """

    def chosen(visit: Session, values: FieldValues) -> list[Any]:
        return [method(visit, values["index"]), gr.Gallery(selected_index=None)]

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


def connect_return(
    loaded: Any,
    start: gr.Button,
    stop: gr.Button,
    outputs: Sequence[gr.components.Component],
    follow: Callable[[Session, FieldValues, BackgroundJob[Any]], Iterator[list[Any]]],
    kind: JobKind,
    visits: Sessions,
) -> Any:
    """Follow a job that runs already when a page is opened, or show its outcome; return the event of its end.

    Args:
        loaded: the event of the page's start.
        follow: yields values of the outputs.
    """

    def resume(visit: Session, values: FieldValues) -> Iterator[list[Any]]:
        job = visit.jobs.get(kind)
        if job is None or job.error:
            yield [gr.skip()] * (2 + len(outputs))
            return
        for given in follow(visit, values, job):
            yield [*([gr.skip()] * 2 if job.is_over else _at_work()[:2]), *given]
        yield [*_at_rest(), *[gr.skip()] * len(outputs)]

    callback = by_name(resume, (), visits)
    return loaded.then(
        callback, None, [start, stop, *outputs], api_visibility="private", show_progress="hidden",
        concurrency_limit=None,
    )  # fmt: skip


def follow_job(
    job: BackgroundJob[News],
    tell: Callable[[str], list[Any]],
    show: Callable[[News], list[Any]],
    between: float = BETWEEN,
) -> Iterator[list[Any]]:
    """Follow a job until its end, and yield values of the outputs.

    Args:
        tell: returns the values that change the line of news alone.
        show: returns the values for a report.
        between: seconds between two reports, at least.
    """
    for news in job.follow(between):
        yield tell(waiting(news)) if isinstance(news, Waiting) else show(news)
    if not job.has_begun:
        yield tell(status(_CALLED_OFF))


def stop_job(visit: Session, kind: JobKind) -> str:
    """Stop a job of a visit; return the line of news."""
    visit.stop(kind)
    job = visit.jobs.get(kind)
    return status("Stopping…") if job and job.has_begun else status(_CALLED_OFF)


def visit_of(request: gr.Request | None, visits: Sessions) -> Session:
    """Return the caller's session, by the cookie if there is one; without any name, a new session."""
    cookie = request.cookies.get(COOKIE) if request else None
    return visits.of(_page_of(request) or secrets.token_hex(16), cookie or None)


def _page_of(request: gr.Request | None) -> str:
    return (request.session_hash if request else None) or ""


def _at_work() -> list[Any]:
    """Return updates of the two buttons and the line of news as the job starts."""
    return [gr.Button(interactive=False), gr.Button(visible=True), status("Starting")]


def _at_rest() -> list[Any]:
    """Return updates of the two buttons after the job's end."""
    return [gr.Button(interactive=True), gr.Button(visible=False)]
