"""Alive, and ready."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import anyio
import pytest

from tests.stages.conftest import Entrance
from trivium import App
from trivium.stages.health import Health
from trivium.stages.hosts import TrustedHosts
from trivium.testing import AsyncTestClient, TestClient


def make_app(**options: float | str | None) -> App:
    app = App()
    app.add_stage(Health(**options), TrustedHosts(["example.com"]))  # type: ignore[arg-type]  # by name
    return app


def test_a_process_that_runs_is_alive_and_ready(entrance: Entrance) -> None:
    with entrance(make_app()) as client:
        live, ready = client.get("/health"), client.get("/ready")

    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "checks": {}})
    assert live.headers["cache-control"] == "no-store"


def test_those_who_ask_need_not_know_the_host(entrance: Entrance) -> None:
    with entrance(make_app()) as client:
        assert client.get("/health", headers={"host": "10.1.2.3:8000"}).status_code == 200


def test_a_check_that_fails_or_lasts_too_long_makes_it_not_ready(
    entrance: Entrance, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app()

    async def works() -> None: ...

    async def fails() -> None:
        raise ConnectionError("password=hunter2")

    async def lasts() -> None:
        await anyio.sleep_forever()

    app.add_readiness("works", works)
    app.add_readiness("fails", fails)
    app.add_readiness("lasts", lasts, timeout=0.01)
    with entrance(app) as client:
        reply = client.get("/ready")
        live = client.get("/health")

    checks = {name: check["status"] for name, check in reply.json()["checks"].items()}
    assert (reply.status_code, reply.json()["status"]) == (503, "not ready")
    assert checks == {"works": "ok", "fails": "failed", "lasts": "timed out"}
    assert "hunter2" not in reply.text
    assert "hunter2" in caplog.text
    assert live.status_code == 200


def test_a_check_that_takes_no_notice_of_its_time_keeps_nobody_waiting(
    entrance: Entrance,
) -> None:
    app = make_app(fresh=0)
    go_on, begun = threading.Event(), []

    def blocks() -> None:
        begun.append(1)
        go_on.wait()

    async def hangs() -> None:
        await anyio.to_thread.run_sync(blocks)

    async def stubborn() -> None:
        with suppress(asyncio.CancelledError):
            await anyio.sleep_forever()

    app.add_readiness("hangs", hangs, timeout=0.01)
    app.add_readiness("stubborn", stubborn, timeout=0.01)
    with entrance(app) as client:
        replies = [client.get("/ready").json()["checks"] for _ in range(3)]
        go_on.set()

    assert {check["status"] for reply in replies for check in reply.values()} == {"timed out"}
    assert len(begun) == 1


def test_a_check_that_what_it_waits_for_cancels_has_failed(entrance: Entrance) -> None:
    app = make_app()

    async def cancelled() -> None:
        raise asyncio.CancelledError

    app.add_readiness("cancelled", cancelled)
    with entrance(app) as client:
        reply = client.get("/ready")

    assert (reply.status_code, reply.json()["checks"]["cancelled"]["status"]) == (503, "failed")


def test_of_two_checks_with_one_name_the_one_that_fails_is_told(entrance: Entrance) -> None:
    app = make_app()

    async def works() -> None: ...

    async def fails() -> None:
        raise ConnectionError

    for check in (works, fails, works):
        app.add_readiness("database", check)
    with entrance(app) as client:
        reply = client.get("/ready")

    assert (reply.status_code, reply.json()["checks"]["database"]["status"]) == (503, "failed")


def test_checks_run_at_the_same_time() -> None:
    app = make_app()
    both = anyio.Event(), anyio.Event()

    async def first() -> None:
        both[0].set()
        await both[1].wait()

    async def second() -> None:
        both[1].set()
        await both[0].wait()

    app.add_readiness("first", first)
    app.add_readiness("second", second)

    assert TestClient(app).get("/ready").status_code == 200


async def test_who_ask_at_the_same_time_share_an_answer() -> None:
    app = make_app(fresh=0)
    runs = 0
    started, go_on = anyio.Event(), anyio.Event()

    async def check() -> None:
        nonlocal runs
        runs += 1
        started.set()
        await go_on.wait()

    app.add_readiness("check", check)
    statuses: list[int] = []

    async with AsyncTestClient(app) as client, anyio.create_task_group() as tasks:

        async def ask() -> None:
            statuses.append((await client.get("/ready")).status_code)

        for _ in range(5):
            tasks.start_soon(ask)
        await started.wait()
        await anyio.wait_all_tasks_blocked()
        go_on.set()

    assert statuses == [200] * 5
    # those that came while the first was asked are answered by the second
    assert runs <= 2


def test_an_answer_is_good_for_a_while() -> None:
    app = make_app(fresh=60)
    runs = []

    async def check() -> None:
        runs.append(1)

    app.add_readiness("check", check)
    client = TestClient(app)

    assert [client.get("/ready").status_code for _ in range(3)] == [200] * 3
    assert len(runs) == 1


def test_other_methods_and_paths_are_the_applications() -> None:
    client = TestClient(make_app(live="/alive", ready=None), headers={"host": "example.com"})

    assert client.get("/alive").status_code == 200
    assert [client.post("/alive").status_code, client.get("/ready").status_code] == [404, 404]


def test_a_server_that_is_about_to_stop_is_alive_and_not_ready(entrance: Entrance) -> None:
    app = make_app()
    with entrance(app) as client:
        before = client.get("/ready")
        app.shutdown.announce()
        after, live = client.get("/ready"), client.get("/health")

    assert (before.status_code, after.status_code, live.status_code) == (200, 503, 200)
    assert after.json() == {"status": "stopping", "checks": {}}


def test_a_server_that_stops_is_not_ready(entrance: Entrance) -> None:
    app = make_app()

    @app.get("/stop")
    async def stop() -> None:
        app.shutdown.set()

    with entrance(app) as client:
        client.get("/stop", headers={"host": "example.com"})
        assert client.get("/ready").status_code == 503


def test_a_process_that_is_replaced_stays_ready(entrance: Entrance) -> None:
    app = make_app()

    @app.get("/stop")
    async def stop() -> None:
        app.shutdown.set(is_replaced=True)

    with entrance(app) as client:
        client.get("/stop", headers={"host": "example.com"})
        assert client.get("/ready").status_code == 200
