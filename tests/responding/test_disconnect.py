"""A real client goes away in the middle of a stream of a real server: the generator ends."""

import asyncio
import socket
import threading

import pytest
import uvicorn

from trivium import App
from trivium.responding.responses import EventSourceResponse, StreamingResponse

PATIENCE = 20.0


class Streams:
    """An app of endless streams, each of which says that it has ended."""

    def __init__(self) -> None:
        self.ended = {path: threading.Event() for path in ("/events", "/lines", "/chunks")}
        self.app = App()
        self.app.get("/events", response_class=EventSourceResponse)(self.events)
        self.app.get("/lines")(self.lines)
        self.app.get("/chunks", response_class=StreamingResponse)(self.chunks)

    async def events(self):
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            await asyncio.to_thread(self.ended["/events"].set)

    async def lines(self):
        try:
            while True:
                yield "first"
        finally:
            await asyncio.sleep(0)
            await asyncio.to_thread(self.ended["/lines"].set)

    def chunks(self):
        try:
            while True:
                yield b"first"
        finally:
            self.ended["/chunks"].set()


@pytest.fixture
def streams():
    return Streams()


@pytest.fixture(params=["h11", "httptools"])
def address(request, streams):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(streams.app, http=request.param, log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


@pytest.mark.parametrize("path", ["/events", "/lines", "/chunks"])
def test_a_client_that_goes_away_ends_the_generator_with_all_that_its_finally_awaits(
    streams, address, path
):
    with socket.create_connection(address, timeout=PATIENCE) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: flights\r\n\r\n".encode())
        received = b""
        while b"first" not in received:
            received += client.recv(4096)
    assert streams.ended[path].wait(PATIENCE)
