"""The site: built strictly, complete, and on its own, as a reader without a network needs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlparse

import pytest

import impasto
from docs.generators import commands, layers
from impasto import styles
from tests.docs.snippets import ROOT

# attributes from which a browser loads something by itself; of links, those that are no mere relations
LOADING = {"src", "srcset", "data", "poster", "background"}
LOADING_LINKS = {
    "stylesheet",
    "icon",
    "preload",
    "modulepreload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "manifest",
}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr
    return folder


class Page(HTMLParser):
    """What a page loads, links to, and the names of its places."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.tags: Counter[str] = Counter()
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags[tag] += 1
        self.places |= {values[name] for name in ("id", "name") if name in values}
        self.loads += [values[name] for name in LOADING & values.keys() if tag != "a"]
        if tag == "link" and LOADING_LINKS & set(values.get("rel", "").split()):
            self.loads.append(values["href"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Page]:
    return {str(path.relative_to(site)): Page(path) for path in sorted(site.rglob("*.html"))}


def test_every_page_of_the_menu_is_there(pages: dict[str, Page]) -> None:
    menu = re.findall(r": ([\w/-]+)\.md$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(menu) > 20
    assert {f"{name}.html" for name in menu} | {"404.html"} == pages.keys()


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        outside = [
            url for url in page.loads if urlparse(url).scheme not in ("", "data") or url.startswith("//")
        ]
        assert outside == [], name
    for sheet in site.rglob("*.css"):
        urls = re.findall(r"""(?:url\(|@import )["']?([^"')]+)""", sheet.read_text(encoding="utf-8"))
        assert [url for url in urls if re.match(r"(https?:)?//", url)] == [], sheet


def test_links_lead_somewhere(site: Path, pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        for link in {*page.links, *page.loads}:
            address = urlparse(link)
            if address.scheme or (name == "404.html" and link.startswith("/")):
                continue
            target = (site / name).parent / address.path if address.path else site / name
            if target.is_dir():
                target /= "index.html"
            assert target.is_file(), f"{name}: {link}"
            if address.fragment and target.suffix == ".html":
                there = pages[str(target.resolve().relative_to(site.resolve()))]
                assert address.fragment in there.places, f"{name}: {link}"


def test_front_page_shows_every_style(site: Path, pages: dict[str, Page]) -> None:
    front = pages["index.html"]
    for name in styles.cards():
        assert f"images/front-{name}.jpg" in front.loads, "run python -m docs.generators.front"
    weight = sum((site / load).stat().st_size for load in set(front.loads) if load.startswith("images/"))
    assert weight < 3_500_000


def test_every_command_is_there_with_every_option(pages: dict[str, Page]) -> None:
    page = pages["commands.html"]
    known = commands.commands()
    assert {"paint", "stylize", "train", "distill"} <= known.keys() <= page.places
    sections = re.split(r'<h2 id="', page.text)[1:]
    for name, section in zip(known, sections, strict=True):
        for option in commands.options_of(known[name]):
            for flag in (*option.opts, *option.secondary_opts):
                assert re.search(rf"<code>[^<]*{flag}\b", section), f"{name} {flag}"
    assert "[dim]" not in page.text


def test_defaults_are_told(pages: dict[str, Page]) -> None:
    text = pages["commands.html"].text
    row = re.search(r"<code>--size</code> <code>PIXELS</code>.*?</tr>", text, re.DOTALL)
    assert row and 'class="default">512<' in row[0]


def test_every_public_name_is_there(pages: dict[str, Page]) -> None:
    public = {f"impasto.{name}" for name in impasto.__all__ if not name.startswith("_")}
    assert public <= pages["api.html"].places
    assert "impasto.losses.gram_error" in pages["api.html"].places


def test_formulas_are_set(pages: dict[str, Page]) -> None:
    page = pages["mathematics.html"]
    source = (ROOT / "docs" / "mathematics.md").read_text(encoding="utf-8")
    displayed = source.count("$$") // 2
    inline = len(re.findall(r"(?<!\$)\$(?!\$)", source)) // 2
    assert page.tags["math"] == displayed + inline
    assert displayed >= 18
    for name in ("index.html", "mathematics.html"):
        assert "arithmatex" not in pages[name].text
    assert not re.search(r"\\[a-z]+\{", re.sub(r"<annotation.*?</annotation>", "", page.text))


def test_tables_of_results_are_there(pages: dict[str, Page]) -> None:
    page = pages["performance.html"]
    asked = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8").count("<!-- make: ")
    assert page.tags["table"] == asked >= 14
    assert page.text.count('class="measured"') == asked
    runtime = json.loads((ROOT / "benchmarks/results/runtime.json").read_text(encoding="utf-8"))["runtimes"]
    assert f"{runtime['rows'][0]['photo_512x512_ms']:.0f} ms" in page.text
    assert runtime["machine"]["cpu"] in page.text and runtime["machine"]["torch"] in page.text


def test_nothing_asked_for_is_left_unmade(pages: dict[str, Page]) -> None:
    assert [name for name, page in pages.items() if "<!-- make:" in page.text] == []


def test_model_cards_and_licences_are_there(pages: dict[str, Page]) -> None:
    assert "Collaborative Distillation" in pages["models/compact.html"].text
    assert "torchrun" in pages["models/adaptive.html"].text
    for name in ("models/styles.html", "licences.html"):
        assert all(style in pages[name].text for style in styles.cards())
    assert "CC0" in pages["licences.html"].text


def test_search_knows_the_pages(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {document["location"].partition("#")[0] for document in index["docs"]}
    assert {"paint.html", "troubleshooting.html", "api.html"} <= found


def test_the_picture_of_the_architecture_is_up_to_date() -> None:
    rooms = [room for row in layers.layers() for room in row]
    assert set(rooms) <= layers.WORDS.keys(), "say in docs/generators/layers.py what the new room is for"
    assert layers.PICTURE.read_text(encoding="utf-8") == layers.svg(), "run python -m docs.generators.layers"
