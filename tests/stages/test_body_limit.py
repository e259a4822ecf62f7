"""Bodies that are too large."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.live import DIRECT, HTTPTOOLS, read_all, served
from tests.stages.conftest import Entrance, by_uvicorn
from trivium import App, Request
from trivium.stages.body_limit import BodyLimit

pytestmark = pytest.mark.slow

LIMIT = 1000


def make_app(*, middleware: bool = False) -> App:
    app = App()
    app.add_stage(BodyLimit(LIMIT))

    async def size(request: Request) -> int:
        return len(await request.body())

    app.post("/size")(size)
    app.post("/upload", max_body_size=10 * LIMIT)(size)
    app.post("/small", max_body_size=10)(size)

    @app.post("/stream")
    async def stream(request: Request) -> int:
        return sum([len(piece) async for piece in request.stream()])

    @app.post("/unread")
    async def unread() -> str:
        return "unread"

    @app.post("/json")
    async def json(numbers: list[int]) -> int:
        return len(numbers)

    mounted = App()
    mounted.post("/size")(size)
    app.mount("/mounted", mounted)

    if middleware:

        @app.middleware("http")
        async def reading(request: Request, call_next: object) -> object:
            await request.body()
            return await call_next(request)  # type: ignore[operator]  # what FastAPI's users write

    return app


def pieces(size: int) -> Iterator[bytes]:
    """A body without an announced length."""
    for start in range(0, size, 100):
        yield b"x" * min(100, size - start)


@pytest.mark.parametrize("path", ["/size", "/stream", "/unread", "/json", "/mounted/size", "/no"])
def test_a_length_that_is_too_large_is_refused_before_anything_is_read(
    entrance: Entrance, path: str
) -> None:
    with entrance(make_app()) as client:
        reply = client.post(path, content=b"x" * (LIMIT + 1))

    assert reply.status_code == 413
    assert reply.json() == {"detail": "The body of the request is too large"}


@pytest.mark.parametrize("path", ["/size", "/stream", "/json", "/mounted/size"])
def test_a_body_of_unknown_length_is_counted_while_it_is_read(
    entrance: Entrance, path: str
) -> None:
    with entrance(make_app()) as client:
        reply = client.post(path, content=pieces(10 * LIMIT))

    assert reply.status_code == 413


@pytest.mark.parametrize("whole", [True, False])
def test_a_body_within_the_limit_is_read(entrance: Entrance, whole: bool) -> None:
    body = b"x" * LIMIT
    with entrance(make_app()) as client:
        found = [
            client.post(path, content=body if whole else pieces(LIMIT)).json()
            for path in ("/size", "/stream", "/mounted/size")
        ]

    assert found == [LIMIT] * 3


@pytest.mark.parametrize("whole", [True, False])
def test_a_route_may_take_more_or_less(entrance: Entrance, whole: bool) -> None:
    with entrance(make_app()) as client:
        statuses = [
            client.post(path, content=b"x" * size if whole else pieces(size)).status_code
            for path, size in [
                ("/upload", 5 * LIMIT),
                ("/upload", 11 * LIMIT),
                ("/small", 9),
                ("/small", 11),
            ]
        ]

    assert statuses == [200, 413, 200, 413]


@pytest.mark.parametrize("whole", [True, False])
def test_middleware_that_reads_the_body_is_refused_as_well(entrance: Entrance, whole: bool) -> None:
    with entrance(make_app(middleware=True)) as client:
        content = b"x" * (LIMIT + 1) if whole else pieces(LIMIT + 1)
        assert client.post("/size", content=content).status_code == 413


def test_under_another_protocol_of_uvicorn_it_is_the_same() -> None:
    with by_uvicorn(make_app()) as client:
        assert client.post("/size", content=pieces(LIMIT + 1)).status_code == 413
        assert client.post("/size", content=pieces(LIMIT)).json() == LIMIT


def test_a_client_that_goes_on_sending_is_told_and_its_connection_ends() -> None:
    head = b"POST /size HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"%x\r\n%b\r\n" % (65536, b"x" * 65536)
    with served(make_app()) as live, live.connect() as client:
        client.sendall(head + piece * 40)
        reply = read_all(client)

    assert reply.startswith(b"HTTP/1.1 413 ")
    assert reply.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("size", [-1, True, "1"])
def test_what_is_no_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="non-negative integer"):
        BodyLimit(size)


@pytest.mark.parametrize("http", [DIRECT, HTTPTOOLS])
def test_zeros_before_a_length_make_it_no_smaller(http: str) -> None:
    def announced(length: bytes, body: bytes) -> bytes:
        head = b"POST /size HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: "
        return head + length + b"\r\n\r\n" + body

    with served(make_app(), http=http) as live:
        large = live.exchanged(announced(b"0" * 30 + b"2000", b"x" * 2000))
        small = live.exchanged(announced(b"0" * 30 + b"5", b"x" * 5))

    assert large.startswith(b"HTTP/1.1 413 ")
    assert (small[:13], small[-1:]) == (b"HTTP/1.1 200 ", b"5")
