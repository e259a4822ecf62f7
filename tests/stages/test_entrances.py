"""With everything on, a reply is the same at both entrances, whatever it is made of."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette import responses
from starlette.applications import Starlette
from starlette.routing import Route

from tests.stages.conftest import by_asgi, by_socket
from trivium import App, HTTPException, Response

pytestmark = pytest.mark.slow

PAGE = "https://page.example"
# The direct protocol knows a head again from the third time on.
TIMES = 3
METHODS = ["GET", "HEAD", "OPTIONS"]
OF_ONE_REPLY = {"date", "server", "connection", "transfer-encoding", "x-request-id"}
HEADERS: list[dict[str, str]] = [
    {},
    {"accept-encoding": "gzip", "origin": PAGE},
    {"if-none-match": "*"},
    {"range": "bytes=0-9"},
    {"host": "evil.example", "origin": "https://other.example"},
    {"origin": PAGE, "access-control-request-method": "GET"},
]


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def bare(body: bytes) -> Response:
    response = Response(body, media_type="text/plain")
    response.raw_headers.clear()
    return response


def unmeasured() -> Response:
    response = responses.PlainTextResponse("x" * 2000)
    del response.headers["content-length"]
    return response


def failing(error: Exception) -> Any:
    raise error


MADE: dict[str, Any] = {
    "nothing": lambda: None,
    "small": lambda: {"a": 1},
    "large": lambda: list(range(1000)),
    "empty": lambda: Response(),
    "204": lambda: Response(status_code=204),
    "304": lambda: Response(status_code=304),
    "bare": lambda: bare(b"abc"),
    "bare-empty": lambda: bare(b""),
    "unmeasured": unmeasured,
    "html": lambda: responses.HTMLResponse("<p>" * 500),
    "own-headers": lambda: responses.JSONResponse(
        {}, headers={"content-security-policy": "sandbox", "vary": "*", "x-request-id": "mine"}
    ),
    "encoded": lambda: Response(gzip.compress(b"x" * 2000), headers={"content-encoding": "gzip"}),
    "private": lambda: responses.JSONResponse([0] * 500, headers={"cache-control": "no-store"}),
    "elsewhere": lambda: responses.RedirectResponse("/small"),
    "file": lambda: responses.FileResponse(Path(__file__)),
    "stream": lambda: responses.StreamingResponse(pieces(b"", b"a" * 900, b"", b"b" * 900)),
    "stream-text": lambda: responses.StreamingResponse(pieces(b"a"), media_type="text/plain"),
    "stream-empty": lambda: responses.StreamingResponse(pieces(), media_type="text/plain"),
    "teapot": lambda: failing(HTTPException(418, "short", {"x-stout": "yes"})),
    "refused-204": lambda: failing(HTTPException(204)),
}
OTHERS = ["/nowhere", "/small/", "/mounted/text", "/mounted/nowhere", "/health", "/docs"]


def make_app() -> App:
    app = App()
    app.production(
        allowed_hosts=["example.com"], cors_origins=[PAGE], access_log=False, metrics=False
    )

    def declared(name: str) -> None:
        @app.api_route(f"/{name}", methods=["GET", "HEAD"])
        async def made() -> Any:
            return MADE[name]()

    for name in MADE:
        declared(name)
    text = Route("/text", lambda request: responses.PlainTextResponse("x" * 2000))
    app.mount("/mounted", Starlette(routes=[text]))
    return app


def told(reply: httpx2.Response) -> tuple[Any, ...]:
    headers: dict[str, list[str]] = {}
    for name, value in reply.headers.multi_items():
        if name not in OF_ONE_REPLY:
            headers.setdefault(name, []).append(value)
    names = len(reply.headers.get_list("x-request-id"))
    return reply.status_code, names, headers, reply.content


@pytest.mark.parametrize("headers", HEADERS, ids=str)
def test_every_kind_of_reply_is_the_same_at_both_entrances(headers: dict[str, str]) -> None:
    asked = [(method, path) for path in [*map("/{}".format, MADE), *OTHERS] for method in METHODS]
    with by_asgi(make_app()) as one, by_socket(make_app()) as other:
        for method, path in asked:
            if path == "/docs" and "host" in headers:
                # a refusal in place of a page that opens windows needs no leave to do so
                continue
            expected = told(one.request(method, path, headers=headers))
            for _ in range(TIMES):
                assert told(other.request(method, path, headers=headers)) == expected, path
