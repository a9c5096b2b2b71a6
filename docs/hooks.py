"""MkDocs' events at which parts of this site are made: from code, from results, from files elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from generators import api, commands, elsewhere, front, licences, mathml, results

# what takes the place of `<!-- make: NAME -->`, by name
MAKERS: dict[str, Callable[[], str]] = {
    "commands": commands.page,
    "api": api.page,
    "styles": licences.style_cards,
    "style scores": licences.style_scores,
    "downloads": licences.downloads,
    "dependencies": licences.dependencies,
    "notice": licences.notice,
    "viewer": front.viewer,
    **results.TABLES,
}


def on_files(files: Any, config: Any) -> Any:
    """Give files of the repository that are not below docs/ their places in the site."""
    return elsewhere.add(files, config)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Make what a page asks for, and point its links to where things are in the site."""
    made = re.sub(r"<!-- make: ([\w. -]+?) -->", lambda match: MAKERS[match[1]](), markdown)
    return elsewhere.with_links(made, page.file.src_uri)


def on_page_content(html: str, **_: Any) -> str:
    """Set formulas."""
    return mathml.with_formulas(html)
