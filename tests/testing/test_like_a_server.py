"""What an app sees of a simulated disconnect is what it sees under uvicorn."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
import uvicorn
from anyio.abc import SocketStream
from starlette.types import Receive, Scope, Send

from trivium.testing import AsyncTestClient, TestClient

pytestmark = pytest.mark.parametrize("anyio_backend", ["asyncio"])


class Witness:
    """An app that notes what its calls to `receive` and `send` give once its client has left."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.done = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"chunk", "more_body": True})
            after = {"type": "http.response.body", "body": b"late", "more_body": True}
        else:
            await send({"type": "websocket.accept"})
            await self.note(receive)
            after = {"type": "websocket.send", "text": "late"}
        await self.note(receive)
        try:
            await send(after)
            self.seen.append("sent into the void")
        except OSError:
            self.seen.append("sending raised an OSError")
        if scope["type"] == "http":
            await self.note(receive)
        self.done.set()

    async def note(self, receive: Receive) -> None:
        # Without the code: uvicorn's implementations differ in saying 1005 or 1006.
        self.seen.append((await receive())["type"])


@asynccontextmanager
async def served(app: Witness) -> AsyncIterator[SocketStream]:
    """A connection to `app` under uvicorn."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, lifespan="off", log_config=None, ws="websockets-sansio")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield await anyio.connect_tcp(*listener.getsockname())
        finally:
            server.should_exit = True
            await serving


async def until(connection: SocketStream, end: bytes) -> None:
    received = b""
    while end not in received:
        received += await connection.receive()


async def test_of_an_http_request(anyio_backend: str) -> None:
    under_uvicorn = Witness()
    async with served(under_uvicorn) as connection:
        await connection.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await until(connection, b"chunk")
        await connection.aclose()
        await under_uvicorn.done.wait()

    simulated = Witness()
    async with AsyncTestClient(simulated, lifespan=False) as client:
        async with client.stream("GET", "/") as response:
            await response.read_chunk()
            await response.disconnect()
    in_thread = Witness()
    with TestClient(in_thread).stream("GET", "/") as sync_response:
        sync_response.read_chunk()
        sync_response.disconnect()

    assert simulated.seen == under_uvicorn.seen
    assert in_thread.seen == under_uvicorn.seen


async def test_of_a_websocket_that_vanishes(anyio_backend: str) -> None:
    under_uvicorn = Witness()
    async with served(under_uvicorn) as connection:
        await connection.send(
            b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await until(connection, b"\r\n\r\n")
        await connection.send(b"\x81\x82\x00\x00\x00\x00hi")  # a text frame, masked with zeros
        await connection.aclose()
        await under_uvicorn.done.wait()

    simulated = Witness()
    async with AsyncTestClient(simulated, lifespan=False) as client:
        async with client.websocket_connect("/") as session:
            await session.send_text("hi")
            await session.disconnect()
    in_thread = Witness()
    with TestClient(in_thread).websocket_connect("/") as sync_session:
        sync_session.send_text("hi")
        sync_session.disconnect()

    assert simulated.seen == under_uvicorn.seen
    assert in_thread.seen == under_uvicorn.seen
