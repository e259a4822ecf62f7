"""What the bounds of a connection are where it speaks HTTP/2, to clients that are over them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from h2.events import (
    ConnectionTerminated,
    PingAckReceived,
    RemoteSettingsChanged,
    StreamReset,
)
from h2.settings import SettingCodes
from hpack import Encoder

from tests.server.clocks import until
from tests.server.http2_clients import (
    CALM,
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    NO_ERROR,
    PADDED,
    PING,
    PRIORITY,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    WHOLE,
    WINDOW_UPDATE,
    Frame,
    RawClient,
    block,
)
from tests.server.http2_served import PIECE, Served, bounded
from tests.server.inprocess import app_of, hosted
from trivium.server import streams
from trivium.server.bounds import Bounds
from trivium.server.frames import PREFACE
from trivium.server.streams import BoundedHttp2Protocol

pytestmark = pytest.mark.slow

SMALL = Bounds(max_url_size=100, max_header_size=500, max_headers=10)
LARGE_WINDOW = 2**31 - 1


@pytest.fixture(autouse=True)
def nothing_fails(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No client makes the server log an error, or a traceback."""
    with caplog.at_level(logging.WARNING):
        yield
    records = [*caplog.get_records("call"), *caplog.records]
    failures = [each for each in records if each.exc_info or each.levelno >= logging.ERROR]
    assert not failures


@pytest.fixture
def here() -> Iterator[Served]:
    with bounded() as server:
        yield server


@pytest.fixture
def small() -> Iterator[Served]:
    with bounded(SMALL) as server:
        yield server


# -- How much --------------------------------------------------------------------------------------


def with_target(size: int) -> dict[str, Any]:
    return {"path": "/" + "a" * (size - 1)}


def with_header(size: int) -> dict[str, Any]:
    """Headers of this size, as they are counted: host: a, and x."""
    return {"path": "/", "headers": (("x", "v" * (size - 9 - 5)),)}


def with_headers(count: int) -> dict[str, Any]:
    return {"path": "/", "headers": tuple((f"x-{n}", "v") for n in range(count - 1))}


@pytest.mark.parametrize(
    ("make", "most", "status"),
    [
        pytest.param(with_target, 100, 414, id="target"),
        pytest.param(with_header, 500, 431, id="size of headers"),
        pytest.param(with_headers, 10, 431, id="number of headers"),
    ],
)
@pytest.mark.parametrize("body", [None, b"hello"], ids=["without a body", "with a body"])
def test_a_bound_refuses_one_more_on_its_stream_and_the_connection_goes_on(
    small: Served, make: Any, most: int, status: int, body: bytes | None
) -> None:
    client = small.client()

    assert client.answer(client.send(body=body, **make(most)))[0] == 200
    assert client.answer(client.send(body=body, **make(most + 1)))[0] == status
    assert client.answer(client.send(body=body, **make(most)))[0] == 200

    assert len([each for each in small.told if "/" in each]) == 2


@pytest.mark.parametrize(
    ("make", "most", "status"), [(with_target, 16384, 414), (with_headers, 128, 431)]
)
def test_the_bounds_that_nobody_has_set(here: Served, make: Any, most: int, status: int) -> None:
    client = here.client()

    assert client.answer(client.send(**make(most)))[0] == 200
    assert client.answer(client.send(**make(most + 1)))[0] == status


def test_headers_beyond_what_http2_is_told_end_the_connection(here: Served) -> None:
    client = here.client()

    client.send(**with_header(70_000))

    assert client.until(ConnectionTerminated).error_code == CALM


def test_a_client_that_is_refused_may_send_its_body_for_a_while(small: Served) -> None:
    client = small.raw_client()
    client.send(Frame(HEADERS, 1, END_HEADERS, block("/" + "a" * 100, method="POST")))
    assert client.status(1) == 414

    client.send(Frame(DATA, 1, 0, b"body"), Frame(PING, 0, 0, b"12345678"))
    client.until(PING)
    small.later(4.9)
    assert client.errors(RST_STREAM) == []

    small.later(0.2)
    client.until(RST_STREAM, 1)
    assert client.errors(RST_STREAM) == [NO_ERROR]


