"""How long visitors of the web app wait, each time at an address of its own process: a table in seconds.

python -m benchmarks.app [--photo FILE] [--answers 12]

The photo is answered as on the page: uploaded, stylized at the size that is shown, and the picture fetched.
The target is two seconds for the first answer on two cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

from gradio_client import Client

from benchmarks.report import print_table
from benchmarks.settings import SHIPPED_PHOTO
from examples.app_client import ask_for

TARGET = 2.0  # seconds
STYLES = ("starry-night", "the-scream", "great-wave", "grande-jatte")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photo", type=Path, default=SHIPPED_PHOTO)
    parser.add_argument("--answers", type=int, default=12)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        started = perf_counter()
        words = [sys.executable, "-m", "impasto", "app", "--no-browse"]
        with subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TMPDIR": folder},
        ) as process:
            try:
                address = wait_for_address(process)
                rows: list[list[object]] = [["until the app answers", perf_counter() - started]]
                rows += measure(address, asked.photo, asked.answers, folder)
            finally:
                process.terminate()
    print_table(f"The web app, {asked.photo.name}", ("what", "seconds"), rows)


def wait_for_address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if "the app is at" in line:
            return line.split()[4].rstrip(";")
    raise SystemExit("the app did not start")


def measure(address: str, photo: Path, answers: int, folder: str) -> list[list[object]]:
    client = Client(address, verbose=False, download_files=folder)

    def answer(style: str | Path) -> float:
        started = perf_counter()
        client.predict(**ask_for(photo, style), api_name="/stylize")
        return perf_counter() - started

    try:
        first = answer(STYLES[0])
        later = [answer(STYLES[number % len(STYLES)]) for number in range(answers)]
        own = answer(photo)
        started = perf_counter()
        client.predict(original=True, api_name="/download")
        home = perf_counter() - started
    finally:
        client.close()
    return [
        [f"the first answer (target {TARGET:g})", first],
        [f"later answers, median of {answers}", median(later)],
        ["the slowest of them", max(later)],
        ["in the look of any picture", own],
        ["the file to take home", home],
    ]


if __name__ == "__main__":
    main()
