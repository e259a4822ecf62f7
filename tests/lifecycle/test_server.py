"""The same on a real server, with raw sockets whose far end goes away."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import uvicorn

from tests.lifecycle.rows import row
from tests.lifecycle.story import Story, signed

pytestmark = pytest.mark.slow

PATIENCE = 20.0
"""Seconds after which a test gives up waiting for what it says will happen."""


class LiveStory(Story):
    """A story that a test, in another thread, can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def tell(self, event: str) -> None:
        with self._changed:
            super().tell(event)
            self._changed.notify_all()

    def wait_for(self, event: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: event in self.events, PATIENCE), self.events


class Server:
    """uvicorn in a thread, on a port of its own."""

    def __init__(self, http: str) -> None:
        self.story = LiveStory()
        self.app = self.story.framework.FastAPI()
        self._listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(self.app, http=http, log_level="critical", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self._listener.close()
        assert not self._thread.is_alive()

    def connect(self) -> socket.socket:
        return socket.create_connection(self._listener.getsockname(), timeout=PATIENCE)

    def get(self, headers: str = "") -> socket.socket:
        """A connection on which a request has been sent."""
        client = self.connect()
        client.sendall(f"GET / HTTP/1.1\r\nHost: test\r\n{headers}\r\n".encode())
        return client


@pytest.fixture(params=["h11", "httptools", "trivium.server.protocol:DirectProtocol"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    server = Server(request.param)
    try:
        yield server
    finally:
        server.stop()


def read_until(client: socket.socket, text: bytes) -> bytes:
    received = b""
    while text not in received:
        piece = client.recv(4096)
        assert piece, f"the connection was closed after {received!r}"
        received += piece
    return received


def read_all(client: socket.socket) -> bytes:
    received = b""
    while piece := client.recv(4096):
        received += piece
    return received


async def until_gone(request: Any) -> None:
    while not await request.is_disconnected():  # noqa: ASYNC110  # asking again is the point
        await asyncio.sleep(0)


@row("gone-upload")
def test_a_client_that_leaves_while_it_sends_its_body_enters_nothing(server: Server) -> None:
    story = server.story

    @server.app.middleware("http")
    async def watch(request: Any, call_next: Any) -> Any:
        story.tell("request begins")
        try:
            return await call_next(request)
        finally:
            story.tell("request ends")

    async def handler(**given: Any) -> None:
        story.tell("handler")

    server.app.post("/")(signed(handler, {"body": dict[str, int], **story.scopes}))

    with server.connect() as client:
        client.sendall(
            b"POST / HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
            b'Content-Length: 1000\r\n\r\n{"a":'
        )
        story.wait_for("request begins")

    story.wait_for("request ends")
    assert story.events == ["request begins", "request ends"]


@row("gone-handler", "gone-reply")
def test_a_handler_ends_and_its_tasks_and_exits_run_when_its_client_has_left(
    server: Server,
) -> None:
    story = server.story

    async def handler(request: Any, **given: Any) -> str:
        given["tasks"].add_task(story.task("task"))
        story.tell("handler")
        await until_gone(request)
        story.tell("handler knows")
        return "for nobody"

    server.app.get("/")(signed(handler, {"request": story.framework.Request, **story.scopes}))

    with server.get():
        story.wait_for("handler")

    story.wait_for("leave request")
    assert story.events == [
        *("enter function", "enter request", "handler", "handler knows"),
        *("leave function", "task", "leave request"),
    ]


@row("gone-stream", "kind-jsonl", "kind-sse", "kind-raw", "kind-stream-response")
@pytest.mark.parametrize("kind", ["jsonl", "sse", "raw", "response", "jsonl def", "raw def"])
def test_a_stream_ends_with_all_that_its_finally_awaits_when_its_client_leaves(
    server: Server, kind: str
) -> None:
    story = server.story
    options: dict[str, Any] = {}
    if kind == "sse":
        options["response_class"] = story.responses.EventSourceResponse
    elif kind.startswith("raw"):
        options["response_class"] = story.responses.StreamingResponse

    async def items() -> AsyncIterator[str]:
        try:
            while True:
                yield "item"
                await asyncio.sleep(0)
        finally:
            story.tell("generator closed")

    async def asynchronous(**given: Any) -> AsyncIterator[str]:
        given["tasks"].add_task(story.task("task"))
        try:
            while True:
                yield "item"
                await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)
            story.tell("generator closed")

    def threaded(**given: Any) -> Iterator[str]:
        given["tasks"].add_task(story.task("task"))
        try:
            while True:
                yield "item"
        finally:
            story.tell("generator closed")

    async def returning(**given: Any) -> Any:
        given["tasks"].add_task(story.task("task"))
        return story.responses.StreamingResponse(items())

    handler = {"response": returning, "jsonl def": threaded, "raw def": threaded}.get(
        kind, asynchronous
    )
    server.app.get("/", **options)(signed(handler, story.scopes))

    with server.get() as client:
        read_until(client, b"item")

    story.wait_for("leave request")
    assert story.events == [
        *("enter function", "enter request", "leave function"),
        *("generator closed", "task", "leave request"),
    ]


@row("kind-jsonl", "kind-sse", "kind-raw", "first-byte", "last-byte")
@pytest.mark.parametrize("kind", ["jsonl", "sse", "raw"])
def test_each_item_reaches_the_client_before_the_next_one_is_made(
    server: Server, kind: str
) -> None:
    story = server.story
    received = threading.Event()
    options: dict[str, Any] = {}
    if kind == "sse":
        options["response_class"] = story.responses.EventSourceResponse
    elif kind == "raw":
        options["response_class"] = story.responses.StreamingResponse

    async def handler(**given: Any) -> AsyncIterator[str]:
        yield "first"
        # without the client's having received the first item this would never go on
        assert await asyncio.to_thread(received.wait, PATIENCE)
        yield "second"

    server.app.get("/", **options)(signed(handler, story.scopes))

    with server.get("Connection: close\r\n") as client:
        read_until(client, b"first")
        received.set()
        rest = read_all(client)

    assert b"second" in rest
    # the empty chunk says that the stream is complete (RFC 9112, section 7.1)
    assert rest.endswith(b"0\r\n\r\n")
    story.wait_for("leave request")


@row("error-stream")
def test_a_client_can_tell_a_stream_that_broke_off(server: Server) -> None:
    story = server.story

    async def handler(**given: Any) -> AsyncIterator[str]:
        given["tasks"].add_task(story.task("task"))
        yield "first"
        raise ValueError

    server.app.get("/")(signed(handler, story.scopes))

    with server.get("Connection: close\r\n") as client:
        received = read_all(client)

    assert b"first" in received
    assert not received.endswith(b"0\r\n\r\n")
    story.wait_for("leave request")
    assert "task" not in story.events


@row("gone-tasks")
def test_tasks_run_on_when_the_client_leaves_in_the_middle_of_them(server: Server) -> None:
    story = server.story
    has_left = threading.Event()

    async def handler(request: Any, **given: Any) -> str:
        async def first() -> None:
            story.tell("first task")
            assert await asyncio.to_thread(has_left.wait, PATIENCE)

        given["tasks"].add_task(first)
        given["tasks"].add_task(story.task("second task"))
        return "reply"

    server.app.get("/")(signed(handler, {"request": story.framework.Request, **story.scopes}))

    with server.get() as client:
        assert b"reply" in read_until(client, b"reply")
        story.wait_for("first task")
    has_left.set()

    story.wait_for("leave request")
    assert story.events[-3:] == ["first task", "second task", "leave request"]


@row("error-task")
def test_the_reply_has_arrived_before_a_task_that_fails(server: Server) -> None:
    story = server.story

    async def handler(**given: Any) -> str:
        given["tasks"].add_task(story.task("first task", ValueError()))
        given["tasks"].add_task(story.task("second task"))
        return "reply"

    server.app.get("/")(signed(handler, story.scopes))

    with server.get() as client:
        assert b"200 OK" in read_until(client, b"reply")

    story.wait_for("leave request")
    assert story.events[-4:] == [
        *("first task", "second task", "request sees ValueError", "leave request")
    ]


HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@row("gone-websocket", "kind-websocket")
def test_a_websocket_whose_client_vanishes_leaves_its_scopes_and_runs_its_tasks(
    server: Server,
) -> None:
    story = server.story

    async def handler(socket: Any, **given: Any) -> None:
        given["tasks"].add_task(story.task("task"))
        await socket.accept()
        try:
            await socket.receive_text()
        except story.framework.WebSocketDisconnect:
            story.tell("handler sees the disconnect")
            raise

    function = signed(handler, {"socket": story.framework.WebSocket, **story.scopes})
    server.app.websocket("/")(function)

    with server.get(HANDSHAKE) as client:
        read_until(client, b"101 Switching Protocols")

    story.wait_for("leave request")
    assert story.events == [
        *("enter function", "enter request", "handler sees the disconnect"),
        *("function sees WebSocketDisconnect", "leave function", "task"),
        *("request sees WebSocketDisconnect", "leave request"),
    ]