@pytest.mark.parametrize("path", [b"/\xff", "/é".encode(), b"*", b"x", b"?a", b"/ a", b"/a#b"])
def test_a_target_that_is_none_is_refused(here: Served, path: bytes) -> None:
    client = here.raw_client()

    client.send(Frame(HEADERS, 1, WHOLE, block(path)))

    assert client.status(1) == 400
    assert here.told == []


def test_no_more_streams_are_open_than_the_client_was_told(here: Served) -> None:
    client, encoder = here.raw_client(), Encoder()

    client.send(
        *(Frame(HEADERS, 1 + 2 * n, WHOLE, block("/hold", encoder=encoder)) for n in range(129))
    )

    settings = client.until(SETTINGS).payload
    assert int.from_bytes(settings[2:6], "big") == 128
    assert client.until(RST_STREAM).stream == 257
    assert client.errors(RST_STREAM) == [REFUSED_STREAM]


def test_streams_that_are_opened_and_reset_end_the_connection(here: Served) -> None:
    client, encoder = here.raw_client(), Encoder()

    for number in range(300):
        client.send(
            Frame(HEADERS, 1 + 2 * number, WHOLE, block("/hold", encoder=encoder)),
            Frame(RST_STREAM, 1 + 2 * number, 0, bytes(4)),
        )

    client.until(GOAWAY)
    here.later(5.1)
    until(lambda: not here.connections)
    assert len([each for each in here.told if "/" in each]) <= 192


@pytest.mark.parametrize("piece", [b"", b"\x00\x01a\x01b"])
def test_headers_in_very_many_frames_end_the_connection(here: Served, piece: bytes) -> None:
    client = here.raw_client()

    client.send(Frame(HEADERS, 1, 0, block()), *[Frame(CONTINUATION, 1, 0, piece)] * 20)

    client.until(GOAWAY)
    assert client.errors(GOAWAY) == [CALM]
    assert here.told == []


