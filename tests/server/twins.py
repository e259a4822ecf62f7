"""The same bytes to the direct protocol and to uvicorn's own, side by side."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.server.live import DIRECT, HTTPTOOLS, Live, served
from trivium import App, Request, Response

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH"]


class Seen(NamedTuple):
    """What reached the handler of one request."""

    method: str
    version: str
    scheme: str
    root_path: str
    path: str
    raw_path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    client: Any
    has_port: bool
    state: dict[str, Any]
    body: bytes


class Reply(NamedTuple):
    """One reply as a client sees it. Headers without the date, in order of their names."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)


@dataclass
class Outcome:
    """What happened on one connection."""

    replies: list[Reply]
    seen: list[Seen] = field(default_factory=list)
    rest: bytes = b""
    """What came after the last whole reply."""
    was_reset: bool = False

    @property
    def statuses(self) -> list[int]:
        return [reply.status for reply in self.replies]

    @property
    def bodies(self) -> list[bytes]:
        return [reply.body for reply in self.replies]

    @property
    def paths(self) -> list[str]:
        return [seen.path for seen in self.seen]


def note(scope: Any, body: bytes) -> Seen:
    client = scope["client"]
    return Seen(
        scope["method"],
        scope["http_version"],
        scope["scheme"],
        scope["root_path"],
        scope["path"],
        scope["raw_path"],
        scope["query_string"],
        list(scope["headers"]),
        # the port of a socket is another for each connection; one that a proxy tells is not
        client[0] if client[1] > 1024 else tuple(client),
        bool(client[1]),
        dict(scope["state"]),
        body,
    )


def as_asgi(seen: list[Seen]) -> Any:
    """An ASGI application that answers everything with the body it was sent."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        seen.append(note(scope, body))
        content = b"%b:%b" % (scope["path"].encode(), body)
        headers = [(b"content-length", b"%d" % len(content)), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return app


def as_app(seen: list[Seen]) -> App:
    """The same as an ``App``, which takes a direct connection's exchange."""
    app = App(openapi_url=None)

    @app.api_route("/{path:path}", methods=METHODS)
    async def answer(request: Request) -> Response:
        body = await request.body()
        seen.append(note(request.scope, body))
        return Response(b"%b:%b" % (request.scope["path"].encode(), body), media_type="text/plain")

    return app


class Twin:
    """One application served by one protocol, and what has reached it."""

    def __init__(self, live: Live, seen: list[Seen]) -> None:
        self.live = live
        self.seen = seen

    def outcome(self, *pieces: bytes) -> Outcome:
        """What becomes of a connection that is sent these bytes and then read to its end."""
        self.seen.clear()
        with self.live.connect() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(ConnectionError):
                # the server may have closed before it was sent everything
                for piece in pieces:
                    client.sendall(piece)
            received, was_reset = received_from(client)
        replies, rest = split(received, methods_in(b"".join(pieces)))
        return Outcome(replies, list(self.seen), rest, was_reset)


def received_from(client: socket.socket) -> tuple[bytes, bool]:
    """Everything until the server closes, and whether it reset the connection."""
    received = b""
    try:
        while piece := client.recv(65536):
            received += piece
    except ConnectionResetError:
        return received, True
    return received, False


def methods_in(sent: bytes) -> list[bytes]:
    return [b"HEAD" if line.startswith(b"HEAD ") else b"" for line in sent.split(b"\r\n")]


def split(received: bytes, methods: list[bytes]) -> tuple[list[Reply], bytes]:
    """The replies in what was received; interim ones are replies too.

    Whether a reply is one to HEAD is told by its place, where all requests are of one kind.
    """
    replies: list[Reply] = []
    is_head = b"HEAD" in methods
    while b"\r\n\r\n" in received:
        head, _, rest = received.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        status = int(line.split(b" ")[1])
        assert line.startswith(b"HTTP/1.1 ")
        headers = sorted((n, v) for n, _, v in (each.partition(b": ") for each in lines))
        known = dict(headers)
        if is_head or status in (100, 204, 304):
            body = b""
        elif known.get(b"transfer-encoding") == b"chunked":
            body, rest = unchunked(rest)
        elif b"content-length" in known:
            length = int(known[b"content-length"])
            body, rest = rest[:length], rest[length:]
        else:
            body, rest = rest, b""
        replies.append(Reply(status, [h for h in headers if h[0] != b"date"], body))
        received = rest
    return replies, received


def unchunked(received: bytes) -> tuple[bytes, bytes]:
    body = b""
    while True:
        size, _, rest = received.partition(b"\r\n")
        if not size:
            return body, b"[broken off]"
        count = int(size, 16)
        body, received = body + rest[:count], rest[count + 2 :]
        if count == 0:
            return body, received


@dataclass
class Twins:
    """An application under both protocols."""

    direct: Twin
    uvicorn: Twin

    def outcomes(self, *pieces: bytes) -> tuple[Outcome, Outcome]:
        return self.direct.outcome(*pieces), self.uvicorn.outcome(*pieces)


@contextlib.contextmanager
def twins(make: Any, **options: Any) -> Iterator[Twins]:
    """Serves what ``make`` makes by both protocols; it is given a list for what is seen."""
    ours: list[Seen] = []
    theirs: list[Seen] = []
    with (
        served(make(ours), DIRECT, **options) as direct,
        served(make(theirs), HTTPTOOLS, **options) as uvicorn,
    ):
        yield Twins(Twin(direct, ours), Twin(uvicorn, theirs))
