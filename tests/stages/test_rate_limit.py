"""How often a client may ask."""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from limits import parse_many
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.testclient import WebSocketDenialResponse

from tests.stages.conftest import Entrance
from trivium import App, Depends, Request, WebSocket
from trivium.errors import DeclarationError
from trivium.stages import rate_limit
from trivium.stages.health import Health
from trivium.stages.rate_limit import RateLimit
from trivium.testing import TestClient

REDIS = os.environ.get("TRIVIUM_TEST_REDIS", "redis://127.0.0.1:6379/15")


def redis_answers() -> bool:
    host, _, port = (
        REDIS.removeprefix("redis://").partition("/")[0].rpartition("@")[2].partition(":")
    )
    try:
        socket.create_connection((host, int(port or 6379)), timeout=2).close()
    except OSError:
        return False
    return True


@pytest.fixture(params=["memory", "redis"])
def storage(request: pytest.FixtureRequest) -> str:
    if request.param == "redis" and not redis_answers():
        if os.environ.get("CI"):
            pytest.fail(f"No Redis answers at {REDIS}")
        pytest.skip(f"no Redis answers at {REDIS}")
    return "memory" if request.param == "memory" else REDIS


def make_app(limit: str | None, **options: Any) -> App:
    app = App()
    # nobody else's counts, and nothing to clean up: they go away by themselves
    alone = uuid.uuid4().hex
    options.setdefault("key", lambda connection: f"{alone}-{connection.client.host}")
    limits = RateLimit(limit, **options)
    app.add_stage(limits, Health())

    @app.get("/hello")
    async def hello() -> str:
        return "hello"

    @app.get("/login", dependencies=[Depends(limits.per("2/hour"))])
    async def login() -> str:
        return "welcome"

    @app.get("/logins/{name}", dependencies=[Depends(limits.per("2/hour"))])
    def named(name: str) -> str:
        return name

    @app.websocket("/socket")
    async def socket(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close()

    mounted = App()
    mounted.get("/hello")(hello)
    app.mount("/mounted", mounted)
    return app


def test_who_asks_too_often_is_told_when_to_come_again(entrance: Entrance, storage: str) -> None:
    with entrance(make_app("2/hour", storage=storage)) as client:
        replies = [client.get("/hello") for _ in range(3)]

    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert [reply.headers["ratelimit-remaining"] for reply in replies] == ["1", "0", "0"]
    assert {reply.headers["ratelimit-limit"] for reply in replies} == {"2"}
    assert replies[2].json() == {"detail": "Too many requests"}
    assert 0 < int(replies[2].headers["retry-after"]) <= 7200


@pytest.mark.parametrize("path", ["/nowhere", "/mounted/hello", "/mounted/nowhere", "/docs"])
def test_every_path_counts(path: str) -> None:
    client = TestClient(make_app("2/hour"))

    assert [client.get(path).status_code for _ in range(3)][2] == 429


def test_health_does_not_count() -> None:
    client = TestClient(make_app("1/hour"))

    assert [client.get("/health").status_code for _ in range(3)] == [200] * 3


def test_a_route_may_have_a_limit_of_its_own(entrance: Entrance, storage: str) -> None:
    with entrance(make_app(None, storage=storage)) as client:
        logins = [client.get("/login") for _ in range(3)]
        named = [client.get(f"/logins/{name}").status_code for name in "abc"]
        other = [client.get("/hello").status_code for _ in range(5)]

    assert [reply.status_code for reply in logins] == [200, 200, 429]
    assert logins[0].headers["ratelimit-remaining"] == "1"
    assert int(logins[2].headers["retry-after"]) > 0
    # by its template: another value in the path does not begin anew
    assert named == [200, 200, 429]
    assert other == [200] * 5


@pytest.mark.parametrize(("limit", "told"), [("10/hour", ("2", "1")), ("1/hour", ("1", "0"))])
def test_a_reply_tells_of_one_limit_the_one_with_the_least_left(
    entrance: Entrance, limit: str, told: tuple[str, str]
) -> None:
    with entrance(make_app(limit)) as client:
        headers = client.get("/login").headers

    assert [headers.get_list(f"ratelimit-{name}") for name in ("limit", "remaining")] == [
        [value] for value in told
    ]


async def test_it_counts_in_memory_as_the_library_does(monkeypatch: pytest.MonkeyPatch) -> None:
    # never at the very beginning of a window, where the library says that it ends
    now = 1_000_000.0625
    monkeypatch.setattr("time.time", lambda: now)
    monkeypatch.setattr(rate_limit, "time", lambda: now)
    ours, theirs = rate_limit._InMemory(), SlidingWindowCounterRateLimiter(MemoryStorage())
    limits = parse_many("3/second;20/minute;50/hour")
    chance = random.Random(7)

    for _ in range(3000):
        # binary fractions, which are added without an error
        now += chance.choice([0.0, 0.125, 0.25, 1.0, 7.5, 60.0, 3600.0, 9000.0])
        limit, who = chance.choice(limits), chance.choice("abc")
        told = await ours.hit(limit, "*", who), await ours.stats(limit, "*", who)
        expected = theirs.hit(limit, "*", who), theirs.get_window_stats(limit, "*", who)

        assert told[0] == expected[0]
        assert told[1] == pytest.approx(tuple(expected[1]), abs=1e-3)


async def test_who_has_not_asked_for_two_windows_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(rate_limit, "time", lambda: now)
    counting = rate_limit._InMemory()
    [limit] = parse_many("5/second")

    for number in range(300):
        await counting.hit(limit, "*", str(number))
        now += 0.125

    [windows] = counting._windows.values()
    assert len(windows.counts) + len(windows.before) <= 16


async def test_there_is_an_end_to_what_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "time", lambda: 278 * 3600.0)
    monkeypatch.setattr(rate_limit, "_MOST_COUNTED", 10)
    counting = rate_limit._InMemory()
    [limit] = parse_many("5/hour")

    for _ in range(5):
        assert await counting.hit(limit, "*", "greedy")
    for number in range(10):
        await counting.hit(limit, "*", f"one of many {number}")
    assert not await counting.hit(limit, "*", "greedy")

    assert all([await counting.hit(limit, "*", str(number)) for number in range(300)])

    [windows] = counting._windows.values()
    assert len(windows.counts) + len(windows.before) <= 20


