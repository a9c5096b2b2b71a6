"""Train tab: train a style from a picture, with samples and losses while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import gradio as gr

from impasto.app import code_snippets
from impasto.app.jobs import BackgroundJob
from impasto.app.limits import Limits
from impasto.app.page.calls import FieldValues, by_name, connect_job, connect_return, follow_job, stop_job
from impasto.app.page.inputs import picture
from impasto.app.page.uploads import connect_picture
from impasto.app.page.words import in_the_queue, seconds, status, tell
from impasto.app.sessions import Session, Sessions
from impasto.app.trainings import MINUTES, TrainingNews, TrainRequest, add_card, train
from impasto.errors import UsageError
from impasto.training.options import TrainOptions

_USUAL = TrainOptions()
_WELCOME = (
    "Drop a style picture. The training starts from a rough version of the style and improves it with every "
    "minute."
)
_BETWEEN = 1.0  # seconds between two reports
_EXPERTS = ("style_weight", "content_weight", "tv_weight", "style_size", "size", "learning_rate", "seed")


class Offers(Protocol):
    """A tab that offers styles."""

    @property
    def lists(self) -> list[gr.components.Component]:
        """Its lists of styles."""
        ...

    def offered(self, visit: Session) -> list[Any]:
        """Return the contents of the lists for a visitor."""
        ...


class TrainTab:
    """Components and callbacks of the Train tab."""

    def __init__(self, visits: Sessions, limits: Limits) -> None:
        self._visits, self._limits = visits, limits
        with gr.Row(elem_classes="train-tab"):
            with gr.Column(scale=2, min_width=300):
                self._add_inputs()
            with gr.Column(scale=3, min_width=320):
                self._add_outcome()

    def _add_inputs(self) -> None:
        self.style_picture = picture("Style picture", height=260, elem_id="training-style")
        self.name = gr.Textbox(
            "", label="Name of the style", placeholder="the name of the picture's file", max_length=80
        )
        self.photos = gr.File(
            [], label="Photos to learn from", file_count="multiple", file_types=["image"], height=170,
            elem_id="training-photos",
        )  # fmt: skip
        gr.Markdown(
            "Without photos, the training uses synthetic pictures. A few hundred photos give better results."
        )
        most = self._limits.training_minutes
        least = min(1.0, most / 2)
        self.minutes = gr.Slider(
            least, most, min(MINUTES, most), step=least, label="Minutes", elem_id="minutes"
        )
        with gr.Accordion("Add a style card", open=False):
            self.added = gr.File(
                label="A style card that was trained before", file_types=[".safetensors"], height=140,
                elem_id="add-card",
            )  # fmt: skip
        with gr.Accordion("For experts", open=False):
            self.style_weight = _slider("Style weight", _USUAL.style_weight, 0.1, 10, 0.1)
            self.content_weight = _slider("Content weight", _USUAL.content_weight, 0, 1, 0.01)
            self.tv_weight = _slider("Smoothness (TV)", _USUAL.tv_weight, 0, 1, 0.01)
            self.style_size = _slider("Size of the style picture, pixels", _USUAL.style_size, 128, 1024, 32)
            self.size = _slider("Size of the photo crops, pixels", _USUAL.size, 64, 512, 32)
            self.learning_rate = _slider("Learning rate", _USUAL.learning_rate, 0.0001, 0.02, 0.0001)
            self.seed = gr.Number(_USUAL.seed, label="Seed", minimum=0, precision=0)

    def _add_outcome(self) -> None:
        self.status = gr.HTML(status(_WELCOME), elem_id="train-status")
        with gr.Row():
            self.start = gr.Button("Train", variant="primary", elem_id="train")
            self.stop = gr.Button(
                "Stop and keep the style so far", variant="stop", visible=False, elem_id="enough"
            )
        self.card = gr.File(label="Your style card", interactive=False, visible=False, elem_id="card")
        self.use = gr.Button("Use it now", visible=False, elem_id="use")
        self.sample = gr.Image(
            label="Samples: photos above, in the style below",
            interactive=False,
            type="filepath",
            buttons=["fullscreen"],
            elem_id="sample",
        )
        self.losses = gr.HTML("", elem_id="losses")
        with gr.Accordion("Command line and Python", open=False):
            usual: dict[str, Any] = {"interactive": False, "wrap_lines": True, "show_line_numbers": False}
            self.command = gr.Code(label="Command line", language="shell", lines=1, **usual)
            self.python = gr.Code(label="Python", language="python", lines=4, **usual)

    @property
    def fields(self) -> dict[str, gr.components.Component]:
        """Components by parameter names of the API."""
        return {
            name: getattr(self, name) for name in ("style_picture", "name", "photos", "minutes", *_EXPERTS)
        }

    @property
    def _outcome(self) -> list[gr.components.Component]:
        return [self.status, self.sample, self.losses, self.card, self.command, self.python]

    def connect(self, tab: gr.Tab, loaded: Any, *offers: Offers) -> None:
        """Connect the components to their callbacks; a finished style is added to the other tabs' lists.

        Args:
            loaded: the event of the page's start.
        """
        names, given = list(self.fields), list(self.fields.values())
        quietly: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        tab.select(by_name(self._welcome, (), self._visits), None, [self.status], **quietly)
        connect_picture(self.style_picture, self._visits, self._limits, "style to train")
        training = {
            "fn": by_name(self._train, names, self._visits),
            "inputs": given,
            "outputs": self._outcome,
            "api_name": "train",
        }
        ended = connect_job(self.start, self.stop, self.status, training, lambda: status(_WELCOME))
        back = connect_return(
            loaded, self.start, self.stop, self._outcome, self._follow, "training", self._visits
        )
        added = self.added.upload(
            by_name(self._add, ("card",), self._visits), [self.added], [self.added, self.status],
            api_name="add_card", concurrency_limit=None, show_progress="minimal",
        )  # fmt: skip
        for end in (ended, back, added):
            end.success(by_name(self._offer_use, (), self._visits), None, [self.use], **quietly)
        for offer in offers:
            for end in (ended, back, added):
                end.success(by_name(_shown(offer), (), self._visits), None, offer.lists, **quietly)
        stop = by_name(self._stop, (), self._visits)
        self.stop.click(
            stop, None, [self.status], queue=False, api_name="stop_training", show_progress="hidden"
        )

    def _welcome(self, visit: Session, values: FieldValues) -> Any:
        """Tell when a training would start, unless there is other news."""
        if visit.jobs.get("training"):
            return gr.skip()
        place = visit.queues.outlook("training")
        return status(_WELCOME if place is None else f"{_WELCOME} It starts {in_the_queue(place)}.")

    def _train(self, visit: Session, values: FieldValues) -> Iterator[list[Any]]:
        """Train a style: samples and losses while it runs, and at last its card."""
        job = train(visit, _request_of(values), self._limits)
        yield [status("Preparing", 0.0), None, "", gr.File(None, visible=False), gr.skip(), gr.skip()]
        yield from self._follow(visit, values, job)

    def _follow(
        self, visit: Session, values: FieldValues, job: BackgroundJob[TrainingNews]
    ) -> Iterator[list[Any]]:
        sample: Path | None = None

        def show(news: TrainingNews) -> list[Any]:
            nonlocal sample
            shown = gr.skip() if news.sample == sample else str(news.sample)
            sample = news.sample
            return [_headline(news), shown, news.curves.html(), *_finished(news)]

        yield from follow_job(job, lambda line: [line, *[gr.skip()] * 5], show, _BETWEEN)

    def _add(self, visit: Session, values: FieldValues) -> list[Any]:
        """Add a style card to the visitor's styles."""
        if not values["card"]:
            raise UsageError("choose a style card first")
        with visit.queues.turn("answer"):
            name = add_card(visit, Path(values["card"]), self._limits)
        return [None, _ready(name)]

    def _offer_use(self, visit: Session, values: FieldValues) -> Any:
        return gr.Button(visible=bool(visit.cards))

    def _stop(self, visit: Session, values: FieldValues) -> str:
        """Stop the training; keep the style so far."""
        return stop_job(visit, "training")


