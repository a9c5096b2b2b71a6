"""The photo tab in a browser, in the words of a visitor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

ARTEFACTS = Path(__file__).parents[2] / "out" / "test-artefacts" / "app"
PATIENCE = 60_000  # milliseconds; a machine at work on other things is slow

# whose scripts come one by one: the page is all there when each has come
_LOADED_BY_ITSELF = (
    "#photo input[type=file]",
    "#examples button",
    "#styles button",
    "#style input",
    "#strength input",
)

# functions to wait for: a promise in `evaluate` would be waited for without a limit
_IS_LOADED = """() => {
    const picture = document.querySelectorAll('#compare img')[1];
    return picture?.complete && picture.naturalWidth > 0;
}"""
_IS_ANOTHER = (
    "old => { const now = document.querySelectorAll('#compare img')[1]?.src; return now && now !== old; }"
)


class PhotoPage:
    """A page that was opened at the app's address."""

    def __init__(self, page: Page, address: str, query: str = "") -> None:
        self.page = page
        page.set_default_timeout(PATIENCE)
        page.goto(address + query)
        for part in _LOADED_BY_ITSELF:
            page.locator(part).first.wait_for(state="attached")

    @property
    def picture(self) -> str | None:
        """Where the picture comes from that is compared with the photo."""
        images = self.page.locator("#compare img")
        return images.nth(1).get_attribute("src") if images.count() > 1 else None

    @property
    def news(self) -> str:
        """The line of news."""
        return self.page.locator("#status .status span").inner_text()

    @property
    def toast(self) -> Locator:
        """The newest message in the corner."""
        return self.page.locator("[data-testid=toast-body]").last

    @property
    def slider(self) -> Locator:
        return self.page.get_by_role("slider", name="Before and after")

    @property
    def chosen(self) -> list[str]:
        """Names of the styles that the gallery shows as chosen."""
        return self.page.locator("#styles [aria-pressed=true]").all_inner_texts()

    def drop(self, photo: Path, place: str = "#photo") -> None:
        self.page.set_input_files(f"{place} input[type=file]", photo)

    def wait_for_another(self, old: str | None) -> str:
        """The picture that takes the place of an old one, once it is loaded."""
        self.page.wait_for_function(_IS_ANOTHER, arg=old)
        self.page.wait_for_function(_IS_LOADED)
        assert self.picture is not None
        return self.picture

    def answer(self, photo: Path) -> str:
        """The picture that is there after a photo was dropped."""
        old = self.picture
        self.drop(photo)
        return self.wait_for_another(old)

    def open(self, title: str) -> None:
        """Open what is folded under a title."""
        self.page.get_by_role("button", name=title).locator("visible=true").first.click()

    def wait_for_news(self, words: str) -> None:
        self.page.locator("#status", has_text=words).wait_for()

    def choose(self, field: str, option: str) -> None:
        """Choose from a list."""
        chooser = self.page.get_by_role("combobox", name=field).locator("visible=true")
        chooser.fill(option)
        chooser.press("Enter")

    def code(self, place: str) -> str:
        """A text under "Command line and Python"."""
        lines = self.page.locator(f"{place} .cm-line")
        lines.first.wait_for()
        return "\n".join(lines.all_inner_texts())

    def fetch(self, address: str) -> bytes:
        answer = self.page.request.get(address)
        assert answer.ok, address
        return answer.body()

    def shoot(self, name: str, **more: Any) -> None:
        """A screenshot for people to look at, in out/test-artefacts/app."""
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True, **more)
