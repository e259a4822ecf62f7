"""Replies to errors pass the middleware of a router, whoever makes them."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse

from trivium import APIRouter, App, HTTPException, Request, Response
from trivium.testing import TestClient

ORIGIN = {"Origin": "https://flights.example"}


class Refused(Exception):
    """What handlers of several levels know."""


def answering(text: str) -> Any:
    async def answer(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{text}: {type(error).__name__}", 418)

    return answer


def crossed(**options: Any) -> APIRouter:
    """A router that allows other origins, with routes that fail."""
    router = APIRouter(middleware=[Middleware(CORSMiddleware, allow_origins=["*"])], **options)

    @router.get("/http")
    async def http() -> None:
        raise HTTPException(409)

    @router.get("/invalid")
    async def invalid(number: int) -> None: ...

    @router.get("/refused")
    async def refused() -> None:
        raise Refused

    return router


@pytest.mark.parametrize(
    ("path", "status"), [("/http", 409), ("/invalid?number=x", 422), ("/refused", 418)]
)
def test_what_the_application_answers_passes_the_middleware_of_the_router(
    path: str, status: int
) -> None:
    app = App(exception_handlers={Refused: answering("app")})
    app.include_router(crossed())

    reply = TestClient(app).get(path, headers=ORIGIN)

    assert reply.status_code == status
    assert reply.headers["access-control-allow-origin"] == "*"


def test_the_nearest_handler_answers_first() -> None:
    app = App(exception_handlers={Refused: answering("app")})
    outer = APIRouter(exception_handlers={Refused: answering("outer")})
    outer.include_router(crossed(prefix="/a"))
    outer.include_router(
        crossed(prefix="/b", exception_handlers={Exception: answering("inner")}), prefix=""
    )
    outer.include_router(crossed(prefix="/c", exception_handlers={Refused: answering("inner")}))
    app.include_router(outer)
    client = TestClient(app)

    assert client.get("/a/refused").text == "outer: Refused"
    # a handler of every exception is the last resort of an application, not of a router
    assert client.get("/b/refused").text == "outer: Refused"
    assert client.get("/c/refused").text == "inner: Refused"


def test_an_error_of_a_handler_goes_outwards() -> None:
    async def failing(request: Request, error: Exception) -> Response:
        raise KeyError

    app = App(exception_handlers={KeyError: answering("app")})
    app.include_router(crossed(exception_handlers={Refused: failing}))

    reply = TestClient(app).get("/refused", headers=ORIGIN)

    assert reply.text == "app: KeyError"
    assert reply.headers["access-control-allow-origin"] == "*"


def test_an_error_is_answered_once() -> None:
    answered: list[str] = []

    async def answer(request: Request, error: Exception) -> Response:
        answered.append(type(error).__name__)
        return PlainTextResponse("sorry", 418)

    app = App(exception_handlers={Refused: answer})
    outer = APIRouter(middleware=[Middleware(CORSMiddleware, allow_origins=["*"])])
    outer.include_router(crossed())
    app.include_router(outer)

    TestClient(app).get("/refused")

    assert answered == ["Refused"]