def _request_of(values: FieldValues) -> TrainRequest:
    """Build the training request from the values. Raises UsageError."""
    if not values["style_picture"]:
        raise UsageError("drop a style picture first")
    expert = {name: values[name] for name in _EXPERTS if values[name] not in (None, getattr(_USUAL, name))}
    whole = {name: int(value) for name, value in expert.items() if isinstance(getattr(_USUAL, name), int)}
    return TrainRequest(
        style=Path(values["style_picture"]),
        name=values["name"] or "",
        photos=tuple(Path(path) for path in values["photos"] or ()),
        minutes=float(values["minutes"]),
        expert=expert | whole,
    )


def _shown(offer: Offers) -> Callable[[Session, FieldValues], list[Any]]:
    def offered(visit: Session, values: FieldValues) -> list[Any]:
        return offer.offered(visit)

    return offered


def _finished(news: TrainingNews) -> list[Any]:
    """Return the card and the commands that train it, once it is there."""
    if news.card is None:
        return [gr.skip()] * 3
    tell(news.notes)
    command, python = (
        code_snippets.train_command(news.request, news.name),
        code_snippets.train_python(news.request, news.name),
    )
    return [gr.File(str(news.card), visible=True), command, python]


def _ready(name: str) -> str:
    return status(f"{name} is ready: choose it in the Photo or Video tab")


def _headline(news: TrainingNews) -> str:
    if news.card:
        return _ready(news.name)
    if not news.done:
        return status("Preparing the first version of the style", 0.0)
    return status(f"Training, {news.done:.0%}: {seconds(news.left)} left", news.done)


def _slider(label: str, value: float, least: float, most: float, step: float) -> gr.Slider:
    return gr.Slider(least, most, value, step=step, label=label)
