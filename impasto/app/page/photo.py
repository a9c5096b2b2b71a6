"""Photo tab: stylize a photo at once, or paint it with intermediate pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from impasto.app import code_snippets
from impasto.app.choices import StyleOption, contact_sheet, write_all
from impasto.app.inference import (
    DownloadOptions,
    check_readable,
    download_sizes,
    stylize,
    write_download,
)
from impasto.app.jobs import BackgroundJob
from impasto.app.limits import Limits
from impasto.app.page.calls import (
    PAGE,
    FieldValues,
    by_choice,
    by_name,
    by_selection,
    connect_job,
    connect_return,
    follow_job,
    stop_job,
)
from impasto.app.page.controls import PhotoControls, photo_of
from impasto.app.page.inputs import pictures
from impasto.app.page.style_choices import highlight_script
from impasto.app.page.uploads import connect_own_style, last_upload
from impasto.app.page.words import outlook, pixels, seconds, status, tell, waiting
from impasto.app.paintings import Sketch, paint, paint_quickly, work_of
from impasto.app.sessions import Result, Session, Sessions
from impasto.errors import ImpastoError, UsageError

_SAVE = """(file) => {
    if (!file) return;
    const link = document.createElement("a");
    link.href = file.url;
    link.download = file.orig_name ?? file.path.split("/").pop();
    document.body.appendChild(link);
    link.click();
    link.remove();
}"""  # downloads a file made by the server, as if the visitor had followed a link

_TO_PHOTO = "() => { document.querySelector('[role=tab]').click(); return []; }"
_WELCOME = "Drop a photo, or choose an example."
_DOWNLOAD = DownloadOptions()
_SIZES = [("Largest", "largest"), ("As the photo", "photo"), ("As painted or shown", "picture")]
_FORMATS = [
    ("As the photo", "photo"), ("JPEG", "jpg"), ("PNG", "png"), ("WebP", "webp"), ("TIFF", "tif")
]  # fmt: skip


class PhotoTab:
    """Components and callbacks of the photo tab."""

    def __init__(
        self, visits: Sessions, limits: Limits, choices: Sequence[StyleOption], examples: Sequence[Path]
    ) -> None:
        self._visits, self._limits, self._choices, self._examples = visits, limits, choices, examples
        with gr.Row(elem_classes="photo-tab"):
            self.controls = PhotoControls(limits, choices, examples)
            with gr.Column(scale=3, min_width=320, elem_classes="right"):
                self._add_result()

    def _add_result(self) -> None:
        self.compare = gr.ImageSlider(
            label="Before and after",
            slider_position=0,  # the picture is seen whole
            interactive=False,
            buttons=["fullscreen"],
            elem_id="compare",
            max_height=640,
            format="jpeg",
        )
        self.status = gr.HTML(status(_WELCOME), elem_id="status")
        with gr.Row(elem_classes="actions"):
            self.paint = gr.Button("Paint", variant="primary", elem_id="paint")
            self.stop = gr.Button("Stop", variant="stop", visible=False, elem_id="stop")
            self.download = gr.Button("Download", elem_id="download")
        with gr.Accordion("Download options", open=False, elem_id="download-options"):
            self.size = gr.Dropdown(_SIZES, value=_DOWNLOAD.size, label="Size", elem_id="download-size")
            self.format = gr.Dropdown(_FORMATS, value=_DOWNLOAD.format, label="Format", elem_id="format")
            self.quality = gr.Slider(
                50, 100, _DOWNLOAD.quality, step=1, label="Quality of JPEG and WebP", elem_id="quality"
            )
        self.file = gr.File(visible="hidden", elem_id="file")
        with gr.Accordion("Command line and Python", open=False):
            usual: dict[str, Any] = {"interactive": False, "wrap_lines": True, "show_line_numbers": False}
            self.command = gr.Code(
                label="Command line", language="shell", lines=1, elem_id="command", **usual
            )
            self.python = gr.Code(label="Python", language="python", lines=4, elem_id="python", **usual)
        with gr.Accordion("Animation of the painting", open=False, visible=False) as self.cinema:
            self.film = gr.Image(
                label="Animation of the painting",
                interactive=False,
                type="filepath",
                format="webp",
                buttons=["download"],
                elem_id="film",
            )
        self.results = pictures(
            "Your pictures: choose one to see it again with its settings",
            elem_id="results",
            show_label=True,
        )
        self.forget = gr.Button("Delete all my pictures", size="sm", elem_id="forget")

    @property
    def _outcome(self) -> list[gr.components.Component]:
        return [
            self.compare,
            self.status,
            self.results,
            self.command,
            self.python,
            self.film,
            self.cinema,
            self.size,
        ]

    def connect(self, loaded: Any, use: gr.Button) -> None:
        """Connect the components to their callbacks.

        Args:
            loaded: the event of the page's start.
            use: the button that chooses the newest style of the visitor.
        """
        controls = self.controls
        names, given = list(controls.fields), list(controls.fields.values())
        quietly: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

        def ask(
            method: Callable[[Session, FieldValues], Any], names: Sequence[str] = names
        ) -> Callable[..., Any]:
            return by_name(method, names, self._visits)

        at_once: dict[str, Any] = {
            "fn": ask(self._stylize),
            "inputs": given,
            "outputs": self._outcome,
            "show_progress": "minimal",
            "show_progress_on": [self.compare],
            "concurrency_limit": None,
        }
        lists = (controls.style, controls.second, controls.keep_color)
        sliders = [controls.strength, controls.stroke_size, controls.detail]
        sliders += [controls.keep_color_amount, controls.share]
        changes = [*(one.input for one in lists), *(one.release for one in sliders)]
        gr.on(changes, **at_once, trigger_mode="always_last", api_name="stylize")
        at_once["api_visibility"] = "private"
        begun = controls.photo.change(**{**at_once, "fn": ask(self._begin)})
        begun.failure(ask(self._put_back, ("photo",)), controls.photo, controls.photo, **quietly)
        choose = by_choice(controls.chosen, self._visits)
        chosen = controls.gallery.select(choose, None, [controls.style, controls.gallery], **quietly)
        chosen.success(**at_once)
        used = use.click(ask(self._use, ()), None, [controls.style], js=_TO_PHOTO, **quietly)
        used.success(**at_once)
        connect_own_style(controls.own, controls.style, self._visits, self._limits).success(**at_once)
        self._connect_sheet(begun)
        mark = highlight_script("styles", self._choices)
        gr.on(None, None, [controls.style], js=mark, **quietly)
        controls.examples.select(self._take_example, None, [controls.photo], **quietly)

        painting = {
            "fn": ask(self._paint), "inputs": given, "outputs": self._outcome, "api_name": "paint"
        }  # fmt: skip
        connect_job(self.paint, self.stop, self.status, painting, ask(self._give_up, ()))
        back = [*self._outcome, *given, *controls.lists, controls.sheet, controls.all]
        back_again = loaded.then(ask(self._come_back, ()), None, back, **quietly)
        connect_return(
            back_again, self.paint, self.stop, self._outcome, self._follow_on, "painting", self._visits
        )
        stop = ask(self._stop, ())
        self.stop.click(stop, None, [self.status], queue=False, api_name="stop", show_progress="hidden")
        self._connect_file(
            self.download, self._download,
            {"size": self.size, "format": self.format, "quality": self.quality}, "download",
        )  # fmt: skip
        forgotten = self.forget.click(ask(self._forget, ()), None, None, api_name="forget")
        forgotten.then(None, None, None, js="() => { window.impastoLeaves = true; location.reload(); }")
        repeat = by_selection(self._repeat, self._visits)
        self.results.select(repeat, None, [*self._outcome, *given], **quietly)

    def _connect_sheet(self, begun: Any) -> None:
        """Connect the buttons for all styles; `begun` is the event of a new photo's first picture."""
        controls, quietly = self.controls, {"api_visibility": "private", "show_progress": "hidden"}
        buttons = [controls.gallery, controls.sheet, controls.all]
        begun.success(
            by_name(self._offer_sheet, ("photo",), self._visits), [controls.photo], buttons, **quietly
        )
        controls.sheet.click(
            by_name(self._show_sheet, ("photo",), self._visits),
            [controls.photo],
            [*buttons, self.status],
            api_name="every_style",
            concurrency_limit=None,
            show_progress="hidden",
        )
        self._connect_file(controls.all, self._all, {"photo": controls.photo}, "all_styles")

    def _connect_file(
        self,
        button: gr.Button,
        make: Callable[[Session, FieldValues], str],
        asked: Mapping[str, gr.components.Component],
        api_name: str,
    ) -> None:
        """Let a button make a file on the server, and the browser save it."""
        button.click(
            by_name(make, list(asked), self._visits),
            list(asked.values()),
            [self.file],
            api_name=api_name,
            concurrency_limit=None,
            show_progress="minimal",
            show_progress_on=[self.status],
        ).success(None, [self.file], None, js=_SAVE)

    def _use(self, visit: Session, values: FieldValues) -> Any:
        """Choose the newest style of the visitor."""
        if not visit.cards:
            raise UsageError("there is no style of yours yet: train one first")
        named = self.controls.names(visit.cards)
        return gr.Dropdown(choices=named, value=list(visit.cards)[-1])

    def _offer_sheet(self, visit: Session, values: FieldValues) -> list[Any]:
        """Offer a photo in every style; for another photo, the styles show the sample again."""
        if visit.sheet and values["photo"] and visit.sheet.photo == Path(values["photo"]):
            return [gr.skip()] * 3
        shown = gr.skip()
        if visit.sheet:
            visit.retire(visit.sheet.pictures.values())
            visit.sheet = None
            shown = self.controls.thumbnails(visit, None)
        offered = gr.Button(visible=True, interactive=bool(values["photo"]))
        return [shown, offered, gr.Button(visible=False)]

    def _show_sheet(self, visit: Session, values: FieldValues) -> Iterator[list[Any]]:
        """Show the photo in every style, one after another, in the place of the sample."""
        photo = photo_of(values)
        started = time.monotonic()
        with visit.queues.enter("answer") as ticket:
            for place in ticket.waiting():
                yield [*[gr.skip()] * 3, waiting(place)]
            yield [
                gr.skip(),
                gr.Button(interactive=False),
                gr.skip(),
                status("Your photo in every style", 0.0),
            ]
            offered = self.controls.styles(visit)
            for sheet in contact_sheet(visit, photo, offered, self._limits):
                done = len(sheet.pictures) / len(offered)
                news = status("Your photo in every style", done)
                yield [self.controls.thumbnails(visit, sheet), *[gr.skip()] * 2, news]
        told = f"Your photo in {len(offered)} styles: {time.monotonic() - started:.1f} s. Choose one."
        yield [gr.skip(), gr.Button(visible=False, interactive=True), gr.Button(visible=True), status(told)]

    def _all(self, visit: Session, values: FieldValues) -> str:
        """Return a ZIP file with the photo in every style."""
        photo = photo_of(values)
        with visit.queues.turn("answer"):
            return str(write_all(visit, photo, self.controls.styles(visit), self._limits))

    def _stylize(self, visit: Session, values: FieldValues) -> Iterator[list[Any]]:
        """Stylize a photo at once: by a network, or by a quick painting."""
        photo, look = self.controls.look(visit, values)
        answer = paint_quickly if look.is_painted else stylize
        with visit.queues.enter("answer") as ticket:
            for place in ticket.waiting():
                yield [gr.skip(), waiting(place), *self._skip(2)]
            result = answer(visit, photo, look, self._limits)
            visit.queues.finish(ticket)
        visit.uploads["photo"] = photo
        told = f"{_headline(result)}: {result.seconds:.1f} s. Press Paint for a finer picture"
        yield self._tell(visit, values, result, f"{told}{self._outlook(visit, result)}.")

    def _outlook(self, visit: Session, result: Result) -> str:
        """Tell how long a painting would take; nothing for a style that cannot be painted."""
        try:
            amount = work_of(result.photo, result.look, self._limits)
        except ImpastoError:
            return ""
        return f": {outlook(visit.queues, 'painting', amount)}"

    def _begin(self, visit: Session, values: FieldValues) -> Iterator[list[Any]]:
        """Stylize a new photo; do nothing if a result of this photo is on the page already."""
        if not values["photo"]:
            visit.uploads.pop("photo", None)
            yield [None, status(_WELCOME), *self._skip(2)]
        elif (shown := visit.current.get(values[PAGE])) and shown.photo == Path(values["photo"]):
            yield self._skip()
        else:
            yield from self._stylize(visit, values)

    def _put_back(self, visit: Session, values: FieldValues) -> Any:
        """Return to the last photo if the new file cannot be read."""
        try:
            check_readable(Path(values["photo"]), self._limits)
        except ImpastoError:
            return last_upload(visit, "photo")
        return gr.skip()

    def _give_up(self, visit: Session, values: FieldValues) -> str:
        """Show the status of the current picture again after a painting that failed."""
        shown = visit.current.get(values[PAGE])
        return status(_headline(shown) if shown else _WELCOME)

    def _paint(self, visit: Session, values: FieldValues) -> Iterator[list[Any]]:
        """Paint a photo by optimization: intermediate pictures, and at last the result."""
        job = paint(visit, *self.controls.look(visit, values), self._limits)
        yield from self._follow(visit, values, job)

    def _follow(self, visit: Session, values: FieldValues, job: BackgroundJob[Sketch]) -> Iterator[list[Any]]:
        def tell(line: str) -> list[Any]:
            return [gr.skip(), line, *self._skip(2)]

        yield from follow_job(job, tell, lambda sketch: self._shown(visit, values, sketch))

    def _follow_on(
        self, visit: Session, values: FieldValues, job: BackgroundJob[Sketch]
    ) -> Iterator[list[Any]]:
        """Follow a painting that still runs; one that is over stands among the results."""
        if not job.is_over:
            yield from self._follow(visit, values, job)

    def _shown(self, visit: Session, values: FieldValues, sketch: Sketch) -> list[Any]:
        if sketch.result is None:
            news = f"Painting, {sketch.done:.0%}: {seconds(sketch.left)} left"
            return [tuple(map(str, sketch.shown)), status(news, sketch.done), *self._skip(2)]
        tell(sketch.notes)
        until = "" if sketch.done == 1 else f", stopped at {sketch.done:.0%}"
        size = pixels(download_sizes(sketch.result)["picture"])
        news = f"{_headline(sketch.result)}{until}: {size} in {seconds(sketch.result.seconds)}"
        return self._tell(visit, values, sketch.result, news)

    def _stop(self, visit: Session, values: FieldValues) -> str:
        """Stop the painting; keep the picture so far."""
        return stop_job(visit, "painting")

    def _download(self, visit: Session, values: FieldValues) -> str:
        """Return the file of the current picture, with the photo's metadata."""
        result = visit.current.get(values[PAGE])
        if result is None:
            raise UsageError("there is no picture yet: drop a photo first")
        options = DownloadOptions(values["size"], values["format"], int(values["quality"]))
        with visit.queues.turn("answer"):
            return str(write_download(visit, result, self._limits, options))

    def _repeat(self, visit: Session, values: FieldValues) -> list[Any]:
        """Show a result again, and bring back its settings."""
        result = visit.results[values["index"]]
        told = self._tell(visit, values, result, f"{_headline(result)}, with its settings")
        return [*told, *self.controls.values_of(result)]

    def _come_back(self, visit: Session, values: FieldValues) -> list[Any]:
        """Show the newest result of a visitor who has been here before, with its settings."""
        length = len(self._outcome) + len(self.controls.fields)
        if not visit.results:
            return [gr.skip()] * (length + len(self.controls.lists) + 2)
        shown = self._repeat(visit, {**values, "index": 0})
        buttons = [
            gr.Button(visible=visit.sheet is None, interactive=True),
            gr.Button(visible=visit.sheet is not None),
        ]
        is_usual = not visit.cards and visit.sheet is None
        lists = [gr.skip()] * len(self.controls.lists) if is_usual else self.controls.offered(visit)
        return [*shown, *lists, *buttons]

    def _forget(self, visit: Session, values: FieldValues) -> None:
        """Stop all jobs of the visitor, and delete all pictures, videos and styles."""
        self._visits.forget(visit)

    def _take_example(self, chosen: gr.SelectData) -> str:
        return str(self._examples[int(chosen.index)])

    def _tell(self, visit: Session, values: FieldValues, result: Result, news: str) -> list[Any]:
        """Return the values of the output components for a result."""
        visit.put_on_page(values[PAGE], result)
        film = None if result.film is None else str(result.film)
        return [
            tuple(map(str, result.shown)),
            status(news),
            [(str(one.shown[1]), _name(one)) for one in visit.results],
            code_snippets.command(result),
            code_snippets.python(result),
            film,
            gr.Accordion(visible=film is not None),
            gr.Dropdown(choices=_sizes_of(result)),
        ]

    def _skip(self, told: int = 0) -> list[Any]:
        """Return updates that leave the output components after the first `told` unchanged."""
        return [gr.skip()] * (len(self._outcome) - told)


def _sizes_of(result: Result) -> list[tuple[str, str]]:
    """Return the choices of sizes to download, each with its pixels."""
    sizes: Mapping[Any, tuple[int, int]] = download_sizes(result)
    return [(f"{title}: {pixels(sizes[name])}", name) for title, name in _SIZES]


def _name(result: Result) -> str:
    return f"{result.kind.capitalize()}: {result.look.title}"


def _headline(result: Result) -> str:
    return f"{'Painted in' if result.kind == 'painted' else 'In'} the style of {result.look.title}"
