"""The direct protocol answers as uvicorn's own does."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from tests.server.live import DIRECT, HTTPTOOLS, served
from trivium import App, HTTPException, Request, Response
from trivium.responding import StreamingResponse

pytestmark = pytest.mark.slow


class Item(BaseModel):
    name: str
    price: float


def make_app() -> App:
    app = App()

    @app.get("/items/{item_id}")
    async def read(item_id: int, q: str = "none") -> dict[str, Any]:
        return {"id": item_id, "q": q}

    @app.post("/items")
    async def create(item: Item) -> Item:
        return item

    @app.get("/def")
    def blocking() -> str:
        return "from a thread"

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "short and stout")

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("broken")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> Any:
            yield b"one"
            yield b"two"

        return StreamingResponse(chunks())

    @app.get("/told")
    async def told(request: Request, response: Response) -> str:
        response.headers["x-told"] = "yes"
        return str(request.url_for("read", item_id=3))

    @app.delete("/items/{item_id}", status_code=204)
    async def delete(item_id: int) -> None: ...

    return app


BODY = b'{"name": "Lamp", "price": 3}'
POST = (
    b"POST /items HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


def get(target: str, method: str = "GET") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode()


REQUESTS = [
    get("/items/5?q=a%20b"),
    get("/items/five"),
    get("/items/5", "HEAD"),
    get("/items/5", "PATCH"),
    get("/items/5", "DELETE"),
    get("/nowhere"),
    get("/items/5/"),
    get("/def"),
    get("/teapot"),
    get("/broken"),
    get("/stream"),
    get("/told"),
    get("/openapi.json"),
    get("/docs"),
    POST,
    POST.replace(b"3}", b"?}"),
    POST.replace(b'"price"', b'"prize"'),
]


def comparable(reply: bytes) -> tuple[bytes, list[bytes], bytes]:
    head, _, body = reply.partition(b"\r\n\r\n")
    status, *headers = head.split(b"\r\n")
    return status, sorted(line for line in headers if not line.startswith(b"date:")), body


@pytest.fixture(scope="module")
def replies() -> dict[str, list[bytes]]:
    found = {}
    for http in (DIRECT, HTTPTOOLS):
        with served(make_app(), http) as live:
            found[http] = [live.exchanged(request) for request in REQUESTS]
    return found


@pytest.mark.parametrize(
    "index", range(len(REQUESTS)), ids=lambda index: repr(REQUESTS[index])[:40]
)
def test_a_request_gets_the_reply_that_uvicorn_sends(
    replies: dict[str, list[bytes]], index: int
) -> None:
    assert comparable(replies[DIRECT][index]) == comparable(replies[HTTPTOOLS][index])


def test_requests_that_come_in_one_packet_are_answered_in_order() -> None:
    with served(make_app()) as live:
        first = get("/def").replace(b"Connection: close\r\n", b"")
        reply = live.exchanged(first + first + get("/items/7"))

    assert reply.count(b"HTTP/1.1 200 OK") == 3
    assert reply.index(b"from a thread") < reply.rindex(b"from a thread") < reply.index(b'"id":7')


def test_a_body_that_comes_in_pieces_of_one_byte_is_whole() -> None:
    with served(make_app()) as live:
        reply = live.exchanged(*(POST[i : i + 1] for i in range(len(POST))))

    assert reply.endswith(b'{"name":"Lamp","price":3.0}')


def test_what_is_no_request_is_answered_with_400_after_the_requests_before_it() -> None:
    with served(make_app()) as live:
        first = get("/def").replace(b"Connection: close\r\n", b"")
        reply = live.exchanged(first + b"\x00nonsense\r\n\r\n")

    assert reply.startswith(b"HTTP/1.1 200 OK")
    assert b"HTTP/1.1 400 Bad Request" in reply
