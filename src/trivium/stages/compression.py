"""Replies are compressed for clients that take it.

A reply that shows a secret next to what a client has sent can be guessed from its length, over many
requests, where it is compressed (the attack is called BREACH). Such a reply, as a page with a
CSRF token and the search term, sets ``Content-Encoding: identity`` and is sent as it is.
"""

from collections.abc import Iterable

from trivium.exchange import Exchange, RawHeaders, Reply
from trivium.stages.codings import Encoder, accepted, available
from trivium.stages.headers import add_to_vary, remove
from trivium.stages.stage import Stage, Transform

__all__ = ["Compression"]

_MOST_KNOWN = 256
_UNTOUCHED = frozenset({204, 206, 304})
_COMPRESSIBLE = (b"text/", b"application/json", b"application/javascript", b"application/xml")
_COMPRESSIBLE_TYPES = frozenset(
    {
        b"application/manifest+json",
        b"application/x-javascript",
        b"application/x-ndjson",
        b"application/jsonl",
        b"application/wasm",
        b"application/rtf",
        b"font/otf",
        b"font/ttf",
        b"image/bmp",
        b"image/svg+xml",
        b"image/x-icon",
    }
)


class Compression(Stage):
    """Compresses with zstd, brotli or gzip, whichever the client likes best.

    minimum: bytes below which a whole reply is sent as it is; what is sent in pieces is always
        compressed, and what is written so far can be read after each piece.
    codings: ``zstd``, ``br``, ``gzip``, the preferred first; without it all whose packages are
        there: zstd needs ``zstandard``, br ``brotli``.

    What is compressed already by its type (images, archives) or by a ``Content-Encoding``, a part
    of a file, and what says ``no-transform`` are left alone. A strong ``ETag`` becomes a weak one.

    Raises ImportError for a coding whose package is not installed.
    """

    place = 120

    def __init__(self, *, minimum: int = 1024, codings: Iterable[str] | None = None) -> None:
        self.minimum = self.smallest = minimum
        self.codings = available(codings)
        self._chosen: dict[bytes, str | None] = {}

    def reply(self, ex: Exchange, reply: Reply) -> Reply:
        status, headers, body, background = reply
        if status == 304:
            _tell_again(ex, headers)
        if len(body) < self.minimum or not _may_be_compressed(status, headers):
            return reply
        add_to_vary(headers, b"Accept-Encoding")
        name = self._coding_for(ex)
        if name is None:
            return reply
        _tell(headers, name)
        if ex.method == "HEAD":
            # nothing is said of a length that nobody knows (RFC 9110, section 8.6)
            return Reply(status, headers, b"", background)
        body = self.codings[name].compress(body)
        headers.append((b"content-length", b"%d" % len(body)))
        return Reply(status, headers, body, background)

    def transform(self, ex: Exchange, status: int, headers: RawHeaders) -> Transform | None:
        if status == 304:
            _tell_again(ex, headers)
        if not _may_be_compressed(status, headers) or self._is_small(headers):
            return None
        if ex.has_scope and "http.response.pathsend" in ex.scope.get("extensions", ()):
            # the server may be told a file's path, and read it by itself
            return None
        add_to_vary(headers, b"Accept-Encoding")
        name = self._coding_for(ex)
        if name is None:
            return None
        _tell(headers, name)
        if ex.method == "HEAD":
            return None
        encoder = self.codings[name].encoder()
        return lambda body, is_last: _encoded(encoder, body, is_last)

    def _is_small(self, headers: RawHeaders) -> bool:
        length = next((value for name, value in headers if name == b"content-length"), None)
        return length is not None and length.isdigit() and int(length) < self.minimum

    def _coding_for(self, ex: Exchange) -> str | None:
        wanted = ex.header_map.get(b"accept-encoding")
        if wanted is None:
            return None
        if wanted not in self._chosen:
            if len(self._chosen) >= _MOST_KNOWN:
                # clients choose what is kept here
                self._chosen.clear()
            self._chosen[wanted] = accepted(wanted.decode("latin-1"), self.codings)
        return self._chosen[wanted]

    def described(self) -> str:
        return f"compression ({', '.join(self.codings)})"


def _encoded(encoder: Encoder, body: bytes, is_last: bool) -> bytes:
    piece = encoder.piece(body) if body else b""
    return piece + encoder.end() if is_last else piece


def _may_be_compressed(status: int, headers: RawHeaders) -> bool:
    if status in _UNTOUCHED or status < 200:
        return False
    is_compressible = False
    for index, (name, value) in enumerate(headers):
        if name == b"content-type":
            is_compressible = _is_compressible(value)
        elif name == b"content-encoding":
            if value.lower() == b"identity":
                # our own sign; it is not to be sent (RFC 9110, section 8.4)
                del headers[index]
            return False
        elif name == b"content-range" or (
            name == b"cache-control" and b"no-transform" in value.lower()
        ):
            return False
    return is_compressible


def _is_compressible(value: bytes) -> bool:
    kind = value.partition(b";")[0].strip().lower()
    return (
        kind.startswith(_COMPRESSIBLE)
        or kind.endswith((b"+json", b"+xml"))
        or kind in _COMPRESSIBLE_TYPES
    )


def _tell(headers: RawHeaders, coding: str) -> None:
    """Says how the body is coded, and no longer how long it was."""
    for index, (name, value) in enumerate(headers):
        if name == b"etag" and not value.startswith(b"W/"):
            # the same, but not byte for byte (RFC 9110, section 8.8.1)
            headers[index] = (name, b"W/" + value)
    remove(headers, (b"content-length", b"accept-ranges"))
    headers.append((b"content-encoding", coding.encode()))


def _tell_again(ex: Exchange, headers: RawHeaders) -> None:
    """Says with a 304 what was said with the reply that the client has, where its tag tells that
    this one was compressed: a cache would take it for another (RFC 9110, section 15.4.5)."""
    known = b",".join(value for name, value in ex.raw_headers if name == b"if-none-match")
    for index, (name, value) in enumerate(headers):
        if name == b"etag" and b"W/" + value in known:
            headers[index] = (name, b"W/" + value)
            add_to_vary(headers, b"Accept-Encoding")
            return
