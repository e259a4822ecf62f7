"""How much a client may send and how long it may take, exactly, and what it is told beyond."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from tests.server.clocks import ManualClock, timed, until
from tests.server.inprocess import answer, hosted
from tests.server.live import DIRECT, Live, served
from tests.server.requests import EXPECT, FIVE, request
from tests.server.twins import Seen, Twin, as_app, as_asgi, received_from, split
from trivium import App, Request
from trivium.server.bounds import Bounds
from trivium.server.protocol import DirectProtocol

pytestmark = pytest.mark.slow

SMALL = Bounds(max_url_size=100, max_header_size=500, max_headers=10)
HEADERS = b"Host: t\r\nConnection: close\r\n"
"""Two headers, of 30 bytes as they are counted: with the colon, a space and the line's end."""


def with_target(size: int) -> bytes:
    return b"GET /%b HTTP/1.1\r\n%b\r\n" % (b"a" * (size - 1), HEADERS)


def with_header(size: int) -> bytes:
    """A request whose headers have this size together."""
    value = b"v" * (size - len(HEADERS) - len(b"X: \r\n"))
    return b"GET /x HTTP/1.1\r\n%bX: %b\r\n\r\n" % (HEADERS, value)


def with_headers(count: int) -> bytes:
    more = b"".join(b"X-%d: v\r\n" % i for i in range(count - 2))
    return b"GET /x HTTP/1.1\r\n%b%b\r\n" % (HEADERS, more)


@pytest.fixture(scope="module", params=[as_app, as_asgi], ids=["app", "asgi"])
def small(request: Any) -> Iterator[Twin]:
    seen: list[Seen] = []
    with served(request.param(seen), DirectProtocol.bounded(SMALL)) as live:
        yield Twin(live, seen)


@pytest.fixture(scope="module")
def usual() -> Iterator[Twin]:
    seen: list[Seen] = []
    with served(as_app(seen)) as live:
        yield Twin(live, seen)


AT_AND_OVER = [
    pytest.param(with_target, 100, 414, id="target"),
    pytest.param(with_header, 500, 431, id="size of headers"),
    pytest.param(with_headers, 10, 431, id="number of headers"),
]


@pytest.mark.parametrize(("make", "most", "status"), AT_AND_OVER)
def test_a_bound_allows_what_is_exactly_at_it(
    small: Twin, make: Any, most: int, status: int
) -> None:
    assert small.outcome(make(most)).statuses == [200]


@pytest.mark.parametrize(("make", "most", "status"), AT_AND_OVER)
def test_a_bound_refuses_one_more(small: Twin, make: Any, most: int, status: int) -> None:
    outcome = small.outcome(make(most + 1))

    assert outcome.statuses == [status]
    assert outcome.replies[0].header(b"connection") == b"close"
    assert outcome.seen == []
    assert not outcome.was_reset


@pytest.mark.parametrize(("make", "most", "status"), AT_AND_OVER)
def test_a_bound_holds_for_what_comes_byte_by_byte(
    small: Twin, make: Any, most: int, status: int
) -> None:
    allowed, refused = make(most), make(most + 1)

    assert small.outcome(*(allowed[i : i + 1] for i in range(len(allowed)))).statuses == [200]
    assert small.outcome(*(refused[i : i + 1] for i in range(len(refused)))).statuses == [status]


@pytest.mark.parametrize(("make", "most", "status"), AT_AND_OVER)
def test_a_bound_holds_for_the_head_that_comes_with_the_end_of_a_body(
    small: Twin, make: Any, most: int, status: int
) -> None:
    first = request("/first", "POST", FIVE, body=b"hel", closes=False)

    outcome = small.outcome(first, b"lo" + make(most + 1))

    assert outcome.statuses == [200, status]
    assert outcome.paths == ["/first"]


