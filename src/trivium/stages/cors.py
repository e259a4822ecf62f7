"""Requests of pages from other origins: what a browser lets them do, by the Fetch standard.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

import re
from collections.abc import Collection, Iterable
from typing import Any

from trivium.checks import Check
from trivium.errors import DeclarationError
from trivium.exchange import Exchange, RawHeaders, Reply
from trivium.stages.headers import add_to_vary, remove
from trivium.stages.refusals import refusal
from trivium.stages.stage import Stage

__all__ = ["CORS"]

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
_SAFELISTED = ("Accept", "Accept-Language", "Content-Language", "Content-Type")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s,A-Z]+|null")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ANY = b"https://any.invalid"
_PREFLIGHT_VARY = (
    b"vary",
    b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers,"
    b" Access-Control-Request-Private-Network",
)
_LINES = frozenset(
    {
        b"vary",
        b"access-control-allow-origin",
        b"access-control-allow-credentials",
        b"access-control-expose-headers",
    }
)
_MOST_KNOWN = 256
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class CORS(Stage):
    """Lets pages of other origins call the application.

    origins: such as ``https://example.com``; ``*`` for any.
    origin_regex: any origin that it matches as a whole, too.
    methods: what a preflight allows; ``*`` for all.
    headers: of the request, beside those that need no permission; ``*`` for any.
    credentials: whether cookies and the like may be sent. With ``*`` as origin that lets any page
        act as the user who looks at it, so it is refused: name the origins.
    expose: the headers of a reply that a page may read.
    private_network: whether public pages may call a server of a private network.
    max_age: seconds for which a browser keeps the answer to a preflight.

    A preflight is answered here. The handshake of a WebSocket, which browsers do not ask permission
    for, is refused with 403 from an origin that is neither one of these nor the application's own.

    Raises DeclarationError for an origin that none can be, a regular expression that is none, and
    what cannot be the name of a method or a header.
    """

    place = 100
    needs_headers = True
    keeps_headers = True
    keeps_line = True

    def __init__(
        self,
        origins: Iterable[str] = (),
        *,
        origin_regex: str | None = None,
        methods: Collection[str] = ("GET",),
        headers: Collection[str] = (),
        credentials: bool = False,
        expose: Collection[str] = (),
        private_network: bool = False,
        max_age: int = 600,
    ) -> None:
        self.origins = tuple(origins)
        self.any_origin = "*" in self.origins
        if self.any_origin and credentials:
            raise DeclarationError(
                "With credentials, every page could act as the user who looks at it",
                written='CORS(["*"], credentials=True)',
                instead='CORS(["https://example.com"], credentials=True)',
            )
        for origin in self.origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise DeclarationError(
                    "Not an origin: scheme, host and port, in lower case, and nothing else",
                    written=repr(origin),
                    instead="'https://example.com'",
                )
        self._exact = frozenset(origin.encode() for origin in self.origins)
        self._regex = _compiled(origin_regex) if origin_regex is not None else None
        for name in (*methods, *headers, *expose):
            if not _TOKEN.fullmatch(name):
                raise DeclarationError(
                    "Neither a method nor the name of a header",
                    written=repr(name),
                    instead="'GET' or 'X-Total'",
                )
        self._methods = METHODS if "*" in methods else tuple(methods)
        self._any_header = "*" in headers
        allowed = sorted({*_SAFELISTED, *headers} - {"*"})
        self._headers = frozenset(header.lower() for header in allowed)
        self._private_network = private_network
        self._credentials = credentials
        self._regex_written = origin_regex
        self.lines = _LINES
        self._known: dict[bytes | None, bytes | None] = {}
        self._is_on = bool(self.origins or origin_regex)
        if not self._is_on:
            self.skips = frozenset({"head", "line"})

        self._simple: RawHeaders = []
        if self.any_origin:
            self._simple.append((b"access-control-allow-origin", b"*"))
        if credentials:
            self._simple.append((b"access-control-allow-credentials", b"true"))
        if expose:
            self._simple.append((b"access-control-expose-headers", ", ".join(expose).encode()))
        self._told = {b"access-control-allow-origin", *(name for name, _ in self._simple)}
        self._preflight: RawHeaders = [
            _PREFLIGHT_VARY,
            (b"access-control-allow-methods", ", ".join(self._methods).encode()),
            (b"access-control-max-age", b"%d" % max_age),
        ]
        if not self._any_header:
            self._preflight.append((b"access-control-allow-headers", ", ".join(allowed).encode()))
        if credentials:
            self._preflight.append((b"access-control-allow-credentials", b"true"))

    def allows(self, origin: bytes) -> bool:
        """Whether pages of this origin may call the application."""
        if self.any_origin or origin in self._exact:
            return True
        return self._regex is not None and self._regex.fullmatch(origin) is not None

    def enter(self, ex: Exchange) -> Reply | None:
        origin = ex.header_map.get(b"origin")
        if origin is None:
            return None
        if ex.is_websocket:
            if self.allows(origin) or _is_own(ex, origin):
                return None
            return refusal(403, "Pages of this origin may not open this WebSocket")
        if (
            self._is_on
            and ex.method == "OPTIONS"
            and b"access-control-request-method" in ex.header_map
        ):
            return self._answer_preflight(ex, origin)
        return None

    def passes(self, ex: Exchange) -> bool:
        # nor is a WebSocket opened on a connection that goes on
        return b"access-control-request-method" not in ex.header_map

    def _answer_preflight(self, ex: Exchange, origin: bytes) -> Reply:
        headers = list(self._preflight)
        failures: list[str] = []
        if self.allows(origin):
            headers.append((b"access-control-allow-origin", b"*" if self.any_origin else origin))
        else:
            failures.append("origin")
        if ex.header(b"access-control-request-method") not in self._methods:
            failures.append("method")
        wanted = ex.header(b"access-control-request-headers")
        if wanted is not None:
            names = {name.strip().lower() for name in wanted.split(",")}
            if self._any_header:
                headers.append((b"access-control-allow-headers", wanted.encode("latin-1")))
            elif not names <= self._headers:
                failures.append("headers")
        if ex.header(b"access-control-request-private-network") is not None:
            if self._private_network:
                headers.append((b"access-control-allow-private-network", b"true"))
            else:
                failures.append("private-network")
        status = 400 if failures else 200
        text = f"Disallowed CORS {', '.join(failures)}" if failures else "OK"
        body = text.encode()
        headers.append((b"content-length", b"%d" % len(body)))
        headers.append((b"content-type", b"text/plain; charset=utf-8"))
        return Reply(status, headers, body)

    def head(self, ex: Exchange, status: int, headers: RawHeaders) -> None:
        if ex.is_websocket:
            return
        if headers and headers[0] is _PREFLIGHT_VARY:
            return
        origin = ex.header_map.get(b"origin")
        if origin is not None and self.allows(origin):
            # a browser takes no two of them, such as those of a mounted application
            remove(headers, self._told)
            headers += self._simple
            if not self.any_origin:
                headers.append((b"access-control-allow-origin", origin))
        if not self.any_origin:
            # a cache has to keep apart what differs by the origin, also where there is none
            add_to_vary(headers, b"Origin")

    def line(self, ex: Exchange) -> bytes | None:
        origin: bytes | None = ex.header_map.get(b"origin")
        if origin in self._known:
            return self._known[origin]
        headers: RawHeaders = []
        self.head(ex, 0, headers)
        line = b"".join([b"%b: %b\r\n" % header for header in headers])
        values = [value.decode("latin-1") for _, value in headers]
        # of anything else it is not certain that it may be sent
        is_sound = all(value.isascii() and value.isprintable() for value in values)
        found = line if is_sound else None
        if len(self._known) < _MOST_KNOWN:
            # clients choose what is kept here
            self._known[origin] = found
        return found

    def checks(self, app: Any, *, deploy: bool) -> Iterable[Check]:
        """What ``trivium check`` says of it."""
        if deploy and self._credentials and self.allows(_ANY):
            yield Check(
                "error",
                "stages.any_origin_with_credentials",
                f"{self._regex_written!r} matches any origin: with credentials, every page can act"
                " as the user who looks at it.",
                r"cors_origin_regex=r'https://[a-z]+\.example\.com'",
            )
        if deploy and self.any_origin:
            yield Check(
                "warning",
                "stages.any_origin",
                "Pages of any origin may read what the application answers without credentials.",
                'cors_origins=["https://example.com"], unless it is meant for everyone',
            )

    def described(self) -> str:
        return f"CORS: {', '.join(self.origins) or 'own origin only'}"


def _compiled(regex: str) -> re.Pattern[bytes]:
    try:
        return re.compile(regex.encode())
    except re.error as error:
        raise DeclarationError(
            f"Not a regular expression: {error}",
            written=repr(regex),
            instead=r"r'https://[a-z]+\.example\.com'",
        ) from error


def _is_own(ex: Exchange, origin: bytes) -> bool:
    """Whether the page comes from the host that is asked for."""
    host = ex.header_map.get(b"host", b"").decode("latin-1").lower()
    scheme, _, named = origin.decode("latin-1").lower().partition("://")
    port = _DEFAULT_PORTS.get(scheme, "")
    return bool(host) and host.removesuffix(port) == named.removesuffix(port)
