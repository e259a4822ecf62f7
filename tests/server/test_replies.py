"""What an application answers leaves as one reply, or as an error: never as something else."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.inprocess import hosted
from tests.server.live import DIRECT, served
from tests.server.requests import EXPECT, FIVE, request
from tests.server.twins import Outcome, Twin, Twins, twins
from trivium import App, BackgroundTasks, Depends, HTTPException, Request, Response
from trivium.exchange import Exchange, RawHeaders
from trivium.responding import PlainTextResponse, RedirectResponse, StreamingResponse
from trivium.stages.stage import Stage

pytestmark = pytest.mark.slow

# What a client might send to have a reply of its own making: a header, or a whole reply.
BREAKS = [
    "a\r\nX-Evil: yes",
    "a\nX-Evil: yes",
    "a\rX-Evil: yes",
    "a\r\n\r\nHTTP/1.1 200 OK\r\nX-Evil: yes\r\nContent-Length: 0\r\n\r\n",
    "a\0b",
    "a\x0b\x0cb",
]
WAYS = [
    "asgi",
    "response",
    "injected",
    "dependency",
    "stream",
    "stage",
    "name",
    "redirect",
    "cookie",
    "exception",
]


class Echo(Stage):
    """Copies what a client has sent into a header, as careless code does."""

    def head(self, ex: Exchange, status: int, headers: RawHeaders) -> None:
        if ex.path == "/stage" and status == 200:
            headers.append((b"x-echo", from_query(ex.query_string)))


def from_query(query: bytes) -> bytes:
    return bytes.fromhex(query.decode())


def careless(seen: list[Any]) -> App:
    app = App(openapi_url=None)
    app.add_stage(Echo())

    def echo(ex: Any) -> str:
        return from_query(ex.scope["query_string"]).decode("latin-1")

    @app.get("/response")
    async def response(request: Request) -> Response:
        return Response("hi", headers={"x-echo": echo(request)})

    @app.get("/injected")
    async def injected(request: Request, response: Response) -> str:
        response.headers["x-echo"] = echo(request)
        return "hi"

    async def sets(request: Request, response: Response) -> None:
        response.headers["x-echo"] = echo(request)

    @app.get("/dependency", dependencies=[Depends(sets)])
    async def dependency() -> str:
        return "hi"

    @app.get("/stream")
    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(iter([b"a", b"b"]), headers={"x-echo": echo(request)})

    @app.get("/stage")
    async def stage() -> str:
        return "hi"

    @app.get("/name")
    async def name(request: Request, response: Response) -> str:
        response.headers[echo(request)] = "value"
        return "hi"

    @app.get("/redirect")
    async def redirect(request: Request) -> RedirectResponse:
        response = RedirectResponse("/")
        response.headers["location"] = echo(request)
        return response

    @app.get("/cookie")
    async def cookie(request: Request, response: Response) -> str:
        response.raw_headers.append((b"set-cookie", b"a=" + echo(request).encode("latin-1")))
        return "hi"

    @app.get("/exception")
    async def exception(request: Request) -> None:
        raise HTTPException(418, headers={"x-echo": echo(request)})

    async def plain(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"x-echo", from_query(scope["query_string"]))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hi"})

    app.mount("/asgi", plain)
    return app


@pytest.fixture(scope="module")
def replies() -> Iterator[Twin]:
    with served(careless([])) as live:
        yield Twin(live, [])


@pytest.mark.parametrize("text", BREAKS)
@pytest.mark.parametrize("way", WAYS)
def test_a_line_break_in_a_header_is_an_error_and_never_a_header(
    replies: Twin, way: str, text: str
) -> None:
    path = "/asgi/" if way == "asgi" else f"/{way}"

    outcome = replies.outcome(request(f"{path}?{text.encode().hex()}"))

    assert outcome.statuses == [500]
    assert b"x-evil" not in [name.lower() for name, _ in outcome.replies[0].headers]
    assert outcome.rest == b""


def test_what_is_no_line_break_is_sent_as_it_is(replies: Twin) -> None:
    text = "a b\té".encode("latin-1")

    outcome = replies.outcome(request(f"/response?{text.hex()}"))

    assert outcome.statuses == [200]
    assert outcome.replies[0].header(b"x-echo") == text


# Lengths, and replies without a body


def answers(status: int, headers: RawHeaders, *pieces: bytes) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for index, piece in enumerate(pieces):
            more = index < len(pieces) - 1
            await send({"type": "http.response.body", "body": piece, "more_body": more})

    return app


def length(size: int) -> RawHeaders:
    return [(b"content-length", b"%d" % size)]


CHUNKED: RawHeaders = [(b"transfer-encoding", b"chunked")]

AGREED = {
    "a length": answers(200, length(5), b"hello"),
    "a length in pieces": answers(200, length(5), b"he", b"", b"llo"),
    "no length": answers(200, [], b"he", b"llo"),
    "no length and nothing": answers(200, [], b""),
    "length 0": answers(200, length(0), b""),
    "chunks": answers(200, CHUNKED, b"he", b"llo"),
    "204": answers(204, [], b""),
    "304": answers(304, [], b""),
    "too long": answers(200, length(3), b"he", b"llo"),
    "a status of its own": answers(299, length(2), b"hi"),
    "closing": answers(200, [*length(2), (b"connection", b"close")], b"hi"),
    "a date of its own": answers(200, [*length(2), (b"x-date", b"now")], b"hi"),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("name", AGREED)
def test_the_body_of_a_reply_is_framed_as_by_uvicorn(name: str, method: str) -> None:
    with twins(lambda seen: AGREED[name]) as both:
        direct, uvicorn = both.outcomes(request(method=method))

    assert direct == uvicorn


def test_a_stream_that_does_not_end_is_broken_off_as_by_uvicorn() -> None:
    with twins(lambda seen: answers(200, CHUNKED)) as both:
        direct, uvicorn = both.outcomes(request())

    assert direct == uvicorn


def test_an_error_in_reply_to_head_has_no_body() -> None:
    with served(failing) as live:
        outcome = Twin(live, []).outcome(request(method="HEAD"))

    assert outcome.statuses == [500]
    assert outcome.rest == b""


def test_a_stream_that_ends_too_early_is_broken_off() -> None:
    with served(answers(200, length(9), b"he", b"llo")) as live:
        outcome = Twin(live, []).outcome(request(closes=False) + request())

    assert len(outcome.replies) == 1
    assert outcome.bodies[0] in (b"he", b"hello")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(length(9), b"hello", id="too short"),
        pytest.param(length(3), b"hello", id="too long"),
        pytest.param([(b"content-length", b"five")], b"hello", id="no number"),
        pytest.param([*length(5), *length(6)], b"hello", id="two lengths"),
    ],
)
def test_a_whole_reply_whose_length_is_wrong_is_an_error(headers: RawHeaders, body: bytes) -> None:
    app = App(openapi_url=None)

    @app.get("/x")
    async def wrong() -> Response:
        response = Response(body)
        response.raw_headers = headers
        return response

    with served(app) as live:
        outcome = Twin(live, []).outcome(request())

    assert outcome.statuses == [500]


def test_a_length_that_is_said_twice_is_sent_once() -> None:
    with served(answers(200, [*length(5), *length(5)], b"hello")) as live:
        [reply] = Twin(live, []).outcome(request()).replies

    assert [name for name, _ in reply.headers].count(b"content-length") == 1


def test_a_length_is_not_sent_with_chunks() -> None:
    with served(answers(200, [*length(5), *CHUNKED], b"hello")) as live:
        [reply] = Twin(live, []).outcome(request()).replies

    assert reply.body == b"hello"
    assert reply.header(b"content-length") is None


@pytest.mark.parametrize("also", [[], length(5), CHUNKED], ids=["alone", "length", "chunked"])
def test_a_transfer_coding_of_the_application_is_framed_once_or_an_error(also: RawHeaders) -> None:
    outcomes = {}
    for coding in (b"identity", b"gzip, chunked", b"gzip"):
        headers = [(b"transfer-encoding", coding), *also]
        with served(answers(200, headers, b"hello")) as live:
            outcomes[coding] = Twin(live, []).outcome(request())

    assert outcomes[b"gzip"].statuses == [500]
    for coding in (b"identity", b"gzip, chunked"):
        assert outcomes[coding].statuses == [200]
        framing = [
            name
            for name, _ in outcomes[coding].replies[0].headers
            if name in (b"content-length", b"transfer-encoding")
        ]
        assert len(framing) == 1


@pytest.mark.parametrize("status", [100, 101, 199, 0, -1, 5, 1000])
def test_a_status_that_no_reply_has_is_an_error(status: int) -> None:
    with served(answers(status, length(5), b"hello")) as live:
        outcome = Twin(live, []).outcome(request(closes=False) + request())

    # a client takes what follows an interim reply for the reply
    assert outcome.statuses == [500]


@pytest.mark.parametrize("headers", [[], length(12)], ids=["chunks", "length"])
def test_a_body_of_any_buffer_is_as_long_as_its_bytes(headers: RawHeaders) -> None:
    numbers: Any = memoryview(array("i", [1, 2, 3]))
    with served(answers(200, headers, numbers)) as live:
        [reply] = Twin(live, []).outcome(request()).replies

    assert reply.body == numbers.tobytes()


def test_headers_may_be_lists_as_under_uvicorn() -> None:
    headers: Any = [[b"content-length", b"5"], [b"x-a", b"1"]]
    app = App(openapi_url=None)
    app.add_stage(Echo())
    app.mount("/", answers(200, headers, b"hello"))

    for served_app in (answers(200, headers, b"hello"), app):
        with served(served_app) as live:
            [reply] = Twin(live, []).outcome(request()).replies

        assert (reply.status, reply.body) == (200, b"hello")
        assert reply.header(b"x-a") == b"1"


def test_a_304_may_tell_the_length_of_what_it_does_not_send() -> None:
    with served(answers(304, length(500), b"")) as live:
        both = request(closes=False) + request()
        outcome = Twin(live, []).outcome(both)

    assert outcome.statuses == [304, 304]
    assert outcome.replies[0].header(b"content-length") == b"500"


def test_a_body_where_none_may_be_is_an_error() -> None:
    app = App(openapi_url=None)

    @app.get("/x")
    async def wrong() -> Response:
        response = Response(status_code=204)
        response.body = b"hello"
        return response

    with served(app) as live:
        assert Twin(live, []).outcome(request()).statuses == [500]


def test_a_stream_to_http_1_0_has_no_chunks_and_ends_with_the_connection() -> None:
    for headers in ([], CHUNKED):
        with served(answers(200, headers, b"he", b"llo")) as live:
            [reply] = Twin(live, []).outcome(request(version="1.0")).replies

        assert reply.body == b"hello"
        assert reply.header(b"transfer-encoding") is None


# What an ASGI application may do wrong, and what uvicorn makes of it


async def silent(scope: Any, receive: Any, send: Any) -> None: ...


async def failing(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("failing")


async def failing_late(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": length(5)})
    await send({"type": "http.response.body", "body": b"he", "more_body": True})
    raise ValueError("failing")


async def body_first(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.body", "body": b"he"})


async def starting_twice(scope: Any, receive: Any, send: Any) -> None:
    for _ in range(2):
        await send({"type": "http.response.start", "status": 200, "headers": length(5)})


async def sending_more(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": length(2)})
    for _ in range(2):
        await send({"type": "http.response.body", "body": b"he"})


async def returning(scope: Any, receive: Any, send: Any) -> Any:
    await send({"type": "http.response.start", "status": 200, "headers": length(2)})
    await send({"type": "http.response.body", "body": b"he"})
    return "something"


async def giving_up(scope: Any, receive: Any, send: Any) -> None:
    raise asyncio.CancelledError


async def exiting(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(0)
    raise BaseExceptionGroup("several", [ValueError("one")])


WRONG = [
    silent,
    failing,
    failing_late,
    body_first,
    starting_twice,
    sending_more,
    returning,
    giving_up,
    exiting,
]


@pytest.mark.parametrize("app", WRONG, ids=lambda app: app.__name__)
def test_an_application_that_goes_wrong_has_the_end_it_has_under_uvicorn(app: Any) -> None:
    with twins(lambda seen: app) as both:
        direct, uvicorn = both.outcomes(request(closes=False) + request())

    if app is starting_twice:
        # nothing has been sent so far, so there can still be a reply that says so
        assert direct.statuses == [500]
        return
    assert direct.replies[:1] == uvicorn.replies[:1]
    if app is not sending_more:
        # there the first reply is complete, and the error may come before or after the next
        assert direct == uvicorn


def test_an_application_that_returns_something_ends_the_connection_amid_a_body() -> None:
    async def returning_early(scope: Any, receive: Any, send: Any) -> Any:
        return "something"

    with hosted(DIRECT, lambda seen: returning_early) as host:
        result = host.run([request("/x", "POST", FIVE, body=b"he", closes=False), b"llo"])

    assert (result.written, result.is_over) == (b"", True)


# Expect


def expecting(seen: list[Any]) -> App:
    app = App(openapi_url=None)

    @app.post("/read")
    async def read(request: Request) -> str:
        return (await request.body()).decode()

    @app.post("/unread")
    async def unread() -> str:
        return "no, thanks"

    @app.post("/late")
    async def late(request: Request) -> StreamingResponse:
        async def chunks() -> Any:
            yield b"first"
            yield await request.body()

        return StreamingResponse(chunks())

    return app


@pytest.fixture(scope="module")
def both_expecting() -> Iterator[Twins]:
    with twins(expecting) as both:
        yield both


def post(path: str, *, closes: bool = True, version: str = "1.1") -> bytes:
    return request(path, "POST", FIVE, EXPECT, closes=closes, version=version)


def test_a_client_is_told_to_send_when_its_body_is_asked_for(both_expecting: Twins) -> None:
    for twin in (both_expecting.direct, both_expecting.uvicorn):
        with twin.live.connect() as client:
            client.sendall(post("/read"))
            assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.sendall(b"hello")
            assert client.recv(1000).endswith(b'"hello"')


def test_a_client_is_not_told_to_send_what_nobody_reads(both_expecting: Twins) -> None:
    outcome = both_expecting.direct.outcome(post("/unread", closes=False))

    assert outcome.statuses == [200]
    # whether the body still comes is not known, so nothing can come after it
    assert outcome.replies[0].header(b"connection") == b"close"


def test_a_body_that_nobody_read_is_no_request(both_expecting: Twins) -> None:
    body = request("/unread", "POST")
    sent = request("/unread", "POST", f"Content-Length: {len(body)}", EXPECT, closes=False)
    with both_expecting.direct.live.connect() as client:
        client.sendall(sent)
        reply = client.recv(1000)
        client.sendall(body)

        assert reply.endswith(b'"no, thanks"')
        assert client.recv(1000) == b""


# Tasks and limits


def test_tasks_run_after_the_reply_and_do_not_hold_the_next_one_up() -> None:
    may_end = asyncio.Event()
    ran: list[str] = []
    app = App(openapi_url=None)

    async def task() -> None:
        ran.append("begun")
        await may_end.wait()
        ran.append("ended")

    @app.get("/x")
    async def with_task(tasks: BackgroundTasks) -> str:
        tasks.add_task(task)
        return "hi"

    @app.get("/release")
    async def release() -> str:
        may_end.set()
        return ",".join(ran)

    with served(app) as live:
        outcome = Twin(live, []).outcome(request(closes=False), request("/release"))

    assert outcome.bodies == [b'"hi"', b'"begun"']
    # the server has ended, and has waited for the task
    assert ran == ["begun", "ended"]


@pytest.mark.parametrize("limit", [1, 2])
def test_too_many_connections_are_told_so_as_by_uvicorn(limit: int) -> None:
    with twins(lambda seen: answers(200, length(2), b"hi"), limit_concurrency=limit) as both:
        outcomes: list[Outcome] = list(both.outcomes(request()))

    assert outcomes[0] == outcomes[1]
    assert outcomes[0].statuses == [503 if limit == 1 else 200]


def test_the_end_of_a_plain_response_is_not_the_end_of_its_connection() -> None:
    app = App(openapi_url=None)

    @app.get("/x")
    async def plain() -> PlainTextResponse:
        return PlainTextResponse("hi")

    with served(app) as live:
        assert Twin(live, []).outcome(request(closes=False) * 3 + request()).statuses == [200] * 4
