"""Trainings of the app end with a card that paints, whenever they end; or without a trace."""

from __future__ import annotations

import gc
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import active_count
from typing import TYPE_CHECKING, Any

import pytest
import torch
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from impasto import styles
from impasto.app import code_snippets
from impasto.app.inference import stylize
from impasto.app.limits import Limits
from impasto.app.look import StyleRequest, picture_of
from impasto.app.paintings import paint
from impasto.app.sessions import Session, Sessions
from impasto.app.trainings import TrainRequest, add_card, free_name, thumbnail_of, train
from impasto.cli import app as command_line
from impasto.encoding import encode
from impasto.errors import ImageError, ImpastoError, UsageError
from impasto.imaging import io
from impasto.networks.card import Card, load_card
from impasto.training.optimization import Training
from tests.app.conftest import Reports, followed, serve, wait_until

if TYPE_CHECKING:
    from gradio_client import Client

SMALL = {"steps": 3, "size": 64, "style_size": 96}
LIMITS = Limits(training_minutes=10, training_photos=4, megapixels=1)


@pytest.fixture
def visits(tmp_path: Path) -> Sessions:
    return Sessions(tmp_path / "visits", LIMITS)


@pytest.fixture
def visit(visits: Sessions) -> Session:
    return visits.of("someone")


@pytest.fixture
def style(tmp_path: Path) -> Path:
    path = tmp_path / "My Wave.jpg"
    with Image.open(styles.pictures()["woodblock-sea"]) as picture:
        picture.resize((160, 128)).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> tuple[Path, ...]:
    paths = []
    for name in ("chelsea", "coffee", "rocket"):
        paths.append(tmp_path / f"{name}.png")
        Image.fromarray(getattr(data, name)()).resize((96, 80)).save(paths[-1])
    return tuple(paths)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def trainings() -> int:
    """How many are in memory. Freed caches and cycles do not count."""
    gc.collect()
    return sum(type(each) is Training for each in gc.get_objects())


def assert_same_weights(one: Card, other: Card) -> None:
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, other.tensors[name]), name


def test_it_ends_with_a_card_that_paints(
    visit: Session, style: Path, photos: tuple[Path, ...], told: Reports
) -> None:
    followed(train(visit, TrainRequest(style, photos=photos, expert=SMALL | {"steps": 12}), LIMITS))
    *news, last = told
    assert (last.name, last.done, last.left, last.notes) == ("my-wave", 1.0, 0.0, ())
    assert visit.cards == {"my-wave": last.card}
    assert all(one.card is None for one in news)
    assert all(before.done <= after.done for before, after in pairwise(told))
    assert not visit.is_busy

    assert last.card
    card = load_card(last.card)
    assert (card.style, card.training_data, card.options["steps"]) == ("my-wave", "3 photos", 12)
    start = encode(style)
    assert card.base == start.base  # which is why it mixes with others
    photo = io.read(photos[0])[0][None]
    assert (card.build()(photo) - start.build()(photo)).abs().mean() > 0.01

    assert files(visit.folder) == {"my-wave.safetensors", "my-wave.jpg", "sample.jpg", "My Wave.jpg"}
    assert last.sample
    assert "polyline" in last.curves.html()
    for path, least in ((thumbnail_of(last.card), 100), (last.sample, 64)):
        with Image.open(path) as picture:
            assert min(picture.size) >= least
            assert picture.convert("L").getextrema() != (0, 0)

    result = stylize(visit, photos[0], StyleRequest(((last.card, 1.0),)), LIMITS)
    assert result.look.name == "my-wave"
    seen, shown = (io.read(path)[0] for path in result.shown)
    assert (seen - shown).abs().mean() > 0.02


def test_a_trained_style_is_painted_from_the_picture_it_was_trained_on(visit: Session, style: Path) -> None:
    *_, last = followed(
        train(visit, TrainRequest(style, "Sea: at night!", expert=SMALL | {"steps": 1}), LIMITS)
    )
    assert last.card
    assert last.card.name == "sea-at-night.safetensors"
    painted = picture_of(last.card)
    assert painted
    assert painted.read_bytes() == style.read_bytes()
    look = StyleRequest(((last.card, 1.0),), size=64, expert={"iterations": 2})
    *_, sketch = followed(paint(visit, styles.sample(), look, LIMITS))
    assert sketch.result
    assert shlex.split(code_snippets.command(sketch.result))[3] == "My Wave.jpg"
    assert "'My Wave.jpg'" in code_snippets.python(sketch.result)


