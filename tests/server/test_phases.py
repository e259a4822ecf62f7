"""A client that vanishes, and a server that ends, in each phase of a request."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.server.clocks import until
from tests.server.http2_clients import HEADERS, SETTINGS, WHOLE, Frame, block
from tests.server.live import DIRECT, Live, served
from tests.server.requests import request
from tests.server.twins import received_from, split
from trivium import App, BackgroundTasks, Request
from trivium.responding import StreamingResponse
from trivium.server import protocol
from trivium.server.direct import DirectExchange, new_exchange
from trivium.server.frames import PREFACE
from trivium.server.http2 import with_http2
from trivium.server.protocol import DirectProtocol

pytestmark = pytest.mark.slow


class Story:
    """An application that stops where a test wants it to, and what has happened in it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.loop: asyncio.AbstractEventLoop | None = None
        self.go = asyncio.Event()
        self.exchanges: list[weakref.ref[DirectExchange]] = []
        self.app = self.make_app()

    def release(self) -> None:
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.go.set)

    async def wait(self, name: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.told.append(name)
        await self.go.wait()

    def make_app(self) -> App:
        app = App(openapi_url=None, lifespan=self.lifespan)

        @app.get("/quick")
        async def quick() -> str:
            self.told.append("quick")
            return "quick"

        @app.get("/slow")
        async def slow() -> str:
            await self.wait("slow")
            return "slow"

        @app.post("/body")
        async def body(request: Request) -> int:
            self.told.append("body")
            try:
                return len(await request.body())
            except BaseException as error:
                self.told.append(type(error).__name__)
                raise

        @app.get("/stream")
        async def stream() -> StreamingResponse:
            async def pieces() -> AsyncIterator[bytes]:
                try:
                    yield b"one"
                    await self.wait("streaming")
                    yield b"two"
                finally:
                    self.told.append("closed")

            return StreamingResponse(pieces())

        async def task() -> None:
            await self.wait("task")
            self.told.append("task ended")

        @app.get("/task")
        async def with_task(tasks: BackgroundTasks) -> str:
            tasks.add_task(task)
            return "with a task"

        @app.get("/until-gone")
        async def until_gone(request: Request) -> str:
            await self.watch(request)
            return "gone"

        return app

    async def watch(self, request: Request) -> None:
        self.told.append("watching")
        while (await request.receive())["type"] != "http.disconnect":
            pass
        self.told.append("disconnected")

    async def lifespan(self, app: App) -> AsyncIterator[None]:
        yield
        self.told.append("lifespan ended")


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture(params=["uvloop", "asyncio"])
def live(story: Story, request: Any) -> Iterator[Live]:
    with served(story.app, DIRECT, loop=request.param, lifespan="on") as live:
        yield live


def vanish(client: socket.socket) -> None:
    """Resets the connection, as a client does that is killed."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def leave(client: socket.socket) -> None:
    """Closes the connection, as a client does that has lost interest."""
    client.close()


WAYS_TO_GO = pytest.mark.parametrize("go", [vanish, leave], ids=["reset", "closed"])


def nothing_is_left(live: Live) -> bool:
    state = live.server.server_state
    return not state.connections and not state.tasks


def asked(live: Live, sent: bytes) -> socket.socket:
    client = live.connect()
    client.sendall(sent)
    return client


# Clients that vanish

OPENING = Frame(SETTINGS).sent() + Frame(HEADERS, 1, WHOLE, block("/endless")).sent()


@WAYS_TO_GO
@pytest.mark.parametrize("start", [b"", b"GE", b"GET /quick HTTP/1.1\r\nHost: t\r\n"])
def test_a_client_that_vanishes_before_its_request_leaves_nothing(
    live: Live, story: Story, start: bytes, go: Callable[[socket.socket], None]
) -> None:
    client = asked(live, start)
    until(lambda: live.server.server_state.connections)

    go(client)

    until(lambda: nothing_is_left(live))
    assert story.told == []


@WAYS_TO_GO
def test_a_client_that_vanishes_in_its_body_is_told_to_the_handler(
    live: Live, story: Story, go: Callable[[socket.socket], None]
) -> None:
    client = asked(live, request("/body", "POST", "Content-Length: 10", body=b"half"))
    until(lambda: story.told == ["body"])

    go(client)

    until(lambda: nothing_is_left(live))
    assert story.told == ["body", "ClientDisconnect"]


@WAYS_TO_GO
def test_a_handler_whose_client_vanishes_runs_to_its_end(
    live: Live, story: Story, go: Callable[[socket.socket], None]
) -> None:
    client = asked(live, request("/slow"))
    until(lambda: story.told == ["slow"])

    go(client)
    until(lambda: not live.server.server_state.connections)
    story.release()

    until(lambda: nothing_is_left(live))
    with live.connect() as another:
        another.sendall(request("/quick"))
        assert received_from(another)[0].endswith(b'"quick"')


@WAYS_TO_GO
def test_a_handler_can_wait_for_its_client_to_go(
    live: Live, story: Story, go: Callable[[socket.socket], None]
) -> None:
    client = asked(live, request("/until-gone"))
    until(lambda: story.told == ["watching"])

    go(client)

    until(lambda: nothing_is_left(live))
    assert story.told == ["watching", "disconnected"]


def test_a_client_that_has_sent_a_large_body_is_seen_to_go(live: Live, story: Story) -> None:
    @story.app.post("/large-until-gone")
    async def large(request: Request) -> None:
        await request.body()
        await story.watch(request)

    body = b"a" * 300_000
    client = asked(
        live, request("/large-until-gone", "POST", f"Content-Length: {len(body)}", body=body)
    )
    until(lambda: story.told == ["watching"])

    leave(client)

    until(lambda: story.told == ["watching", "disconnected"])


@WAYS_TO_GO
def test_a_stream_whose_client_vanishes_is_closed(
    live: Live, story: Story, go: Callable[[socket.socket], None]
) -> None:
    client = asked(live, request("/stream"))
    until(lambda: story.told == ["streaming"])

    go(client)

    until(lambda: nothing_is_left(live))
    assert story.told == ["streaming", "closed"]


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize(
    "sent", [request("/endless"), PREFACE + OPENING], ids=["HTTP/1.1", "HTTP/2"]
)
def test_a_stream_that_never_waits_keeps_nobody_waiting_when_its_client_has_vanished(
    loop: str, sent: bytes
) -> None:
    may_end = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while scope["path"] == "/endless" and not may_end.is_set():
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        await send({"type": "http.response.body", "body": b"end"})

    with served(app, with_http2(DirectProtocol), loop=loop) as live:
        try:
            client = asked(live, sent)
            assert client.recv(1)
            vanish(client)
            assert live.exchanged(request("/")).endswith(b"3\r\nend\r\n0\r\n\r\n")
        finally:
            may_end.set()


@WAYS_TO_GO
def test_what_is_pipelined_by_a_client_that_vanishes_is_not_begun(
    live: Live, story: Story, go: Callable[[socket.socket], None]
) -> None:
    client = asked(live, request("/slow", closes=False) + request("/quick"))
    until(lambda: story.told == ["slow"])

    go(client)
    until(lambda: not live.server.server_state.connections)
    story.release()

    until(lambda: nothing_is_left(live))
    assert story.told == ["slow"]


@WAYS_TO_GO
def test_a_task_runs_on_when_the_client_has_gone(
    live: Live, story: Story, go: Callable[[socket.socket], None]
) -> None:
    client = asked(live, request("/task", closes=False))
    until(lambda: story.told == ["task"])

    go(client)
    until(lambda: not live.server.server_state.connections)
    story.release()

    until(lambda: nothing_is_left(live))
    assert story.told == ["task", "task ended"]


def test_a_body_that_is_read_when_the_reply_is_over_is_a_disconnect(
    live: Live, story: Story
) -> None:
    @story.app.post("/read-late")
    async def read_late(request: Request, tasks: BackgroundTasks) -> str:
        async def read() -> None:
            try:
                await request.body()
            except Exception as error:
                story.told.append(type(error).__name__)

        tasks.add_task(read)
        return "early"

    with asked(live, request("/read-late", "POST", "Content-Length: 9", closes=False)) as client:
        client.recv(1000)

    until(lambda: nothing_is_left(live))
    assert story.told == ["ClientDisconnect"]


def test_two_that_wait_for_the_client_are_both_told(live: Live, story: Story) -> None:
    @story.app.get("/two")
    async def two(request: Request) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(story.watch(request))
            group.create_task(story.watch(request))

    client = asked(live, request("/two"))
    until(lambda: story.told == ["watching", "watching"])

    leave(client)

    until(lambda: nothing_is_left(live))
    assert story.told[2:] == ["disconnected", "disconnected"]


def test_many_requests_and_aborted_ones_leave_no_exchange(live: Live, story: Story) -> None:
    known: list[weakref.ref[Any]] = []

    def noting(*arguments: Any) -> DirectExchange:
        made = new_exchange(*arguments)
        known.append(weakref.ref(made))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "new_exchange", noting)
        for index in range(30):
            client = asked(live, request("/quick", closes=False) * 5)
            asked(live, request("/body", "POST", "Content-Length: 10", body=b"half")).close()
            (vanish if index % 2 else leave)(client)
        with live.connect() as client:
            client.sendall(request("/quick", closes=False) * 100 + request("/quick"))
            received_from(client)

        until(lambda: nothing_is_left(live))

    assert len(known) >= 101
    until(lambda: (gc.collect(), [ref for ref in known if ref() is not None])[1] == [])


# The end of the server


def ask_to_stop(live: Live) -> None:
    live.server.should_exit = True


def replies_of(client: socket.socket) -> list[tuple[int, bytes]]:
    received, was_reset = received_from(client)
    assert not was_reset
    return [(reply.status, reply.body) for reply in split(received, [])[0]]


def is_over(live: Live) -> bool:
    return not live.thread.is_alive()


@pytest.mark.parametrize("start", [b"", b"GET /quick HT", request("/quick", closes=False)])
def test_a_server_that_ends_closes_what_is_idle_or_in_a_head(
    live: Live, story: Story, start: bytes
) -> None:
    with asked(live, start) as client:
        until(lambda: live.server.server_state.connections)
        if start.endswith(b"\r\n\r\n"):
            until(lambda: story.told == ["quick"])

        ask_to_stop(live)

        until(lambda: is_over(live))
        assert [status for status, _ in replies_of(client)] == [200] * start.count(b"\r\n\r\n")
        assert story.told[-1] == "lifespan ended"


def test_a_server_that_ends_takes_the_rest_of_a_body(live: Live, story: Story) -> None:
    sent = request("/body", "POST", "Content-Length: 10", body=b"half", closes=False)
    with asked(live, sent) as client:
        until(lambda: story.told == ["body"])
        ask_to_stop(live)
        until(lambda: any(each._is_ending for each in live.server.server_state.connections))

        client.sendall(b"and it")

        assert replies_of(client) == [(200, b"10")]
        until(lambda: is_over(live))
        assert story.told == ["body", "lifespan ended"]


@pytest.mark.parametrize(
    ("path", "name", "reply"),
    [
        ("/slow", "slow", (200, b'"slow"')),
        ("/stream", "streaming", (200, b"onetwo")),
    ],
)
def test_a_server_that_ends_lets_a_reply_come_to_its_end(
    live: Live, story: Story, path: str, name: str, reply: tuple[int, bytes]
) -> None:
    with asked(live, request(path, closes=False) + request("/quick", closes=False)) as client:
        until(lambda: story.told == [name])
        ask_to_stop(live)
        until(lambda: any(each._is_ending for each in live.server.server_state.connections))

        story.release()

        # what was pipelined behind it is not begun any more
        assert replies_of(client) == [reply]
        until(lambda: is_over(live))
        assert "quick" not in story.told
        assert story.told[-1] == "lifespan ended"


def test_a_server_that_ends_waits_for_tasks(live: Live, story: Story) -> None:
    with asked(live, request("/task", closes=False)) as client:
        until(lambda: story.told == ["task"])
        ask_to_stop(live)
        assert replies_of(client) == [(200, b'"with a task"')]

        story.release()

        until(lambda: is_over(live))
        assert story.told == ["task", "task ended", "lifespan ended"]


def test_a_server_that_may_not_wait_cancels_and_ends_its_lifespan(story: Story) -> None:
    with served(story.app, DIRECT, lifespan="on", timeout_graceful_shutdown=0.2) as live:
        with asked(live, request("/slow")) as slow, asked(live, request("/stream")) as stream:
            until(lambda: sorted(story.told) == ["slow", "streaming"])

            ask_to_stop(live)

            until(lambda: is_over(live))
            assert replies_of(slow)[:1] in ([], [(500, b"Internal Server Error")])
            assert split(received_from(stream)[0], [])[1] == b"[broken off]"

    assert "lifespan ended" in story.told
    assert "closed" in story.told
