"""Exported styles: sizes, agreement, what lower precision costs, milliseconds here and in a browser.

Nothing else should run meanwhile. The page is opened in headless Chromium by Playwright; without a graphics
card WebAssembly computes, in one thread, as on a host that sends no special headers.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.report import console, machine, print_table, save_section
from benchmarks.settings import ROOT, SHIPPED_PHOTO
from impasto.export import ExportOptions, Report, export
from impasto.imaging import io
from impasto.imaging.geometry import resize
from impasto.networks import onnx

STYLE, SIDE = "starry-night", 512
PHOTOS = ROOT / "impasto" / "app" / "pictures"
KINDS: dict[str, dict[str, Any]] = {
    "float32": {},
    "float16": {"precision": "float16", "photos": (PHOTOS,)},
    "int8": {"precision": "int8", "photos": (PHOTOS,)},
    "torchscript": {"to": "torchscript"},
}
CAMERA_SIDES = (240, 480)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="in which all take turns")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="(default: %(default)s)")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "benchmarks" / "results", help="for export.json"
    )
    given = parser.parse_args(arguments)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    with tempfile.TemporaryDirectory() as folder:
        files = {kind: Path(folder, f"{kind}.{'pt' if 'to' in o else 'onnx'}") for kind, o in KINDS.items()}
        reports = {kind: export(STYLE, out, ExportOptions(**KINDS[kind])) for kind, out in files.items()}
        times = _times({kind: out for kind, out in files.items() if out.suffix == ".onnx"}, given.rounds)
        rows = [_row(kind, report, times.get(kind)) for kind, report in reports.items()]
        site = Path(folder, "site")
        export(STYLE, site, ExportOptions(to="web"))
        page = _browse(site, given.chromium, given.rounds)
    _print(rows, page)
    result = {"style": STYLE, "rows": rows, "page": page, "rounds": given.rounds}
    written = save_section(given.results / "export.json", "export", result)
    console.print(f"written: {written}", style="dim")


def _row(kind: str, report: Report, milliseconds: float | None) -> dict[str, Any]:
    quality = report.quality
    return {
        "kind": kind,
        "megabytes": report.size / 1e6,
        "seconds_to_export": report.seconds,
        "difference": report.difference,
        "psnr": quality.psnr if quality else None,
        "worst_psnr": quality.worst if quality else None,
        "style_errors": quality.style if quality else None,
        "content_errors": quality.content if quality else None,
        f"photo_{SIDE}x{SIDE}_ms": milliseconds,
    }


def _times(files: dict[str, Path], rounds: int) -> dict[str, float]:
    """The best of all rounds: what else the machine does can only add."""
    photo = resize(io.read(SHIPPED_PHOTO)[0][None], (SIDE, SIDE)).clamp(0, 1)
    sessions = {kind: onnx.start(path.read_bytes()) for kind, path in files.items()}
    seconds: dict[str, list[float]] = {kind: [] for kind in files}
    for _ in range(rounds + 1):
        for kind, session in sessions.items():
            started = perf_counter()
            onnx.run(session, photo)
            seconds[kind].append(perf_counter() - started)
    return {kind: 1e3 * min(each[1:]) for kind, each in seconds.items()}


def _browse(site: Path, chromium: str, rounds: int) -> dict[str, float]:
    """Milliseconds a photo, and pictures a second of a camera, at their best."""
    from playwright.sync_api import sync_playwright

    photo = site.with_name("photo.png")
    with Image.open(SHIPPED_PHOTO) as image:
        Image.fromarray(np.asarray(image.resize((SIDE, SIDE)))).save(photo)
    flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    measured: dict[str, float] = {}
    with _served(site) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page()
        page.set_default_timeout(120_000)
        started = perf_counter()
        page.goto(address)
        page.wait_for_selector("html[data-way]")
        measured["seconds_to_open"] = perf_counter() - started
        photos = []
        for _ in range(rounds):
            page.evaluate("delete document.documentElement.dataset.ms")
            page.set_input_files("#file", photo)
            page.wait_for_selector("html[data-ms]", state="attached")
            photos.append(float(page.get_attribute("html", "data-ms") or "nan"))
        measured[f"photo_{SIDE}x{SIDE}_ms"] = min(photos)
        page.click("#camera")
        for side in CAMERA_SIDES:
            page.select_option("#camera-size", str(side))
            rates = []
            for _ in range(2 * rounds):
                page.wait_for_timeout(500)
                if f"Live, {side} " in page.inner_text("#status"):
                    rates.append(float(page.get_attribute("html", "data-rate") or "nan"))
            measured[f"camera_{side}_per_second"] = max(rates)
        browser.close()
    return measured


@contextmanager
def _served(site: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def _print(rows: Sequence[dict[str, Any]], page: dict[str, float]) -> None:
    print_table(
        f"{STYLE}, exported",
        ("kind", "MB", "export, s", "off", "dB", "worst dB", "style", "content", f"{SIDE} x {SIDE}, ms"),
        [list(row.values()) for row in rows],
        note="off: largest difference from PyTorch on odd sizes; dB: from float32's pictures; style and "
        "content: errors of float32's pictures and of these",
    )
    console.print(", ".join(f"{name} {value:.4g}" for name, value in page.items()))


if __name__ == "__main__":
    main()
