"""HTTP/2, to a client that speaks it, beside HTTP/1.1 on the same port."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamReset

from tests.server.http2_clients import Client
from tests.server.project import PATIENCE, Live, Project
from trivium.server.errors import WrongSetting
from trivium.server.http2 import PREFACE, EitherProtocol, require_http2


@pytest.fixture(params=[(), ("--asgi",)], ids=["direct", "asgi"])
def live(served: Project, request: pytest.FixtureRequest) -> Live:
    return served.trivium("run", "--http2", *request.param)


@pytest.fixture
def client(live: Live) -> Any:
    client = Client(live.socket())
    yield client
    client.close()


@pytest.mark.slow
def test_one_port_speaks_both(live: Live, client: Client) -> None:
    assert "and HTTP/2" in live.errors
    assert client.answer(client.send("/pid")) == (200, str(live.process.pid).encode())
    assert int(live.get("/pid")) == live.process.pid


@pytest.mark.slow
def test_requests_of_one_connection_do_not_wait_for_each_other(
    served: Project, client: Client
) -> None:
    slow = client.send("/until/allowed")
    served.until_told("waiting")

    assert client.answer(client.send("/pid"))[0] == 200

    served.write("allowed", "")
    assert client.answer(slow) == (200, b'"done"')


@pytest.mark.slow
def test_bodies_are_read_and_validated(client: Client) -> None:
    typed = (("content-type", "application/json"),)

    assert client.answer(client.send("/echo", b'{"a": 1}', typed)) == (200, b'{"a":1}')
    status, body = client.answer(client.send("/echo", b'{"a": "x"}', typed))

    assert (status, json.loads(body)["detail"][0]["type"]) == (422, "int_parsing")


@pytest.mark.slow
def test_a_client_that_leaves_a_stream_ends_it_and_nothing_else(
    served: Project, client: Client
) -> None:
    events = client.send("/events")
    assert client.until(DataReceived, events).data == b'data: {"departed": 1}\n\n'

    client.http2.reset_stream(events)
    client.flush()

    served.until_told("events closed")
    assert client.answer(client.send("/pid"))[0] == 200


@pytest.mark.slow
def test_an_open_request_is_answered_at_the_end_and_the_connection_told(
    served: Project, live: Live, client: Client
) -> None:
    open_request = client.send("/until-shutdown")
    served.until_told("waiting")

    assert live.stopped() == 0

    assert client.answer(open_request) == (200, b'"bye"')
    client.until(ConnectionTerminated)
    assert served.story()[-1] == "cleaned up"


@pytest.mark.slow
def test_http_1_keeps_its_bounds(served: Project) -> None:
    live = served.trivium("run", "--http2", "--max-headers", "5")
    connection = live.connect()

    connection.request("GET", "/pid", headers={f"x-{number}": "" for number in range(9)})

    assert connection.getresponse().status == 431
    connection.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "header",
    [
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("X-Upper", "a"),
        ("x-break", "a\r\nb: c"),
        (":status", "200"),
        ("content-length", "3"),
    ],
)
def test_a_request_that_http2_forbids_reaches_no_handler(
    served: Project, header: tuple[str, str]
) -> None:
    live = served.trivium("run", "--http2")
    client = Client(live.socket(), lax=True)

    number = client.send("/task/x", headers=(header,))

    refused = client.until((StreamReset, ConnectionTerminated, ResponseReceived))
    assert not isinstance(refused, ResponseReceived) or client.status(number) == 400
    assert served.story() == ["started"]
    client.close()


@pytest.mark.slow
def test_bytes_that_are_no_frames_close_the_connection_and_no_other(live: Live) -> None:
    with live.socket() as bad:
        bad.sendall(PREFACE + b"\xff" * 64)
        while bad.recv(65536):
            pass

    assert int(live.get("/pid")) == live.process.pid


@pytest.mark.slow
def test_over_tls_client_and_server_agree(served: Project, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    live = served.trivium("run", "--http2", "--ssl-certfile", str(tmp_path / "server.pem"))
    host, port = live.address

    old = http.client.HTTPSConnection(host, port, context=context, timeout=PATIENCE)
    old.request("GET", "/pid")
    assert old.getresponse().status == 200
    old.close()

    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(live.socket(), server_hostname=host) as secured:
        assert secured.selected_alpn_protocol() == "h2"
        client = Client(secured)
        assert client.answer(client.send("/pid"))[0] == 200


def test_without_zttp_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn.protocols.http.zttp_h2_impl", None)

    with pytest.raises(WrongSetting, match=r"pip install 'trivium\[http2\]'"):
        require_http2()


# -- Which of the two, from the first bytes --------------------------------------------------------


class Spoken:
    """A protocol that notes what it is given."""

    def __init__(self, **given: Any) -> None:
        self.data = b""

    def connection_made(self, transport: Any) -> None:
        transport.spoken = self

    def data_received(self, data: bytes) -> None:
        self.data += data


class First(Spoken):
    pass


class Second(Spoken):
    pass


class Transport(asyncio.Transport):
    """A transport that nothing is behind."""

    spoken: Spoken | None = None
    is_closed = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None: ...

    def close(self) -> None:
        self.is_closed = True


class State:
    def __init__(self) -> None:
        self.connections: set[Any] = set()


class Timer:
    """An event loop that is asked for one call later."""

    def __init__(self) -> None:
        self.call: Any = None

    def call_later(self, seconds: float, call: Any) -> Timer:
        self.call = call
        return self

    def cancel(self) -> None:
        self.call = None


class Config:
    timeout_keep_alive = 5


class Either(EitherProtocol):
    http1 = First
    http2 = Second


def connected() -> tuple[Either, Transport, State, Timer]:
    transport, state, timer = Transport(), State(), Timer()
    arguments: Any = (Config(), state, {}, timer)
    protocol = Either(*arguments)
    protocol.connection_made(transport)
    return protocol, transport, state, timer


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PREFACE, Second),
        (PREFACE + b"more", Second),
        (b"G", First),
        (b"GET / HTTP/1.1\r\n\r\n", First),
        (b"POST / HTTP/1.1\r\n\r\n", First),
        (PREFACE[:-1] + b"!", First),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 100])
def test_the_first_bytes_decide_however_they_come(data: bytes, kind: type, size: int) -> None:
    protocol, transport, state, timer = connected()

    for start in range(0, len(data), size):
        (transport.spoken or protocol).data_received(data[start : start + size])

    assert type(transport.spoken) is kind
    assert transport.spoken.data == data
    assert not state.connections
    assert timer.call is None


def test_a_connection_that_does_not_say_what_it_speaks_is_closed_in_time() -> None:
    protocol, transport, state, timer = connected()
    protocol.data_received(PREFACE[:5])

    timer.call()
    assert transport.is_closed

    protocol.connection_lost(None)
    assert not state.connections


def test_a_connection_that_has_said_nothing_is_closed_at_the_end() -> None:
    protocol, transport, state, _ = connected()
    assert state.connections == {protocol}

    protocol.shutdown()

    assert transport.is_closed
