"""Heads that a connection sends again.

A client that keeps its connection sends the same headers with each request, as a rule: only the
first line differs. Where the headers that follow it are, byte for byte, those that the parser has
taken before on the same connection, their meaning is the same too, and the parser is not asked
again. Whatever else differs, a byte too many or too few, goes to the parser.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from trivium.exchange import RawHeaders
from trivium.server.direct import DirectExchange, Target

__all__ = ["KnownHead", "known_head", "target_of", "targets"]

# What stands in nearly every target and means the same to every parser. `#` is not among them.
_ORDINARY = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/?&=%+-._~,:;@!$'()*"
_METHODS = {
    method.encode(): method
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
}
# Lines that differ from request to request must not fill the memory.
_MOST, _LONGEST = 512, 256
# With these the first request says nothing certain about the next one.
_ONCE = frozenset({b"transfer-encoding", b"upgrade", b"expect"})


@dataclass(frozen=True, slots=True)
class KnownHead:
    """What follows the first line of a request, and what the parser has made of it."""

    block: bytes
    """From the end of the first line to the empty line, both included."""
    size: int
    """Of the block and the body."""
    length: int
    """Of the body."""
    longest_line: int
    """How long the first line may be, for the head to need no measuring."""
    shared: tuple[RawHeaders, dict[bytes, bytes], dict[Any, Any]]
    """The headers, their first values by name, and what has been found out of all requests that
    have them: see ``Exchange.repeated``. Who changes the list makes another one first."""


targets: dict[bytes, Target] = {}
"""First lines that have been taken apart; they are asked for again and again."""


def target_of(line: bytes) -> Target | None:
    """A first line taken apart; ``None`` where it is not of the most ordinary kind.

    Such a line is a usual method, a target that begins with a slash, and HTTP/1.1 (RFC 9112,
    section 3).
    """
    parts = line.split(b" ")
    if len(parts) != 3 or parts[2] != b"HTTP/1.1":
        return None
    method = _METHODS.get(parts[0])
    target = parts[1]
    if method is None or target[:1] != b"/" or target.translate(None, _ORDINARY):
        return None
    raw_path, _, query = target.partition(b"?")
    path = raw_path.decode("ascii")
    found = method, unquote(path) if "%" in path else path, raw_path, query
    if len(line) <= _LONGEST:
        if len(targets) >= _MOST:
            targets.clear()
        targets[line] = found
    return found


def known_head(data: bytes, ex: DirectExchange, small: int) -> KnownHead | None:
    """The head of ``ex``, which the parser has taken out of ``data``: one request and no more.

    small: how many bytes of a head are within every bound.

    ``None`` where nothing can be told of the next request that has the same headers.
    """
    line = data.find(b"\r\n")
    end = data.find(b"\r\n\r\n", line)
    if not ex.keep_alive or end < 0 or target_of(data[:line]) is None:
        return None
    names = [name for name, _ in ex.raw_headers]
    lengths = [value for name, value in ex.raw_headers if name == b"content-length"]
    if not _ONCE.isdisjoint(names) or len(lengths) > 1:
        return None
    length = int(lengths[0]) if lengths else 0
    block = data[line : end + 4]
    if line + len(block) + length != len(data):
        return None
    return KnownHead(
        block=block,
        size=len(block) + length,
        length=length,
        longest_line=small - len(block),
        shared=(ex.raw_headers, ex.header_map, {}),
    )
