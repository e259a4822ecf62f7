"""The body of a request that asks for another protocol, and does not get it.

httptools takes everything after the head of such a request for the other protocol's, its body
included. If the body were read as the next request, a client could hide a request in it. So another
parser is told of a head that asks for nothing, and reads on from there (RFC 9110, section 7.8: a
server that does not change the protocol answers the request as any other).
"""

from typing import TYPE_CHECKING, Any

import httptools

from trivium.exchange import RawHeaders

if TYPE_CHECKING:
    from trivium.server.direct import DirectExchange
    from trivium.server.protocol import DirectProtocol

__all__ = ["has_body", "new_parser", "reframed"]

_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


def new_parser(callbacks: Any) -> Any:
    """A parser of requests that calls these back."""
    parser: Any = httptools.HttpRequestParser(callbacks)
    # Data after the last request of a connection is a client's pipelining, and not an error.
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def has_body(headers: RawHeaders) -> bool:
    """Whether a body comes after these headers (RFC 9112, section 6)."""
    return any(name in _FRAMING and value != b"0" for name, value in headers)


def reframed(connection: "DirectProtocol", ex: "DirectExchange") -> Any:
    """A parser that goes on with the body of the request, and with all requests after it."""
    parser = new_parser(_FromBody(connection, ex))
    framing = [b"%b: %b\r\n" % header for header in ex.raw_headers if header[0] in _FRAMING]
    parser.feed_data(b"POST / HTTP/%b\r\n%b\r\n" % (ex.version.encode(), b"".join(framing)))
    return parser


class _FromBody:
    """Tells the connection of what a parser finds, except for the head that it begins with."""

    def __init__(self, connection: "DirectProtocol", ex: "DirectExchange") -> None:
        self._connection = connection
        self._ex: DirectExchange | None = ex
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_message_complete

    def on_url(self, url: bytes) -> None:
        if self._ex is None:
            self._connection.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._ex is None:
            self._connection.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._ex is None:
            self._connection.on_headers_complete()
        else:
            self._connection.read_body_of(self._ex)
            self._ex = None
