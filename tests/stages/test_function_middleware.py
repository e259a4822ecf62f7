"""Middleware that is a function, on asyncio and on Trio."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import anyio
import pytest
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import FileResponse, PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trivium import (
    APIRouter,
    App,
    BackgroundTasks,
    Depends,
    HTTPException,
    Request,
    Response,
    WebSocket,
)
from trivium.responding.responses import EventSourceResponse
from trivium.stages.function_middleware import FunctionMiddleware
from trivium.testing import AsyncTestClient

Next = Callable[[Request], Awaitable[Response]]

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def passing(request: Request, call_next: Next) -> Response:
    return await call_next(request)


def with_middleware(*functions: Any) -> App:
    """An application with these function middlewares, the first outermost."""
    app = App()
    for function in reversed(functions):
        app.middleware("http")(function)
    return app


# -- Context variables -----------------------------------------------------------------------------


async def test_variables_pass_inwards_to_dependencies_handlers_and_threads() -> None:
    async def setting(request: Request, call_next: Next) -> Response:
        tenant.set("acme")
        return await call_next(request)

    app = with_middleware(setting, passing)

    async def in_dependency() -> str:
        return tenant.get()

    def in_thread() -> str:
        return tenant.get()

    @app.get("/")
    def read(
        first: Annotated[str, Depends(in_dependency)], second: Annotated[str, Depends(in_thread)]
    ) -> list[str]:
        return [first, second, tenant.get()]

    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).json() == ["acme", "acme", "acme"]


async def test_variables_pass_outwards_through_every_function() -> None:
    seen: list[str] = []

    async def reading(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        seen.append(tenant.get())
        return response

    app = with_middleware(reading, reading)

    async def setting() -> AsyncIterator[None]:
        tenant.set("set by a dependency")
        yield

    @app.get("/", dependencies=[Depends(setting)])
    async def read() -> None: ...

    async with AsyncTestClient(app) as client:
        await client.get("/")

    assert seen == ["set by a dependency", "set by a dependency"]


async def test_variables_of_one_request_are_not_seen_by_another() -> None:
    async def setting(request: Request, call_next: Next) -> Response:
        before = tenant.get()
        response = await call_next(request)
        response.headers["before"] = before
        return response

    app = with_middleware(setting)

    @app.get("/{name}")
    async def read(name: str) -> None:
        tenant.set(name)

    async with AsyncTestClient(app) as client:
        replies = [await client.get(f"/{name}") for name in ("a", "b")]

    assert [reply.headers["before"] for reply in replies] == ["nobody", "nobody"]


# -- The client goes away --------------------------------------------------------------------------


async def test_a_handler_behind_functions_is_told_that_its_client_has_left() -> None:
    app = with_middleware(passing, passing, passing)
    in_handler, seen = anyio.Event(), []

    @app.get("/")
    async def read(request: Request) -> None:
        in_handler.set()
        while not await request.is_disconnected():
            await anyio.lowlevel.checkpoint()
        seen.append("told")

    async with AsyncTestClient(app) as client:
        await client.disconnect_after("GET", "/", when=in_handler.wait)

    assert seen == ["told"]


@pytest.mark.parametrize("replies_with", [StreamingResponse, EventSourceResponse])
async def test_a_stream_behind_functions_ends_when_its_client_leaves(
    replies_with: type[StreamingResponse],
) -> None:
    app = with_middleware(passing, passing)
    events: list[str] = []

    @app.get("/", response_class=replies_with)
    async def read(tasks: BackgroundTasks) -> AsyncIterator[bytes]:
        tasks.add_task(lambda: events.append("task"))
        try:
            while True:
                yield b"tick"
                await anyio.lowlevel.checkpoint()
        finally:
            events.append("generator closed")

    async with AsyncTestClient(app) as client:
        await client.disconnect_after("GET", "/", chunks=2)

    assert events == ["generator closed", "task"]


def http_scope(**more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
        **more,
    }


async def nothing_more() -> Message:
    await anyio.sleep_forever()
    raise AssertionError


@pytest.mark.parametrize("kind", ["plain", "stream"])
async def test_what_is_inside_runs_to_its_end_where_the_server_says_that_the_client_has_left(
    kind: str,
) -> None:
    app = with_middleware(passing, passing)
    events: list[str] = []

    @app.get("/")
    async def read(tasks: BackgroundTasks) -> Any:
        tasks.add_task(lambda: events.append("task"))

        async def chunks() -> AsyncIterator[bytes]:
            while True:
                yield b"tick"
                await anyio.lowlevel.checkpoint()

        return PlainTextResponse("x") if kind == "plain" else StreamingResponse(chunks())

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError("the client has gone")

    with pytest.raises(OSError, match="the client has gone"):
        await app(http_scope(), nothing_more, send)

    assert events == ["task"]


# -- Streams ---------------------------------------------------------------------------------------


async def test_a_chunk_reaches_the_client_before_the_next_one_is_made() -> None:
    app = with_middleware(passing, passing)
    received = anyio.Event()

    @app.get("/", response_class=StreamingResponse)
    async def read() -> AsyncIterator[bytes]:
        yield b"first"
        # if the first chunk were kept anywhere, this would wait for ever
        await received.wait()
        yield b"second"

    async with AsyncTestClient(app) as client, client.stream("GET", "/") as reply:
        chunks = reply.aiter_raw()
        first = await anext(chunks)
        received.set()
        rest = [chunk async for chunk in chunks]

    assert (first, b"".join(rest)) == (b"first", b"second")


async def test_a_function_may_change_the_body_chunk_by_chunk() -> None:
    async def shouting(request: Request, call_next: Next) -> Response:
        response: Any = await call_next(request)
        inner = response.body_iterator

        async def upper() -> AsyncIterator[bytes]:
            async for chunk in inner:
                yield chunk.upper()

        response.body_iterator = upper()
        return response

    app = with_middleware(shouting)

    @app.get("/", response_class=StreamingResponse)
    async def read() -> AsyncIterator[bytes]:
        yield b"first "
        yield b"second"

    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).text == "FIRST SECOND"


async def test_a_file_that_the_server_reads_by_itself_gets_through(tmp_path: Path) -> None:
    app = with_middleware(passing, passing)
    file = tmp_path / "flights.csv"
    file.write_text("UA,1545")

    @app.get("/")
    async def read() -> FileResponse:
        return FileResponse(file)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = http_scope(extensions={"http.response.pathsend": {}})
    await app(scope, nothing_more, send)

    assert [message["type"] for message in sent] == [
        "http.response.start",
        "http.response.pathsend",
    ]
    assert sent[1]["path"] == str(file)


# -- The body of the request -----------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 5, 200_000])
async def test_a_body_that_functions_have_read_is_read_again_by_the_handler(size: int) -> None:
    seen: list[int] = []

    async def reading(request: Request, call_next: Next) -> Response:
        seen.append(len(await request.body()))
        return await call_next(request)

    app = with_middleware(reading, passing, reading)

    @app.post("/")
    async def count(request: Request) -> int:
        return len(await request.body())

    async with AsyncTestClient(app) as client:
        assert (await client.post("/", content=b"x" * size)).json() == size

    assert seen == [size, size]


async def test_a_form_that_a_function_has_read_is_read_again_by_the_handler() -> None:
    async def reading(request: Request, call_next: Next) -> Response:
        await request.body()
        form = await request.form()
        response = await call_next(request)
        response.headers["name"] = str(form["name"])
        return response

    app = with_middleware(reading)

    @app.post("/")
    async def read(request: Request) -> str:
        return str((await request.form())["name"])

    async with AsyncTestClient(app) as client:
        reply = await client.post("/", data={"name": "Ada"})

    assert (reply.json(), reply.headers["name"]) == ("Ada", "Ada")


async def test_a_body_that_nobody_has_read_comes_in_pieces_to_the_handler() -> None:
    app = with_middleware(passing, passing)

    @app.post("/")
    async def count(request: Request) -> list[int]:
        return [len(piece) async for piece in request.stream() if piece]

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 3
        yield b"x" * 4

    async with AsyncTestClient(app) as client:
        assert (await client.post("/", content=pieces())).json() == [3, 4]


# -- Responses of the function's own ---------------------------------------------------------------


async def test_a_function_that_answers_by_itself_calls_nothing_inside() -> None:
    called: list[str] = []

    async def refusing(request: Request, call_next: Next) -> Response:
        return PlainTextResponse("closed for today", 503)

    app = with_middleware(passing, refusing, passing)

    @app.get("/")
    async def read() -> None:
        called.append("handler")

    async with AsyncTestClient(app) as client:
        reply = await client.get("/")

    assert (reply.status_code, reply.text, called) == (503, "closed for today", [])


async def test_a_response_that_is_replaced_still_has_its_tasks_run_and_scopes_left() -> None:
    events: list[str] = []

    async def replacing(request: Request, call_next: Next) -> Response:
        await call_next(request)
        return PlainTextResponse("instead")

    app = with_middleware(replacing)

    async def session() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as error:
            events.append(f"session sees {type(error).__name__}")
            raise
        events.append("session left")

    @app.get("/", dependencies=[Depends(session)])
    async def read(tasks: BackgroundTasks) -> str:
        tasks.add_task(lambda: events.append("task"))
        return "original"

    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).text == "instead"

    assert events == ["task", "session left"]


@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
async def test_an_endless_stream_ends_when_the_function_answers_instead(spec_version: str) -> None:
    events: list[str] = []

    async def replacing(request: Request, call_next: Next) -> Response:
        await call_next(request)
        return PlainTextResponse("instead")

    app = with_middleware(replacing)

    @app.get("/", response_class=StreamingResponse)
    async def read() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"tick"
                await anyio.lowlevel.checkpoint()
        finally:
            events.append("generator closed")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = http_scope(asgi={"version": "3.0", "spec_version": spec_version})
    await app(scope, nothing_more, send)

    assert sent[1]["body"] == b"instead"
    assert events == ["generator closed"]


async def test_a_function_may_call_what_is_inside_again() -> None:
    attempts: list[int] = []

    async def retrying(request: Request, call_next: Next) -> Response:
        await request.body()
        response = await call_next(request)
        return response if response.status_code == 200 else await call_next(request)

    app = with_middleware(retrying)

    @app.post("/")
    async def read(request: Request) -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise HTTPException(503)
        return (await request.body()).decode()

    async with AsyncTestClient(app) as client:
        assert (await client.post("/", content=b"the body")).json() == "the body"

    assert len(attempts) == 2


async def test_a_function_of_a_router_may_call_what_is_inside_again() -> None:
    attempts: list[int] = []

    async def retrying(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        return response if response.status_code == 200 else await call_next(request)

    class Passing:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)

    outer = APIRouter(middleware=[Middleware(FunctionMiddleware, dispatch=retrying)])
    inner = APIRouter(middleware=[Middleware(Passing)])

    @inner.get("/again")
    async def read() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise HTTPException(503)
        return "second"

    outer.include_router(inner)
    app = App()
    app.include_router(outer)

    async with AsyncTestClient(app) as client:
        assert (await client.get("/again")).json() == "second"


async def test_the_tasks_of_the_functions_own_response_run() -> None:
    events: list[str] = []

    async def answering(request: Request, call_next: Next) -> Response:
        task = BackgroundTask(events.append, "of the function")
        return PlainTextResponse("x", background=task)

    app = with_middleware(passing, answering)

    async with AsyncTestClient(app) as client:
        await client.get("/")

    assert events == ["of the function"]


# -- Background tasks ------------------------------------------------------------------------------


async def test_tasks_run_when_the_whole_reply_has_been_sent_and_keep_variables() -> None:
    events: list[str] = []

    async def setting(request: Request, call_next: Next) -> Response:
        tenant.set("acme")
        return await call_next(request)

    app = with_middleware(setting, passing)

    async def task() -> None:
        events.append(f"task of {tenant.get()}")

    @app.get("/")
    async def read(tasks: BackgroundTasks) -> str:
        tasks.add_task(task)
        return "x"

    async def send(message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            events.append("last byte")

    await app(http_scope(), nothing_more, send)

    assert events == ["last byte", "task of acme"]


async def test_an_error_of_a_task_is_raised_after_the_reply() -> None:
    app = with_middleware(passing, passing)

    async def task() -> None:
        raise ZeroDivisionError

    @app.get("/")
    async def read(tasks: BackgroundTasks) -> str:
        tasks.add_task(task)
        return "x"

    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        assert (await client.get("/")).text == '"x"'
    async with AsyncTestClient(app) as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/")


# -- Errors ----------------------------------------------------------------------------------------


async def test_an_error_inside_is_raised_by_call_next_as_itself_and_may_be_answered() -> None:
    async def answering(request: Request, call_next: Next) -> Response:
        try:
            return await call_next(request)
        except ZeroDivisionError:
            return PlainTextResponse("caught", 503)

    app = with_middleware(answering, passing, passing)

    @app.get("/")
    async def read() -> None:
        raise ZeroDivisionError

    async with AsyncTestClient(app) as client:
        reply = await client.get("/")

    assert (reply.status_code, reply.text) == (503, "caught")


async def test_an_error_that_nobody_answers_leaves_as_itself_and_becomes_a_500() -> None:
    app = with_middleware(passing, passing)

    @app.get("/")
    async def read() -> None:
        raise ZeroDivisionError

    async with AsyncTestClient(app) as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/")
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        assert (await client.get("/")).status_code == 500


async def test_an_error_with_a_handler_is_a_response_like_any_other() -> None:
    async def adding(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        response.headers["seen"] = str(response.status_code)
        return response

    app = with_middleware(adding)

    @app.get("/")
    async def read() -> None:
        raise HTTPException(409)

    async with AsyncTestClient(app) as client:
        reply = await client.get("/")

    assert (reply.status_code, reply.headers["seen"]) == (409, "409")


async def test_an_error_in_a_stream_is_raised_while_the_response_is_sent() -> None:
    app = with_middleware(passing, passing)
    sent: list[Message] = []

    @app.get("/", response_class=StreamingResponse)
    async def read() -> AsyncIterator[bytes]:
        yield b"first"
        raise OSError("the disk is full")

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(OSError, match="the disk is full"):
        await app(http_scope(), nothing_more, send)

    assert [message.get("body") for message in sent] == [None, b"first"]


async def test_an_error_of_the_function_itself_ends_what_is_inside_and_becomes_a_500() -> None:
    events: list[str] = []

    async def failing(request: Request, call_next: Next) -> Response:
        await call_next(request)
        raise ZeroDivisionError

    app = with_middleware(failing)

    async def session() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await anyio.lowlevel.checkpoint()
            events.append("session left")

    @app.get("/", response_class=StreamingResponse, dependencies=[Depends(session)])
    async def read() -> AsyncIterator[bytes]:
        while True:
            yield b"tick"
            await anyio.lowlevel.checkpoint()

    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        assert (await client.get("/")).status_code == 500

    assert events == ["session left"]


async def test_a_function_that_forgets_its_response_is_an_error_and_no_hang() -> None:
    async def forgetful(request: Request, call_next: Next) -> Any:
        await call_next(request)

    app = with_middleware(forgetful)

    @app.get("/")
    async def read() -> str:
        return "x"

    async with AsyncTestClient(app) as client:
        with pytest.raises(TypeError, match="NoneType"):
            await client.get("/")


# -- Cancellation ----------------------------------------------------------------------------------


async def test_cancelling_the_request_cancels_what_is_inside_and_leaves_its_scopes() -> None:
    app = with_middleware(passing, passing)
    events: list[str] = []
    reached = anyio.Event()

    async def session() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await anyio.lowlevel.checkpoint()
            events.append("session left")

    @app.get("/", dependencies=[Depends(session)])
    async def read() -> None:
        try:
            reached.set()
            await anyio.sleep_forever()
        finally:
            events.append("handler cancelled")

    async def send(message: Message) -> None:
        events.append(message["type"])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(app, http_scope(), nothing_more, send)
        await reached.wait()
        tasks.cancel_scope.cancel()

    assert events == ["handler cancelled", "session left"]


# -- Among other middleware ------------------------------------------------------------------------


async def test_functions_and_classes_of_starlettes_stand_in_each_other() -> None:
    order: list[str] = []

    class Base(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Next) -> Response:
            order.append("class")
            return await call_next(request)

    async def noting(request: Request, call_next: Next) -> Response:
        order.append("function")
        return await call_next(request)

    app = App()
    app.middleware("http")(noting)
    app.add_middleware(Base)
    app.middleware("http")(noting)

    @app.get("/")
    def read() -> Iterator[str]:
        yield "a"
        yield "b"

    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).text == '"a"\n"b"\n'

    assert order == ["function", "class", "function"]


async def test_a_websocket_does_not_go_through_functions() -> None:
    called: list[str] = []

    async def noting(request: Request, call_next: Next) -> Response:
        called.append("function")
        return await call_next(request)

    app = with_middleware(noting)

    @app.websocket("/")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    async with AsyncTestClient(app) as client, client.websocket_connect("/") as session:
        assert await session.receive_text() == "hello"

    assert called == []
