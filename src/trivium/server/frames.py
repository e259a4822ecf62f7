"""Follows the frames of an HTTP/2 connection, without a look at what most of them say.

zttp tells of a frame when it is whole, and of some never. How long one is on its way, and how many
come that serve no request, is seen here (RFC 9113, section 4).
"""

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["IDLE", "PREFACE", "Frames", "Piece"]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client begins with (RFC 9113, section 3.4)."""

_HEAD = 9
_DATA, _HEADERS, _WINDOW_UPDATE, _CONTINUATION = 0x0, 0x1, 0x8, 0x9
_END_STREAM, _END_HEADERS, _PADDED = 0x1, 0x4, 0x8
_BLOCK = (_HEADERS, _CONTINUATION)

IDLE = 20
"""The cost of a frame that brings no part of a request. A WINDOW_UPDATE costs 1: a fast client may
send two for each 16 KiB that it reads."""


class Piece(NamedTuple):
    """What has come of one frame."""

    stream: int
    body: int
    """Bytes of a body; padding is none."""
    is_whole: bool
    """Whether the frame has ended, and the block of headers, if it is of one."""
    cost: int
    """What it costs to have read it, beyond what its request is worth; ``IDLE`` for most frames."""


class Frames:
    """Where in its frames a client is."""

    __slots__ = ("_body", "_flags", "_head", "_is_empty", "_kind", "_left", "_pads", "_stream")

    def __init__(self) -> None:
        self._head = b""
        # the preface is followed like a frame
        self._kind, self._flags, self._stream = -1, 0, 0
        self._left = len(PREFACE)
        self._body = 0
        """Bytes of a body that the frame still brings, as far as its head tells."""
        self._pads = False
        """Whether the next byte tells how much padding there is."""
        self._is_empty = True

    @property
    def is_unfinished(self) -> bool:
        """Whether a frame, or a block of headers, has begun and not ended."""
        return bool(self._left or self._head) or self._is_block_open

    @property
    def body_of(self) -> int | None:
        """The stream of whose body a part is on its way."""
        return self._stream if self._left and self._kind == _DATA else None

    @property
    def _is_block_open(self) -> bool:
        return self._kind in _BLOCK and not self._flags & _END_HEADERS

    def feed(self, data: bytes) -> Iterator[Piece]:
        """What these bytes are of."""
        at, end = 0, len(data)
        while at < end:
            if not self._left:
                missing = _HEAD - len(self._head)
                self._head += data[at : at + missing]
                at += missing
                if len(self._head) < _HEAD:
                    return
                self._begin(self._head)
                self._head = b""
            if self._pads and at < end:
                self._pads = False
                self._body = max(0, self._body - 1 - data[at])
                self._left -= 1
                at += 1
            size = min(self._left, end - at)
            at += size
            self._left -= size
            body = min(self._body, size)
            self._body -= body
            yield self._piece(body)

    def _begin(self, head: bytes) -> None:
        size = int.from_bytes(head[:3], "big")
        self._kind, self._flags = head[3], head[4]
        self._stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
        is_data = self._kind == _DATA
        self._left = size
        self._body = size if is_data else 0
        self._pads = is_data and bool(self._flags & _PADDED) and size > 0
        self._is_empty = True

    def _piece(self, body: int) -> Piece:
        if body:
            self._is_empty = False
        if self._left:
            return Piece(self._stream, body, is_whole=False, cost=0)
        return Piece(self._stream, body, is_whole=not self._is_block_open, cost=self._cost())

    def _cost(self) -> int:
        """What the frame costs that has ended."""
        if self._kind in _BLOCK or self._kind < 0:
            return 0
        if self._kind == _DATA:
            return IDLE if self._is_empty and not self._flags & _END_STREAM else 0
        return 1 if self._kind == _WINDOW_UPDATE else IDLE
