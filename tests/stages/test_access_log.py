"""One line for each request."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

import pytest

from tests.stages.conftest import Entrance
from trivium import App, WebSocket
from trivium.responding import StreamingResponse
from trivium.stages import access_log
from trivium.stages.access_log import Access, AccessLog, _Writer, json_lines
from trivium.stages.request_id import RequestId
from trivium.testing import AsyncTestClient, TestClient


def make_app(*stages: Any) -> App:
    app = App()
    app.add_stage(*stages)

    @app.get("/flights/{number}")
    async def flight(number: int) -> str:
        return "hello"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            yield b"three"

        return StreamingResponse(pieces())

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("broken")

    @app.get("/health")
    async def health() -> str:
        return "ok"

    @app.websocket("/socket")
    async def socket(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close()

    mounted = App()
    mounted.get("/flights/{number}")(flight)
    app.mount("/mounted/{tenant}", mounted)
    return app


def test_what_became_of_each_request_is_told(entrance: Entrance) -> None:
    seen: list[Access] = []
    log = AccessLog(seen.extend)
    with entrance(make_app(log, RequestId())) as client:
        replies = [
            client.get(path)
            for path in (
                "/flights/5?secret=1",
                "/stream",
                "/broken",
                "/nowhere",
                "/mounted/a/flights/5",
            )
        ]
        log.flush()

    told = [(one.method, one.path, one.route, one.status, one.size) for one in seen]
    assert told == [
        ("GET", "/flights/5", "/flights/{number}", 200, 7),
        ("GET", "/stream", "/stream", 200, 8),
        ("GET", "/broken", "/broken", 500, 21),
        ("GET", "/nowhere", "", 404, 22),
        ("GET", "/mounted/a/flights/5", "/mounted/{tenant}/flights/{number}", 200, 7),
    ]
    assert [one.request_id for one in seen] == [reply.headers["x-request-id"] for reply in replies]
    assert {one.client for one in seen} == {"127.0.0.1"}
    assert [one.error for one in seen] == ["", "", "ValueError", "", ""]
    assert all(one.seconds > 0 for one in seen)


def test_a_websocket_is_told_when_it_ends() -> None:
    seen: list[Access] = []
    log = AccessLog(seen.extend)
    with TestClient(make_app(log)).websocket_connect("/socket"):
        pass
    log.flush()

    assert [(one.method, one.path, one.status) for one in seen] == [("WS", "/socket", 101)]


def test_what_nobody_wants_to_read_is_left_out() -> None:
    seen: list[Access] = []
    log = AccessLog(seen.extend, quiet=["/health", "/nowhere"])
    client = TestClient(make_app(log))

    client.get("/health")
    client.get("/nowhere")
    log.flush()

    assert [one.path for one in seen] == ["/nowhere"]


def test_what_is_left_is_written_when_the_application_stops() -> None:
    seen: list[Access] = []

    with TestClient(make_app(AccessLog(seen.extend, interval=60))) as client:
        client.get("/flights/1")
        assert seen == []

    assert [one.path for one in seen] == ["/flights/1"]


def test_a_log_that_nobody_reads_does_not_keep_the_application_from_stopping(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(access_log, "_PATIENCE", 0.01)
    is_read = threading.Event()

    def sink(batch: Sequence[Access]) -> None:
        is_read.wait(20)

    with TestClient(make_app(AccessLog(sink))) as client:
        client.get("/flights/1")

    assert "is not read" in capsys.readouterr().err
    is_read.set()


def test_what_two_threads_count_is_counted_by_one_at_a_time() -> None:
    class Watched(_Writer):
        free: ClassVar[list[int]] = []

        @property
        def _queued(self) -> int:
            return self._number

        @_queued.setter
        def _queued(self, number: int) -> None:
            if hasattr(self, "_number") and not self._lock._is_owned():
                self.free.append(number)
            self._number = number

    writer = Watched(lambda batch: None, 60)
    writer._lock = threading.RLock()  # type: ignore[assignment]  # it knows whose it is
    writer.waiting.append(_waiting())
    writer.flush()

    assert (writer._queued, writer.free) == (0, [])


def _waiting() -> Any:
    return tuple(Access(0.0, "GET", "/", "/", 200, 0, 0.0, "", "-", ""))


def test_each_batch_is_written_after_a_while() -> None:
    written = threading.Event()
    app = make_app(AccessLog(lambda batch: written.set(), interval=0.01))

    # in two event loops
    for _ in range(2):
        with TestClient(app) as client:
            for _ in range(3):
                written.clear()
                client.get("/flights/1")
                assert written.wait(10)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_one_timer_is_enough_for_many_batches(
    monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> None:
    delays: list[float] = []
    loop = asyncio.get_running_loop()
    call_later = loop.call_later

    def noted(delay: float, *rest: Any) -> Any:
        delays.append(delay)
        return call_later(delay, *rest)

    monkeypatch.setattr(loop, "call_later", noted)
    seen: list[Access] = []
    async with AsyncTestClient(make_app(AccessLog(seen.extend, interval=3600))) as client:
        for _ in range(350):
            await client.get("/flights/1")

    assert delays.count(3600) == 1
    assert len(seen) == 350


def test_a_sink_that_fails_does_not_end_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Access] = []

    def sink(batch: Sequence[Access]) -> None:
        if batch[0].path == "/flights/1":
            raise OSError("disk full")
        seen.extend(batch)

    log = AccessLog(sink)
    client = TestClient(make_app(log))
    for number in (1, 2):
        client.get(f"/flights/{number}")
        log.flush()

    assert [one.path for one in seen] == ["/flights/2"]
    assert "disk full" in capsys.readouterr().err


def test_a_sink_that_goes_on_failing_is_told_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    failures = iter([True, True, False, True])

    def sink(batch: Sequence[Access]) -> None:
        if next(failures):
            raise OSError("disk full")

    writer = _Writer(sink, 60)
    for _ in range(4):
        writer.waiting.append(_waiting())
        writer.flush()

    assert capsys.readouterr().err.count("disk full") == 2


@pytest.mark.parametrize("error", [BrokenPipeError, OSError])
def test_the_log_goes_on_where_nobody_can_be_told_that_it_failed(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    class Closed:
        def write(self, text: str) -> None:
            raise error

    monkeypatch.setattr(sys, "stderr", Closed())
    seen: list[Access] = []

    def sink(batch: Sequence[Access]) -> None:
        if not seen:
            seen.extend(batch)
            raise error
        seen.extend(batch)

    writer = _Writer(sink, 60)
    for _ in range(2):
        writer.waiting.append(_waiting())
        writer.flush()

    assert len(seen) == 2


def test_a_line_is_an_object_of_json_whatever_the_request_holds() -> None:
    text: list[str] = []
    evil = '/a"b\n{"status":200}\u2028é'
    one = Access(1_767_225_600.25, "GET", evil, "", 404, 3, 0.0012, "::1", "id", "KeyError")

    json_lines(text.append)([one, one._replace(error="")])

    first, second = "".join(text).splitlines()
    assert json.loads(first) == {
        "time": "2026-01-01T00:00:00.250Z",
        "method": "GET",
        "path": evil,
        "route": "",
        "status": 404,
        "bytes": 3,
        "us": 1200,
        "client": "::1",
        "id": "id",
        "error": "KeyError",
    }
    assert "error" not in json.loads(second)


def test_lines_go_to_standard_output_if_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    log = AccessLog()

    TestClient(make_app(log)).get("/flights/7")
    log.flush()

    assert json.loads(capsys.readouterr().out)["path"] == "/flights/7"
