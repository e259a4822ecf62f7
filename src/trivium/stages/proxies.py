"""Who the client is, where proxies stand in between.

A proxy tells in headers what it knows of its client. So can anybody, so they are believed only of
peers in networks that were named, and only as far as every hop named is trusted.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Literal, NamedTuple

from trivium.checks import Check
from trivium.exchange import Exchange
from trivium.stages.networks import Networks, address_of
from trivium.stages.stage import Stage

__all__ = ["Hop", "TrustedProxies", "forwarded_hops"]

Client = tuple[str, int]
# Some proxies leave out the quotes that an address with a colon would need.
_PAIR = re.compile(r"""([^\s=",;]+)=([^\s",;]+|"(?:[^"\\]|\\.)*")""")
_HIDDEN = re.compile(r"unknown|_[0-9A-Za-z._-]+", re.IGNORECASE)
"""What stands for a client that is not named (RFC 7239, section 6)."""


class Hop(NamedTuple):
    """What one proxy says of who has connected to it."""

    address: str
    """The address, or a name that the proxy uses in its place."""
    port: int = 0
    scheme: str | None = None
    host: str | None = None


class TrustedProxies(Stage):
    """Sets the client's address, the scheme and, if asked to, the host, as trusted proxies say.

    proxies: the networks of the proxies, as in ``["10.0.0.0/8"]``, and ``unix`` for a proxy that
        connects over a file. Without any, a request is its peer's, whatever its headers say.
    header: ``x-forwarded`` reads ``X-Forwarded-For``, ``-Proto`` and ``-Host``; ``forwarded`` reads
        ``Forwarded`` (RFC 7239). Only one of them: a proxy that sets one as a rule passes the other
        on as a client has sent it.
    host: whether ``X-Forwarded-Host`` or ``host=`` replaces ``Host``. Only for proxies that always
        set it themselves.

    Hops are read from the nearest outwards. The first that is not a trusted proxy is the client;
    what stands further out may be the client's own invention, and is not read.

    Raises DeclarationError for what is not a network.
    """

    place = 20
    decides_clients = True

    def __init__(
        self,
        proxies: Iterable[str] = (),
        *,
        header: Literal["x-forwarded", "forwarded"] = "x-forwarded",
        host: bool = False,
    ) -> None:
        self.proxies = Networks(proxies)
        if not self.proxies:
            # a connection's peer is its client anyway
            self.skips = frozenset({"enter"})
        self.header = header
        self.host = host

    def passes(self, ex: Exchange) -> bool:
        # On a direct connection, which heeds no other word on who the client is, a peer that is not
        # trusted is the client already.
        peer = ex.peer
        return (None if peer is None else peer[0]) not in self.proxies

    def enter(self, ex: Exchange) -> None:
        peer = ex.peer
        if (None if peer is None else peer[0]) not in self.proxies:
            ex.seen_alone()
            return
        hop = self._client(list(self._hops(ex)))
        if hop is None:
            ex.seen_alone()
            return
        host = hop.host.encode("latin-1") if self.host and hop.host else None
        ex.seen_as((hop.address, hop.port), _scheme_of(ex, hop), host)

    def _hops(self, ex: Exchange) -> Iterator[Hop]:
        if self.header == "forwarded":
            # each line for itself: what one leaves open, another proxy's line does not close
            return chain.from_iterable(map(forwarded_hops, ex.header_list(b"forwarded")))
        return _x_forwarded_hops(
            _listed(ex, b"x-forwarded-for"),
            _listed(ex, b"x-forwarded-proto"),
            _listed(ex, b"x-forwarded-host"),
        )

    def _client(self, hops: list[Hop]) -> Hop | None:
        """The first hop, from the nearest on, that is not a trusted proxy."""
        nearest: Hop | None = None
        for hop in reversed(hops):
            if address_of(hop.address) is None:
                # hidden by a proxy that is trusted (RFC 7239, section 6), or no address at all
                is_hidden = self.header == "forwarded" and _HIDDEN.fullmatch(hop.address)
                return hop if is_hidden else nearest
            nearest = hop
            if hop.address not in self.proxies:
                break
        return nearest

    def checks(self, app: Any, *, deploy: bool) -> Iterable[Check]:
        """What ``trivium check`` says of it."""
        if deploy and not self.proxies:
            yield Check(
                "info",
                "stages.no_proxy",
                "No proxy is trusted: behind one, every request seems to be the proxy's, by HTTP.",
                'trusted_proxies=["10.0.0.0/8"], with the networks of your proxies',
            )
        if deploy and self.proxies.hold_all:
            yield Check(
                "warning",
                "stages.any_proxy",
                "Everybody is a trusted proxy, so a client may say that it is another one.",
                'trusted_proxies=["10.0.0.0/8"], with the networks of your proxies',
            )

    def described(self) -> str:
        if not self.proxies:
            return "proxies: none are trusted"
        return f"proxies: {', '.join(self.proxies.written)} ({self.header})"


