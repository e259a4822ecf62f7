"""The head of a reply, as bytes (RFC 9112, sections 4 and 5).

Names and values come from the application and may hold what a client has sent. A line break in one
would be the end of the header, and what follows it a header or a reply of the client's making, so
it is an error.
"""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import TypeAlias

from trivium.errors import TriviumError
from trivium.exchange import Plain

__all__ = ["Head", "InvalidHeader", "header_block", "known_block", "status_line"]

Header: TypeAlias = tuple[bytes, bytes]

_WRONG_IN_NAME = re.compile(rb'[\x00-\x1f\x7f()<>@,;:\[\]={} \t\\"]')
_WRONG_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

# Lines of headers that were written before; most replies repeat the same few. Those that differ
# from reply to reply must not fill the memory.
_MOST_KNOWN = 512
_LONGEST_KNOWN = 512
_known: dict[Header, bytes] = {}
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})
_NEVER_KNOWN = _FRAMING | {b"set-cookie", b"etag", b"date", b"location", b"x-request-id"}


class InvalidHeader(TriviumError, RuntimeError):
    """A header of a reply holds what none may hold, such as a line break."""


_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in HTTPStatus
    if status >= 200
}


def status_line(status: int) -> bytes:
    """The first line of a reply."""
    line = _STATUS_LINES.get(status)
    if line is not None:
        return line
    if not 200 <= status <= 999:
        # after an interim one its client would take the next reply for this one's
        raise TriviumError(f"{status} is not the status of a reply, which is 200 to 999")
    return b"HTTP/1.1 %d \r\n" % status


def header_block(headers: Iterable[Header]) -> bytes:
    """Headers that say nothing about the length of a body or the end of the connection."""
    return b"".join([_known.get(header) or _line(header) for header in headers])


def known_block(headers: Sequence[Header]) -> bytes | None:
    """The headers as lines, if each of them has been written before or is ``Plain``."""
    lines: list[bytes] = []
    for header in headers:
        line = _known.get(header)
        if line is None:
            if type(header) is not Plain:
                return None
            line = b"%b: %b\r\n" % header
        lines.append(line)
    return b"".join(lines)


class Head:
    """The headers of one reply written, and what they say about its framing."""

    __slots__ = ("closes", "is_chunked", "length", "lines")

    def __init__(self, headers: Sequence[Header]) -> None:
        self.length: int | None = None
        """The length of the body that was announced."""
        self.is_chunked = False
        self.closes = False
        """Whether the application ends the connection."""
        lines: list[bytes] = []
        for header in headers:
            try:
                line = _known.get(header)
            except TypeError:
                # any pair is a header to ASGI, such as a list
                header = (bytes(header[0]), bytes(header[1]))
                line = None
            if line is None:
                name = header[0].lower()
                if name in _FRAMING and not self._note(name, header[1]):
                    continue
                line = _line(header)
            lines.append(line)
        self.lines = self._framed_once(lines)

    def _framed_once(self, lines: list[bytes]) -> list[bytes]:
        if self.length is None or not self.is_chunked:
            return lines
        # never both (RFC 9112, section 6.2)
        self.length = None
        return [line for line in lines if not line.startswith(b"content-length:")]

    def _note(self, name: bytes, value: bytes) -> bool:
        """Notes what the header says about the framing; whether it is to be sent."""
        if name == b"connection":
            self.closes = self.closes or b"close" in _tokens(value)
            return True
        if name == b"transfer-encoding":
            return self._note_coding(_tokens(value))
        if not value.isdigit():
            raise InvalidHeader(f"The Content-Length of the reply is no number: {value!r}")
        if self.length is None:
            self.length = int(value)
            return True
        if self.length != int(value):
            # who reads the one and who reads the other would see different replies
            raise InvalidHeader(f"The reply has two Content-Lengths: {self.length}, {int(value)}")
        return False

    def _note_coding(self, codings: list[bytes]) -> bool:
        if codings == [b"identity"]:
            return False
        if codings[-1] != b"chunked":
            # it would end with the connection, whatever else the head says
            raise InvalidHeader(
                f"The Transfer-Encoding of the reply does not end with chunked: {codings}"
            )
        is_first, self.is_chunked = not self.is_chunked, True
        return is_first


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip() for token in value.lower().split(b",")]


def _line(header: Header) -> bytes:
    name, value = header
    if not name or _WRONG_IN_NAME.search(name):
        raise InvalidHeader(f"Invalid HTTP header name: {name!r}")
    if _WRONG_IN_VALUE.search(value):
        raise InvalidHeader(
            f"Invalid HTTP header value of {name.decode('latin-1')!r}: {value!r}\n"
            "    A line break or a control character would end the header."
        )
    lower = name.lower()
    line = b"%b: %b\r\n" % (lower, value)
    if lower not in _NEVER_KNOWN and len(_known) < _MOST_KNOWN and len(line) <= _LONGEST_KNOWN:
        _known[header] = line
    return line
