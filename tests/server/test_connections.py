"""What stands around requests: TLS, both event loops, WebSockets, proxies, logs."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.sync.client import connect

from tests.server.clocks import until
from tests.server.live import DIRECT, HTTPTOOLS, Live, served
from tests.server.requests import FIVE, request
from tests.server.twins import Seen, Twin, as_app, received_from, split, twins
from trivium import App, Request, WebSocket

pytestmark = pytest.mark.slow

LOOPS = pytest.mark.parametrize("loop", ["uvloop", "asyncio"])


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder: Path = tmp_path_factory.mktemp("tls")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    return {
        "ssl_keyfile": str(folder / "key.pem"),
        "ssl_certfile": str(folder / "certificate.pem"),
    }


def secured(live: Live, authority: trustme.CA) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context.wrap_socket(live.connect(), server_hostname="127.0.0.1")


@LOOPS
def test_requests_over_tls_are_answered_and_say_so(
    loop: str, authority: trustme.CA, files: dict[str, str]
) -> None:
    seen: list[Seen] = []
    body = b"a" * 200_000
    with served(as_app(seen), DIRECT, loop=loop, **files) as live:
        with secured(live, authority) as client:
            client.sendall(request("/1", closes=False))
            client.sendall(request("/2", "POST", f"Content-Length: {len(body)}", body=body))
            received, _ = received_from(client)

    replies, rest = split(received, [])
    assert [reply.status for reply in replies] == [200, 200]
    assert replies[1].body == b"/2:" + body
    assert rest == b""
    assert [each.scheme for each in seen] == ["https", "https"]


@LOOPS
def test_what_comes_after_the_last_request_over_tls_is_not_served(
    loop: str, authority: trustme.CA, files: dict[str, str]
) -> None:
    seen: list[Seen] = []
    with served(as_app(seen), DIRECT, loop=loop, **files) as live:
        with secured(live, authority) as client:
            client.sendall(request("/last"))
            with contextlib.suppress(OSError):
                for _ in range(20):
                    client.sendall(request("/smuggled", closes=False))
            with contextlib.suppress(OSError):
                received_from(client)
        until(lambda: not live.server.server_state.connections)

    assert [each.path for each in seen] == ["/last"]


@LOOPS
def test_what_is_no_request_over_tls_is_refused(
    loop: str, authority: trustme.CA, files: dict[str, str]
) -> None:
    with served(as_app([]), DIRECT, loop=loop, **files) as live:
        with secured(live, authority) as client:
            client.sendall(b"\0nonsense\r\n\r\n" + request("/smuggled"))
            received, _ = received_from(client)

    assert [reply.status for reply in split(received, [])[0]] == [400]


# WebSockets on the same port


def with_websocket(seen: list[Any]) -> App:
    app = App(openapi_url=None)

    @app.websocket("/ws")
    async def echo(websocket: WebSocket) -> None:
        seen.append(dict(websocket.scope["headers"]))
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(f"{websocket.url.path}:{text}")

    @app.websocket("/no")
    async def refuse(websocket: WebSocket) -> None:
        await websocket.close()

    @app.get("/quick")
    async def quick(request: Request) -> str:
        return "quick"

    return app


HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def handshake(path: str = "/ws?a=b") -> bytes:
    return request(path, "GET", *HANDSHAKE, closes=False)


HELLO = b"\x81\x85\0\0\0\0hello"
"""A text frame of a client, masked with zeros."""


@LOOPS
@pytest.mark.parametrize("ws", ["auto", "websockets-sansio"])
def test_a_websocket_shares_the_port_with_requests(loop: str, ws: str) -> None:
    with served(with_websocket([]), DIRECT, loop=loop, ws=ws) as live:
        port = live.listener.getsockname()[1]
        with connect(f"ws://127.0.0.1:{port}/ws", open_timeout=20) as websocket:
            websocket.send("hello")
            assert websocket.recv(20) == "/ws:hello"
            assert live.exchanged(request("/quick")).endswith(b'"quick"')
            websocket.send("a" * 100_000)
            assert len(websocket.recv(20)) == 100_004
        until(lambda: not live.server.server_state.connections)


def test_requests_before_a_handshake_are_answered_first() -> None:
    with served(with_websocket([])) as live, live.connect() as client:
        client.sendall(request("/quick", closes=False) * 3 + handshake())
        received = b""
        while b"101 Switching" not in received:
            received += client.recv(65536)
        client.sendall(HELLO)
        while not received.endswith(b"/ws:hello"):
            received += client.recv(65536)
        client.close()
        until(lambda: not live.server.server_state.connections)

    assert received.count(b"HTTP/1.1 200 OK") == 3
    assert received.count(b"101 Switching") == 1
    assert received.rindex(b"200 OK") < received.index(b"101 Switching")


def test_a_refused_handshake_is_answered_as_by_uvicorn() -> None:
    with twins(with_websocket, loop="asyncio") as both:
        for path in ("/no", "/nowhere"):
            direct, uvicorn = both.outcomes(handshake(path))
            assert direct == uvicorn
            assert direct.statuses == [403]


def test_a_handshake_with_a_body_is_no_handshake() -> None:
    seen: list[Any] = []
    sent = request("/ws", "GET", *HANDSHAKE, FIVE, closes=False, body=HELLO[:5])
    with served(with_websocket(seen)) as live:
        outcome = Twin(live, []).outcome(sent, HELLO)

    assert outcome.statuses == [400]
    assert seen == []


def test_a_handshake_where_no_websockets_are_served_is_a_request() -> None:
    with twins(with_websocket, ws="none") as both:
        direct, uvicorn = both.outcomes(
            request("/quick", "GET", *HANDSHAKE[:1], "Connection: Upgrade, close", closes=False)
        )

    assert direct == uvicorn
    assert direct.statuses == [200]


@pytest.mark.parametrize("url", ["http://other/ws?x=1", "/ws?x=%20", "/ws", "/ws#fragment"])
def test_a_handshake_may_have_any_form_of_target(url: str) -> None:
    with served(with_websocket([])) as live:
        with live.connect() as client:
            client.sendall(handshake(url))
            assert client.recv(65536).startswith(b"HTTP/1.1 101 ")
        until(lambda: not live.server.server_state.connections)


# Proxies, prefixes, logs


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"forwarded_allow_ips": "*"},
        {"forwarded_allow_ips": "10.0.0.1"},
        {"proxy_headers": False},
        {"forwarded_allow_ips": "127.0.0.0/8, 10.0.0.0/8"},
    ],
    ids=str,
)
def test_what_proxies_say_is_believed_as_by_uvicorn(options: dict[str, Any]) -> None:
    with twins(as_app, **options) as both:
        for headers in (
            ["X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https"],
            ["X-Forwarded-For: 9.9.9.9, 10.0.0.7", "X-Forwarded-Proto: http"],
            ["X-Forwarded-For: 9.9.9.9", "X-Forwarded-For: 8.8.8.8:90"],
            ["X-Forwarded-For: [2001:db8::1]:80", "X-Forwarded-Proto: wss"],
            ["X-Forwarded-For: junk junk", "X-Forwarded-Proto: junk"],
        ):
            direct, uvicorn = both.outcomes(request("/x", "GET", *headers))
            assert direct == uvicorn
            assert len(direct.seen) == 1


@pytest.mark.filterwarnings("ignore:The `root_path` parameter is deprecated")
@pytest.mark.parametrize("root", ["", "/api"])
@pytest.mark.parametrize("server_root", ["", "/pre"])
def test_a_prefix_that_a_proxy_has_cut_off_is_put_as_by_uvicorn(
    root: str, server_root: str
) -> None:
    def make(seen: list[Any]) -> App:
        app = App(openapi_url=None, root_path=root)
        sub = App(openapi_url=None)

        @app.get("/items/{number}", name="item")
        @sub.get("/items/{number}", name="item")
        async def item(number: int, request: Request) -> dict[str, Any]:
            return {
                "number": number,
                "url": str(request.url),
                "for": str(request.url_for("item", number=7)),
                "root": request.scope["root_path"],
                "path": request.scope["path"],
            }

        app.mount("/sub", sub)
        return app

    with twins(make, root_path=server_root) as both:
        for path in ("/items/5", "/api/items/5", "/pre/items/5", "/apix/items/5", "/sub/items/1"):
            direct, uvicorn = both.outcomes(request(path))
            assert direct == uvicorn


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.mark.parametrize("options", [{}, {"root_path": "/pre"}, {"proxy_headers": False}], ids=str)
def test_the_access_log_says_what_uvicorn_s_says(options: dict[str, Any]) -> None:
    said = []
    requests = [
        request("/a%20b?c=%20d"),
        request("/x", "GET", "X-Forwarded-For: 1.2.3.4"),
        request("/x", "POST", FIVE, body=b"hello", version="1.0"),
        request("/%ff//y"),
    ]
    logger = logging.getLogger("uvicorn.access")
    for http in (DIRECT, HTTPTOOLS):
        # `log_config=None`: the loggers as the test has made them
        handler = Lines()
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            with served(as_app([]), http, log_config=None, log_level=None, **options) as live:
                for each in requests:
                    live.exchanged(each)
        finally:
            logger.removeHandler(handler)
        said.append([without_port(line) for line in handler.lines])

    assert said[0] == said[1]
    assert len(said[0]) == len(requests)


def without_port(line: str) -> str:
    client, _, rest = line.partition(" - ")
    address, _, port = client.rpartition(":")
    return f"{address} - {rest}" if port != "0" else line


@LOOPS
def test_both_event_loops_serve_in_debug_mode_as_well(
    loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    seen: list[Seen] = []
    with served(as_app(seen), DIRECT, loop=loop) as live:
        outcome = Twin(live, seen).outcome(request("/1", closes=False) * 3 + request("/2"))

    assert outcome.statuses == [200] * 4


def test_a_unix_socket_is_served_without_an_address(tmp_path: Path) -> None:
    said: list[Any] = []
    app = App(openapi_url=None)

    @app.get("/x")
    async def who(request: Request) -> Any:
        return [request.scope["client"], request.scope["server"][1], request.client]

    path = str(tmp_path / "socket")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    for http in (DIRECT, HTTPTOOLS):
        with served(app, http, listener=listener.dup()) as live:
            until(lambda: live.server.started)
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(path)
                client.sendall(request("/x"))
                said.append(split(received_from(client)[0], [])[0][0].body)
    listener.close()

    assert said[0] == said[1]


def test_what_the_lifespan_gives_is_in_the_state_of_each_request() -> None:
    def make(seen: list[Any]) -> App:
        @contextlib.asynccontextmanager
        async def lifespan(app: App) -> AsyncIterator[dict[str, Any]]:
            yield {"pool": ["shared"]}

        app = App(openapi_url=None, lifespan=lifespan)

        @app.get("/x")
        async def state(request: Request) -> list[Any]:
            request.state.pool.append("x")
            request.state.own = 1
            return [request.state.pool, sorted(request.scope["state"])]

        return app

    with twins(make, lifespan="on") as both:
        direct, uvicorn = both.outcomes(request("/x", closes=False) * 2 + request("/x"))

    assert direct == uvicorn
    assert direct.bodies[2] == b'[["shared","x","x","x"],["own","pool"]]'