@pytest.mark.parametrize("given", [{}, {"photos": True}, {"photos": True, "seed": 4, "content_weight": 0.5}])
def test_the_command_and_the_lines_of_python_make_the_same_card(
    visit: Session,
    style: Path,
    photos: tuple[Path, ...],
    given: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expert = SMALL | {name: value for name, value in given.items() if name != "photos"}
    request = TrainRequest(style, photos=photos if "photos" in given else (), expert=expert)
    *_, last = followed(train(visit, request, LIMITS))
    assert last.card
    expected = load_card(last.card)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(code_snippets.train_command(request, last.name))
    outcome = CliRunner().invoke(command_line, [*words[1:], "--workers", "0", "--quiet"])
    assert outcome.exit_code == 0, outcome.output
    assert_same_weights(load_card("my-wave.safetensors"), expected)
    Path("my-wave.safetensors").unlink()
    shutil.rmtree("my-wave.training")
    exec(code_snippets.train_python(replace(request, expert=expert | {"workers": 0}), last.name), {})
    found = load_card("my-wave.safetensors")
    assert_same_weights(found, expected)
    assert found.style == "my-wave"


def test_many_photos_are_named_by_their_folder(style: Path) -> None:
    request = TrainRequest(style, photos=tuple(Path(f"{number}.jpg") for number in range(300)))
    assert code_snippets.train_command(request, "sea").endswith(
        "-o sea.safetensors --photos photos --minutes 5"
    )
    assert "['photos']" in code_snippets.train_python(request, "sea")


def test_stopped_it_keeps_what_was_learned(
    visit: Session, style: Path, photos: tuple[Path, ...], told: Reports
) -> None:
    told.then = lambda news: visit.stop("training") if news.done else None
    request = TrainRequest(style, photos=photos, minutes=10, expert=SMALL | {"steps": None})
    *_, last = followed(train(visit, request, LIMITS))
    assert "stopped at" in last.notes[0]
    assert last.card
    card = load_card(last.card)
    assert card.options["steps"] > 0
    assert card.scores["held_out_loss"] > 0
    assert visit.cards == {"my-wave": last.card}
    assert last.sample is not None
    assert last.sample.is_file()


def test_nothing_stays_of_a_visitor_who_left(visits: Sessions, style: Path, told: Reports) -> None:
    threads, visit = active_count(), visits.of("someone")
    told.then = lambda news: visits.leave("someone") if news.done else None
    request = TrainRequest(style, minutes=10, expert=SMALL | {"steps": None})
    assert [news for news in followed(train(visit, request, LIMITS)) if news.card] == []
    assert files(visit.folder) == set()
    assert not visit.folder.exists()
    assert (visit.cards, visit.is_busy) == ({}, False)
    assert trainings() == 0
    wait_until(lambda: active_count() <= threads)


def one_color(path: Path) -> Path:
    Image.new("RGB", (64, 64), "teal").save(path)
    return path


def no_picture(path: Path) -> Path:
    path.write_text("this is not a picture")
    return path


def large(path: Path) -> Path:
    Image.new("L", (1100, 1000)).save(path)
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [(one_color, "bad.png is of one color"), (no_picture, "bad.png"), (large, "bad.png has 1100 x 1000")],
)
def test_a_style_that_is_none_is_told_in_a_sentence(
    visit: Session, tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    with pytest.raises(ImageError, match=words):
        followed(train(visit, TrainRequest(make(tmp_path / "bad.png")), LIMITS))
    assert (files(visit.folder), visit.is_busy, visit.cards) == (set(), False, {})


@pytest.mark.parametrize(
    ("make", "words"),
    [(no_picture, r"^bad\.png"), (large, r"^bad\.png has 1100 x 1000"), (Path, r"^bad\.png cannot be read")],
)
def test_a_photo_that_is_none_is_told_by_its_name_alone(
    visit: Session,
    style: Path,
    photos: tuple[Path, ...],
    tmp_path: Path,
    make: Callable[[Path], Path],
    words: str,
) -> None:
    with pytest.raises(ImageError, match=words) as failure:
        followed(train(visit, TrainRequest(style, photos=(*photos, make(tmp_path / "bad.png"))), LIMITS))
    assert str(tmp_path) not in str(failure.value)


def test_more_than_the_limits_allow(visit: Session, style: Path, photos: tuple[Path, ...]) -> None:
    with pytest.raises(UsageError, match=r"at most 10 minutes"):
        train(visit, TrainRequest(style, minutes=11), LIMITS)
    with pytest.raises(UsageError, match=r"6 photos.*at most 4 here"):
        train(visit, TrainRequest(style, photos=photos * 2), LIMITS)
    with pytest.raises(UsageError, match=r"minutes must be positive"):
        TrainRequest(style, minutes=0)


def test_a_failure_in_the_midst_leaves_nothing(visit: Session, style: Path) -> None:
    threads = active_count()
    with pytest.raises(ImpastoError, match=r"relu9_9"):
        followed(train(visit, TrainRequest(style, expert=SMALL | {"content_layers": "relu9_9"}), LIMITS))
    assert (files(visit.folder), visit.is_busy, visit.cards) == (set(), False, {})
    assert trainings() == 0
    wait_until(lambda: active_count() <= threads)


def test_a_photo_that_breaks_on_the_way_is_left_out_and_named(
    visit: Session, style: Path, photos: tuple[Path, ...], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    whole = photos[0].read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])  # its header is sound
    *_, last = followed(train(visit, TrainRequest(style, photos=(*photos, broken), expert=SMALL), LIMITS))
    assert last.notes == ("photos left out because they cannot be read: broken.png",)


