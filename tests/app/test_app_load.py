"""The app under load, as a process of its own: nothing is lost or mixed up, and memory comes back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from examples.app_client import ask_for
from tests.app.conftest import App, wait_until

if TYPE_CHECKING:
    from gradio_client import Client

CLIENTS, REQUESTS = 10, 5
SLACK = 25e6  # bytes: of heap that is free, but not the system's yet


@pytest.fixture
def app(shared: App) -> App:
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is read from /proc")
    return shared


def photo_of(client: int, request: int, folder: Path) -> Path:
    """A photo like no other: its size tells the request, and its colors whose it is."""
    width, height = 96 + 8 * client, 64 + 8 * request
    dice = np.random.default_rng(100 * client + request)
    coarse = Image.fromarray(dice.integers(0, 256, (4, 6, 3), dtype=np.uint8))
    path = folder / f"photo-{client}-{request}.png"
    coarse.resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def pixels(path: str | Path, size: tuple[int, int] | None = None) -> Any:
    with Image.open(path) as picture:
        picture = picture.convert("RGB")
        return np.asarray(picture.resize(size) if size else picture).astype(float)


def likeness(one: Any, other: Any) -> float:
    """Correlation of brightness, which a style leaves more or less as it was."""
    return float(np.corrcoef(one.mean(2).ravel(), other.mean(2).ravel())[0, 1])


def test_fifty_requests_of_ten_clients(app: App, join: Callable[..., Client], tmp_path: Path) -> None:
    clients = [join(app.address, download_files=tmp_path / str(index)) for index in range(CLIENTS)]

    def ask(client: int, request: int) -> tuple[Any, Any]:
        photo = photo_of(client, request, tmp_path)
        answer = clients[client].predict(
            **ask_for(photo, "starry-night", strength=0.6, seed=request), api_name="/stylize"
        )
        assert f"photo-{client}-{request}" in answer[3], "the command names this photo"
        return pixels(photo), pixels(answer[0][1])

    def in_turn(client: int, requests: int) -> dict[tuple[int, int], tuple[Any, Any]]:
        return {(client, request): ask(client, request) for request in range(requests)}

    def all_at_once(requests: int) -> dict[tuple[int, int], tuple[Any, Any]]:
        with ThreadPoolExecutor(CLIENTS) as pool:
            asked = [pool.submit(in_turn, client, requests) for client in range(CLIENTS)]
            return {key: pair for future in asked for key, pair in future.result(300).items()}

    all_at_once(2)  # after which whatever is made once is made
    before = app.resident
    answers = all_at_once(REQUESTS)

    assert len(answers) == CLIENTS * REQUESTS
    for key, (photo, picture) in answers.items():
        assert photo.shape == picture.shape, f"request {key} has the picture of another"
        assert 3 < np.abs(photo - picture).mean() < 100
        assert likeness(photo, picture) > 0.5, f"request {key} has the picture of another"
    check_memory(app, before)

    for index, client in enumerate(clients):
        gallery = client.predict(**ask_for(photo_of(index, 0, tmp_path), "the-scream"), api_name="/stylize")[
            2
        ]
        assert len(gallery) == REQUESTS + 1, "its own five, and this one"


def test_likeness_tells_photos_apart(tmp_path: Path) -> None:
    """Else the test above would pass with the pictures of others."""
    photos = [pixels(photo_of(client, 0, tmp_path), (96, 64)) for client in range(CLIENTS)]
    for index, photo in enumerate(photos):
        assert likeness(photo, photo) == pytest.approx(1)
        others = [likeness(photo, other) for place, other in enumerate(photos) if place != index]
        assert np.mean(np.array(others) > 0.5) < 0.3


@pytest.mark.slow
def test_memory_after_paintings(app: App, join: Callable[..., Client], tmp_path: Path) -> None:
    """What one that is told to stop, fails or loses its visitor took at its full size is given back."""
    photo = photo_of(40, 36, tmp_path)  # 416 x 352 pixels

    def once() -> None:
        for end in ("failed", "stopped", "left"):
            layers = "relu9_9" if end == "failed" else ""
            asked = ask_for(photo, "great-wave", size=256, iterations="24", style_layers=layers)
            client = join(app.address, download_files=False)
            job = client.submit(**asked, api_name="/paint")
            if end == "failed":
                with pytest.raises(Exception, match=r"relu9_9"):
                    job.result(120)
            else:
                next((answer for answer in job if share_done(answer) > 40), None)
            if end == "stopped":
                client.predict(api_name="/stop")
                assert "Painted" in job.result(120)[1]
            client.close()

    once()
    wait_until_idle(app, join, photo)
    before = app.resident
    for _ in range(2):
        once()
    wait_until_idle(app, join, photo)
    check_memory(app, before)


def share_done(answer: Any) -> int:
    """Percent, of a painting that is not ready."""
    found = re.search(r"Painting, (\d+)%", answer[1])
    return int(found[1]) if found else 0


def check_memory(app: App, before: float) -> None:
    """It is what it was before, as soon as the app has tidied up."""
    for _ in range(400):
        if (grown := app.resident - before) < SLACK:
            return
        time.sleep(0.1)
    pytest.fail(f"{grown / 1e6:.0f} MB more after the same work")


def wait_until_idle(app: App, join: Callable[..., Client], photo: Path) -> None:
    """There is one place for long jobs: when another painting is through, it was free."""
    client = join(app.address, download_files=False)
    answer = client.predict(**ask_for(photo, "great-wave", size=128, iterations="1"), api_name="/paint")
    assert "Painted" in answer[1]
    client.close()


@pytest.fixture(scope="module", autouse=True)
def visits_before(shared: App) -> set[Path]:
    """Those of browsers, which may come back."""
    return set(shared.folder.glob("visits/*"))


def test_nothing_is_left_of_visitors(app: App, visits_before: set[Path]) -> None:
    """All clients of the tests above have gone."""
    wait_until(lambda: set(app.folder.glob("visits/*")) <= visits_before)
