"""How large the body of a request may be.

A length that is announced is checked before anything is read; one that is not announced is counted
while it is read. A route with a ``max_body_size`` of its own keeps that instead, higher or lower.
"""

from typing import Any

from trivium.binding.limits import TOO_LARGE, BodyTooLarge, checked_body_size
from trivium.exchange import Exchange, Reply
from trivium.stages.refusals import refusal
from trivium.stages.stage import Stage

__all__ = ["BodyLimit"]


class BodyLimit(Stage):
    """Answers 413 where a body is over ``size`` bytes, 10 MiB if nothing is said.

    Routes in mounted applications have this limit, whatever limit of their own they have.

    Raises ValueError unless it is zero or a positive integer.
    """

    place = 140
    needs_headers = True
    keeps_headers = True

    def __init__(self, size: int = 10 * 1024 * 1024) -> None:
        self.size: int = checked_body_size(size) or 0

    def passes(self, ex: Exchange) -> bool:
        headers = ex.header_map
        length = headers.get(b"content-length", b"0")
        is_small = length.isdigit() and _number(length) <= self.size
        return is_small and b"transfer-encoding" not in headers

    def enter(self, ex: Exchange) -> Reply | None:
        headers = ex.header_map
        length = headers.get(b"content-length")
        if length is None:
            # only HTTP/2 has a body of which no header tells
            is_told = ex.is_direct or ex.scope.get("http_version", "1.1").startswith("1")
            if b"transfer-encoding" in headers or not (is_told or ex.is_websocket):
                ex.limit_body(self._limit_for(ex), BodyTooLarge)
            return None
        # Servers refuse what is no number; should one not, nothing of it is believed.
        if not length.isdigit():
            return refusal(400, "The Content-Length of the request is no number")
        size = _number(length)
        if size > self.size and size > self._limit_for(ex):
            return refusal(413, TOO_LARGE)
        return None

    def _limit_for(self, ex: Exchange) -> int:
        """The limit of the route; this one's where it is not certain which route will answer."""
        app: Any = ex.app
        found = app.router.dispatcher.http.find(ex.path, ex.method)
        own: int | None = None if found is None else getattr(found[0].route, "max_body_size", None)
        return self.size if own is None else own

    def described(self) -> str:
        return f"body limit of {self.size} bytes"


def _number(digits: bytes) -> int:
    """The number, however many zeros it begins with; only as large as it has to be to be refused,
    for Python reads numbers of thousands of digits slowly, or not at all."""
    return int(digits.lstrip(b"0")[:20] or b"0")