def _scheme_of(ex: Exchange, hop: Hop) -> str:
    scheme = (hop.scheme or "").lower()
    if scheme not in ("http", "https", "ws", "wss"):
        return ex.scheme
    if not ex.is_websocket:
        return {"ws": "http", "wss": "https"}.get(scheme, scheme)
    return {"http": "ws", "https": "wss"}.get(scheme, scheme)


def _listed(ex: Exchange, name: bytes) -> list[str]:
    joined = ",".join(ex.header_list(name))
    return [one.strip() for one in joined.split(",")] if joined else []


def _x_forwarded_hops(addresses: list[str], schemes: list[str], hosts: list[str]) -> Iterator[Hop]:
    for index, written in enumerate(addresses):
        address, port = _address_and_port(written)
        yield Hop(address, port, _nth(schemes, index, addresses), _nth(hosts, index, addresses))


def _nth(values: list[str], index: int, addresses: list[str]) -> str | None:
    """The value of the same hop; the last one, which the nearest proxy set, if they are not as
    many."""
    if not values:
        return None
    return values[index] if len(values) == len(addresses) else values[-1]


def _address_and_port(written: str) -> Client:
    """``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1`` or ``[2001:db8::1]:80``."""
    if written.startswith("["):
        address, _, port = written[1:].partition("]")
        port = port.removeprefix(":")
    elif written.count(":") == 1:
        address, _, port = written.partition(":")
    else:
        address, port = written, ""
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    return address, number if number < 65536 else 0


def forwarded_hops(header: str) -> Iterator[Hop]:
    """The elements of ``Forwarded`` in order; one that breaks the grammar has an empty address."""
    for element in filter(None, _split(header, ",")):
        pairs: dict[str, str] = {}
        is_sound = True
        for pair in filter(None, _split(element, ";")):
            match = _PAIR.fullmatch(pair)
            name, value = match.groups() if match is not None else ("", "")
            name = name.lower()
            is_sound = is_sound and bool(name) and name not in pairs
            pairs[name] = _unquoted(value)
        address, port = _address_and_port(pairs.get("for", "")) if is_sound else ("", 0)
        yield Hop(address, port, pairs.get("proto"), pairs.get("host"))


def _split(text: str, separator: str) -> Iterator[str]:
    """The parts between separators that are not quoted."""
    part, is_quoted, is_escaped = "", False, False
    for character in text:
        if character == separator and not is_quoted:
            yield part.strip()
            part = ""
            continue
        if character == '"' and not is_escaped:
            is_quoted = not is_quoted
        is_escaped = character == "\\" and is_quoted and not is_escaped
        part += character
    if part.strip() or text:
        yield part.strip()


def _unquoted(value: str) -> str:
    if len(value) < 2 or not (value.startswith('"') and value.endswith('"')):
        return value
    text, characters = "", iter(value[1:-1])
    for character in characters:
        text += next(characters, "") if character == "\\" else character
    return text
