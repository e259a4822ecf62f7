"""Changes of what a client has read, and of nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.stages.conftest import Entrance
from trivium import App
from trivium.responding import PlainTextResponse
from trivium.stages.compression import Compression
from trivium.stages.etag import ETag
from trivium.stages.preconditions import Preconditions
from trivium.testing import TestClient

MODIFIED = datetime(2026, 1, 1, 10, 0, 0, 500_000, tzinfo=UTC)
DATE = "Thu, 01 Jan 2026 10:00:00 GMT"
EARLIER = "Thu, 01 Jan 2026 09:59:59 GMT"


def make_app() -> App:
    app = App()
    app.add_stage(ETag(), Compression())

    @app.api_route("/thing", methods=["GET", "HEAD", "PUT", "DELETE"])
    async def thing(conditions: Preconditions) -> str:
        conditions.check("v,7", modified=MODIFIED)
        return "done " * 300

    @app.api_route("/dated", methods=["GET", "PUT"])
    async def dated(conditions: Preconditions) -> str:
        conditions.check(modified=MODIFIED.replace(tzinfo=None))
        return "done"

    @app.put("/nothing")
    async def nothing(conditions: Preconditions) -> str:
        conditions.check()
        return "done"

    @app.put("/strict")
    async def strict(conditions: Preconditions) -> str:
        conditions.require()
        return "done"

    @app.get("/wrong")
    async def wrong(conditions: Preconditions) -> str:
        conditions.check('a "quoted" one')
        return "done"

    return app


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"if-match": '"v,7"'}, 200),
        ({"if-match": 'W/"v,7"'}, 200),
        ({"if-match": '"v,6", "v,7"'}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": '"v,6"'}, 412),
        ({"if-match": '"v"'}, 412),
        ({"if-match": ""}, 412),
        ({"if-match": '"v,7'}, 412),
        ({"if-unmodified-since": DATE}, 200),
        ({"if-unmodified-since": EARLIER}, 412),
        ({"if-unmodified-since": "yesterday"}, 200),
        ({"if-unmodified-since": "Sun, 01 Jan 2023 00:00:00 +99999999999999999999"}, 200),
        ({"if-match": '"v,7"', "if-unmodified-since": EARLIER}, 200),
        ({"if-match": '"v,6"', "if-unmodified-since": DATE}, 412),
        ({"if-none-match": "*"}, 412),
        ({"if-none-match": '"v,7"'}, 412),
        ({"if-none-match": '"v,6"'}, 200),
        ({"if-modified-since": DATE}, 200),
    ],
)
def test_a_change_of_something_else_than_was_read_is_refused(
    method: str, headers: dict[str, str], status: int
) -> None:
    reply = TestClient(make_app()).request(method, "/thing", headers=headers)

    assert reply.status_code == status
    assert "etag" not in reply.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"if-none-match": "*"}, 200),
        ({"if-match": "*"}, 412),
        ({"if-match": '"1"'}, 412),
    ],
)
def test_what_is_not_there_can_be_made_but_not_changed(
    headers: dict[str, str], status: int
) -> None:
    assert TestClient(make_app()).put("/nothing", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-match": "*"}, 200),
        ({"if-match": '"v,7"'}, 412),
        ({"if-unmodified-since": DATE}, 200),
        ({"if-unmodified-since": EARLIER}, 412),
        ({"if-none-match": "*"}, 412),
    ],
)
def test_a_date_alone_will_do(headers: dict[str, str], status: int) -> None:
    assert TestClient(make_app()).put("/dated", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/thing", {"if-none-match": '"v,7"'}, 304),
        ("/thing", {"if-none-match": 'W/"v,7"'}, 304),
        ("/thing", {"if-none-match": '"v,6"', "if-modified-since": DATE}, 200),
        ("/thing", {"if-match": '"v,6"'}, 412),
        ("/dated", {"if-modified-since": DATE}, 304),
        ("/dated", {"if-modified-since": EARLIER}, 200),
    ],
)
def test_who_reads_is_told_what_has_not_changed(
    entrance: Entrance, path: str, headers: dict[str, str], status: int
) -> None:
    with entrance(make_app()) as client:
        reply = client.get(path, headers=headers)

    assert reply.status_code == status
    if status != 412:
        tag = 'W/"v,7"' if 'W/"v,7"' in headers.values() else '"v,7"'
        assert reply.headers.get("etag") == (tag if path == "/thing" else None)
        assert reply.headers["last-modified"] == DATE
    assert bool(reply.content) == (status != 304)


def test_what_was_read_compressed_can_be_changed(entrance: Entrance) -> None:
    with entrance(make_app()) as client:
        tag = client.get("/thing", headers={"accept-encoding": "gzip"}).headers["etag"]
        reply = client.put("/thing", headers={"if-match": tag})

    assert tag == 'W/"v,7"'
    assert reply.status_code == 200


def test_a_client_can_be_made_to_say_what_it_has_read(entrance: Entrance) -> None:
    with entrance(make_app()) as client:
        silent = client.put("/strict")
        told = [client.put("/strict", headers={"if-match": '"1"'}).status_code]
        told += [client.put("/strict", headers={"if-unmodified-since": DATE}).status_code]

    assert (silent.status_code, told) == (428, [200, 200])
    assert silent.json()["detail"] == "The request has to have If-Match (RFC 6585, section 3)"


def test_a_version_that_cannot_be_a_tag_is_an_error() -> None:
    with pytest.raises(ValueError, match="Not what can be a tag"):
        TestClient(make_app()).get("/wrong")


def test_tags_without_quotes_are_known_too() -> None:
    app = App()
    app.add_stage(ETag())

    @app.get("/own")
    async def own() -> PlainTextResponse:
        return PlainTextResponse("own", headers={"etag": "abc"})

    client = TestClient(app)
    statuses = [
        client.get("/own", headers={"if-none-match": known}).status_code
        for known in ("abc", '"x", abc', "ab")
    ]
    assert statuses == [304, 304, 200]
