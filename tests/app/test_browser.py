"""The page in a real browser. Screenshots of each state go to out/test-artefacts/app."""

from __future__ import annotations

import io
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from impasto import styles
from impasto.app.server import examples
from impasto.cli import app as commands
from impasto.weights import save_tensors
from tests.app.conftest import App, wait_until, write_photo
from tests.app.photo_page import PhotoPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
NIGHT, SCREAM = "The Starry Night, Vincent van Gogh, 1889", "The Scream, Edvard Munch, 1893"
AT_REST = "Painted in the style of"


@pytest.fixture
def address(shared: App) -> str:
    return shared.address


@pytest.fixture
def visitor(browser: Browser, address: str) -> Iterator[Callable[..., PhotoPage]]:
    """Opens the page anew, as somebody else each time. In the end, no script may have failed."""
    contexts: list[BrowserContext] = []
    failures: list[str] = []

    def come(query: str = "", **more: Any) -> PhotoPage:
        contexts.append(browser.new_context(**{"viewport": WIDE, "accept_downloads": True, **more}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        return PhotoPage(page, address, query)

    yield come
    for context in contexts:
        context.close()
    assert not failures


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A cat of 240 x 160 pixels, by A. Painter."""
    path, exif = tmp_path / "my cat.jpg", Image.Exif()
    exif[0x013B] = "A. Painter"
    with Image.open(next(each for each in examples() if each.stem == "cat")) as picture:
        picture.resize((240, 160)).save(path, quality=95, exif=exif)
    return path


def pixels(data: bytes | Path) -> Any:
    with Image.open(io.BytesIO(data) if isinstance(data, bytes) else data) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_a_photo_is_answered_and_nobody_else_is_told(
    browser: Browser, address: str, visitor: Callable[..., PhotoPage], photo: Path
) -> None:
    context = browser.new_context(viewport=WIDE)
    asked, errors = set(), []
    context.on("request", lambda request: asked.add(urlsplit(request.url).hostname))
    page = context.new_page()
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    visit = PhotoPage(page, address)
    visit.shoot("empty")
    picture = visit.answer(photo)
    visit.wait_for_news("In the style of The Starry Night")
    visit.shoot("answer")
    made = pixels(visit.fetch(picture))
    assert made.shape == pixels(photo).shape
    assert np.abs(made - pixels(photo)).mean() > 5
    assert asked <= {"127.0.0.1", "", None}, "no other host is asked for anything"
    assert not errors
    context.close()


def test_an_example_is_a_photo(visitor: Callable[..., PhotoPage]) -> None:
    visit = visitor()
    visit.page.locator("#examples button").nth(1).click()
    visit.wait_for_another(None)
    visit.wait_for_news("In the style of The Starry Night")


def test_styles(visitor: Callable[..., PhotoPage], photo: Path, tmp_path: Path) -> None:
    """From the gallery, from the list, of one's own, and back."""
    visit = visitor()
    night = visit.answer(photo)
    visit.page.get_by_alt_text(SCREAM).first.click()
    scream = visit.wait_for_another(night)
    visit.wait_for_news("In the style of The Scream")
    chosen = visit.page.get_by_role("combobox", name="Style").locator("visible=true")
    assert chosen.input_value() == SCREAM
    assert np.abs(pixels(visit.fetch(scream)) - pixels(photo)).mean() > 5
    assert visit.chosen == [SCREAM]

    visit.drop(write_photo(tmp_path / "carpet.png", (30, 160, 90), (80, 80)), "#own")
    own = visit.wait_for_another(scream)
    visit.wait_for_news("In the style of carpet")
    assert chosen.input_value() == "Your own style picture"
    assert visit.chosen == []
    visit.shoot("own-style")
    visit.page.locator("#own").get_by_role("button", name="Remove Image").click()
    visit.wait_for_another(own)
    visit.wait_for_news("In the style of The Starry Night")


def test_a_photo_in_every_style(visitor: Callable[..., PhotoPage], photo: Path, tmp_path: Path) -> None:
    """The gallery shows it, a style is chosen there, all can be taken home; another photo starts anew."""
    visit = visitor()
    page = visit.page
    assert page.locator("#every-style").is_disabled()
    night = visit.answer(photo)
    scream = page.locator("#styles").get_by_alt_text(SCREAM)
    sample = scream.get_attribute("src")
    page.locator("#every-style").click()
    visit.wait_for_news("Your photo in 18 styles")
    page.locator("#all-styles").wait_for()
    page.wait_for_timeout(300)  # until the buttons above the styles have changed places
    small = scream.get_attribute("src")
    assert small and small != sample
    assert pixels(visit.fetch(small)).shape == pixels(photo).shape
    visit.shoot("every-style")
    scream.click()
    visit.wait_for_another(night)
    assert visit.chosen == [SCREAM]
    with page.expect_download() as download:
        page.locator("#all-styles").click()
    assert download.value.suggested_filename == "my cat-styles.zip"
    visit.answer(write_photo(tmp_path / "other.jpg"))
    page.locator("#every-style").wait_for()
    assert scream.get_attribute("src") == sample
    assert page.locator("#all-styles").is_hidden()


def test_strength_counts_when_it_is_let_go(visitor: Callable[..., PhotoPage], photo: Path) -> None:
    visit = visitor()
    whole = visit.answer(photo)
    far = np.abs(pixels(visit.fetch(whole)) - pixels(photo)).mean()
    bar = visit.page.get_by_role("slider", name="range slider for Strength").locator("visible=true")
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box is not None
    visit.page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2, steps=4)
    visit.page.mouse.up()
    gentle = visit.wait_for_another(whole)
    assert np.abs(pixels(visit.fetch(gentle)) - pixels(photo)).mean() < 0.8 * far
    bar.press("End")
    again = visit.wait_for_another(gentle)
    assert np.abs(pixels(visit.fetch(again)) - pixels(photo)).mean() == pytest.approx(far)


def test_painting_shows_how_it_grows_and_the_command_makes_the_same(
    visitor: Callable[..., PhotoPage], photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = visitor()
    visit.answer(photo)
    page = visit.page
    visit.open("More control")
    page.get_by_role("spinbutton", name="Size of a painting").fill("192")
    page.get_by_role("button", name="Paint", exact=True).click()
    page.get_by_role("button", name="Stop").locator("visible=true").wait_for()
    seen, told = {visit.picture}, set()
    for _ in range(2000):
        seen.add(visit.picture)
        told.add(visit.news)
        if len(told) == 4:
            visit.shoot("painting")
        if visit.news.startswith(AT_REST):
            break
        page.wait_for_timeout(50)
    assert len(seen) >= 4, "the picture is shown as it grows"
    working = [re.fullmatch(r"Painting, (\d+)%: (\d+ s|\d+ min) left", line) for line in told]
    assert sum(line is not None for line in working) >= 2, told
    page.get_by_role("button", name="Stop").locator("visible=true").wait_for(state="detached")
    visit.open("Animation of the painting")
    page.locator("#film img").wait_for()
    visit.open("Command line and Python")
    words = shlex.split(visit.code("#command"))
    visit.shoot("painted")

    visit.open("Download options")
    visit.choose("Size", "As painted or shown: 192 x 128 pixels")
    with page.expect_download() as download:
        page.locator("#download").click()
    assert words[:3] == ["impasto", "paint", photo.name]
    monkeypatch.chdir(photo.parent)
    made = CliRunner().invoke(commands, words[1:])
    assert made.exit_code == 0, made.output
    ours, theirs = pixels(download.value.path()), pixels(photo.parent / words[words.index("-o") + 1])
    assert np.array_equal(ours, theirs)


def test_stop_keeps_the_picture(visitor: Callable[..., PhotoPage], photo: Path) -> None:
    visit = visitor()
    answer = visit.answer(photo)
    page = visit.page
    visit.open("For experts")
    page.get_by_label("Iterations").locator("visible=true").fill("5000")
    page.get_by_role("button", name="Paint", exact=True).click()
    visit.wait_for_another(answer)
    page.get_by_role("button", name="Stop").locator("visible=true").click()
    visit.wait_for_news(AT_REST)
    visit.toast.filter(has_text="this is the picture so far").wait_for()
    visit.shoot("stopped")
    kept = pixels(visit.fetch(visit.picture or ""))
    assert np.abs(kept - pixels(photo).mean()).mean() > 5
    assert page.get_by_role("button", name="Paint", exact=True).is_enabled()
    assert page.locator("#results img").count() == 2


def test_stop_calls_off_what_waits(visitor: Callable[..., PhotoPage], photo: Path) -> None:
    first, second = visitor(), visitor()
    first.answer(photo)
    first.open("For experts")
    first.page.get_by_label("Iterations").locator("visible=true").fill("5000")
    first.page.locator("#paint").click()
    first.wait_for_news("Painting, ")
    second.answer(photo)
    assert re.search(r"finer picture: about \d+ (s|min), after about \d+ (s|min) as number 1 in", second.news)
    second.page.locator("#paint").click()
    second.wait_for_news("Next in the queue: starts in about ")
    second.shoot("waiting")
    second.page.locator("#stop").locator("visible=true").click()
    second.wait_for_news("Stopped before it began")
    second.page.locator("#stop").wait_for(state="hidden")
    assert second.page.locator("#paint").is_enabled()
    assert first.news.startswith("Painting, "), "it left while the other goes on"
    first.page.locator("#stop").click()
    first.wait_for_news(AT_REST)


def test_before_and_after(visitor: Callable[..., PhotoPage], photo: Path) -> None:
    """The picture is seen whole; the slider follows the mouse, and keys."""
    visit = visitor()
    visit.answer(photo)

    def place() -> int:
        return int(visit.slider.get_attribute("aria-valuenow") or -1)

    visit.page.locator("#compare [role=slider][aria-valuenow='0']").wait_for()
    whole = visit.page.locator("#compare img").nth(1).get_attribute("style") or ""
    assert re.search(r"clip-path: inset\(0px 0px 0px 0(\.0\d*)?%\)", whole), "the picture is seen whole"
    box, image = visit.slider.bounding_box(), visit.page.locator("#compare img").first.bounding_box()
    assert box is not None
    assert image is not None
    middle = box["y"] + box["height"] / 2
    visit.page.mouse.move(box["x"] + box["width"] / 2, middle)
    visit.page.mouse.down()
    visit.page.mouse.move(image["x"] + 0.8 * image["width"], middle, steps=5)
    visit.page.mouse.up()
    assert 70 <= place() <= 90
    for key, least, most in (("Home", 0, 5), ("PageUp", 8, 15), ("ArrowRight", 10, 17), ("End", 95, 100)):
        visit.slider.press(key)
        assert least <= place() <= most, key
    before = place()
    visit.slider.press("ArrowLeft")
    assert place() < before
    clipped = visit.page.locator("#compare img").nth(1).get_attribute("style") or ""
    assert re.search(r"clip-path: inset\(0px 0px 0px 9\d", clipped), "the picture gives way to the photo"


def test_the_view_of_a_picture(visitor: Callable[..., PhotoPage], tmp_path: Path) -> None:
    """The photo is there while a button is held; another button and the wheel show pixels."""
    visit = visitor()
    visit.answer(write_photo(tmp_path / "large.jpg", size=(1024, 700)))
    page, photo, picture = visit.page, *map(visit.page.locator("#compare img").nth, (0, 1))
    page.locator("#compare [role=slider][aria-valuenow='0']").wait_for()
    hold = page.get_by_role("button", name="Hold to see the photo").locator("visible=true")
    hold.hover()
    assert picture.is_visible()
    page.mouse.down()
    assert picture.is_hidden() and photo.is_visible()
    page.mouse.up()
    assert picture.is_visible()
    hold.focus()
    page.keyboard.down("Space")
    assert picture.is_hidden()
    page.keyboard.up("Space")
    assert picture.is_visible()

    def wait_for_width(least: float, most: float) -> None:
        page.wait_for_function(
            """([least, most]) => {
                const { width } = document.querySelector('#compare img').getBoundingClientRect();
                return least <= width && width <= most;
            }""",
            arg=[least, most],
        )

    wait_for_width(700, 800)
    pixels = page.get_by_role("button", name="Picture at its own pixels").locator("visible=true")
    pixels.click()
    wait_for_width(1000, 1050)
    pixels.click()
    wait_for_width(700, 720)
    picture.hover()
    page.mouse.wheel(0, -100)
    wait_for_width(740, 800)


def test_the_download_is_what_the_command_makes(
    visitor: Callable[..., PhotoPage], photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = visitor()
    visit.answer(photo)
    visit.open("Command line and Python")
    words = shlex.split(visit.code("#command"))
    with visit.page.expect_download() as download:
        visit.page.locator("#download").click()
    assert download.value.suggested_filename == words[words.index("-o") + 1]
    monkeypatch.chdir(photo.parent)
    made = CliRunner().invoke(commands, words[1:])
    assert made.exit_code == 0, made.output
    ours, theirs = download.value.path(), photo.parent / download.value.suggested_filename
    assert ours.read_bytes() == theirs.read_bytes()
    with Image.open(ours) as picture:
        assert picture.size == (240, 160)
        assert picture.getexif()[0x013B] == "A. Painter"


def test_results_bring_their_settings_back(visitor: Callable[..., PhotoPage], photo: Path) -> None:
    visit = visitor()
    page = visit.page
    night = visit.answer(photo)
    strength = page.get_by_role("spinbutton", name="number input for Strength").locator("visible=true")
    strength.fill("0.5")
    strength.press("Tab")
    night = visit.wait_for_another(night)
    page.get_by_alt_text(SCREAM).first.click()
    scream = visit.wait_for_another(night)
    visit.wait_for_news("In the style of The Scream")
    strength.fill("0.9")
    strength.press("Tab")
    scream = visit.wait_for_another(scream)
    assert page.locator("#results img").count() == 2
    page.locator("#results button").nth(1).click()
    assert visit.wait_for_another(scream) == night
    visit.wait_for_news("with its settings")
    visit.shoot("results")
    assert page.get_by_role("combobox", name="Style").locator("visible=true").input_value() == NIGHT
    assert float(strength.input_value()) == 0.5


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("letter.jpg", b"Dear all, this is a letter.", r"letter\.jpg is not a picture that impasto reads"),
        ("cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", r"cut\.png"),
        ("notes.txt", b"no picture at all", r"notes\.txt"),
        ("large.jpg", bytes(4_000_000), r"(?i)size"),
    ],
)
def test_a_bad_file_is_told_in_a_sentence(
    visitor: Callable[..., PhotoPage], tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    visit = visitor()
    visit.drop(tmp_path / name)
    visit.toast.wait_for()
    text = visit.toast.inner_text()
    visit.shoot(f"bad-{name.partition('.')[0]}")
    assert re.search(words, text), text
    assert "Traceback" not in text
    assert "/impasto-app-" not in text, "the server's folders are nobody's business"
    assert visit.picture is None
    visit.page.locator("#photo input[type=file]").wait_for(state="attached")
    assert visit.page.locator("#photo img").count() == 0, "another can be dropped at once"


def test_bad_files_leave_what_was_there(
    visitor: Callable[..., PhotoPage], photo: Path, tmp_path: Path
) -> None:
    """A photo, a style picture and a video that cannot be read: one message each, nothing else changes."""
    for name in ("bad.jpg", "bad.png", "bad.mp4"):
        (tmp_path / name).write_bytes(b"Dear all, this is a letter.")
    visit = visitor()
    picture = visit.answer(photo)
    shown = visit.page.locator("#photo img").get_attribute("src")
    for place, name in (("#photo", "bad.jpg"), ("#own", "bad.png")):
        visit.drop(tmp_path / name, place)
        visit.toast.filter(has_text=name).wait_for()
        if place == "#photo":
            visit.page.wait_for_function(
                "src => document.querySelector('#photo img')?.src === src", arg=shown
            )
        else:
            visit.page.locator("#own img").wait_for(state="detached")
        assert visit.page.locator("[data-testid=toast-body]", has_text=name).count() == 1
    assert visit.picture == picture
    assert visit.chosen == [NIGHT]
    visit.page.get_by_role("tab", name="Video").click()
    visit.page.set_input_files("#clip input[type=file]", tmp_path / "bad.mp4")
    visit.toast.filter(has_text="bad.mp4").wait_for()
    visit.page.locator("#clip input[type=file]").wait_for(state="attached")
    visit.shoot("bad-files")


def test_enter_confirms_a_number(visitor: Callable[..., PhotoPage], photo: Path) -> None:
    visit = visitor()
    whole = visit.answer(photo)
    strength = visit.page.get_by_role("spinbutton", name="number input for Strength").locator("visible=true")
    strength.fill("0.3")
    strength.press("Enter")
    visit.wait_for_another(whole)


def test_a_visitor_without_a_photo_is_told_what_to_do(visitor: Callable[..., PhotoPage]) -> None:
    visit = visitor()
    visit.page.get_by_role("button", name="Paint", exact=True).click()
    visit.toast.filter(has_text="Drop a photo first").wait_for()
    visit.page.locator("#download").click()
    visit.toast.filter(has_text="There is no picture yet").wait_for()


def test_two_visitors_have_their_own_pictures(visitor: Callable[..., PhotoPage], tmp_path: Path) -> None:
    red = write_photo(tmp_path / "red.png", (250, 20, 20), (120, 80))
    blue = write_photo(tmp_path / "blue.png", (20, 20, 250), (80, 120))
    one, other = visitor(), visitor()
    one.drop(red)
    other.drop(blue)
    ones, others = one.wait_for_another(None), other.wait_for_another(None)
    assert pixels(one.fetch(ones)).shape == (80, 120, 3)
    assert pixels(other.fetch(others)).shape == (120, 80, 3)
    assert one.page.locator("#results img").count() == other.page.locator("#results img").count() == 1
    folders = [re.search(r"visits/(\w+)/", each) for each in (ones, others)]
    assert folders[0] and folders[1] and folders[0][1] != folders[1][1]


def test_nothing_vanishes_with_the_page(visitor: Callable[..., PhotoPage], photo: Path) -> None:
    """Opened again, it has the pictures, the settings and the painting that runs; leaving then asks first."""
    visit = visitor()
    page = visit.page
    night = visit.answer(photo)
    page.get_by_alt_text(SCREAM).first.click()
    scream = visit.wait_for_another(night)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    assert visit.wait_for_another(None) == scream
    visit.wait_for_news("In the style of The Scream, Edvard Munch, 1893, with its settings")
    assert page.get_by_role("combobox", name="Style").locator("visible=true").input_value() == SCREAM
    assert page.locator("#results img").count() == 2
    assert not asked

    visit.open("For experts")
    page.get_by_label("Iterations").locator("visible=true").fill("5000")
    page.locator("#paint").click()
    visit.wait_for_news("Painting, ")
    page.reload()
    assert asked == ["beforeunload"]
    visit.wait_for_news("Painting, ")
    visit.shoot("back-again")
    page.locator("#stop").click()
    visit.wait_for_news(AT_REST)
    page.locator("#stop").wait_for(state="hidden")

    other = PhotoPage(page.context.new_page(), page.url)
    other.wait_for_another(None)
    other.page.locator("#results button").last.click()
    other.wait_for_news("In the style of The Starry Night")
    with page.expect_download() as download:
        page.locator("#download").click()
    assert "the-scream" in download.value.suggested_filename, "the picture of this page"

    found = re.search(r"file=(.*/visits/\w+)/", visit.picture or "")
    assert found and Path(found[1]).is_dir()
    page.locator("#forget").click()
    wait_until(lambda: not Path(found[1]).exists())
    page.locator("#forget").wait_for(state="hidden")
    assert visit.picture is None


def test_a_card_is_brought_along_and_used(
    visitor: Callable[..., PhotoPage], photo: Path, tmp_path: Path
) -> None:
    """And it is still there when the page is loaded again."""
    card = tmp_path / "My night.safetensors"
    shutil.copy(styles.cards()["starry-night"], card)
    visit = visitor()
    page = visit.page
    night = visit.answer(photo)
    page.get_by_role("tab", name="Train").click()
    assert page.locator("#use").is_hidden()
    visit.open("Add a style card")
    page.set_input_files("#add-card input[type=file]", card)
    page.locator("#train-status", has_text="my-night is ready").wait_for()
    visit.shoot("card")
    page.locator("#use").click()
    visit.wait_for_another(night)
    visit.wait_for_news("In the style of my-night")
    assert visit.chosen == ["my-night"]
    page.reload()
    visit.wait_for_news("In the style of my-night")
    page.wait_for_function("document.querySelector('#styles [aria-pressed=true]')?.innerText === 'my-night'")


def test_what_a_bad_card_says_is_shown_as_text(visitor: Callable[..., PhotoPage], tmp_path: Path) -> None:
    element, card = "<img src=other.png>", tmp_path / "card.safetensors"
    save_tensors(card, {"a": torch.ones(1)}, {"impasto": "style card", "format": "1", "network": element})
    visit = visitor()
    visit.page.get_by_role("tab", name="Train").click()
    visit.open("Add a style card")
    visit.page.set_input_files("#add-card input[type=file]", card)
    visit.toast.filter(has_text=f"there is no network {element}").wait_for()
    assert visit.page.locator("[src='other.png']").count() == 0


def test_many_photos(visitor: Callable[..., PhotoPage], photo: Path, tmp_path: Path) -> None:
    """Of three files one is no picture: the others come as a ZIP file, and are still there after a reload."""
    other = write_photo(tmp_path / "sea.png", (40, 90, 160))
    (letter := tmp_path / "letter.jpg").write_text("Dear all,")
    visit = visitor()
    page = visit.page
    page.get_by_role("tab", name="Batch").click()
    page.set_input_files("#batch-photos input[type=file]", [photo, letter, other])
    page.locator("#batch-photos .stem", has_text="letter").wait_for()
    page.locator("#batch-styles button").nth(1).click()
    page.locator("#batch-styles [aria-pressed=true]").wait_for()
    page.get_by_role("button", name="Stylize all").click()
    page.locator("#batch-status", has_text="2 of 3 photos, in").wait_for()
    assert "Left out: letter.jpg is not a picture" in visit.toast.inner_text()
    visit.shoot("many-photos")
    page.reload()
    page.get_by_role("tab", name="Batch").click()
    page.locator("#batch-status", has_text="2 of 3 photos, in").wait_for()
    with page.expect_download() as download:
        page.locator("#archive a").first.click()
    with ZipFile(download.value.path()) as archive:
        names = archive.namelist()
        assert len(names) == 2 and names[0].startswith("my cat-") and names[1].endswith(".png")
        assert not np.array_equal(pixels(archive.read(names[0])), pixels(photo))
        with Image.open(io.BytesIO(archive.read(names[0]))) as picture:
            assert picture.size == (240, 160) and picture.getexif()[0x013B] == "A. Painter"


def test_a_video(visitor: Callable[..., PhotoPage], tmp_path: Path) -> None:
    """A short clip with sound: a frame at once, then all of it, to be played and downloaded."""
    clips = pytest.importorskip("tests.clips")
    clip = clips.write_clip(tmp_path / "my clip.mp4", clips.pan(12, (96, 128)), sound=True)
    visit = visitor()
    page = visit.page
    page.get_by_role("tab", name="Video").click()
    page.set_input_files("#clip input[type=file]", clip)
    page.locator("#video-status", has_text="Frame at").wait_for()
    page.locator("#frame img").nth(1).wait_for()
    visit.shoot("video-frame")
    page.get_by_role("button", name="Make the video").click()
    film = page.locator("#painted-video video")
    film.wait_for()
    page.wait_for_function("document.querySelector('#painted-video video')?.readyState > 0")
    visit.shoot("video")
    assert film.evaluate("film => [film.videoWidth, film.videoHeight]") == [128, 96]
    assert film.evaluate("film => film.duration") == pytest.approx(1.2, abs=0.15)
    (tmp_path / "made.mp4").write_bytes(visit.fetch(film.get_attribute("src") or ""))
    frames = clips.read_clip(tmp_path / "made.mp4")
    assert len(frames) == 12
    given = clips.read_clip(clip)
    assert np.abs(np.float32(frames[5]) - np.float32(given[5])).mean() > 5


def test_the_other_tabs_fit_a_phone(visitor: Callable[..., PhotoPage]) -> None:
    visit = visitor(viewport=PHONE, is_mobile=True, has_touch=True)
    for tab in ("Batch", "Video", "Train"):
        visit.page.get_by_role("tab", name=tab).click()
        visit.page.wait_for_timeout(500)
        visit.shoot(f"phone-{tab.lower()}")
        assert not too_wide(visit.page), tab


def too_wide(page: Page) -> list[str]:
    """What reaches beyond the right edge of a phone, apart from strips that scroll sideways."""
    found: list[str] = page.evaluate(
        """width => [...document.querySelectorAll('.block, button, input, img, p, h1')]
            .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > width + 1
                && !e.closest('.tab-wrapper, .grid-container'))
            .map(e => e.outerHTML.slice(0, 120))""",
        PHONE["width"],
    )
    return found


def test_on_a_phone(visitor: Callable[..., PhotoPage], photo: Path) -> None:
    """The picture is in view under the photo, styles are a strip below it, and nothing is cut off."""
    visit = visitor(viewport=PHONE, is_mobile=True, has_touch=True)
    visit.answer(photo)
    visit.wait_for_news("In the style of")
    visit.shoot("phone")
    page = visit.page
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert not too_wide(page)
    boxes = [page.locator(place).bounding_box() for place in ("#photo", "#compare", "#styles", "#paint")]
    tops = [box["y"] for box in boxes if box]
    assert len(tops) == 4 and tops == sorted(tops)
    assert boxes[1] and boxes[1]["y"] + boxes[1]["height"] < PHONE["height"], "without scrolling"
    strip = page.locator("#styles .grid-container")
    assert strip.evaluate("strip => strip.scrollWidth > 3 * strip.clientWidth")
    assert strip.evaluate("strip => strip.clientHeight") < 250
    page.mouse.wheel(0, 400)
    page.wait_for_function("scrollY > 300")
    assert page.locator("#compare").evaluate("picture => picture.getBoundingClientRect().top") >= 0, "in view"
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, [role=tab], [role=combobox], input[type=number]')]
            .filter(e => e.checkVisibility() && e.getBoundingClientRect().width > 1)
            .filter(e => Math.min(e.getBoundingClientRect().width, e.getBoundingClientRect().height) < 43.5)
            .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert not small, "a finger needs 44 pixels"
    style = page.locator("#style input")
    arrow = page.locator("#style svg").last.bounding_box()
    box, padding = (
        style.bounding_box(),
        style.evaluate("field => parseFloat(getComputedStyle(field).paddingRight)"),
    )
    assert arrow and box and box["x"] + box["width"] - padding <= arrow["x"] + 1, (
        "its text ends before the arrow"
    )
    fits = "[...document.querySelectorAll('.pictures img')].map(e => getComputedStyle(e).objectFit)"
    assert set(page.evaluate(fits)) == {"contain"}, "thumbnails show whole pictures"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast(visitor: Callable[..., PhotoPage], photo: Path, theme: str) -> None:
    visit = visitor(f"/?__theme={theme}")
    visit.answer(photo)
    visit.wait_for_news("In the style of")
    visit.shoot(theme)
    for place in (
        "#status .status span",
        "#paint",
        "#download",
        "#strength label span",
        "#styles .caption-label",
        "[role=tab][aria-selected=true]",
        ".heading h2",
    ):
        assert contrast(visit.page, place) >= 4.5, place


def contrast(page: Page, place: str) -> float:
    """WCAG's ratio of an element's text to what is behind it, as far as that is opaque."""
    found = page.locator(place).first.evaluate(
        """element => {
            const behind = [];
            for (let e = element; e; e = e.parentElement) behind.push(getComputedStyle(e).backgroundColor);
            return [getComputedStyle(element).color, behind];
        }"""
    )

    def light(color: list[float]) -> float:
        linear = [
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in color)
        ]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    def numbers(color: str) -> list[float]:
        return [float(each) for each in re.findall(r"[\d.]+", color)]

    opaque = (numbers(each) for each in found[1])
    back = next(each[:3] for each in opaque if len(each) == 3 or each[3] > 0.5)
    high, low = sorted((light(numbers(found[0])[:3]), light(back)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_by_keyboard_alone(visitor: Callable[..., PhotoPage], photo: Path) -> None:
    """Tab comes to the photo, an example, the styles, the slider, painting and downloading, in that order."""
    visit = visitor()
    page = visit.page
    order: list[str] = []
    for _ in range(90):
        page.keyboard.press("Tab")
        place = page.evaluate(
            "['photo', 'examples', 'own', 'styles', 'style', 'strength', 'compare', 'paint', 'download', "
            "'download-options']"
            ".find(id => document.activeElement.closest('#' + id)) ?? ''"
        )
        if place and place not in order:
            order.append(place)
        if place == "examples" and visit.picture is None:
            page.keyboard.press("Enter")
            visit.wait_for_another(None)
        if place == "download-options":
            break
    expected = [
        "photo",
        "examples",
        "own",
        "styles",
        "style",
        "strength",
        "compare",
        "paint",
        "download",
        "download-options",
    ]
    assert order == expected
    old = visit.picture
    page.get_by_role("button", name=SCREAM).locator("visible=true").first.focus()
    page.keyboard.press("Enter")
    visit.wait_for_another(old)


def test_everything_has_words(visitor: Callable[..., PhotoPage], photo: Path) -> None:
    """Every picture has a text in its place, every control a name, and the news are spoken."""
    visit = visitor()
    visit.answer(photo)
    for title in ("Download options", "More control", "For experts", "Command line and Python"):
        visit.open(title)
    visit.code("#command")
    visit.shoot("everything")
    speechless = visit.page.evaluate(
        """() => [...document.querySelectorAll(
                'img, input, textarea, select, button, a, [role=textbox], [role=slider]')]
            .filter(e => e.checkVisibility() || e.type === 'file')
            .filter(e => !(e.alt || e.ariaLabel || e.title || e.labels?.length || e.textContent.trim()
                || e.querySelector('[aria-label]')))
            .map(e => e.outerHTML.slice(0, 160))"""
    )
    assert not speechless
    images = visit.page.locator("#compare img")
    assert [images.nth(index).get_attribute("alt") for index in (0, 1)] == [
        "Before and after: the photo", "Before and after: the picture"
    ]  # fmt: skip
    assert visit.page.locator("#status [role=status]").count() == 1
    assert visit.page.evaluate("document.documentElement.lang")
    assert visit.page.title() == "impasto: your photo, painted"
