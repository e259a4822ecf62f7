"""What stages make of requests that have the headers of those before, on one connection."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from types import FrameType

import pytest

from tests.server.inprocess import hosted
from tests.stages.conftest import Entrance, by_socket
from trivium import App, Request
from trivium.exchange import Exchange
from trivium.responding import JSONResponse, PlainTextResponse, Response
from trivium.server.protocol import DirectProtocol
from trivium.stages.body_limit import BodyLimit
from trivium.stages.cors import CORS
from trivium.stages.hosts import TrustedHosts
from trivium.stages.proxies import TrustedProxies
from trivium.stages.request_id import RequestId
from trivium.stages.stage import Stage

pytestmark = pytest.mark.slow

# The direct protocol knows a head again from the third time on.
TIMES = 6
PAGE = "https://page.example"
STAGES = os.path.join("trivium", "stages")


def make_app(*stages: Stage) -> App:
    app = App()
    app.add_stage(*stages)

    @app.get("/json")
    async def read_json() -> dict[str, str]:
        return {"hello": "world"}

    @app.get("/varied")
    async def varied(response: Response) -> dict[str, str]:
        response.headers["vary"] = "Cookie"
        return {"hello": "world"}

    @app.get("/who")
    async def who(request: Request) -> dict[str, str]:
        client = request.client
        return {"client": "" if client is None else client.host, "scheme": request.url.scheme}

    @app.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    return app


def test_a_host_that_is_not_served_is_refused_each_time(entrance: Entrance) -> None:
    with entrance(make_app(TrustedHosts(["example.com"]))) as client:
        served = [client.get("/json").status_code for _ in range(TIMES)]
        evil = {"host": "evil.example"}
        refused = [client.get("/json", headers=evil).status_code for _ in range(TIMES)]
        again = [client.get("/json").status_code for _ in range(TIMES)]

    assert (served, refused, again) == ([200] * TIMES, [400] * TIMES, [200] * TIMES)


def test_each_request_has_an_id_of_its_own(entrance: Entrance) -> None:
    with entrance(make_app(RequestId())) as client:
        ids = [client.get("/json").headers["x-request-id"] for _ in range(300)]

    assert len(set(ids)) == 300
    assert {len(name) for name in ids} == {24}


@pytest.mark.parametrize("path", ["/json", "/varied", "/nowhere"])
def test_pages_of_other_origins_may_read_each_reply(entrance: Entrance, path: str) -> None:
    with entrance(make_app(CORS([PAGE]))) as client:
        replies = [client.get(path, headers={"origin": PAGE}) for _ in range(TIMES)]
        plain = [client.get(path) for _ in range(TIMES)]

    allowed = {reply.headers["access-control-allow-origin"] for reply in replies}
    varies = {reply.headers["vary"] for reply in (*replies, *plain)}
    assert allowed == {PAGE}
    assert varies == {"Cookie, Origin" if path == "/varied" else "Origin"}
    assert not any("access-control-allow-origin" in reply.headers for reply in plain)


def test_each_preflight_is_answered(entrance: Entrance) -> None:
    asking = {"origin": PAGE, "access-control-request-method": "GET"}
    with entrance(make_app(CORS([PAGE]))) as client:
        gets = [client.get("/json", headers=asking).json() for _ in range(TIMES)]
        preflights = [client.options("/json", headers=asking).text for _ in range(TIMES)]

    assert (gets, preflights) == ([{"hello": "world"}] * TIMES, ["OK"] * TIMES)


def test_each_body_that_is_too_large_is_refused(entrance: Entrance) -> None:
    def in_pieces() -> AsyncIterator[bytes]:
        return iter([b"x" * 60, b"x" * 60])  # type: ignore[return-value]  # what httpx2 takes

    with entrance(make_app(BodyLimit(100))) as client:
        small = [client.post("/size", content=b"x" * 100).json() for _ in range(TIMES)]
        large = [client.post("/size", content=b"x" * 101).status_code for _ in range(TIMES)]
        untold = [client.post("/size", content=in_pieces()).status_code for _ in range(TIMES)]

    assert (small, large, untold) == ([100] * TIMES, [413] * TIMES, [413] * TIMES)


def test_a_client_that_has_the_reply_is_told_so_each_time(entrance: Entrance) -> None:
    app = App()
    app.production(allowed_hosts=["*"], access_log=False)

    @app.get("/long")
    async def long() -> list[int]:
        return list(range(500))

    with entrance(app) as client:
        tag = client.get("/long").headers["etag"]
        known = [client.get("/long", headers={"if-none-match": tag}) for _ in range(TIMES)]
        other = [client.get("/long", headers={"if-none-match": '"no"'}) for _ in range(TIMES)]

    assert [reply.status_code for reply in known] == [304] * TIMES
    assert [len(reply.json()) for reply in other] == [500] * TIMES


def test_a_proxy_is_heeded_each_time(entrance: Entrance) -> None:
    told = {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https"}
    trusting = make_app(TrustedProxies(["127.0.0.1"]), TrustedHosts(["example.com"]))
    with entrance(trusting) as client:
        seen = [client.get("/who", headers=told).json() for _ in range(TIMES)]
    with entrance(make_app(TrustedProxies(["10.0.0.1"]))) as client:
        doubted = [client.get("/who", headers=told).json() for _ in range(TIMES)]

    assert seen == [{"client": "203.0.113.7", "scheme": "https"}] * TIMES
    assert doubted == [{"client": "127.0.0.1", "scheme": "http"}] * TIMES


def test_what_a_stage_makes_of_the_headers_is_looked_at_each_time(entrance: Entrance) -> None:
    class Renaming(Stage):
        place = 79

        def enter(self, ex: Exchange) -> None:
            if ex.path == "/who":
                ex.seen_as(ex.client, ex.scheme, b"evil.example")

    with entrance(make_app(Renaming(), TrustedHosts(["example.com"]))) as client:
        served = [client.get("/json").status_code for _ in range(TIMES)]
        refused = [client.get("/who").status_code for _ in range(TIMES)]
        again = [client.get("/json").status_code for _ in range(TIMES)]

    assert (served, refused, again) == ([200] * TIMES, [400] * TIMES, [200] * TIMES)


def test_a_stage_is_asked_each_time_unless_it_says_that_all_pass(entrance: Entrance) -> None:
    asked: list[str] = []

    class Curious(Stage):
        def enter(self, ex: Exchange) -> None:
            asked.append(ex.path)

    with entrance(make_app(Curious())) as client:
        for _ in range(TIMES):
            client.get("/json")

    assert asked == ["/json"] * TIMES


def test_an_origin_of_any_letters_is_told_alike_by_all_replies() -> None:
    app = make_app(CORS(origin_regex=".*"))

    @app.get("/plain")
    async def plain() -> PlainTextResponse:
        return PlainTextResponse("plain")

    strange = {"origin": "https://caf\u00e9.example".encode("latin-1")}
    with by_socket(app) as client:
        replies = [client.get(path, headers=strange) for path in ("/json", "/plain")]

    origins = [reply.headers["access-control-allow-origin"] for reply in replies]
    assert origins == ["https://caf\u00e9.example"] * 2


def test_a_header_that_the_application_sets_is_not_sent_twice(entrance: Entrance) -> None:
    app = App()
    app.production(allowed_hosts=["*"], access_log=False, cors_origins=[PAGE])

    @app.get("/own")
    async def own(response: Response) -> dict[str, str]:
        response.headers["referrer-policy"] = "no-referrer"
        response.headers["x-other"] = "yes"
        return {}

    @app.get("/response")
    async def whole() -> JSONResponse:
        return JSONResponse({}, headers={"referrer-policy": "no-referrer"})

    with entrance(app) as client:
        for path in ("/own", "/response"):
            for _ in range(TIMES):
                reply = client.get(path)
                assert reply.headers.get_list("referrer-policy") == ["no-referrer"]
                assert reply.headers.get_list("x-content-type-options") == ["nosniff"]


def test_few_calls_are_made_for_a_request_like_the_one_before() -> None:
    app = App()
    app.production(allowed_hosts=["example.com"], cors_origins=[PAGE], access_log=False)
    requests: list[list[str]] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and STAGES in code.co_filename:
            if code.co_qualname == "Stages.serve":
                requests.append([])
            if requests:
                requests[-1].append(code.co_qualname)

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    with hosted(DirectProtocol, lambda seen: app) as host:
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            result = host.run([b"GET /hello HTTP/1.1\r\nHost: example.com\r\n\r\n"] * TIMES)
        finally:
            sys.setprofile(before)

    assert result.written.count(b"200 OK") == TIMES
    assert requests[-1] == [
        "Stages.serve",
        "RequestId.enter",
        "_page_of.<locals>.enter",
        "Stages.lines",
        "RequestId.line",
        "Stages.sent",
        "Metrics.leave",
    ]
