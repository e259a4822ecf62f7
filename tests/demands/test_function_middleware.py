"""Function middleware keeps context variables, in both directions, and sees disconnects."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import Annotated

import anyio
import pytest
from starlette.responses import StreamingResponse

from trivium import App, BackgroundTasks, Depends, Request, Response
from trivium.testing import AsyncTestClient, TestClient

Next = Callable[[Request], Awaitable[Response]]

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


def test_a_variable_set_in_middleware_reaches_dependencies_and_handlers() -> None:
    app = App()

    @app.middleware("http")
    async def set_tenant(request: Request, call_next: Next) -> Response:
        tenant.set("acme")
        return await call_next(request)

    async def in_dependency() -> str:
        return tenant.get()

    @app.get("/async")
    async def read(before: Annotated[str, Depends(in_dependency)]) -> list[str]:
        return [before, tenant.get()]

    @app.get("/def")
    def read_in_thread(before: Annotated[str, Depends(in_dependency)]) -> list[str]:
        return [before, tenant.get()]

    client = TestClient(app)

    assert client.get("/async").json() == ["acme", "acme"]
    assert client.get("/def").json() == ["acme", "acme"]


def test_a_variable_set_by_the_handler_is_seen_by_the_middleware() -> None:
    app = App()

    @app.middleware("http")
    async def report(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        response.headers["x-tenant"] = tenant.get()
        return response

    @app.get("/")
    async def read() -> None:
        tenant.set("set by the handler")

    assert TestClient(app).get("/").headers["x-tenant"] == "set by the handler"


def test_a_variable_set_by_a_dependency_is_seen_by_the_middleware() -> None:
    app = App()

    @app.middleware("http")
    async def report(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        response.headers["x-tenant"] = tenant.get()
        return response

    async def log_in() -> AsyncIterator[None]:
        tenant.set("set by a dependency")
        yield

    @app.get("/", dependencies=[Depends(log_in)])
    async def read() -> None: ...

    assert TestClient(app).get("/").headers["x-tenant"] == "set by a dependency"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_handler_behind_middleware_sees_the_disconnect(anyio_backend: str) -> None:
    app = App()
    in_handler, seen = anyio.Event(), []

    for _ in range(3):

        @app.middleware("http")
        async def pass_on(request: Request, call_next: Next) -> Response:
            return await call_next(request)

    @app.get("/")
    async def read(request: Request) -> None:
        in_handler.set()
        while not await request.is_disconnected():
            await anyio.lowlevel.checkpoint()
        seen.append(True)

    async with AsyncTestClient(app) as client:
        await client.disconnect_after("GET", "/", when=in_handler.wait)

    assert seen == [True]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_middleware_itself_sees_the_disconnect(anyio_backend: str) -> None:
    app = App()
    in_handler, seen = anyio.Event(), []

    @app.middleware("http")
    async def watch(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        seen.append(await request.is_disconnected())
        return response

    @app.get("/")
    async def read(request: Request) -> None:
        in_handler.set()
        while not await request.is_disconnected():
            await anyio.lowlevel.checkpoint()

    async with AsyncTestClient(app) as client:
        await client.disconnect_after("GET", "/", when=in_handler.wait)

    assert seen == [True]


def test_a_stream_behind_middleware_is_stopped_when_its_client_leaves() -> None:
    app = App()
    stopped: list[str] = []

    @app.middleware("http")
    async def pass_on(request: Request, call_next: Next) -> Response:
        return await call_next(request)

    @app.get("/")
    async def read() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"tick"
                    await anyio.lowlevel.checkpoint()
            finally:
                stopped.append("stopped")

        return StreamingResponse(chunks())

    TestClient(app).disconnect_after("GET", "/", chunks=2)

    assert stopped == ["stopped"]


def test_background_tasks_behind_middleware_run_after_the_reply_and_keep_variables() -> None:
    app = App()
    seen: list[str] = []

    @app.middleware("http")
    async def set_tenant(request: Request, call_next: Next) -> Response:
        tenant.set("acme")
        return await call_next(request)

    async def note() -> None:
        seen.append(tenant.get())

    @app.get("/")
    async def read(tasks: BackgroundTasks) -> None:
        tasks.add_task(note)

    TestClient(app).get("/")

    assert seen == ["acme"]


def test_an_error_of_the_handler_reaches_the_middleware_as_itself() -> None:
    app = App()
    seen: list[str] = []

    @app.middleware("http")
    async def watch(request: Request, call_next: Next) -> Response:
        try:
            return await call_next(request)
        except ZeroDivisionError as error:
            seen.append(type(error).__name__)
            return Response("caught", 503)

    @app.get("/")
    async def read() -> None:
        raise ZeroDivisionError

    reply = TestClient(app).get("/")

    assert (reply.status_code, reply.text, seen) == (503, "caught", ["ZeroDivisionError"])
