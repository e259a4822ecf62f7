"""An unhandled error is a 500 that passes the stages around the routes, and is raised as well."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trivium import APIRouter, App, Request, Response
from trivium.stages.function_middleware import FunctionMiddleware
from trivium.testing import AsyncTestClient, TestClient

Next = Callable[[Request], Awaitable[Response]]

ORIGIN = {"Origin": "https://flights.example"}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Correlated:
    """ASGI middleware that adds a header to every reply."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"correlation-id", b"7")]
            await send(message)

        await self.app(scope, receive, adding)


class Base(BaseHTTPMiddleware):
    """Starlette's function middleware, which is over when an error has passed."""

    async def dispatch(self, request: Request, call_next: Next) -> Response:
        return await call_next(request)


async def passing(request: Request, call_next: Next) -> Response:
    return await call_next(request)


def failing_app(*middleware: Any) -> App:
    """An application that fails, with middleware around it, the first outermost."""
    app = App()
    for cls, options in reversed([m if isinstance(m, tuple) else (m, {}) for m in middleware]):
        if cls is passing:
            app.middleware("http")(passing)
        else:
            app.add_middleware(cls, **options)

    @app.get("/")
    async def read() -> None:
        raise ZeroDivisionError

    return app


CORS = (CORSMiddleware, {"allow_origins": ["https://flights.example"]})


@pytest.mark.parametrize(
    "middleware",
    [
        [CORS],
        [CORS, passing],
        [passing, CORS],
        [passing, CORS, passing],
        [CORS, Base],
        [CORS, Base, passing],
        [CORS, passing, Base],
        [CORS, (GZipMiddleware, {"minimum_size": 1}), passing],
        [CORS, (SessionMiddleware, {"secret_key": "x"})],
    ],
    ids=lambda stages: "-".join(
        getattr(s[0] if isinstance(s, tuple) else s, "__name__", "?") for s in stages
    ),
)
async def test_a_browser_of_another_origin_may_read_the_500(middleware: list[Any]) -> None:
    app = failing_app(*middleware)

    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        reply = await client.get("/", headers=ORIGIN)

    assert (reply.status_code, reply.text) == (500, "Internal Server Error")
    assert reply.headers.get_list("access-control-allow-origin") == ["https://flights.example"]


async def test_a_500_without_middleware_is_the_same() -> None:
    async with AsyncTestClient(failing_app(), raise_server_exceptions=False) as client:
        reply = await client.get("/")

    assert (reply.status_code, reply.text) == (500, "Internal Server Error")


@pytest.mark.parametrize(
    "middleware",
    [[Correlated], [passing, Correlated], [Correlated, passing], [Correlated, Base]],
    ids=["alone", "inside of a function", "around a function", "around a class"],
)
async def test_the_500_has_the_headers_of_the_stages_and_each_once(middleware: list[Any]) -> None:
    app = failing_app(*middleware)

    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        reply = await client.get("/")

    assert reply.status_code == 500
    assert reply.headers.get_list("correlation-id") == ["7"]


@pytest.mark.parametrize("middleware", [[], [CORS], [passing], [Base], [CORS, passing, Base]])
async def test_the_error_is_raised_for_the_servers_log_as_it_is(middleware: list[Any]) -> None:
    async with AsyncTestClient(failing_app(*middleware)) as client:
        with pytest.raises(ZeroDivisionError):
            await client.get("/", headers=ORIGIN)


@pytest.mark.parametrize("middleware", [[Base], [Base, CORS], [passing, Base, passing]])
async def test_no_request_hangs_behind_starlettes_function_middleware(
    middleware: list[Any],
) -> None:
    app = failing_app(*middleware)

    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        replies = [await client.get("/") for _ in range(3)]

    assert [reply.status_code for reply in replies] == [500, 500, 500]


async def test_a_function_that_wants_a_say_in_the_500_catches_the_error() -> None:
    async def answering(request: Request, call_next: Next) -> Response:
        try:
            response = await call_next(request)
        except Exception:
            response = PlainTextResponse("sorry", 500)
        response.headers["correlation-id"] = "8"
        return response

    app = failing_app(CORS)
    app.middleware("http")(answering)

    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        reply = await client.get("/", headers=ORIGIN)

    assert (reply.status_code, reply.text, reply.headers["correlation-id"]) == (500, "sorry", "8")


