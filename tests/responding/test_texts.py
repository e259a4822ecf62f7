"""Text is sent as its response class would send it, through ASGI and the direct protocol alike."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient as ReferenceClient

from tests.server.live import DIRECT, HTTPTOOLS, served
from tests.server.requests import request
from tests.server.twins import received_from, split
from trivium import App, BackgroundTasks, Response
from trivium.responding import HTMLResponse, JSONResponse, PlainTextResponse

pytestmark = pytest.mark.slow

TEXTS = ["", "plain", "<b>ä</b>", "\u2028"]
PATHS = [*(f"/{kind}/{n}" for kind in ("text", "html", "typed") for n in range(len(TEXTS)))]
PATHS += ["/created", "/chosen", "/number", "/empty", "/response", "/own"]
ran: list[str] = []


def filled(app: Any) -> Any:
    @app.get("/text/{n}", response_class=PlainTextResponse)
    async def text(n: int):
        return TEXTS[n]

    @app.get("/html/{n}", response_class=HTMLResponse)
    async def html(n: int):
        return TEXTS[n]

    @app.get("/typed/{n}", response_class=PlainTextResponse)
    async def typed(n: int) -> str:
        return TEXTS[n]

    @app.get("/created", response_class=PlainTextResponse, status_code=201)
    async def created():
        return "created"

    @app.get("/chosen", response_class=PlainTextResponse)
    async def chosen(response: Response):
        response.headers["x-chosen"] = "1"
        response.status_code = 202
        return "chosen"

    @app.get("/number", response_class=HTMLResponse, response_model=None)
    async def number():
        return "7"

    @app.get("/empty", response_class=PlainTextResponse, status_code=204)
    async def empty():
        return "nobody sees this"

    @app.get("/response")
    async def response():
        return PlainTextResponse("own", 203, headers={"x-own": "1"})

    @app.get("/own")
    async def own():
        return JSONResponse({"a": 1})

    return app


def tasked() -> App:
    app = App(openapi_url=None)

    @app.get("/text", response_class=PlainTextResponse)
    async def text(tasks: BackgroundTasks) -> str:
        tasks.add_task(ran.append, "text")
        return "text"

    @app.get("/response")
    async def response(tasks: BackgroundTasks) -> Response:
        tasks.add_task(ran.append, "response")
        return Response("response")

    @app.get("/surrogate", response_class=PlainTextResponse)
    async def surrogate() -> str:
        return "\ud800"

    return app


@pytest.fixture(params=[DIRECT, HTTPTOOLS], ids=["direct", "asgi"])
def http(request: pytest.FixtureRequest) -> Any:
    ran.clear()
    return request.param


def asked(app: App, http: Any, path: str) -> Any:
    with served(app, http) as live, live.connect() as client:
        client.sendall(request(path))
        replies, rest = split(received_from(client)[0], [])
    assert rest == b""
    return replies[0]


def test_text_is_sent_as_on_fastapi(http: Any) -> None:
    reference = ReferenceClient(filled(FastAPI()))
    differing = []
    with served(filled(App()), http) as live:
        for path in PATHS:
            with live.connect() as client:
                client.sendall(request(path))
                reply = split(received_from(client)[0], [])[0][0]
            same = reference.get(path)
            expected = {name.encode(): value.encode() for name, value in same.headers.items()}
            given = {n: v for n, v in reply.headers if n not in (b"server", b"connection")}
            if (reply.status, given, reply.body) != (same.status_code, expected, same.content):
                differing.append((path, reply, same.status_code, expected))

    assert differing == []


@pytest.mark.parametrize("path", ["/text", "/response"])
def test_what_was_to_be_done_after_a_text_is_done(http: Any, path: str) -> None:
    assert asked(tasked(), http, path).body == path[1:].encode()
    assert ran == [path[1:]]


def test_half_of_a_surrogate_pair_is_an_error_of_the_handlers(http: Any) -> None:
    reply = asked(tasked(), http, "/surrogate")

    assert (reply.status, reply.body) == (500, b"Internal Server Error")
