"""Use a running web app from a program.

    pip install gradio_client
    impasto app --no-browse &
    python examples/app_client.py photo.jpg the-scream -o scream.jpg
    python examples/app_client.py photo.jpg wave.jpg -o wave.jpg --paint

A style is the name of one that ships, or a picture. The app's own page lists all that can be asked for, under
"Use via API" at its foot.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path
from typing import Any

from gradio_client import Client, handle_file

ADDRESS = "http://127.0.0.1:7860"


def ask_for(photo: Path, style: str | Path, **more: Any) -> dict[str, Any]:
    """The parameters of /stylize and /paint: what is not given is as the page has it at first."""
    if Path(style).is_file():
        return {"photo": handle_file(photo), "style": "own", "own": handle_file(style), **more}
    return {"photo": handle_file(photo), "style": str(style), "own": None, **more}


def stylize(client: Client, photo: Path, style: str | Path, **more: Any) -> str:
    """A picture at once; returns the line of news."""
    return news(client.predict(**ask_for(photo, style, **more), api_name="/stylize"))


def paint(client: Client, photo: Path, style: str | Path, **more: Any) -> str:
    """A painting, whose progress is printed; returns the last line. To stop it: predict(api_name="/stop")."""
    line = ""
    for answer in client.submit(**ask_for(photo, style, **more), api_name="/paint"):
        line = news(answer)
        print(line)
    return line


def download(client: Client, target: Path, *, size: str = "largest") -> Path:
    """The last picture of this client, with the photo's metadata; size: largest, photo or picture."""
    return Path(shutil.move(client.predict(size=size, api_name="/download"), target))


def news(answer: Any) -> str:
    """The line of news of an answer: pictures before and after, news, results, command, Python, film."""
    return re.sub(r"<[^>]*>", "", answer[1])


def main(*words: str) -> None:
    parser = argparse.ArgumentParser(description="Have a running impasto app make a picture.")
    parser.add_argument("photo", type=Path)
    parser.add_argument("style", help="the name of a style that ships, or a picture")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--paint", action="store_true", help="paint it instead of stylizing it")
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--app", default=ADDRESS, metavar="ADDRESS")
    asked = parser.parse_args(words or None)
    client = Client(asked.app, verbose=False)
    try:
        make = paint if asked.paint else stylize
        print(make(client, asked.photo, asked.style, strength=asked.strength))
        print(f"written: {download(client, asked.output)}")
    finally:
        client.close()  # the app deletes what it made for us


if __name__ == "__main__":
    main()
