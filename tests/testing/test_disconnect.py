"""A client leaves in the middle, and a test sees what the app did about it."""

import threading
from collections.abc import AsyncIterator
from typing import Any, Literal

import anyio
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocketDisconnect

from tests.testing.apps import make_app
from trivium.testing import (
    AppStillRunning,
    AsyncTestClient,
    Disconnected,
    DisconnectNotReached,
    TestClient,
)

Backend = Literal["asyncio", "trio"]

# The two clients have one vocabulary: each of these tests asks both, in both event loops.


def left_on_its_own(diary: list[str]) -> bool:
    """Whether the app was told that its client had gone, rather than cancelled, and cleaned up."""
    return "heard" in diary and diary[-1] == "cleaned up"


class Either:
    """The client under test, sync or async, and the app it calls."""

    def __init__(self, kind: str, backend: Backend, **options: Any) -> None:
        self.app = make_app()
        self.kind = kind
        self.backend = backend
        self.options = options

    @property
    def diary(self) -> list[str]:
        return list(self.app.state.diary.entries)

    async def disconnect_after(self, *request: Any, **point: Any) -> Disconnected:
        if self.kind == "async":
            async with AsyncTestClient(self.app, lifespan=False, **self.options) as client:
                return await client.disconnect_after(*request, **point)

        def in_thread() -> Disconnected:
            client = TestClient(self.app, backend=self.backend, **self.options)
            return client.disconnect_after(*request, **point)

        return await anyio.to_thread.run_sync(in_thread)


@pytest.fixture(params=["sync", "async"])
def either(request: pytest.FixtureRequest, anyio_backend: Backend) -> Either:
    return Either(str(request.param), anyio_backend)


async def test_leaving_after_some_chunks_gives_them_and_ends_the_apps_call(either: Either) -> None:
    seen = await either.disconnect_after("GET", "/ticks/", chunks=2)

    assert seen.status_code == 200
    assert seen.chunks == (b"tick 0\n", b"tick 1\n")
    assert left_on_its_own(either.diary)


async def test_leaving_after_some_bytes_cuts_in_the_middle_of_a_chunk(either: Either) -> None:
    seen = await either.disconnect_after("GET", "/ticks/", downloaded=10)

    assert seen.content == b"tick 0\ntic"
    assert left_on_its_own(either.diary)


@pytest.mark.parametrize("point", [{"chunks": 0}, {"downloaded": 0}])
async def test_leaving_after_nothing_has_seen_the_headers_only(
    either: Either, point: dict[str, int]
) -> None:
    seen = await either.disconnect_after("GET", "/ticks/", **point)

    assert (seen.status_code, seen.chunks) == (200, ())
    assert either.diary[-1] == "cleaned up"


async def test_leaving_during_the_upload_stops_the_apps_reading(either: Either) -> None:
    seen = await either.disconnect_after("POST", "/upload", content=b"0123456789", uploaded=4)

    assert (seen.status_code, dict(seen.headers), seen.content) == (None, {}, b"")
    assert isinstance(seen.error, ClientDisconnect)
    assert either.diary == ["took 0123", "upload ended"]


async def test_leaving_before_the_upload_gives_the_app_nothing_of_it(either: Either) -> None:
    seen = await either.disconnect_after("POST", "/upload", content=b"0123456789", uploaded=0)

    assert isinstance(seen.error, ClientDisconnect)
    assert either.diary == ["upload ended"]


async def test_leaving_after_the_whole_upload_has_given_the_app_all_of_it(either: Either) -> None:
    seen = await either.disconnect_after("POST", "/upload", content=b"0123456789", uploaded=10)

    assert seen.status_code is None
    assert either.diary == ["took 0123456789", "took ", "upload ended"]


async def test_leaving_when_something_has_happened_reaches_a_handler(either: Either) -> None:
    waiting = either.app.state.diary.running

    seen = await either.disconnect_after("GET", "/slow", when=waiting.wait)

    assert seen.status_code is None
    assert either.diary == ["slow ended"]


async def test_leaving_may_wait_for_a_thread(either: Either) -> None:
    waiting = threading.Event()
    waiting.set()

    seen = await either.disconnect_after("GET", "/slow", when=waiting.wait)

    assert seen.status_code is None
    assert either.diary == ["slow ended"]


