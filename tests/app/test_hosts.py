"""Names that the app answers to, and pages that may ask it."""

from __future__ import annotations

import pytest

from impasto.app.hosts import HostNames
from impasto.errors import UsageError


@pytest.mark.parametrize(
    ("listens", "host", "known"),
    [
        ("127.0.0.1", "127.0.0.1:7860", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.8.8.8:1", True),
        ("127.0.0.1", "localhost:7860", True),
        ("127.0.0.1", "LocalHost.:7860", True),
        ("127.0.0.1", "impasto.localhost:7860", True),
        ("127.0.0.1", "[::1]:7860", True),
        ("127.0.0.1", "192.168.0.9:7860", False),
        ("127.0.0.1", "0.0.0.0:7860", False),
        ("127.0.0.1", "evil.example", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "evil-localhost", False),
        ("127.0.0.1", "127.0.0.1.evil.example", False),
        ("127.0.0.1", "localhost@evil.example", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "[::1", False),
        ("127.0.0.1", "localhost:x", False),
        ("192.168.0.9", "192.168.0.9:7860", True),
        ("192.168.0.9", "192.168.0.8:7860", False),
        ("fe80::1", "[FE80::1]:7860", True),
        ("studio.lan", "Studio.lan:7860", True),
        ("0.0.0.0", "192.168.0.9:7860", True),
        ("::", "[2001:db8::1]", True),
        ("0.0.0.0", "evil.example", False),
        ("0.0.0.0", "localhost", True),
    ],
)
def test_names(listens: str, host: str, known: bool) -> None:
    assert HostNames(listens).knows(host) is known


def test_names_that_are_given() -> None:
    names = HostNames("0.0.0.0", given=["Paint.Example.org."])
    assert names.knows("paint.example.org:443")
    assert not names.knows("other.paint.example.org")
    names.add("abc.gradio.live")
    assert names.knows("abc.gradio.live")


@pytest.mark.parametrize(
    "name", ["", " ", "https://paint.example.org", "paint.example.org:80", "a/b", "*", "a b", "a@b", "[::1]x"]
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(UsageError, match="host name"):
        HostNames("127.0.0.1", given=[name])


@pytest.mark.parametrize(
    ("origin", "host", "own"),
    [
        ("http://127.0.0.1:7860", "127.0.0.1:7860", True),
        ("http://LOCALHOST:7860", "localhost:7860", True),
        ("http://[::1]:7860", "[::1]:7860", True),
        ("https://paint.example.org", "paint.example.org", True),
        ("https://paint.example.org", "127.0.0.1:7860", True),  # a server in front asks by another name
        ("http://localhost:7860", "127.0.0.1:7860", False),
        ("http://studio:7860", "studio:7860", True),
        ("http://studio:3000", "studio:7860", False),
        ("http://127.0.0.1:3000", "127.0.0.1:7860", False),
        ("https://evil.example", "127.0.0.1:7860", False),
        ("https://127.0.0.1:7860@evil.example", "127.0.0.1:7860", False),
        ("null", "127.0.0.1:7860", False),
        ("", "127.0.0.1:7860", False),
        ("http://[", "127.0.0.1:7860", False),
    ],
)
def test_origins(origin: str, host: str, own: bool) -> None:
    assert HostNames("127.0.0.1", "studio", given=["paint.example.org"]).is_own_page(origin, host) is own
