"""The page in headless Chromium, from a plain static host: photos, the camera, and no word to anyone else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from impasto.errors import ExportError
from impasto.export import ExportOptions, export
from impasto.export.web import folder
from impasto.networks import onnx
from impasto.networks.card import load_card

playwright = pytest.importorskip("playwright.sync_api", reason="the page is tested with Playwright")
CHROMIUM = next(
    (path for path in map(Path, ("/usr/bin/chromium", "/usr/bin/google-chrome")) if path.exists()), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

PATIENCE = 120_000  # milliseconds
FLAGS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
SOFTWARE = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]  # WebGPU without a graphics card


class Quiet(SimpleHTTPRequestHandler):
    """Sends no headers but the usual, and says nothing."""

    extensions_map: ClassVar = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, cards_folder: Path, written: Callable[..., bytes]) -> Path:
    out = tmp_path_factory.mktemp("page") / "site"
    card = load_card(cards_folder / "night.safetensors")
    try:
        folder.fetch()
    except ExportError as error:
        pytest.skip(f"npm cannot be used here: {error}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx, "write", written)
        export(card, out, ExportOptions(to="web"))
    return out


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A page that is ready; every request and every error in it is checked at the end."""
    page = browser.new_page(viewport={"width": 900, "height": 800})
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_selector("html[data-way]")
    yield page
    page.close()
    assert errors == []
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []
    assert f"{address}ort.wasm.min.mjs" in asked and f"{address}ort.webgpu.min.mjs" not in asked


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Of an odd size, in a form that loses nothing."""
    path = tmp_path / "astronaut.png"
    Image.fromarray(data.astronaut()).resize((93, 61)).save(path)
    return path


def expected(site: Path, photo: Path) -> NDArray[np.float32]:
    """What ONNX Runtime makes of it in Python, in levels of 8 bits."""
    with Image.open(photo) as image:
        pixels = np.asarray(image.convert("RGB"), np.float32) / 255
    session = onnxruntime.InferenceSession(site / folder.MODEL, providers=["CPUExecutionProvider"])
    (painted,) = session.run(None, {"image": pixels.transpose(2, 0, 1)[None]})
    return np.asarray(painted[0].transpose(1, 2, 0) * 255)


def paint(page: Any, photo: Path) -> None:
    page.set_input_files("#file", photo)
    page.wait_for_selector("html[data-ms], #error:not([hidden])", state="attached")


def saved(page: Any) -> NDArray[np.float32]:
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "night.png"
    with Image.open(download.value.path()) as image:
        return np.asarray(image.convert("RGB"), np.float32)


def test_a_photo_becomes_the_same_picture_as_in_python(page: Any, site: Path, photo: Path) -> None:
    assert page.get_attribute("html", "data-way") == "wasm"  # there is no graphics card here
    paint(page, photo)
    assert page.inner_text("#status").startswith("93 \u00d7 61 pixels in ")
    assert page.get_attribute("#picture", "aria-label") == "The photo, painted as night"
    assert np.abs(saved(page) - expected(site, photo)).max() < 1


def test_strength_blends_at_once(page: Any, site: Path, photo: Path) -> None:
    paint(page, photo)
    with Image.open(photo) as image:
        pixels = np.asarray(image, np.float32)
    for strength in (0, 40):
        page.locator("#strength").fill(str(strength))
        assert page.inner_text("#share") == f"{strength} %"
        wanted = pixels + strength / 100 * (expected(site, photo) - pixels)
        assert np.abs(saved(page) - wanted).max() < 1.5


def test_large_photos_are_made_smaller(page: Any, tmp_path: Path) -> None:
    Image.fromarray(data.astronaut()).resize((1024, 256)).save(tmp_path / "wide.jpg")
    page.select_option("#photo-size", "512")
    paint(page, tmp_path / "wide.jpg")
    assert page.inner_text("#status").startswith("512 \u00d7 128 pixels in ")
    page.evaluate("delete document.documentElement.dataset.ms")
    page.select_option("#photo-size", "768")  # paints it again
    page.wait_for_selector("html[data-ms]", state="attached")
    assert page.inner_text("#status").startswith("768 \u00d7 192 pixels in ")


def test_what_is_no_photo(page: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("no picture")
    paint(page, tmp_path / "notes.jpg")
    assert page.inner_text("#error").startswith("notes.jpg holds no picture that this browser can read")
    assert not page.is_enabled("#save")


def test_the_camera_is_painted_live(page: Any) -> None:
    page.select_option("#camera-size", "240")
    page.click("#camera")
    page.wait_for_selector("html[data-rate]", state="attached")
    assert page.inner_text("#status").startswith("Live, 240 \u00d7 180 pixels, ")
    shown = []
    for strength in ("0", "100"):
        page.locator("#strength").fill(strength)
        shown.append(saved(page))
    assert shown[0].shape == (180, 240, 3) and np.abs(shown[1] - shown[0]).mean() > 5
    page.wait_for_selector("html:not([data-rate='0.00'])", state="attached")  # more than one frame
    page.click("#camera")
    assert page.inner_text("#camera") == "Use the camera"
    playwright.expect(page.locator("#status")).to_have_text("The camera is off")


def test_a_camera_that_may_not_be_used(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); }"
    )
    page.goto(address)
    page.click("#camera")
    page.wait_for_selector("#error:not([hidden])", timeout=PATIENCE)
    assert "allow it for this page" in page.inner_text("#error")
    page.close()


def test_a_runtime_that_is_not_there(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.route("**/ort-wasm-simd-threaded.wasm", lambda route: route.fulfill(status=404))
    page.goto(address)
    page.wait_for_selector("#error:not([hidden])", timeout=PATIENCE)
    assert "ort-wasm-simd-threaded.wasm could not be loaded (404)" in page.inner_text("#error")
    page.close()


def test_it_goes_on_with_the_network_gone(page: Any, site: Path, photo: Path) -> None:
    page.context.set_offline(True)
    paint(page, photo)
    assert np.abs(saved(page) - expected(site, photo)).max() < 1


def test_it_fits_a_phone_in_the_dark(page: Any, photo: Path) -> None:
    paint(page, photo)
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, ground.removeprefix("rgb(").removesuffix(")").split(","))) < 150
    for box in (page.locator(name).bounding_box() for name in ("#camera", "#save", "#photo-size")):
        assert box["height"] >= 44  # of a finger


def test_an_adapter_that_fails_falls_back(browser: Any, address: str) -> None:
    """A worker that is told of a graphics card, of which ONNX Runtime then finds none."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    notes: list[str] = []
    page.on("console", lambda message: notes.append(message.text))
    said = "Object.defineProperty(navigator, 'gpu', {value: {requestAdapter: async () => ({info: {}})}});\n"
    script = (folder._PAGE / "worker.js").read_text(encoding="utf-8")
    page.route(
        "**/worker.js", lambda route: route.fulfill(body=said + script, content_type="text/javascript")
    )
    page.goto(address)
    page.wait_for_selector("html[data-way='wasm']", state="attached")
    assert any("WebGPU cannot be used here" in note for note in notes)
    page.close()


@pytest.mark.slow
def test_webgpu_paints_the_same(browser: Any, address: str, site: Path, photo: Path) -> None:
    """With shaders that the processor runs: minutes for what a graphics card does in milliseconds."""
    other = browser.browser_type.launch(executable_path=str(CHROMIUM), args=[*FLAGS, *SOFTWARE])
    page = other.new_page()
    page.set_default_timeout(10 * PATIENCE)
    page.goto(f"{address}?way=webgpu")
    page.wait_for_selector("html[data-way='webgpu']", state="attached")
    paint(page, photo)
    assert np.abs(saved(page) - expected(site, photo)).max() < 1
    other.close()


def test_the_version_is_the_one_that_is_vendored(site: Path) -> None:
    for name in ("ort.wasm.min.mjs", "ort.webgpu.min.mjs"):
        assert f"ONNX Runtime Web v{folder.VERSION}" in (site / name).read_text(encoding="utf-8")[:200]