async def test_an_error_in_waiting_is_raised(either: Either) -> None:
    def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await either.disconnect_after("GET", "/slow", when=fail)


@pytest.mark.parametrize(
    "point",
    [{"chunks": 4}, {"downloaded": 100}, {"uploaded": 1}],
    ids=lambda point: next(iter(point)),
)
async def test_a_call_that_ends_before_the_client_could_leave_is_an_error(
    either: Either, point: dict[str, int]
) -> None:
    with pytest.raises(DisconnectNotReached, match="sent 3 chunks, 11 bytes"):
        await either.disconnect_after("GET", "/three", **point)


async def test_a_call_that_does_not_end_is_cancelled_and_is_an_error(either: Either) -> None:
    either.options["patience"] = 0
    waiting = either.app.state.diary.running

    with pytest.raises(AppStillRunning, match="GET /deaf was still running 0 s after"):
        await either.disconnect_after("GET", "/deaf", when=waiting.wait)

    assert either.diary == ["cancelled"]


async def test_what_the_app_raises_before_the_client_leaves_is_raised(either: Either) -> None:
    with pytest.raises(KeyError, match="broken"):
        await either.disconnect_after("GET", "/broken", chunks=1)


async def test_what_the_app_raises_while_it_cleans_up_is_raised(either: Either) -> None:
    async def careless(request: Request) -> Response:
        while not await request.is_disconnected():
            await anyio.lowlevel.checkpoint()
        raise KeyError("no such session")

    either.app.routes.append(Route("/careless", careless))

    with pytest.raises(KeyError, match="no such session"):
        await either.disconnect_after("GET", "/careless", uploaded=0)


async def test_background_tasks_after_a_complete_response_take_the_time_they_need(
    either: Either,
    anyio_backend: Backend,
) -> None:
    either.options["patience"] = 0

    async def work() -> None:
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        either.app.state.diary.note("worked")

    async def read(request: Request) -> Response:
        return PlainTextResponse("all of it", background=BackgroundTask(work))

    either.app.routes.append(Route("/work", read))

    seen = await either.disconnect_after("GET", "/work", chunks=1)

    assert seen.content == b"all of it"
    assert either.diary == ["worked"]


@pytest.mark.parametrize("points", [{}, {"chunks": 1, "downloaded": 1}])
async def test_a_client_leaves_at_exactly_one_point(either: Either, points: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="give exactly one of"):
        await either.disconnect_after("GET", "/ticks/", **points)


async def test_a_point_is_not_negative(either: Either) -> None:
    with pytest.raises(ValueError, match="chunks=-1"):
        await either.disconnect_after("GET", "/ticks/", chunks=-1)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("entered", [True, False], ids=["in a block", "without a block"])
def test_a_streamed_response_disconnects(backend: Backend, entered: bool) -> None:
    app = make_app()
    client = TestClient(app, backend=backend)
    if entered:
        client.__enter__()

    with client.stream("GET", "/ticks/") as response:
        assert response.read_chunk() == b"tick 0\n"
        response.disconnect()
        assert left_on_its_own(app.state.diary.entries)

    if entered:
        client.__exit__()


async def test_a_streamed_response_disconnects_in_the_tests_loop() -> None:
    app = make_app()

    async with AsyncTestClient(app, lifespan=False) as client:
        async with client.stream("GET", "/ticks/") as response:
            assert await response.read_chunk() == b"tick 0\n"
            await response.disconnect()
            assert left_on_its_own(app.state.diary.entries)


async def test_leaving_the_block_of_a_stream_is_a_disconnect_in_the_tests_loop() -> None:
    app = make_app()

    async with AsyncTestClient(app, lifespan=False) as client:
        async with client.stream("GET", "/ticks/") as response:
            await response.read_chunk()

        assert left_on_its_own(app.state.diary.entries)


async def test_cancelling_a_request_is_a_disconnect() -> None:
    app = make_app()

    async with AsyncTestClient(app, lifespan=False) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.get, "/slow")
            await app.state.diary.running.wait()
            tasks.cancel_scope.cancel()

        assert app.state.diary.entries == ["slow ended"]


async def test_cancelling_the_reading_of_a_stream_is_a_disconnect() -> None:
    app = make_app()

    async with AsyncTestClient(app, lifespan=False) as client:
        with anyio.CancelScope() as scope:
            async with client.stream("GET", "/ticks/") as response:
                await response.read_chunk()
                scope.cancel()
                await response.read_chunk()

        assert left_on_its_own(app.state.diary.entries)