async def test_no_thread_is_needed_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []
    monkeypatch.setattr(threading.Thread, "start", started.append)
    counting = rate_limit._InMemory()

    for limit in parse_many("5/second;9/minute"):
        await counting.hit(limit, "*", "a")

    assert started == []


def test_clients_are_counted_apart() -> None:
    app = make_app("1/hour")
    first, second = (TestClient(app, client=(host, 1)) for host in ("192.0.2.1", "192.0.2.2"))

    assert [c.get("/hello").status_code for c in (first, second, first)] == [200, 200, 429]


def test_addresses_of_one_network_are_one_client() -> None:
    app = make_app("1/hour", key=None)
    hosts = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1", "::ffff:192.0.2.1"]
    hosts.append("192.0.2.1")

    statuses = [TestClient(app, client=(host, 1)).get("/hello").status_code for host in hosts]

    assert statuses == [200, 429, 200, 200, 429]


def test_what_is_counted_can_be_chosen() -> None:
    def user(request: Request) -> str | None:
        return request.headers.get("x-user")

    client = TestClient(make_app("1/hour", key=user))

    def ask(**headers: str) -> int:
        return client.get("/hello", headers=headers).status_code

    assert [ask(**{"x-user": "a"}), ask(**{"x-user": "b"}), ask(**{"x-user": "a"})] == [
        *(200, 200, 429)
    ]
    assert [ask() for _ in range(3)] == [200] * 3


def test_the_strictest_of_several_limits_counts() -> None:
    client = TestClient(make_app("5/minute;2/hour"))

    replies = [client.get("/hello") for _ in range(3)]

    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert replies[0].headers["ratelimit-limit"] == "2"


def test_a_websocket_is_refused_before_it_opens() -> None:
    client = TestClient(make_app("1/hour"))
    with client.websocket_connect("/socket"):
        pass

    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        client.websocket_connect("/socket"),
    ):
        pass

    assert refused.value.status_code == 429


@pytest.mark.parametrize("storage", ["redis"], indirect=True)
def test_a_redis_that_has_closed_a_connection_is_asked_again(
    entrance: Entrance, storage: str
) -> None:
    name = uuid.uuid4().hex
    with (
        entrance(make_app("9/hour", storage=f"{storage}?client_name={name}")) as client,
        redis.Redis.from_url(storage) as own,
    ):
        before = client.get("/hello").status_code
        opened = [one["id"] for one in own.client_list() if one["name"] == name]
        for connection in opened:
            own.client_kill_filter(_id=connection)
        after = client.get("/hello")

    assert opened
    assert (before, after.status_code, after.headers["ratelimit-remaining"]) == (200, 200, "7")


@pytest.fixture
def nowhere() -> Iterator[str]:
    """The address of a Redis that does not answer."""
    with socket.socket() as reserved:
        # bound, and not listening
        reserved.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{reserved.getsockname()[1]}"


@pytest.mark.parametrize(("when_away", "status"), [("refuse", 503), ("allow", 200)])
@pytest.mark.parametrize("path", ["/hello", "/login"])
def test_without_its_redis_it_refuses_or_allows_as_it_was_told(
    nowhere: str, when_away: Any, status: int, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = TestClient(make_app("100/hour", storage=nowhere, when_away=when_away))

    with caplog.at_level(logging.WARNING):
        statuses = [client.get(path).status_code for _ in range(3)]

    assert statuses == [status] * 3
    assert caplog.text.count("The store of rate limits is away") == 1


def test_a_redis_that_does_not_speak_counts_as_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        client = TestClient(make_app("100/hour", storage=url, timeout=0.05))

        assert client.get("/hello").status_code == 503


@pytest.mark.parametrize("limit", ["", "many", "0/minute", "10/fortnight", "-1/minute"])
def test_what_is_not_a_limit_is_refused(limit: str) -> None:
    with pytest.raises(DeclarationError, match=r"Not a limit|No request would be answered"):
        RateLimit(limit)
    with pytest.raises(DeclarationError, match=r"Not a limit|No request would be answered"):
        RateLimit().per(limit)


def test_what_is_not_a_place_to_count_in_is_refused() -> None:
    with pytest.raises(DeclarationError, match="Not a place to count in"):
        RateLimit("1/minute", storage="memcached://127.0.0.1")
