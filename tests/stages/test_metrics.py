"""Numbers for Prometheus."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from tests.stages.conftest import Entrance
from trivium import App, WebSocket
from trivium.stages.metrics import Metrics
from trivium.stages.proxies import TrustedProxies
from trivium.testing import TestClient


def make_app(**options: Any) -> App:
    app = App()
    options.setdefault("registry", CollectorRegistry())
    app.add_stage(Metrics(**options))

    @app.get("/flights/{number}")
    async def flight(number: int) -> str:
        return "hello"

    @app.websocket("/socket")
    async def socket(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close()

    mounted = App()
    mounted.get("/flights/{number}")(flight)
    app.mount("/mounted", mounted)
    return app


def counted(text: str) -> dict[tuple[str, str, str], float]:
    """How many requests there were, by method, route and status."""
    return {
        (s.labels["method"], s.labels["route"], s.labels["status"]): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
        if s.name == "http_request_duration_seconds_count"
    }


def test_requests_are_counted_by_route_and_not_by_path(entrance: Entrance) -> None:
    with entrance(make_app()) as client:
        for path in ("/flights/1", "/flights/2", "/flights/x", "/nowhere/1", "/nowhere/2"):
            client.get(path)
        client.post("/flights/1")
        client.get("/mounted/flights/1")
        client.request("BREW", "/flights/1")
        reply = client.get("/metrics")

    assert reply.headers["content-type"].startswith("text/plain; version=")
    found = counted(reply.text)
    # which of the methods that are none reach an application is the server's to say
    brewed = found.pop(("_OTHER", "/flights/{number}", "405"), 1.0)
    assert (brewed, found) == (
        1.0,
        {
            ("GET", "/flights/{number}", "200"): 2.0,
            ("GET", "/flights/{number}", "422"): 1.0,
            ("POST", "/flights/{number}", "405"): 1.0,
            ("GET", "/mounted/flights/{number}", "200"): 1.0,
            ("GET", "", "404"): 2.0,
        },
    )


def test_how_long_they_took_is_counted_in_buckets() -> None:
    client = TestClient(make_app(buckets=[10.0, 0.0]), client=("127.0.0.1", 1))
    client.get("/flights/1")

    text = client.get("/metrics").text

    buckets = {
        sample.labels["le"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.endswith("_bucket")
    }
    assert buckets == {"0.0": 0.0, "10.0": 1.0, "+Inf": 1.0}


def test_a_websocket_is_counted() -> None:
    client = TestClient(make_app(), client=("127.0.0.1", 1))
    with client.websocket_connect("/socket"):
        pass

    assert counted(client.get("/metrics").text) == {("WS", "/socket", "101"): 1.0}


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("10.1.2.3", {}, 200),
        ("203.0.113.7", {}, 404),
        ("203.0.113.7", {"authorization": "Bearer token"}, 200),
        ("203.0.113.7", {"authorization": "Bearer wrong"}, 404),
        ("203.0.113.7", {"authorization": "token"}, 404),
        # a proxy that is not trusted: who knows for whom it asks
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.7"}, 404),
        ("127.0.0.1", {"forwarded": "for=203.0.113.7"}, 404),
        ("127.0.0.1", {"via": "1.1 proxy"}, 404),
    ],
)
def test_only_those_who_may_can_read_them(peer: str, headers: dict[str, str], status: int) -> None:
    client = TestClient(make_app(token="token"), client=(peer, 1))

    assert client.get("/metrics", headers=headers).status_code == status


@pytest.mark.parametrize(("client", "status"), [("10.9.9.9", 200), ("203.0.113.7", 404)])
def test_behind_a_trusted_proxy_its_client_counts(client: str, status: int) -> None:
    app = make_app()
    app.add_stage(TrustedProxies(["127.0.0.1"]))

    reply = TestClient(app, client=("127.0.0.1", 1)).get(
        "/metrics", headers={"x-forwarded-for": client}
    )

    assert reply.status_code == status


def test_the_metrics_of_the_application_are_shown_too() -> None:
    registry = CollectorRegistry()
    Counter("flights_booked", "Flights booked", registry=registry).inc(3)
    client = TestClient(make_app(registry=registry), client=("127.0.0.1", 1))

    assert "flights_booked_total 3.0" in client.get("/metrics").text


def test_several_applications_in_a_process_count_apart() -> None:
    first, second = (
        TestClient(app, client=("127.0.0.1", 1))
        for app in (make_app(registry=None), make_app(registry=None))
    )
    first.get("/flights/1")

    assert counted(first.get("/metrics").text) == {("GET", "/flights/{number}", "200"): 1.0}
    assert counted(second.get("/metrics").text) == {}


_PROGRAM = """
import sys
from tests.stages.test_metrics import make_app
from trivium.testing import TestClient

client = TestClient(make_app(), client=("127.0.0.1", 1))
client.get("/flights/1")
sys.stdout.write(client.get("/metrics").text)
"""


@pytest.mark.slow
def test_several_processes_share_their_numbers(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def run() -> str:
        return subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    run()

    # the second process sees the page of the first one as well
    assert counted(run())["GET", "/flights/{number}", "200"] == 2.0


def test_without_readers_only_who_has_the_token_may_read(entrance: Entrance) -> None:
    app = App()
    app.add_stage(Metrics(readers=[], token="long and random"))

    with entrance(app) as client:
        told = {"authorization": "Bearer long and random"}
        statuses = [client.get("/metrics", headers=sent).status_code for sent in ({}, told)]

    assert statuses == [404, 200]