async def test_a_request_still_running_on_close_is_disconnected_before_shutdown() -> None:
    app = make_app()
    errors: list[BaseException] = []

    async def ask(client: AsyncTestClient) -> None:
        try:
            await client.get("/slow")
        except Exception as error:
            errors.append(error)

    async with anyio.create_task_group() as tasks:
        async with AsyncTestClient(app) as client:
            tasks.start_soon(ask, client)
            await app.state.diary.running.wait()

    assert app.state.diary.entries == ["started", "slow ended", "stopped"]
    assert len(errors) == 1


async def test_an_upload_that_is_made_piece_by_piece_can_be_left() -> None:
    app = make_app()

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b"abcd"

    async with AsyncTestClient(app, lifespan=False) as client:
        seen = await client.disconnect_after("POST", "/upload", content=pieces(), uploaded=6)

    assert isinstance(seen.error, ClientDisconnect)
    assert app.state.diary.entries == ["took abcd", "took ab", "upload ended"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_websockets_client_vanishes(backend: Backend) -> None:
    app = make_app()

    with TestClient(app, backend=backend).websocket_connect("/chat") as session:
        session.send_json("hello")
        assert session.receive_json() == {"said": "hello"}
        session.disconnect()
        assert app.state.diary.entries == ["left with 1006", "chat ended"]


async def test_a_websockets_client_vanishes_in_the_tests_loop() -> None:
    app = make_app()

    async with AsyncTestClient(app, lifespan=False) as client:
        async with client.websocket_connect("/chat") as session:
            await session.send_json("hello")
            assert await session.receive_json() == {"said": "hello"}
            await session.disconnect()
            assert app.state.diary.entries == ["left with 1006", "chat ended"]


async def test_leaving_a_websockets_block_closes_with_1000_and_waits_for_the_app() -> None:
    app = make_app()

    async with AsyncTestClient(app, lifespan=False) as client:
        async with client.websocket_connect("/chat"):
            pass
        assert app.state.diary.entries == ["left with 1000", "chat ended"]


def test_a_websocket_handler_that_only_sends_gets_an_error_from_sending() -> None:
    app = make_app()

    with TestClient(app).websocket_connect("/feed") as session:
        assert session.receive_text() == "news"
        session.disconnect()

    assert app.state.diary.entries == ["feed ended by WebSocketDisconnect"]


async def test_a_websocket_handler_that_only_sends_gets_it_in_the_tests_loop_too() -> None:
    app = make_app()

    async with AsyncTestClient(app, lifespan=False) as client:
        async with client.websocket_connect("/feed") as session:
            assert await session.receive_text() == "news"

    assert app.state.diary.entries == ["feed ended by WebSocketDisconnect"]


def test_a_websocket_handler_that_does_not_end_is_cancelled_and_is_an_error() -> None:
    with TestClient(make_app(), patience=0).websocket_connect("/deaf-socket") as session:
        with pytest.raises(AppStillRunning, match="WEBSOCKET /deaf-socket"):
            session.disconnect()


async def test_a_websocket_handler_that_does_not_end_is_an_error_in_the_tests_loop() -> None:
    async with AsyncTestClient(make_app(), patience=0) as client:
        with pytest.raises(AppStillRunning, match="WEBSOCKET /deaf-socket"):
            async with client.websocket_connect("/deaf-socket"):
                pass


def test_an_error_before_a_websockets_client_vanishes_is_raised() -> None:
    with pytest.raises(KeyError, match="broken"):
        with TestClient(make_app()).websocket_connect("/broken-socket") as session:
            session.disconnect()


def test_the_news_of_a_disconnect_is_the_handlers_to_catch_and_not_the_tests() -> None:
    async def raising(request: Request) -> Response:
        raise ClientDisconnect

    app = Starlette(routes=[Route("/", raising)])

    with pytest.raises(ClientDisconnect):
        TestClient(app).get("/")  # nobody left: this is an error of the app


async def test_receiving_after_the_app_has_ended_says_so() -> None:
    async with AsyncTestClient(make_app(), lifespan=False) as client:
        async with client.websocket_connect("/chat") as session:
            await session.close(1001)
            with pytest.raises(WebSocketDisconnect):
                await session.receive_text()
