"""Files of the repository that have a place in the site although they do not lie below docs/.

A model card stands beside its weights, a plot beside its numbers; here they are shown, written once. Links
work in both places: in the repository as they stand, in the site as this module turns them.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
# by path in the repository, the path in the site
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "RELEASING.md": "releasing.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
    "impasto/backbones/README.md": "models/compact.md",
    "impasto/networks/README.md": "models/adaptive.md",
}
PLACES = PAGES | {
    f"benchmarks/results/{path.name}": f"results/{path.name}"
    for path in sorted((ROOT / "benchmarks" / "results").iterdir())
}
_HOME_OF = {place: path for path, place in PLACES.items()}
_SAME = {"README.md": "index.md", "benchmarks/results": "benchmarks.md"}  # what tells the same in the site
_LINK = re.compile(r"(?P<text>!?\[[^\]]*\])\((?P<target>[^)\s]+)\)")


def add(files: Files, config: Any) -> Files:
    """The files of the site, with those from elsewhere."""
    for path, place in PLACES.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return files


def with_links(markdown: str, page: str) -> str:
    """A page's text, with each link to a file of the repository leading to that file's place in the site.

    Where a file has none, such as a program, its name stays without a link. `page` is the page's own place.
    Raises ValueError for a link to a file that the repository has not.
    """
    home = _HOME_OF.get(page, f"docs/{page}")

    def turned(found: re.Match[str]) -> str:
        path, hash_, anchor = found["target"].partition("#")
        if not path or ":" in path:
            return found[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(home), path))
        if not (ROOT / target).exists():
            raise ValueError(f"{home} links to {found['target']}, and there is no {target}")
        place = place_of(target)
        if place is None:
            return found["text"].strip("![]")
        way = posixpath.relpath(place, posixpath.dirname(page) or ".")
        return f"{found['text']}({way}{hash_}{anchor})"

    parts = re.split(r"(```.*?```)", markdown, flags=re.DOTALL)  # what is code stays as it is
    return "".join(part if part.startswith("```") else _LINK.sub(turned, part) for part in parts)


def place_of(path: str) -> str | None:
    """In the site, of a path in the repository; None for a file that it does not show."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return PLACES.get(path) or _SAME.get(path)