@pytest.mark.parametrize("key", [500, Exception])
@pytest.mark.parametrize("kind", ["async def", "def"])
async def test_the_applications_own_reply_to_errors_passes_the_stages_too(
    key: Any, kind: str
) -> None:
    app = failing_app(CORS, passing)

    async def asynchronous(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"sorry for {type(error).__name__}", 500)

    def threaded(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"sorry for {type(error).__name__}", 500)

    app.add_exception_handler(key, asynchronous if kind == "async def" else threaded)

    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        reply = await client.get("/", headers=ORIGIN)

    assert reply.text == "sorry for ZeroDivisionError"
    assert "access-control-allow-origin" in reply.headers


async def test_an_error_of_a_stage_itself_is_a_500() -> None:
    class Broken:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                raise ZeroDivisionError
            await self.app(scope, receive, send)

    app = failing_app(CORS, Broken)

    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        reply = await client.get("/", headers=ORIGIN)

    assert reply.status_code == 500


async def test_a_stage_that_keeps_the_500_to_itself_does_not_leave_the_client_without_one() -> None:
    class Keeping:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def keep(message: Message) -> None: ...

            await self.app(scope, receive, keep if scope["type"] == "http" else send)

    async with AsyncTestClient(failing_app(Keeping), raise_server_exceptions=False) as client:
        assert (await client.get("/")).status_code == 500


async def test_a_reply_that_has_begun_is_not_begun_again() -> None:
    app = App()
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    sent: list[Message] = []

    @app.get("/")
    async def read() -> Any:
        yield 1
        raise ZeroDivisionError

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    scope = {
        "type": "http",
        "asgi": {"spec_version": "2.4"},
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
    }
    with pytest.raises(ZeroDivisionError):
        await app(scope, receive, send)

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


@pytest.mark.parametrize("middleware", [[], [Correlated], [passing], [Base]])
async def test_the_500_of_a_mounted_application_passes_the_stages_of_both(
    middleware: list[Any],
) -> None:
    inner = failing_app(*middleware)
    outer = App()
    outer.add_middleware(CORS[0], **CORS[1])
    outer.mount("/inner", inner)

    async with AsyncTestClient(outer, raise_server_exceptions=False) as client:
        for _ in range(2):
            reply = await client.get("/inner/", headers=ORIGIN)

            assert reply.status_code == 500
            assert reply.headers.get_list("access-control-allow-origin") == [ORIGIN["Origin"]]
            assert ("correlation-id" in reply.headers) is (Correlated in middleware)


@pytest.mark.parametrize(
    "middleware",
    [
        [Middleware(Correlated)],
        [Middleware(Correlated), Middleware(Base)],
        [Middleware(Correlated), Middleware(FunctionMiddleware, dispatch=passing)],
        [Middleware(FunctionMiddleware, dispatch=passing), Middleware(Correlated)],
    ],
)
async def test_the_500_of_a_router_passes_its_stages_and_those_of_the_application(
    middleware: list[Middleware],
) -> None:
    app = App()
    app.add_middleware(CORS[0], **CORS[1])
    router = APIRouter(middleware=middleware)

    @router.get("/fails")
    async def read() -> None:
        raise ZeroDivisionError

    outer = APIRouter(prefix="/outer", middleware=[Middleware(GZipMiddleware)])
    outer.include_router(router)
    app.include_router(outer)

    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        reply = await client.get("/outer/fails", headers=ORIGIN)

    assert (reply.status_code, reply.text) == (500, "Internal Server Error")
    assert reply.headers.get_list("correlation-id") == ["7"]
    assert "access-control-allow-origin" in reply.headers


async def test_the_500_of_one_router_does_not_pass_the_stages_of_another() -> None:
    app = App()
    marked = APIRouter(prefix="/marked", middleware=[Middleware(Correlated)])
    plain = APIRouter(prefix="/plain")

    @plain.get("/")
    @marked.get("/")
    async def read() -> None:
        raise ZeroDivisionError

    app.include_router(marked)
    app.include_router(plain)

    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        for _ in range(2):
            assert "correlation-id" in (await client.get("/marked/")).headers
            assert "correlation-id" not in (await client.get("/plain/")).headers


def test_in_debug_mode_the_traceback_passes_the_stages_too() -> None:
    app = failing_app(CORS)
    app.debug = True

    reply = TestClient(app, raise_server_exceptions=False).get("/", headers=ORIGIN)

    assert "ZeroDivisionError" in reply.text
    assert "access-control-allow-origin" in reply.headers
