"""Requests that Hypothesis makes up, whole and changed, and cut into pieces."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.server.requests import MALFORMED, VALID

TARGETS = ["/", "/x?a=b", "/slow", "/stream", "/unread", "/a%20b", "//x", "*", "http://h/x", "/#f"]
LINES = [
    "Host: t",
    "Connection: close",
    "Connection: keep-alive",
    "X-A: 1",
    "X-Empty:",
    "X-Space: \t a b \t",
    "Expect: 100-continue",
    "Content-Length: 3",
    "Content-Length: 0",
    "Transfer-Encoding: chunked",
    "Trailer: X-T",
]
BODIES = [
    b"",
    b"abc",
    b"3\r\nabc\r\n0\r\n\r\n",
    b"3;e=f\r\nabc\r\n0\r\nX-T: v\r\n\r\n",
    b"GET /inner HTTP/1.1\r\n\r\n",
]


@st.composite
def free_requests(draw: st.DrawFn) -> bytes:
    """A request whose parts need not fit each other."""
    method = draw(st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "get", "BREW"]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.1", "1.0", "0.9", "2.0", "1.2"]))
    lines = draw(st.lists(st.sampled_from(LINES), max_size=5))
    head = f"{method} {draw(st.sampled_from(TARGETS))} HTTP/{version}"
    return "\r\n".join([head, *lines, "", ""]).encode() + draw(st.sampled_from(BODIES))


@st.composite
def sound_requests(draw: st.DrawFn) -> bytes:
    """A request that is in order, with a body in one of the two codings."""
    target = draw(st.sampled_from(TARGETS))
    body = draw(st.binary(max_size=40))
    lines = draw(st.lists(st.sampled_from(LINES[2:6]), max_size=3))
    if draw(st.booleans()):
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([f"POST {target} HTTP/1.1", *lines, "", ""]).encode() + body
    lines.append("Transfer-Encoding: chunked")
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(piece), piece)
        for piece in (body[i : i + 7] for i in range(0, len(body), 7))
    )
    return "\r\n".join([f"POST {target} HTTP/1.1", *lines, "", ""]).encode() + chunks + b"0\r\n\r\n"


@st.composite
def repeated_heads(draw: st.DrawFn) -> list[bytes]:
    """Requests of one connection, a packet each, that differ in their first line or a few bytes."""
    first = draw(sound_requests() | free_requests())
    rest = first[first.find(b"\r\n") :]
    pieces = [first, first, first]
    for _ in range(draw(st.integers(1, 4))):
        method = draw(st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "get", "BREW", " GET"]))
        target = draw(st.sampled_from([*TARGETS, "x", "/a b", '/"', "/%zz?%ff", "/x?a#b"]))
        version = draw(st.sampled_from(["1.1", "1.1", "1.1", "1.1", "1.0", "1.1 ", "2.0"]))
        pieces.append(f"{method} {target} HTTP/{version}".encode() + rest)
    if draw(st.booleans()):
        pieces[-1] = draw(mutated(st.just(pieces[-1])))
    return pieces


KNOWN = st.sampled_from([*VALID.values(), *MALFORMED.values()])
SPECIAL = st.sampled_from([b"\r", b"\n", b"\r\n", b"\0", b" ", b":", b";", b"0", b"\xff", b"\t"])


@st.composite
def mutated(draw: st.DrawFn, of: st.SearchStrategy[bytes]) -> bytes:
    data = draw(of)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["insert", "drop", "double", "end"]))
        if kind == "insert":
            data = data[:at] + draw(SPECIAL) + data[at:]
        elif kind == "drop":
            data = data[:at] + data[at + draw(st.integers(1, 4)) :]
        elif kind == "double":
            data = data[:at] + data[max(0, at - 20) :]
        else:
            data = data[:at]
    return data


def streams(of: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(of, min_size=1, max_size=4).map(b"".join)


@st.composite
def cut(draw: st.DrawFn, of: st.SearchStrategy[bytes]) -> list[bytes]:
    """The bytes in pieces: whole, cut anywhere, or byte by byte."""
    data = draw(of)
    if draw(st.integers(0, 9)) == 0:
        return [data[i : i + 1] for i in range(len(data))]
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True) if b > a]
