"""Replies that have not changed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.stages.conftest import Entrance
from trivium import App, Response
from trivium.responding import StreamingResponse
from trivium.stages.etag import ETag
from trivium.testing import TestClient

TEXT = "x" * 600
DATE = "Thu, 01 Jan 2026 10:00:00 GMT"


def make_app() -> App:
    app = App()
    app.add_stage(ETag())

    @app.get("/long")
    async def long() -> str:
        return TEXT

    @app.post("/long")
    async def change() -> str:
        return TEXT

    @app.get("/short")
    async def short() -> str:
        return "short"

    @app.get("/own")
    async def own() -> Response:
        return Response("short", headers={"etag": 'W/"own"', "cache-control": "max-age=60"})

    @app.get("/dated")
    async def dated() -> Response:
        return Response("short", headers={"last-modified": DATE})

    @app.get("/private")
    async def private() -> Response:
        return Response(TEXT, headers={"cache-control": "no-store"})

    @app.get("/wrong", status_code=404)
    async def wrong() -> str:
        return TEXT

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            yield TEXT

        return StreamingResponse(pieces())

    return app


def test_who_has_the_reply_already_is_told_so(entrance: Entrance) -> None:
    with entrance(make_app()) as client:
        first = client.get("/long")
        again = client.get("/long", headers={"if-none-match": first.headers["etag"]})
        other = client.get("/long", headers={"if-none-match": '"other"'})

    assert (first.status_code, other.status_code) == (200, 200)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert "content-type" not in again.headers


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ('"own"', 304),
        ('W/"own"', 304),
        ('"a", W/"own" , "b"', 304),
        ("*", 304),
        ('"other"', 200),
        ("own", 200),
        ("", 200),
        ('""', 200),
    ],
)
def test_tags_are_compared_weakly(known: str, status: int) -> None:
    reply = TestClient(make_app()).get("/own", headers={"if-none-match": known})

    assert reply.status_code == status
    assert reply.headers["cache-control"] == "max-age=60"


@pytest.mark.parametrize(
    ("since", "status"),
    [
        (DATE, 304),
        ("Thu, 01 Jan 2026 10:00:01 GMT", 304),
        ("Thu, 01 Jan 2026 09:59:59 GMT", 200),
        ("yesterday", 200),
        ("Thu, 99 Foo 2026 10:00:00 GMT", 200),
        ("Thu, 01 Jan 2026 10:00:00", 200),
        ("Thu, 01 Jan 2026 10:00:00 +99999999999999999999", 200),
        ("Thu, 01 Jan 99999999999999999999 10:00:00 GMT", 200),
    ],
)
def test_dates_are_compared_where_there_is_no_tag(since: str, status: int) -> None:
    reply = TestClient(make_app()).get("/dated", headers={"if-modified-since": since})

    assert reply.status_code == status


def test_a_tag_counts_for_more_than_a_date() -> None:
    headers = {"if-modified-since": DATE, "if-none-match": '"other"'}

    assert TestClient(make_app()).get("/dated", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/short", "/private", "/wrong", "/stream", "/nowhere"])
def test_no_tag_is_made_where_it_would_not_help(entrance: Entrance, path: str) -> None:
    with entrance(make_app()) as client:
        assert "etag" not in client.get(path).headers


def test_only_reading_is_conditional() -> None:
    client = TestClient(make_app())
    tag = client.get("/long").headers["etag"]

    reply = client.post("/long", headers={"if-none-match": tag})

    assert (reply.status_code, "etag" in reply.headers) == (200, False)