@pytest.mark.parametrize(
    ("make", "most", "status"),
    [
        pytest.param(with_target, 16 * 1024, 414, id="target"),
        pytest.param(with_header, 64 * 1024, 431, id="size of headers"),
        pytest.param(with_headers, 128, 431, id="number of headers"),
    ],
)
def test_the_bounds_that_nobody_has_set(usual: Twin, make: Any, most: int, status: int) -> None:
    assert usual.outcome(make(most)).statuses == [200]
    assert usual.outcome(make(most + 1)).statuses == [status]


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"GET /", id="target"),
        pytest.param(b"GET /x HTTP/1.1\r\nHost: t\r\nX: ", id="value"),
        pytest.param(b"GET /x HTTP/1.1\r\nHost: t\r\nX", id="name"),
        pytest.param(b"GET ", id="spaces"),
    ],
)
def test_a_head_that_does_not_end_is_refused_when_it_is_too_large(
    usual: Twin, start: bytes
) -> None:
    endless = b" " if start == b"GET " else b"a"

    outcome = usual.outcome(start, *[endless * 8192] * 40)

    assert outcome.statuses[0] in (400, 414, 431)
    assert len(outcome.statuses) == 1
    assert outcome.seen == []


def test_trailers_that_do_not_end_are_refused_when_they_are_too_large(usual: Twin) -> None:
    chunked = request("/x", "POST", "Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n")

    outcome = usual.outcome(chunked, b"X-T: ", *[b"a" * 8192] * 40)

    assert outcome.statuses == [431]
    assert outcome.seen == []


def test_a_chunk_extension_that_does_not_end_is_refused_when_it_is_too_large(usual: Twin) -> None:
    chunked = request("/x", "POST", "Transfer-Encoding: chunked", body=b"5;")

    outcome = usual.outcome(chunked, *[b"a" * 8192] * 40)

    assert outcome.statuses == [431]
    assert outcome.seen == []


def test_many_small_requests_before_the_start_of_another_are_no_large_head(usual: Twin) -> None:
    many = b"GET /m HTTP/1.1\r\nHost: t\r\n\r\n" * 8000

    outcome = usual.outcome(
        many + b"GET /x HTTP/1.1\r\nHost: t\r\nX", b": 1\r\n", request("/y")[17:]
    )

    assert outcome.statuses == [200] * 8001


def test_no_bound_is_no_bound() -> None:
    seen: list[Seen] = []
    unbounded = DirectProtocol.bounded(Bounds(None, None, None))
    with served(as_app(seen), unbounded) as live:
        target = with_target(60_000).split(b" ")[1]
        head = with_headers(5000).replace(b"/x", target)
        outcome = Twin(live, seen).outcome(head)

    assert outcome.statuses == [200]
    assert len(outcome.seen[0].headers) == 5000


def test_what_follows_a_large_body_that_nobody_read_is_answered_or_not_begun() -> None:
    begun: list[str] = []

    def make(seen: list[Any]) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            begun.append(scope["path"])
            await answer(send, b"unread")

        return app

    size = 1024 * 1024
    head = b"POST /first HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % (size + 1)
    with hosted(DIRECT, make) as host:
        result = host.run([head, b"a" * size, b"a" + request("/second")])

    replies, _ = split(result.written, [])
    assert len(replies) == len(begun)


