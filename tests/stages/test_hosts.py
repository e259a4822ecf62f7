"""Hosts that are served, and those that are not."""

from __future__ import annotations

import pytest
from starlette.testclient import WebSocketDenialResponse

from tests.server.live import served
from tests.stages.conftest import Entrance
from trivium import App, WebSocket
from trivium.errors import DeclarationError
from trivium.stages.hosts import TrustedHosts
from trivium.testing import TestClient


def make_app(*hosts: str) -> App:
    app = App()
    app.add_stage(TrustedHosts(hosts))

    @app.get("/hello")
    async def hello() -> str:
        return "hello"

    @app.websocket("/socket")
    async def socket(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close()

    return app


@pytest.mark.parametrize(
    ("hosts", "host", "served"),
    [
        (["example.com"], "example.com", True),
        (["example.com"], "EXAMPLE.com", True),
        (["example.com"], "example.com.", True),
        (["example.com"], "example.com:8000", True),
        (["example.com"], "www.example.com", False),
        (["example.com"], "example.com.evil.org", False),
        (["example.com"], "evil.org", False),
        (["*.example.com"], "www.example.com", True),
        (["*.example.com"], "a.b.example.com", True),
        (["*.example.com"], "example.com", False),
        (["*.example.com"], "evilexample.com", False),
        (["[::1]"], "[::1]:8000", True),
        (["[::1]"], "[::2]", False),
        (["*"], "anything.at.all", True),
        (["*"], "", False),
        (["*"], "a b", False),
        (["*"], "user@example.com", False),
        (["*"], "example.com/path", False),
        (["example.com"], "example.com:port", False),
        (["example.com"], "example.com.:65535", True),
        (["example.com"], "example.com:65536", False),
        (["example.com"], "example.com:", False),
        (["*"], "<example.com>", False),
        (["example.com"], "example.com:80:80", False),
        (["example.com"], "evil.org:example.com", False),
    ],
)
def test_only_hosts_that_were_named_are_served(hosts: list[str], host: str, served: bool) -> None:
    client = TestClient(make_app(*hosts))

    # twice: the second time the answer is remembered
    replies = [client.get("/hello", headers={"host": host}) for _ in range(2)]

    assert {reply.status_code for reply in replies} == {200 if served else 400}


def test_a_host_that_is_not_served_is_refused_at_both_entrances(entrance: Entrance) -> None:
    with entrance(make_app("example.com")) as client:
        right = client.get("/hello")
        wrong = client.get("/hello", headers={"host": "evil.org"})
        nowhere = client.get("/nowhere", headers={"host": "evil.org"})

    assert right.status_code == 200
    assert (wrong.status_code, wrong.json()) == (400, {"detail": "This host is not served here"})
    assert nowhere.status_code == 400


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [
        b"GET /hello HTTP/1.0\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: example.com\r\nHost: example.com\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: example.com\r\nHost: evil.org\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n",
    ],
)
def test_a_request_without_a_single_host_is_refused(head: bytes) -> None:
    with served(make_app("*")) as live, live.connect() as client:
        client.sendall(head)
        assert client.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_the_handshake_of_a_websocket_is_checked_too() -> None:
    client = TestClient(make_app("example.com"))

    with client.websocket_connect("/socket", headers={"host": "example.com"}):
        pass
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        client.websocket_connect("/socket", headers={"host": "evil.org"}),
    ):
        pass

    assert refused.value.status_code == 400


@pytest.mark.parametrize(
    "host", ["https://example.com", "example.com:80", "exa*mple.com", "a b", "", "*.*.com"]
)
def test_what_cannot_be_a_host_is_refused(host: str) -> None:
    with pytest.raises(DeclarationError, match="Not the name of a host"):
        TrustedHosts([host])


def test_no_host_at_all_is_refused() -> None:
    with pytest.raises(DeclarationError, match="No host would be answered"):
        TrustedHosts([])
