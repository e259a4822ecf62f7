"""A server that speaks HTTP/2 on a real socket, by a clock that a test has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.server.clocks import ManualClock, timed, until
from tests.server.http2_clients import Client, RawClient
from tests.server.live import Live, served
from trivium.server.bounds import Bounds
from trivium.server.http2 import EitherProtocol
from trivium.server.protocol import DirectProtocol
from trivium.server.streams import BoundedHttp2Protocol

PIECE = b"x" * 65536


class Served:
    """A server, its clock, and what its handlers have told."""

    def __init__(self, live: Live, clocks: list[ManualClock], told: list[str]) -> None:
        self.live = live
        self.clocks = clocks
        self.told = told
        self._clients: list[Client | RawClient] = []

    def client(self, **options: Any) -> Client:
        client = Client(self.live.connect(), **options)
        self._clients.append(client)
        return client

    def raw_client(self) -> RawClient:
        client = RawClient(self.live.connect())
        self._clients.append(client)
        return client

    def close(self) -> None:
        """All clients leave."""
        for client in self._clients:
            client.close()

    @property
    def connections(self) -> list[Any]:
        return [c for c in self.live.server.server_state.connections if hasattr(c, "cycles")]

    @property
    def connection(self) -> Any:
        """The only one, which has told what it speaks."""
        until(lambda: self.connections)
        return self.connections[0]

    def later(self, *times: float) -> None:
        for seconds in times:
            self.clocks[0].later(seconds)

    def call(self, what: Callable[[], object]) -> None:
        """Calls in the server's thread, and returns when that has returned."""
        self.clocks[0].loop.call_soon_threadsafe(what)
        self.later(0)

    def until_told(self, what: str) -> None:
        until(lambda: what in self.told)


def app_that_tells(told: list[str]) -> Any:
    async def begin(send: Any, status: int = 200) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        told.append(f"{scope['method']} {path}")
        if path == "/empty":
            await begin(send, 204)
            await send({"type": "http.response.body"})
            return
        if path == "/large":
            await begin(send)
            await send({"type": "http.response.body", "body": PIECE * 4})
            return
        if path == "/stream":
            await begin(send)
            for number in range(200):
                await send({"type": "http.response.body", "body": PIECE, "more_body": True})
                told.append(f"sent {number}")
            await send({"type": "http.response.body"})
            told.append("all sent")
            return
        if path == "/begun":
            await begin(send)
        size, more = 0, True
        while more or path == "/hold":
            message = await receive()
            if message["type"] == "http.disconnect":
                told.append("left")
                return
            size += len(message["body"])
            more = message["more_body"]
            told.append(f"has {size}")
        await begin(send)
        await send({"type": "http.response.body", "body": b"%d" % size})

    return app


@contextmanager
def bounded(bounds: Bounds | None = None) -> Iterator[Served]:
    """Serves both protocols with these bounds, by a clock that a test has."""
    told: list[str] = []
    http2, clocks = timed(bounds, BoundedHttp2Protocol)
    http = type("Either", (EitherProtocol,), {"http1": DirectProtocol, "http2": http2})
    # not uvicorn's logging, so that what is logged can be seen here
    options = {"log_config": None, "log_level": None, "timeout_keep_alive": 100}
    with served(app_that_tells(told), http, **options) as live:
        server = Served(live, clocks, told)
        try:
            yield server
        finally:
            server.close()
    assert not live.server.server_state.tasks
    assert not live.server.server_state.connections
