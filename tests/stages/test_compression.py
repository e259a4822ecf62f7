"""Replies that are compressed, and those that are not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import brotli
import httpx2
import pytest
import zstandard
from starlette.staticfiles import StaticFiles

from tests.stages.conftest import Entrance
from trivium import App, Response
from trivium.responding import EventSourceResponse, FileResponse, StreamingResponse
from trivium.stages.codings import accepted, available
from trivium.stages.compression import Compression
from trivium.stages.etag import ETag
from trivium.stages.preconditions import Preconditions
from trivium.testing import TestClient

pytestmark = pytest.mark.slow

TEXT = "Trivium is where three roads meet. " * 100
UNPACK = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
}


def make_app(**options: Any) -> App:
    app = App()
    app.add_stage(Compression(**options))

    @app.get("/text")
    async def text() -> str:
        return TEXT

    @app.get("/short")
    async def short() -> str:
        return "short"

    @app.get("/image")
    async def image() -> Response:
        return Response(TEXT, media_type="image/png")

    @app.get("/packed")
    async def packed() -> Response:
        return Response(gzip.compress(TEXT.encode()), headers={"content-encoding": "gzip"})

    @app.get("/secret")
    async def secret() -> Response:
        return Response(TEXT, media_type="text/html", headers={"content-encoding": "identity"})

    @app.get("/tagged")
    async def tagged() -> Response:
        return Response(TEXT, media_type="text/html", headers={"etag": '"1"', "vary": "Cookie"})

    @app.get("/final")
    async def final() -> Response:
        return Response(TEXT, media_type="text/html", headers={"cache-control": "no-transform"})

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            for word in TEXT.split():
                yield word + " "

        return StreamingResponse(pieces(), media_type="text/plain")

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(Path(__file__), media_type="text/x-python")

    return app


def raw(client: httpx2.Client, path: str, coding: str = "gzip", **headers: str) -> Any:
    """The reply, and its body as it came."""
    sent = {"accept-encoding": coding, **headers}
    with client.stream("GET", path, headers=sent) as reply:
        return reply, b"".join(reply.iter_raw())


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize("path", ["/text", "/stream", "/file"])
def test_a_client_that_takes_a_coding_gets_it(entrance: Entrance, path: str, coding: str) -> None:
    with entrance(make_app()) as client:
        plain, packed = raw(client, path, "identity"), raw(client, path, coding)

    assert packed[0].headers["content-encoding"] == coding
    assert packed[0].headers["vary"] == plain[0].headers["vary"] == "Accept-Encoding"
    assert UNPACK[coding](packed[1]) == plain[1]
    assert "content-encoding" not in plain[0].headers
    if path != "/stream":
        assert len(packed[1]) < len(plain[1]) / 2


@pytest.mark.parametrize("path", ["/short", "/image", "/packed", "/secret", "/final"])
def test_what_is_not_to_be_compressed_is_sent_as_it_is(entrance: Entrance, path: str) -> None:
    with entrance(make_app()) as client:
        plain, offered = raw(client, path, "identity"), raw(client, path, "gzip, br, zstd")

    assert offered[1] == plain[1]
    assert offered[0].headers.get("content-encoding") == ("gzip" if path == "/packed" else None)


def test_a_part_of_a_file_is_sent_as_it_is(entrance: Entrance) -> None:
    with entrance(make_app()) as client:
        reply, body = raw(client, "/file", range="bytes=0-9")

    assert (reply.status_code, len(body)) == (206, 10)
    assert "content-encoding" not in reply.headers


def test_a_strong_tag_becomes_a_weak_one(entrance: Entrance) -> None:
    with entrance(make_app()) as client:
        plain, packed = raw(client, "/tagged", "identity")[0], raw(client, "/tagged")[0]

    assert (plain.headers["etag"], packed.headers["etag"]) == ('"1"', 'W/"1"')
    assert packed.headers["vary"] == "Cookie, Accept-Encoding"


def test_the_tag_of_a_compressed_reply_is_known_again(entrance: Entrance) -> None:
    app = make_app()
    app.add_stage(ETag())
    with entrance(app) as client:
        tag = raw(client, "/text")[0].headers["etag"]
        again, body = raw(client, "/text", **{"if-none-match": tag})

    assert tag.startswith('W/"')
    assert (again.status_code, body) == (304, b"")
    assert "content-encoding" not in again.headers


def test_each_event_of_a_stream_can_be_read_when_it_is_sent() -> None:
    sent: list[bytes] = []
    app = App()
    app.add_stage(Compression(codings=["gzip"]))
    unpacked = zlib.decompressobj(wbits=31)

    @app.get("/events", response_class=EventSourceResponse)
    async def events() -> AsyncIterator[str]:
        for number in range(3):
            yield f"event {number}"
            # what went out so far can be read by now
            assert f"event {number}" in sent[-1].decode()

    import anyio

    async def receive() -> Any:
        await anyio.sleep_forever()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            sent.append(unpacked.decompress(message["body"]))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "GET",
        "path": "/events",
        "query_string": b"",
        "headers": [(b"accept-encoding", b"gzip")],
    }

    anyio.run(app, scope, receive, send)

    assert b"".join(sent).count(b"event ") == 3


@pytest.mark.parametrize("path", ["/text", "/file"])
def test_a_head_says_what_a_get_says_but_for_a_length_that_is_not_known(
    entrance: Entrance, path: str
) -> None:
    app = make_app()

    @app.head("/text")
    async def text() -> Response:
        return Response(TEXT, media_type="application/json")

    @app.head("/file")
    async def file() -> FileResponse:
        return FileResponse(Path(__file__), media_type="text/x-python")

    def told(method: str, coding: str) -> dict[str, str]:
        headers = client.request(method, path, headers={"accept-encoding": coding}).headers
        return {k: v for k, v in headers.items() if k not in ("date", "transfer-encoding")}

    with entrance(app) as client:
        plain, packed = told("HEAD", "identity"), told("HEAD", "gzip")
        got = told("GET", "gzip")

    assert int(plain["content-length"]) > 1024
    got.pop("content-length", None)
    assert packed == got
    assert packed["content-encoding"] == "gzip"


@pytest.mark.parametrize("path", ["/text", "/kept", "/static/test_compression.py"])
def test_a_reply_that_has_not_changed_has_the_tag_and_the_vary_of_the_one_that_was_sent(
    entrance: Entrance, path: str
) -> None:
    app = make_app()
    app.add_stage(ETag())
    app.mount("/static", StaticFiles(directory=Path(__file__).parent))

    @app.get("/kept")
    async def kept(conditions: Preconditions) -> str:
        conditions.check(7)
        return TEXT

    with entrance(app) as client:
        for coding in ("gzip", "identity"):
            sent = raw(client, path, coding)[0]
            tag = sent.headers["etag"]
            again = raw(client, path, coding, **{"if-none-match": f'"other", {tag}'})[0]

            assert (sent.status_code, again.status_code) == (200, 304)
            assert again.headers["etag"] == tag
            if coding == "gzip":
                assert again.headers["vary"] == sent.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("GZIP ; Q=0.8", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "zstd"),
        ("*;q=0.5, gzip", "gzip"),
        ("zstd;q=0, *", "br"),
        ("gzip;q=0", None),
        ("*;q=0", None),
        ("identity", None),
        ("identity, gzip;q=0.5", None),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("deflate", None),
        ("", None),
        ("gzip;q=nan", None),
        ("gzip;q=2", None),
        ("gzip;q=", None),
        (";;,,=", None),
    ],
)
def test_the_coding_is_the_one_that_the_client_likes_best(header: str, coding: str | None) -> None:
    assert accepted(header, available()) == coding


def test_only_the_codings_that_were_chosen_are_used() -> None:
    reply, _ = raw(TestClient(make_app(codings=["gzip"])), "/text", "br, zstd, gzip;q=0.1")

    assert reply.headers["content-encoding"] == "gzip"


def test_an_unknown_coding_is_refused() -> None:
    with pytest.raises(ValueError, match="'lzma' is none of zstd, br, gzip"):
        Compression(codings=["lzma"])


def test_a_coding_whose_package_is_missing_is_left_out_unless_it_was_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "brotli", None)

    assert list(available()) == ["zstd", "gzip"]
    with pytest.raises(ImportError):
        available(["br"])
