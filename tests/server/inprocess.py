"""A protocol without a socket: many connections in a second, for tests that make them up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from uvicorn.config import Config
from uvicorn.server import ServerState

_TURNS = 30
"""Turns of the event loop in which the handlers below come to their end."""


class Transport(asyncio.Transport):
    """What a protocol writes, and whether it has closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__({"sockname": ("127.0.0.1", 80), "peername": ("127.0.0.1", 5000)})
        self.loop = loop
        self.protocol: Any = None
        self.written = b""
        self.is_shut = False
        self.is_reading_now = True
        self.is_lost = False

    def write(self, data: Any) -> None:
        assert not self.is_shut, "written after the end of writing"
        if not self.is_lost:
            self.written += data

    def write_eof(self) -> None:
        self.is_shut = True

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        if not self.is_lost:
            self.is_lost = True
            self.loop.call_soon(lambda: self.protocol.connection_lost(None))

    abort = close

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return self.is_lost

    def pause_reading(self) -> None:
        self.is_reading_now = False

    def resume_reading(self) -> None:
        self.is_reading_now = True

    def get_write_buffer_size(self) -> int:
        return 0

    @property
    def is_over(self) -> bool:
        return self.is_lost or self.is_shut


class Result(NamedTuple):
    """What became of a connection."""

    seen: list[tuple[Any, ...]]
    """Method, path, query, version, headers and body of each request that came whole."""
    written: bytes
    is_over: bool


class Host:
    """Runs one protocol class on an event loop of its own."""

    def __init__(self, http: Any, make: Callable[[list[Any]], Any]) -> None:
        self.seen: list[Any] = []
        self.loop = asyncio.new_event_loop()
        self.problems: list[Any] = []
        self.loop.set_exception_handler(lambda loop, context: self.problems.append(context))
        self.config = Config(
            make(self.seen), http=http, log_config=None, access_log=False, lifespan="off"
        )
        self.config.load()
        self.state = ServerState()

    def close(self) -> None:
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def run(self, pieces: list[bytes]) -> Result:
        """Sends the pieces, each when the one before has been worked on, and then goes away."""
        self.seen.clear()
        self.problems.clear()
        result = self.loop.run_until_complete(self._run(pieces))
        assert self.problems == []
        assert not self.state.connections
        assert not self.state.tasks
        return result

    async def _run(self, pieces: list[bytes]) -> Result:
        transport = Transport(self.loop)
        protocol_class: Any = self.config.http_protocol_class
        protocol = protocol_class(
            config=self.config, server_state=self.state, app_state={}, _loop=self.loop
        )
        transport.protocol = protocol
        protocol.connection_made(transport)
        for piece in pieces:
            if transport.is_over:
                break
            protocol.data_received(piece)
            await turns(3)
        for _ in range(20):
            await turns(_TURNS)
            if not self.state.tasks:
                break
        result = Result(list(self.seen), transport.written, transport.is_over)
        transport.close()
        await turns(_TURNS)
        return result


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@contextmanager
def hosted(http: Any, make: Callable[[list[Any]], Any]) -> Iterator[Host]:
    host = Host(http, make)
    try:
        yield host
    finally:
        host.close()


def app_of(seen: list[Any]) -> Any:
    """Reads the body and gives it back; or answers at once; or takes some turns; or streams."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        # noted at once: uvicorn adds the trailers to this very list later
        headers = list(scope["headers"])
        path = scope["path"]
        if path.startswith("/unread"):
            await answer(send, b"" if scope["method"] == "HEAD" else b"unread")
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        if path.startswith("/slow"):
            await turns(5)
        seen.append(
            (scope["method"], path, scope["query_string"], scope["http_version"], headers, body)
        )
        if scope["method"] == "HEAD":
            # so that the reply is read without knowing what was asked
            await answer(send, b"")
            return
        if path.startswith("/stream"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for piece in (b"one", b"two", b""):
                await turns(1)
                more = piece != b""
                await send({"type": "http.response.body", "body": piece, "more_body": more})
            return
        await answer(send, b"%b:%b" % (path.encode("utf-8", "replace"), body))

    return app


async def answer(send: Any, content: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
