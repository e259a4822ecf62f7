"""Handlers whose client has gone."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from tests.server.live import DIRECT, HTTPTOOLS, read_all, served
from trivium import App, BackgroundTasks, Depends, Request
from trivium.stages.access_log import Access, AccessLog
from trivium.stages.disconnect import CancelOnDisconnect
from trivium.testing import TestClient


class Story:
    """What has happened, from the thread of the server."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self._changed = threading.Condition()

    def note(self, event: str) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait_for(self, event: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: event in self.events, timeout=10), self.events


def make_app(story: Story) -> App:
    app = App()
    app.add_stage(CancelOnDisconnect())

    async def resource() -> AsyncIterator[None]:
        try:
            yield
        finally:
            story.note("closed")

    async def wait(name: str) -> None:
        story.note(f"{name} began")
        try:
            await anyio.sleep_forever()
        except BaseException:
            story.note(f"{name} cancelled")
            raise

    @app.get("/get", dependencies=[Depends(resource)])
    async def get() -> None:
        await wait("get")

    @app.post("/post")
    async def post(request: Request) -> None:
        assert len(await request.body()) == 5
        await wait("post")

    @app.post("/unread")
    async def unread() -> None:
        await wait("unread")

    @app.get("/tasks")
    async def with_tasks(tasks: BackgroundTasks) -> str:
        async def later() -> None:
            story.note("task began")
            await anyio.sleep(0.3)
            story.note("task ended")

        tasks.add_task(later)
        return "sent"

    @app.post("/echo")
    async def echo(request: Request) -> str:
        # longer than the moment after which a request is watched
        await anyio.sleep(0.1)
        story.note("echo is about to read")
        return "".join([piece.decode() async for piece in request.stream()])

    return app


def request_to(path: str, method: str = "GET", body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.slow
@pytest.mark.parametrize("http", [DIRECT, HTTPTOOLS])
@pytest.mark.parametrize(("path", "body"), [("get", b""), ("post", b"12345"), ("unread", b"12345")])
def test_a_handler_is_cancelled_when_its_client_has_gone(http: str, path: str, body: bytes) -> None:
    story = Story()
    with served(make_app(story), http) as live:
        client = live.connect()
        client.sendall(request_to(f"/{path}", "POST" if body else "GET", body))
        story.wait_for(f"{path} began")
        client.close()
        story.wait_for(f"{path} cancelled")
        if path == "get":
            story.wait_for("closed")


@pytest.mark.slow
@pytest.mark.parametrize("http", [DIRECT, HTTPTOOLS])
def test_the_tasks_of_a_reply_that_was_sent_are_not_touched(http: str) -> None:
    story = Story()
    with served(make_app(story), http) as live:
        client = live.connect()
        client.sendall(request_to("/tasks"))
        story.wait_for("task began")
        client.close()
        story.wait_for("task ended")


@pytest.mark.slow
@pytest.mark.parametrize("http", [DIRECT, HTTPTOOLS])
def test_the_body_of_a_request_that_is_watched_arrives_whole(http: str) -> None:
    story = Story()
    with served(make_app(story), http) as live, live.connect() as client:
        client.sendall(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
            b"Connection: close\r\n\r\n3\r\nabc\r\n"
        )
        # the first piece is kept by whoever watches, the others come when the handler reads
        story.wait_for("echo is about to read")
        client.sendall(b"3\r\ndef\r\n3\r\nghi\r\n0\r\n\r\n")
        received = read_all(client)

    assert received.endswith(b'"abcdefghi"')


@pytest.mark.slow
@pytest.mark.parametrize("http", [DIRECT, HTTPTOOLS])
def test_the_log_says_that_the_client_had_gone(http: str) -> None:
    story = Story()
    app = make_app(story)
    seen: list[Access] = []

    def sink(batch: Any) -> None:
        seen.extend(batch)
        story.note("logged")

    app.add_stage(AccessLog(sink, interval=0.01))
    with served(app, http) as live:
        client = live.connect()
        client.sendall(request_to("/get"))
        story.wait_for("get began")
        client.close()
        story.wait_for("logged")

    assert (seen[0].status, seen[0].error) == (0, "ClientDisconnect")


def test_who_stays_is_answered() -> None:
    client = TestClient(make_app(Story()))

    assert client.post("/echo", content=b"hello").json() == "hello"
    assert client.get("/tasks").json() == "sent"