@pytest.mark.parametrize(
    ("words", "known", "expected"),
    [
        ("My Wave", (), "my-wave"),
        ("My Wave", ("my-wave", "my-wave-2"), "my-wave-3"),
        ("Sea & Sky_2", (), "sea-sky-2"),
        ("../../etc/passwd", (), "etc-passwd"),
        ("...", (), "style"),
        ("Größe", (), "größe"),
        ("The Starry Night", (), "the-starry-night"),
        ("Starry night", (), "starry-night-2"),
        ("own", (), "own-2"),
        ("none", (), "none-2"),
        ("x" * 59 + "-y", (), "x" * 59),
    ],
)
def test_names_are_safe_and_mean_one_style(words: str, known: tuple[str, ...], expected: str) -> None:
    assert free_name(words, known) == expected


def test_a_card_is_brought_along(visits: Sessions, tmp_path: Path) -> None:
    """It gets a name of its own, paints, and is nobody else's."""
    visit, card = visits.of("someone"), tmp_path / "The Scream.safetensors"
    shutil.copy(styles.cards()["starry-night"], card)
    name = add_card(visit, card, LIMITS)
    assert name == "the-scream-2"
    assert visit.cards[name].is_relative_to(visit.folder)
    assert thumbnail_of(visit.cards[name]).is_file()
    result = stylize(visit, styles.sample(), StyleRequest(((visit.cards[name], 1.0),)), LIMITS)
    assert result.look.name == "the-scream-2"
    assert visits.of("somebody else").cards == {}
    with pytest.raises(UsageError, match="at most 1 styles"):
        add_card(visit, card, replace(LIMITS, results=1))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("wave.jpg", b"no card", r"wave\.jpg is no style card"),
        ("wave.safetensors", b"no card", r"wave\.safetensors"),
        ("large.safetensors", bytes(65_000_000), r"large\.safetensors is larger than 64 MB"),
    ],
)
def test_what_is_no_card_is_refused(
    visit: Session, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ImpastoError, match=words):
        add_card(visit, tmp_path / name, LIMITS)
    assert (visit.cards, files(visit.folder)) == ({}, set())


def test_visitors_do_not_see_each_others_styles(visits: Sessions, style: Path) -> None:
    one, other = visits.of("one"), visits.of("other")
    for visit in (one, one, other):
        followed(train(visit, TrainRequest(style, expert=SMALL | {"steps": 1}), LIMITS))
    assert set(one.cards) == {"my-wave", "my-wave-2"}
    assert set(other.cards) == {"my-wave"}
    for visit in (one, other):
        assert all(card.is_relative_to(visit.folder) for card in visit.cards.values())


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # Gradio's own
def test_through_the_page(style: Path, photos: tuple[Path, ...], join: Callable[..., Client]) -> None:
    """A client trains a style, and has a photo in it; another client knows nothing of it."""
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    with serve(LIMITS) as address:
        client, stranger = join(address), join(address)
        job = client.submit(
            style_picture=handle_file(str(style)), photos=[handle_file(str(path)) for path in photos],
            name="Our sea", minutes=10, size=64, api_name="/train",
        )  # fmt: skip
        wait_until(lambda: job.done() or any("figure" in news[2] for news in job.outputs()))
        assert not job.done()
        assert "Stopping" in client.predict(api_name="/stop_training")
        status, sample, losses, card, command, python = job.result(60)
        assert "our-sea is ready" in status
        assert Path(sample).stat().st_size > 1000
        assert 'aria-label="Losses at step' in losses
        assert load_card(card["value"] if isinstance(card, dict) else card).style == "our-sea"
        assert command.startswith("impasto train 'My Wave.jpg' -o our-sea.safetensors")
        assert "impasto.train_style('My Wave.jpg', 'our-sea.safetensors'" in python
        assert any("Learning" in news[0] or "Preparing" in news[0] for news in job.outputs()[:-1])

        asked = {"photo": handle_file(str(photos[0])), "own": None, "style": "our-sea"}
        asked["api_name"] = "/stylize"
        shown = client.predict(**asked)[0]
        assert shown
        with pytest.raises(AppError, match=r"our-sea"):
            stranger.predict(**asked)
        with pytest.raises(AppError, match=r"[Dd]rop a style picture"):
            client.predict(style_picture=None, api_name="/train")
