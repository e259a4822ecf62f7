"""A client that sends the same headers again is served as the first time, and faster."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from tests.server.inprocess import Host, app_of, hosted
from tests.server.live import DIRECT, served
from tests.server.requests import request
from tests.server.twins import received_from, split
from trivium import App, Request
from trivium.exchange import Exchange
from trivium.server import protocol
from trivium.server.repeats import target_of, targets
from trivium.stages.stage import Stage

BODY = b'{"n":1}'
JSON = ("Content-Type: application/json", f"Content-Length: {len(BODY)}")
GET = request("/x", closes=False)
POST = request("/x", "POST", *JSON, body=BODY, closes=False)


class Numbered(BaseModel):
    n: int


@pytest.fixture
def host() -> Iterator[Host]:
    with hosted(DIRECT, app_of) as host:
        yield host


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the parser has been given."""
    given: list[bytes] = []

    class Counting:
        def __init__(self, parser: Any) -> None:
            self._parser = parser

        def feed_data(self, data: bytes) -> None:
            given.append(data)
            self._parser.feed_data(data)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._parser, name)

    make = protocol.new_parser
    monkeypatch.setattr(protocol, "new_parser", lambda below: Counting(make(below)))
    return given


@pytest.mark.parametrize("sent", [GET, POST], ids=["GET", "POST"])
def test_a_head_that_has_come_twice_is_not_parsed_a_third_time(
    host: Host, parsed: list[bytes], sent: bytes
) -> None:
    result = host.run([sent] * 5)

    assert len(parsed) == 2
    assert len(result.seen) == 5
    assert len(set(map(repr, result.seen))) == 1


def test_the_first_line_is_read_each_time(host: Host, parsed: list[bytes]) -> None:
    lines = [b"/one", b"/two?a=1", b"/a%20b?", b"/one"]
    result = host.run([GET, GET, *(GET.replace(b"/x", line) for line in lines)])

    assert len(parsed) == 2
    assert [each[1:3] for each in result.seen[2:]] == [
        ("/one", b""),
        ("/two", b"a=1"),
        ("/a b", b""),
        ("/one", b""),
    ]


def test_each_body_is_its_own(host: Host, parsed: list[bytes]) -> None:
    result = host.run(
        [POST, POST, *(POST.replace(BODY, each) for each in (b'{"n":2}', b'{"m":3}'))]
    )

    assert [each[5] for each in result.seen][2:] == [b'{"n":2}', b'{"m":3}']


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(GET.replace(b"Host: t", b"Host: u"), id="another header"),
        pytest.param(GET + GET, id="two requests"),
        pytest.param(GET[:-1], id="a byte too few"),
        pytest.param(b"\r\n" + GET, id="an empty line before"),
        pytest.param(GET.replace(b"GET", b"BREW"), id="an unusual method"),
        pytest.param(GET.replace(b"/x", b"http://t/x"), id="an absolute URL"),
        pytest.param(GET.replace(b"/x", b"/x#y"), id="a fragment"),
        pytest.param(GET.replace(b"/x", b"/\xff"), id="a byte that is no ASCII"),
        pytest.param(GET.replace(b"1.1", b"1.0"), id="an older version"),
    ],
)
def test_what_differs_in_more_than_an_ordinary_first_line_is_parsed(
    host: Host, parsed: list[bytes], other: bytes
) -> None:
    host.run([GET, GET, GET, other])

    assert len(parsed) == 3


def test_a_head_within_another_body_is_part_of_that_body(host: Host) -> None:
    begun = request("/y", "POST", f"Content-Length: {len(GET)}", closes=False)

    result = host.run([GET, GET, GET, begun, GET, GET])

    assert [each[1] for each in result.seen] == ["/x", "/x", "/x", "/y", "/x"]
    assert result.seen[3][5] == GET


def test_a_first_line_that_has_begun_in_the_packet_before_is_parsed_whole(host: Host) -> None:
    changing = [request("/x", "GET", f"X-Trace: {n}", closes=False) for n in range(5)]

    result = host.run([*changing[:4], changing[4] + b"G", changing[3].replace(b"/x", b"/y")])

    # GGET is no method
    assert [each[1] for each in result.seen] == ["/x"] * 5
    assert b"HTTP/1.1 400 " in result.written


@pytest.mark.parametrize(
    "lines",
    [
        ["Expect: 100-continue", "Content-Length: 3"],
        ["Transfer-Encoding: chunked"],
        ["Connection: close"],
        ["Upgrade: h2c", "Connection: upgrade"],
    ],
)
def test_a_head_that_says_more_than_itself_is_parsed_each_time(
    host: Host, parsed: list[bytes], lines: list[str]
) -> None:
    body = (
        b"3\r\nabc\r\n0\r\n\r\n"
        if "chunked" in lines[0]
        else b"abc"
        if "Expect" in lines[0]
        else b""
    )
    sent = request("/x", "POST", *lines, body=body, closes=False)

    result = host.run([sent] * 4)

    assert len(parsed) >= len(result.seen)


def test_a_client_whose_headers_differ_is_not_remembered_for_ever(
    host: Host, parsed: list[bytes]
) -> None:
    changing = [request("/x", "GET", f"X-Trace: {n}", closes=False) for n in range(8)]

    result = host.run([*changing, GET, GET, GET])

    assert len(result.seen) == len(parsed) == 11


def test_a_header_that_a_handler_adds_to_its_request_is_not_there_in_the_next() -> None:
    app = App()
    seen: list[int] = []

    @app.get("/x")
    async def read(request: Request) -> int:
        seen.append(len(request.scope["headers"]))
        request.scope["headers"].append((b"x-added", b"1"))
        return len(request.headers)

    with served(app, DIRECT) as live, live.connect() as client:
        for _ in range(4):
            client.sendall(GET)
            while not client.recv(65536).endswith(b"2"):
                pass
        client.sendall(request("/x"))
        replies, _ = split(received_from(client)[0], [])

    assert seen == [1, 1, 1, 1, 2]
    assert replies[-1].status == 200


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="how many names fit is that of 3.11")
def test_a_request_with_everything_on_needs_no_dictionary_of_its_own() -> None:
    """CPython makes one for an object with more attributes than it expects: see ``_OFTEN``."""
    has_one: list[bool] = []
    app = App()

    class Last(Stage):
        place = 0

        def leave(self, ex: Exchange) -> None:
            held = gc.get_referents(ex)
            has_one.append(any(type(each) is dict and "raw_headers" in each for each in held))

    @app.post("/x")
    async def take(body: Numbered, q: int = 0) -> Numbered:
        await asyncio.sleep(0)
        return body

    app.production(allowed_hosts=["*"], access_log=False, cancel_on_disconnect=True)
    app.add_stage(Last())
    with served(app, DIRECT) as live, live.connect() as client:
        for _ in range(4):
            client.sendall(POST)
            received = b""
            while not received.endswith(BODY):
                received += client.recv(65536)

    # the first two are parsed
    assert has_one[2:] == [False, False]


def test_a_long_target_is_refused_although_its_headers_are_known(host: Host) -> None:
    result = host.run([GET, GET, GET, GET.replace(b"/x", b"/" + b"x" * 70_000)])

    assert b"HTTP/1.1 414 " in result.written


def test_first_lines_that_all_differ_do_not_fill_the_memory() -> None:
    for number in range(3000):
        target_of(b"GET /%d HTTP/1.1" % number)
    target_of(b"GET /%b HTTP/1.1" % (b"x" * 1000))

    assert len(targets) <= 512
    assert all(len(line) <= 256 for line in targets)
