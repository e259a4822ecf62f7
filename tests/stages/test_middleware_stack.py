"""The stack of middleware is built, seen and taken apart as Starlette's is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from trivium import App, Request
from trivium.testing import TestClient


class Noting:
    """Middleware that notes the types of the scopes that pass."""

    def __init__(self, app: ASGIApp, seen: list[str]) -> None:
        self.app = app
        self.seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope["type"])
        await self.app(scope, receive, send)


class Unbuildable:
    def __init__(self, app: ASGIApp) -> None:
        raise ValueError("a setting is missing")


@pytest.mark.parametrize("middleware", [[], [Middleware(Noting, seen=[])]])
def test_the_outermost_layer_is_starlettes_with_app_handler_and_debug(
    middleware: list[Middleware],
) -> None:
    app = App(middleware=middleware, debug=True)

    @app.exception_handler(500)
    async def handler(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("broken", 500)

    stack = app.build_middleware_stack()

    assert isinstance(stack, ServerErrorMiddleware)
    assert callable(stack.app)
    assert stack.handler is handler
    assert stack.debug is True


def test_a_stack_built_by_somebody_else_is_the_one_that_serves() -> None:
    app = App()
    app.get("/")(lambda: "route")
    original = app.build_middleware_stack
    seen: list[str] = []
    app.build_middleware_stack = lambda: Noting(original(), seen)  # type: ignore[method-assign]  # as instrumentation does

    with TestClient(app) as client:
        assert client.get("/").json() == "route"

    assert seen == ["lifespan", "http"]


def test_middleware_sees_the_lifespan() -> None:
    seen: list[str] = []
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        events.append("start")
        yield
        events.append("stop")

    app = App(lifespan=lifespan, middleware=[Middleware(Noting, seen=seen)])

    with TestClient(app):
        pass

    assert (seen, events) == (["lifespan"], ["start", "stop"])


def test_middleware_that_cannot_be_built_fails_at_start_up() -> None:
    app = App(middleware=[Middleware(Unbuildable)])

    with pytest.raises(ValueError, match="a setting is missing"), TestClient(app):
        pass
