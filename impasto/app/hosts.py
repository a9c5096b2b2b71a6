"""Check host names, so that pages of other sites cannot use the app through a visitor's browser.

A browser sends the name in the address bar as `Host`, and the page that sends the request as `Origin`.
Another site can point a name of its own to this machine (DNS rebinding), but cannot change what the browser
sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from impasto.errors import UsageError

_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")


class HostNames:
    """Host names the app answers to: loopback names, those of the machine, and allowed names.

    An app that listens on all addresses answers to any numeric address.

    Args:
        own: the address that the app listens on, and names of the machine.
        given: further names, such as that of a reverse proxy. Raises UsageError for an invalid name.
    """

    def __init__(self, *own: str, given: Iterable[str] = ()) -> None:
        self._own = {_plain(name) for name in own}
        self._given = {_checked(name) for name in given}
        addresses = [address for name in self._own if (address := _address(name))]
        self._has_all = any(address.is_unspecified for address in addresses)

    def add(self, name: str) -> None:
        """Allow a further name from now on."""
        self._given.add(_checked(name))

    def knows(self, host: str) -> bool:
        """Return whether a request's `Host` names this app."""
        name = _name_of(f"//{host}")
        if name is None:
            return False
        is_listened_to = self._has_all and _address(name) is not None
        return name in self._own | self._given or _is_loopback(name) or is_listened_to

    def is_own_page(self, origin: str, host: str) -> bool:
        """Return whether a request's `Origin` is the app's own page, in a request with that `Host`.

        Another port is another site. A reverse proxy may send another `Host` than the visitor's browser,
        so an allowed name is accepted with any `Host`.
        """
        name = _name_of(origin)
        if name is None:
            return False
        return origin.lower().partition("://")[2] == host.lower() or name in self._given


def _checked(name: str) -> str:
    plain = _plain(name)
    if _NAME.fullmatch(plain) or _address(plain):
        return plain
    raise UsageError(
        f"{name!r} is not a host name: write one such as paint.example.org, without http:// and port"
    )


def _name_of(url: str) -> str | None:
    """Return the host name in an address; None if there is none."""
    try:
        parts = urlsplit(url)
        parts.port  # raises ValueError if it is not a number  # noqa: B018
    except ValueError:
        return None
    return _plain(parts.hostname) if parts.hostname and "@" not in parts.netloc else None


def _plain(name: str) -> str:
    return name.lower().strip("[]").removesuffix(".")


def _is_loopback(name: str) -> bool:
    address = _address(name)
    if address is not None:
        return address.is_loopback
    return name == "localhost" or name.endswith(".localhost")


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None