FLOODS = [
    pytest.param(Frame(PING, 0, 0, b"12345678"), 1000, id="PING"),
    pytest.param(Frame(SETTINGS), 1000, id="SETTINGS"),
    pytest.param(Frame(SETTINGS, 0, 0x1), 1000, id="SETTINGS, acknowledged"),
    pytest.param(Frame(PRIORITY, 1, 0, b"\0\0\0\0\1"), 1000, id="PRIORITY"),
    pytest.param(Frame(0xFA), 1000, id="unknown"),
    pytest.param(Frame(DATA, 1), 1000, id="empty DATA"),
    pytest.param(Frame(RST_STREAM, 3, 0, bytes(4)), 1000, id="RST_STREAM"),
    pytest.param(Frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"), 20_000, id="WINDOW_UPDATE"),
]


def holding(here: Served) -> RawClient:
    """A client with one request that is held, and one that has been answered."""
    client = here.raw_client()
    client.send(
        Frame(HEADERS, 1, END_HEADERS, block("/hold", method="POST")),
        Frame(HEADERS, 3, WHOLE, block("/empty")),
    )
    client.until(HEADERS, 3)
    return client


@pytest.mark.parametrize(("frame", "most"), FLOODS)
def test_frames_that_serve_no_request_end_the_connection_where_they_are_many(
    here: Served, frame: Frame, most: int
) -> None:
    client = holding(here)

    client.send(*[frame] * (most + 1))

    client.until(GOAWAY)
    assert client.errors(GOAWAY) == [CALM]
    here.until_told("left")


@pytest.mark.parametrize(("frame", "most"), FLOODS)
def test_frames_that_serve_no_request_may_come_now_and_then(
    here: Served, frame: Frame, most: int
) -> None:
    client = holding(here)

    for number in (5, 7, 9):
        here.later(0.5)
        client.send(*[frame] * (most - 100), Frame(HEADERS, number, WHOLE, block("/empty")))
        client.until(HEADERS, number)


def test_a_client_that_does_not_read_is_not_read(here: Served) -> None:
    here.client()
    connection = here.connection

    here.call(connection.pause_writing)
    here.call(connection.resume_reading_if_idle)
    assert connection.flow.read_paused

    here.call(connection.resume_writing)
    assert not connection.flow.read_paused


# -- How long --------------------------------------------------------------------------------------

UNFINISHED = [
    pytest.param(Frame(HEADERS, 5, 0, block()).sent(), id="block"),
    pytest.param(Frame(HEADERS, 5, WHOLE, block()).sent()[:-1], id="frame"),
    pytest.param(Frame(PING, 0, 0, b"12345678").sent()[:-1], id="PING"),
    pytest.param(Frame(DATA, 9, 0, b"of no stream").sent()[:-1], id="DATA"),
    pytest.param(b"\0", id="first byte"),
]


@pytest.mark.parametrize("piece", UNFINISHED)
def test_headers_that_do_not_end_end_the_connection(here: Served, piece: bytes) -> None:
    client = here.raw_client()
    client.until(SETTINGS)
    client.send(Frame(HEADERS, 3, WHOLE, block("/empty")))
    client.until(HEADERS, 3)
    here.later(100)
    client.send(piece)
    until(lambda: here.connection._frames.is_unfinished)

    here.later(14.9)
    assert client.errors(GOAWAY) == []
    assert not here.connection._is_deaf
    here.later(0.2)

    client.until(GOAWAY)
    here.later(5.1)
    client.until_closed()


def test_headers_that_come_in_small_pieces_have_no_more_time(here: Served) -> None:
    client = here.raw_client()
    client.send(Frame(HEADERS, 1, 0, block()))
    for size in (1, 2, 3):
        assert client.errors(GOAWAY) == []
        head, payload = Frame(CONTINUATION, 1, 0, bytes(size)).sent()[:9], bytes(size)
        client.send(head)
        until(lambda size=size: here.connection._frames._left == size)
        here.later(5.1)
        client.send(payload)

    client.until(GOAWAY)


def test_a_body_that_is_too_slow_is_ended_with_408_and_the_connection_goes_on(
    here: Served,
) -> None:
    client = here.client()
    number = client.begin("/echo", b"some")
    here.until_told("has 4")

    here.later(30.1)

    assert client.answer(number) == (408, b"")
    assert client.until(StreamReset, number).error_code == NO_ERROR
    here.until_told("left")
    assert client.answer(client.send("/echo", b"hello")) == (200, b"5")


def test_a_body_that_is_too_slow_for_a_reply_that_has_begun_resets_its_stream(
    here: Served,
) -> None:
    client = here.client()
    number = client.begin("/begun", b"some")
    here.until_told("has 4")

    here.later(30.1)

    assert client.until(StreamReset, number).error_code == CANCEL
    here.until_told("left")


def test_a_body_that_comes_fast_enough_is_taken(here: Served) -> None:
    client = here.client()
    number = client.begin("/echo", b"a" * 5000)
    for size in (5000, 10_000, 15_000):
        here.until_told(f"has {size}")
        here.later(30.1)
        client.http2.send_data(number, b"a" * 5000)
        client.flush()
    client.http2.end_stream(number)
    client.flush()

    assert client.answer(number) == (200, b"20000")


def test_a_large_frame_may_come_as_slowly_as_a_body_may(here: Served) -> None:
    client = here.raw_client()
    frame = Frame(DATA, 1, END_STREAM, b"a" * 16384).sent()
    client.send(Frame(HEADERS, 1, END_HEADERS, block("/echo", method="POST")), frame[:9])
    for start in range(9, len(frame), 4096):
        client.send(frame[start : start + 4096])
        size = min(start + 4096, len(frame)) - 9
        until(partial(has_received, here, size if size < 16384 else None))
        here.later(30.1)

    assert client.until(DATA, 1).payload == b"16384"


def has_received(server: Served, size: int | None) -> bool:
    """Whether the body has brought so much in all, or is complete."""
    bodies = server.connection._bodies
    if size is None:
        return 1 not in bodies
    return 1 in bodies and bodies[1].received == 4096


def test_padding_is_no_body(here: Served) -> None:
    client = here.raw_client()
    client.send(
        Frame(HEADERS, 1, END_HEADERS, block("/echo", method="POST")),
        *[Frame(DATA, 1, PADDED, b"\xf0a" + bytes(0xF0))] * 20,
    )
    here.until_told("has 20")

    here.later(30.1)

    assert client.status(1) == 408


def test_a_client_that_is_not_read_is_not_slow(here: Served) -> None:
    client = here.client()
    number = client.begin("/echo", b"some")
    here.until_told("has 4")
    here.call(here.connection.pause_writing)

    here.later(30.1)
    here.call(here.connection.resume_writing)
    here.later(29)
    client.http2.end_stream(number)
    client.flush()

    assert client.answer(number) == (200, b"4")


def test_a_reply_to_half_a_request_leaves_its_stream_open_for_a_while(here: Served) -> None:
    client = here.client()
    number = client.begin("/empty", b"some")
    assert client.status(number) == 204

    here.later(5.1)

    assert client.until(StreamReset, number).error_code == NO_ERROR


@pytest.mark.parametrize("path", ["/stream", "/large"])
def test_a_stream_whose_window_stays_shut_is_reset(here: Served, path: str) -> None:
    client = here.client(window=0)
    number = client.send(path)
    assert client.status(number) == 200
    here.later(1)

    here.later(59)
    assert client.status(client.send("/empty")) == 204
    assert client.of(StreamReset) == []
    here.later(2)

    assert client.until(StreamReset, number).error_code == CANCEL
    until(lambda: not here.live.server.server_state.tasks)
    assert client.status(client.send("/empty")) == 204


def test_a_client_that_could_not_open_a_window_has_its_time_again(here: Served) -> None:
    client = here.client(window=0)
    client.status(client.send("/large"))
    here.later(1)

    here.call(here.connection.pause_writing)
    here.later(59)
    here.call(here.connection.resume_writing)
    here.later(59)

    assert client.status(client.send("/empty")) == 204
    assert client.of(StreamReset) == []


def test_a_body_that_nobody_reads_holds_nothing_up_once_its_stream_has_ended(
    here: Served,
) -> None:
    client = here.raw_client()
    client.send(
        Frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0"),
        Frame(HEADERS, 1, END_HEADERS, block("/stream", method="POST")),
        *[Frame(DATA, 1, 0, bytes(16384))] * 5,
        Frame(HEADERS, 3, WHOLE, block("/empty")),
    )
    until(lambda: here.connection.flow.read_paused)
    here.later(1)

    here.later(61)

    client.until(RST_STREAM, 1)
    client.send(Frame(HEADERS, 5, WHOLE, block("/empty")))
    assert client.status(5) == 204


def test_a_connection_whose_window_stays_shut_is_ended(here: Served) -> None:
    client = here.client(window=LARGE_WINDOW)
    client.status(client.send("/stream"))
    here.later(1)

    here.later(61)

    assert client.until(ConnectionTerminated).error_code == CALM
    until(lambda: not here.live.server.server_state.tasks)


def test_a_client_that_does_not_read_its_socket_is_cut(here: Served) -> None:
    client = here.client(window=LARGE_WINDOW)
    client.http2.increment_flow_control_window(LARGE_WINDOW - 65535)
    client.send("/stream")
    until(lambda: here.connection.flow.write_paused)
    here.later(1)

    here.later(61)

    until(lambda: not here.connections)
    until(lambda: not here.live.server.server_state.tasks)


def test_a_connection_that_has_ended_waits_no_longer_for_who_does_not_read(here: Served) -> None:
    client = here.client(window=LARGE_WINDOW)
    client.http2.increment_flow_control_window(LARGE_WINDOW - 65535)
    client.send("/stream")
    until(lambda: here.connection.flow.write_paused)
    here.call(partial(here.connection._end, CALM))

    here.later(5.1, 1, 61)

    until(lambda: not here.connections)


def test_a_handler_waits_for_its_client_to_open_its_window(here: Served) -> None:
    client = here.client(window=0)
    number = client.send("/stream")
    assert client.status(number) == 200
    client.http2.ping(b"12345678")
    client.flush()
    client.until(PingAckReceived)

    assert len([each for each in here.told if each.startswith("sent")]) <= 2

    client.http2.increment_flow_control_window(LARGE_WINDOW - 65535)
    client.http2.increment_flow_control_window(LARGE_WINDOW, number)
    client.flush()
    assert len(client.answer(number)[1]) == 200 * len(PIECE)
    assert "all sent" in here.told


@pytest.mark.parametrize("end", ["timeout_keep_alive_handler", "shutdown"])
def test_a_reply_that_waits_for_its_window_is_not_cut_off(here: Served, end: str) -> None:
    client = here.client(window=10)
    number = client.send("/large")
    client.status(number)
    until(lambda: not here.connection.cycles)

    timer = here.connection.timeout_keep_alive_task
    here.call(getattr(here.connection, end))
    here.later(0.5)
    if end != "shutdown":
        assert here.connection.timeout_keep_alive_task not in (None, timer)
    client.http2.increment_flow_control_window(LARGE_WINDOW - 65535)
    client.http2.increment_flow_control_window(10**6, number)
    client.flush()

    assert client.answer(number) == (200, PIECE * 4)
    if end == "shutdown":
        assert client.until(ConnectionTerminated).error_code == NO_ERROR


@pytest.mark.parametrize("begun", [b"", PREFACE])
def test_a_client_that_sends_nothing_is_idle(begun: bytes) -> None:
    class Transport(asyncio.Transport):
        is_over = False

        def write(self, data: Any) -> None: ...

        def is_closing(self) -> bool:
            return self.is_over

        def close(self) -> None:
            self.is_over = True

    with hosted(BoundedHttp2Protocol, app_of) as host:

        async def connect() -> tuple[Any, Transport]:
            # as over TLS, where the client has not to say what it speaks
            protocol, transport = BoundedHttp2Protocol(host.config, host.state, {}), Transport()
            protocol.connection_made(transport)
            if begun:
                protocol.data_received(begun)
            return protocol, transport

        protocol, transport = host.loop.run_until_complete(connect())
        assert protocol.timeout_keep_alive_task is not None
        protocol.timeout_keep_alive_handler()
        assert transport.is_closing()
        protocol.connection_lost(None)


# -- What else uvicorn leaves to do ----------------------------------------------------------------


def test_a_connection_of_many_requests_ends_when_it_is_idle(
    here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_MANY_STREAMS", 2)
    client = here.client()
    first = client.begin("/echo", b"some")

    assert client.answer(client.send("/echo", b"hello")) == (200, b"5")
    assert client.answer(client.send("/empty"))[0] == 204
    assert client.of(ConnectionTerminated) == []
    client.http2.end_stream(first)
    client.flush()

    assert client.answer(first) == (200, b"4")
    ended = client.until(ConnectionTerminated)
    assert (ended.error_code, ended.last_stream_id) == (NO_ERROR, 5)
    here.later(5.1)
    until(lambda: not here.connections)


def test_a_connection_that_many_have_left_ends_when_it_is_idle(
    here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_MANY_RESETS", 2)
    client = here.client()
    for _ in range(2):
        assert client.of(ConnectionTerminated) == []
        client.http2.reset_stream(client.send("/hold"))
        client.flush()

    assert client.until(ConnectionTerminated).error_code == NO_ERROR


def test_a_client_is_told_to_connect_anew_before_zttp_would_cut_it_off(
    here: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_MANY_STREAMS", 2)
    monkeypatch.setattr(streams, "_MOST_STREAMS", 2)
    client = here.raw_client()

    client.send(
        Frame(HEADERS, 1, END_HEADERS, block("/echo", method="POST")),
        Frame(HEADERS, 3, WHOLE, block("/empty")),
        Frame(HEADERS, 5, WHOLE, block("/empty")),
    )

    client.until(GOAWAY)
    assert client.until(RST_STREAM, 5).payload == REFUSED_STREAM.to_bytes(4, "big")
    client.until(HEADERS, 3)
    client.send(Frame(DATA, 1, END_STREAM, b"hello"))
    assert client.until(DATA, 1).payload == b"5"
    until(lambda: here.connection._is_deaf)
    here.later(5.1)
    client.until_closed()
    assert here.told.count("GET /empty") == 1
    assert client.errors(GOAWAY) == [NO_ERROR, NO_ERROR]
    assert {each.payload[:4] for each in client.seen if each.kind == GOAWAY} == {b"\0\0\0\3"}


def test_a_request_without_a_body_is_known_to_have_none(here: Served) -> None:
    client = here.client()

    assert client.answer(client.send("/echo")) == (200, b"0")
    assert client.answer(client.send("/echo", b"")) == (200, b"0")


def test_websockets_are_not_offered_as_they_are_not_served(here: Served) -> None:
    client = here.client()

    changed = client.until(RemoteSettingsChanged).changed_settings

    assert changed[SettingCodes.MAX_CONCURRENT_STREAMS].new_value == 128
    offer = changed.get(SettingCodes.ENABLE_CONNECT_PROTOCOL)
    assert offer is None or not offer.new_value
