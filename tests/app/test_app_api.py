"""The app's functions through Gradio's client, as examples/app_client.py calls them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from examples import app_client
from tests.app.conftest import App, Asking, Refused, write_photo

if TYPE_CHECKING:
    from gradio_client import Client

Join = Callable[..., "Client"]


@pytest.fixture
def address(shared: App) -> str:
    return shared.address


@pytest.fixture
def client(address: str, join: Join, tmp_path: Path) -> Client:
    return join(address, download_files=tmp_path / "answers")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    exif = Image.Exif()
    exif[0x013B] = "A. Painter"
    return write_photo(tmp_path / "photo.jpg", size=(160, 120), quality=95, exif=exif)


def pixels(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def test_stylize_and_download(client: Client, photo: Path, tmp_path: Path) -> None:
    line = app_client.stylize(client, photo, "the-scream")
    assert line.startswith("In the style of The Scream")
    home = app_client.download(client, tmp_path / "home.jpg")
    with Image.open(home) as picture:
        assert picture.size == (160, 120)
        assert picture.getexif()[0x013B] == "A. Painter"
    assert np.abs(pixels(home) - pixels(photo)).mean() > 5


def test_a_picture_as_a_style(client: Client, photo: Path, tmp_path: Path) -> None:
    style = write_photo(tmp_path / "carpet.png", (30, 160, 90), (80, 80))
    assert "In the style of carpet" in app_client.stylize(client, photo, style, strength=0.7)
    answer = client.predict(**app_client.ask_for(photo, style), api_name="/stylize")
    assert answer[3].startswith("impasto paint photo.jpg carpet.png")
    assert "--effort quick" in answer[3]


def test_what_an_answer_holds(client: Client, photo: Path) -> None:
    """Photo and picture, news, all results, command, Python; there is no film."""
    answer = client.predict(**app_client.ask_for(photo, "starry-night"), api_name="/stylize")
    before, after = map(Path, answer[0])
    assert pixels(before).shape == pixels(after).shape == (120, 160, 3)
    assert [each["caption"] for each in answer[2]] == ["Stylized: The Starry Night, Vincent van Gogh, 1889"]
    assert answer[3].startswith("impasto stylize photo.jpg")
    assert "impasto.load('starry-night')" in answer[4]
    assert answer[5] is None


def test_paint_with_progress(
    client: Client, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = app_client.paint(client, photo, "great-wave", size=128)
    lines = capsys.readouterr().out.splitlines()
    assert last.startswith("Painted in the style of Under the Wave off Kanagawa")
    shares = [int(found[1]) for line in lines if (found := re.match(r"Painting, (\d+)%: ", line))]
    assert shares
    assert shares == sorted(shares)
    home = app_client.download(client, tmp_path / "home.jpg", size="picture")
    assert max(pixels(home).shape) == 128


def test_stop(client: Client, photo: Path) -> None:
    job = client.submit(
        **app_client.ask_for(photo, "great-wave", size=128, iterations="5000"), api_name="/paint"
    )
    for answer in job:
        if "Painting" in answer[1]:
            client.predict(api_name="/stop")
    assert app_client.news(job.outputs()[-1]).startswith("Painted in the style of")


def test_errors_are_sentences(client: Client, photo: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter.jpg"
    letter.write_text("Dear all,")
    for asked, words in (
        ({"photo": letter, "style": "starry-night"}, r"^letter\.jpg is not a picture that impasto reads"),
        ({"photo": photo, "style": "no-such-style"}, r"no-such-style"),
    ):
        with pytest.raises(Exception, match=words) as refused:
            app_client.stylize(client, **asked)
        assert "Traceback" not in str(refused.value)
    with pytest.raises(Exception, match=r"There is no picture yet"):
        app_client.download(client, tmp_path / "none.jpg")


def test_the_whole_program(
    address: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scream.jpg"
    app_client.main(str(photo), "the-scream", "-o", str(out), "--strength", "0.5", "--app", address)
    assert pixels(out).shape == (120, 160, 3)
    assert f"written: {out}" in capsys.readouterr().out


def test_everything_is_documented(client: Client) -> None:
    """Names of the API are those of the page's functions, each with its parameters by name."""
    api = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert {"/stylize", "/paint", "/stop", "/download"} <= set(api)
    names = [each["parameter_name"] for each in api["/stylize"]["parameters"]]
    assert names[:4] == ["photo", "style", "own", "strength"]
    assert names == [each["parameter_name"] for each in api["/paint"]["parameters"]]
    assert not any(re.fullmatch(r"param_\d+|values?", name) for name in names)
    assert all(endpoint.get("description") for endpoint in api.values())


SAMPLES = (
    "stylize", "every_style", "stylize_all", "preview_video", "make_video", "add_card", "paint", "download",
    "stop",
)  # fmt: skip


def test_the_samples_run_as_they_are(client: Client) -> None:
    """The lines that "Use via API" shows name files of the app, which need no other host."""
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    for name in SAMPLES:
        given = {
            each["parameter_name"]: each["parameter_default"]
            if each["parameter_has_default"]
            else each["example_input"]
            for each in endpoints[f"/{name}"]["parameters"]
        }
        small = {"size": 128, "iterations": "1"} if name == "paint" else {}
        client.predict(**{**given, **small}, api_name=f"/{name}")


WITH_VALUES = (
    "stylize", "every_style", "download", "stylize_all", "preview_video", "make_video", "train", "add_card"
)  # fmt: skip


def test_values_of_any_kind_leave_no_traceback(shared: App, photo: Path) -> None:
    """Each is answered, or refused by a sentence."""
    with Asking(shared.address) as ask:
        uploaded = ask.upload(photo)
        for method in WITH_VALUES:
            for name in ask.parameters(method):
                for value in (5, "x", [], {"a": 1}, [[1]]):
                    given = {"photo": uploaded, name: value}
                    try:
                        ask(method, **{key: it for key, it in given.items() if key in ask.parameters(method)})
                    except Refused as refused:
                        assert 10 < len(str(refused)) < 1000, (method, name, value)
                        assert "Something went wrong" not in str(refused), (method, name, value)
    assert "Traceback" not in shared.said