def test_a_client_that_sends_too_large_a_body_reads_why() -> None:
    app = App(openapi_url=None, max_body_size=1000)

    @app.post("/x")
    async def take(request: Request) -> int:
        return len(await request.body())

    with served(app) as live, live.connect() as client:
        client.sendall(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 8000000\r\n\r\n")
        sent = 0
        client.settimeout(20)
        while sent < 8_000_000:
            sent += client.send(b"a" * min(65536, 8_000_000 - sent))
        client.shutdown(socket.SHUT_WR)
        received, was_reset = received_from(client)

    replies, _ = split(received, [])
    assert [reply.status for reply in replies] == [413]
    assert not was_reset


# Time


@pytest.fixture
def clocked() -> Iterator[tuple[Live, list[ManualClock], list[Seen]]]:
    protocol, clocks = timed()
    seen: list[Seen] = []
    with served(as_asgi(seen), protocol) as live:
        yield live, clocks, seen


def connections(live: Live) -> list[Any]:
    return list(live.server.server_state.connections)


def has_head_of(live: Live, size: int) -> bool:
    return any(each._head_size == size for each in connections(live))


def has_taken(taken: list[bytes], size: int) -> bool:
    return len(b"".join(taken)) == size


def ended(client: socket.socket) -> list[int]:
    received, _ = received_from(client)
    return [reply.status for reply in split(received, [])[0]]


@pytest.mark.parametrize(
    "start", [b"G", b"GET /x", b"GET /x HTTP/1.1\r\nHost: t\r\nX-A: 1", b"\r\nGET /x HTTP/1.1\r\n"]
)
def test_a_head_that_takes_too_long_is_ended_with_408(clocked: Any, start: bytes) -> None:
    live, clocks, seen = clocked
    with live.connect() as client:
        client.sendall(start)
        until(lambda: any(each._head_size for each in connections(live)))

        clocks[0].later(15.1)

        assert ended(client) == [408]
        assert seen == []


def test_a_head_that_comes_drop_by_drop_has_no_more_time(clocked: Any) -> None:
    live, clocks, _ = clocked
    with live.connect() as client:
        for size, drop in ((17, b"GET /x HTTP/1.1\r\n"), (23, b"A: 1\r\n"), (29, b"B: 1\r\n")):
            client.sendall(drop)
            until(partial(has_head_of, live, size))
            clocks[0].later(6)

        assert ended(client) == [408]


def test_a_body_that_takes_too_long_is_ended_with_408(clocked: Any) -> None:
    live, clocks, seen = clocked
    with live.connect() as client:
        client.sendall(request("/x", "POST", FIVE, body=b"he"))
        until(lambda: any(each._reading for each in connections(live)))

        clocks[0].later(30.1)

        assert ended(client) == [408]
        assert seen == []


def test_a_fast_body_before_lends_no_time_to_a_slow_one(clocked: Any) -> None:
    live, clocks, seen = clocked
    large = request("/1", "POST", "Content-Length: 90000", body=b"a" * 90000, closes=False)
    with live.connect() as client:
        client.sendall(large)
        until(lambda: len(seen) == 1)
        client.sendall(request("/2", "POST", FIVE, body=b"he"))
        until(lambda: any(each._timed is each._reading for each in connections(live)))

        clocks[0].later(30.1)

        assert ended(client)[-1] == 408


def test_a_slow_body_that_comes_fast_enough_is_taken() -> None:
    protocol, clocks = timed()
    taken: list[bytes] = []
    app = App(openapi_url=None)

    @app.post("/x")
    async def take(request: Request) -> int:
        async for piece in request.stream():
            taken.append(piece)
        return len(b"".join(taken))

    with served(app, protocol) as live, live.connect() as client:
        client.sendall(request("/x", "POST", "Content-Length: 20000"))
        for total in (5000, 10000, 15000, 20000):
            client.sendall(b"a" * 5000)
            until(partial(has_taken, taken, total))
            clocks[0].later(30.1)

        assert ended(client) == [200]


def test_a_client_that_waits_for_leave_to_send_is_not_slow() -> None:
    import asyncio

    protocol, clocks = timed()
    may_read = asyncio.Event()
    begun: list[asyncio.AbstractEventLoop] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        begun.append(asyncio.get_running_loop())
        await may_read.wait()
        message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": message["body"]})

    with served(app, protocol) as live, live.connect() as client:
        client.sendall(request("/x", "POST", FIVE, EXPECT))
        until(lambda: begun)
        clocks[0].later(100)
        begun[0].call_soon_threadsafe(may_read.set)
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        clocks[0].later(20)
        client.sendall(b"hello")

        assert ended(client) == [200]


@pytest.mark.parametrize("before", [b"", b"\r\n", request("/1", closes=False)])
def test_an_idle_connection_is_closed_without_a_word(clocked: Any, before: bytes) -> None:
    live, clocks, seen = clocked
    with live.connect() as client:
        client.sendall(before)
        until(lambda: connections(live) and (len(seen) == 1 or b"/1" not in before))

        clocks[0].later(5.1)

        assert ended(client) == ([200] if b"/1" in before else [])


def test_a_handler_may_take_its_time(clocked: Any) -> None:
    import asyncio

    protocol, clocks = timed()
    may_go = asyncio.Event()
    begun: list[asyncio.AbstractEventLoop] = []
    app = App(openapi_url=None)

    @app.get("/x")
    async def slow() -> str:
        begun.append(asyncio.get_running_loop())
        await may_go.wait()
        return "done"

    with served(app, protocol) as live, live.connect() as client:
        client.sendall(request("/x"))
        until(lambda: begun)
        clocks[0].later(10_000)
        begun[0].call_soon_threadsafe(may_go.set)

        assert ended(client) == [200]


def test_a_client_that_reads_nothing_is_cut_and_not_more_is_made_for_it() -> None:
    protocol, clocks = timed()
    made = 0
    lost: list[bool] = []
    app = App(openapi_url=None)

    @app.get("/x")
    async def stream() -> Any:
        from trivium.responding import StreamingResponse

        async def chunks() -> Any:
            nonlocal made
            try:
                while True:
                    made += 1
                    yield b"a" * 65536
            finally:
                lost.append(True)

        return StreamingResponse(chunks())

    with served(app, protocol) as live, live.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sendall(request("/x"))
        until(lambda: any(each.is_writing_paused for each in connections(live)))
        [connection] = connections(live)
        at_pause = made

        clocks[0].later(59)
        clocks[0].later(2)

        until(lambda: not connections(live))
        until(lambda: lost)
        assert made <= at_pause + 1
        assert made * 65536 < 64 * 1024 * 1024
        assert connection.is_lost


def test_what_is_pipelined_by_a_client_that_reads_nothing_is_left_unread() -> None:
    protocol, clocks = timed()
    seen: list[Seen] = []
    body = b"a" * 200_000
    once = request("/x", "POST", f"Content-Length: {len(body)}", body=body, closes=False)
    with served(as_asgi(seen), protocol) as live, live.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.setblocking(False)
        many = memoryview((once + request("/y", closes=False) * 1000) * 100)
        until(lambda: connections(live))
        [connection] = connections(live)
        while not (connection.is_writing_paused and connection._is_reading_paused):
            with suppress(BlockingIOError):
                many = many[client.send(many) :]
        waiting = len(connection._waiting)
        clocks[0].later(1)
        clocks[0].later(61)

        until(lambda: not connections(live))
        assert waiting < 5000
        assert len(many) > 0


def test_a_reply_that_nobody_takes_does_not_keep_a_closed_connection_open() -> None:
    protocol, clocks = timed()
    app = App(openapi_url=None)

    @app.get("/x")
    async def large() -> Any:
        from trivium import Response

        return Response(b"a" * 50_000_000)

    with served(app, protocol) as live, live.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sendall(request("/x"))
        until(lambda: any(each._is_deaf for each in connections(live)))

        clocks[0].later(1)
        clocks[0].later(61)

        until(lambda: not connections(live))


# A connection that ends while its client is still sending


def still_sending(live: Live, clocks: list[ManualClock]) -> socket.socket:
    """A client that has its refusal and goes on sending, which is heard out."""
    client = live.connect()
    client.sendall(b"GET / HTTP/1.1\r\nHost : t\r\n\r\n")
    assert ended(client) == [400]
    client.sendall(b"more " * 1000)
    assert any(each._lingers for each in connections(live))
    return client


def test_a_client_that_goes_on_sending_after_its_refusal_is_cut_in_the_end(clocked: Any) -> None:
    live, clocks, seen = clocked
    with still_sending(live, clocks):
        clocks[0].later(5.1)

        until(lambda: not connections(live))

    assert seen == []


def test_a_server_that_ends_does_not_hear_anybody_out(clocked: Any) -> None:
    live, clocks, _ = clocked
    with still_sending(live, clocks):
        live.server.should_exit = True

        until(lambda: not live.thread.is_alive())


@pytest.mark.parametrize("coding", ["length", "chunks"])
@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 413)])
def test_a_body_may_be_as_large_as_the_application_says(
    coding: str, size: int, status: int
) -> None:
    app = App(openapi_url=None, max_body_size=1000)

    @app.post("/x")
    async def take(request: Request) -> int:
        return len(await request.body())

    body = b"a" * size
    header = f"Content-Length: {size}"
    if coding == "chunks":
        header, body = "Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)
    with served(app) as live:
        outcome = Twin(live, []).outcome(request("/x", "POST", header, body=body))

    assert outcome.statuses == [status]
