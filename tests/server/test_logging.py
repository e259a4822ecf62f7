"""What the server's processes write: formats, and requests in batches that are never lost."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from trivium.server import logging as server_logging
from trivium.server.logging import (
    BatchedHandler,
    JsonFormatter,
    TextFormatter,
    configure,
    request_log,
)


@pytest.fixture
def anyio_backend() -> str:
    # uvicorn's event loops are asyncio's
    return "asyncio"


class Stream(io.StringIO):
    """Counts how often it is written to."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


def record(message: str = "hello %s", *args: Any, **given: Any) -> logging.LogRecord:
    made = logging.LogRecord("flights", logging.INFO, __file__, 1, message, args or ("you",), None)
    vars(made).update(given)
    return made


@pytest.fixture
def untouched() -> Iterator[None]:
    """The loggers as they were."""
    names = ("", "trivium", "uvicorn", "uvicorn.error", "uvicorn.asgi", "uvicorn.access")
    loggers = [logging.getLogger(name) for name in (*names, "trivium.access")]
    before = [(each, list(each.handlers), each.level, each.propagate) for each in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


REQUEST = ("127.0.0.1:80", "GET", '/a%20b?q="\\é', "1.1", 200)


@pytest.fixture
def access(untouched: None, monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """The logger of requests, as the server has it, with the clock at one moment."""
    monkeypatch.setattr(time, "time", lambda: 1_767_225_600.25)
    monkeypatch.setattr(server_logging, "time", time.time)
    configure("info", "text")
    return logging.getLogger("uvicorn.access")


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_request_without_a_record_has_the_same_line(
    access: logging.Logger, log_format: str, is_terminal: bool
) -> None:
    class Terminal(Stream):
        def isatty(self) -> bool:
            return is_terminal

    records: list[logging.LogRecord] = []

    def watch(record: logging.LogRecord) -> bool:
        records.append(record)
        return True

    def told() -> str:
        stream = Terminal()
        access.handlers = [BatchedHandler(stream, log_format)]
        tell = request_log()
        assert tell is not None
        tell(*REQUEST)
        return stream.getvalue()

    without = told()
    access.addFilter(watch)
    try:
        of_record = told()
    finally:
        access.removeFilter(watch)

    assert len(records) == 1
    assert without == of_record
    assert "/a%20b" in without


def test_whoever_wants_the_records_of_requests_gets_them(access: logging.Logger) -> None:
    records: list[logging.LogRecord] = []

    class Watching(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    tell = request_log()
    assert tell is not None
    access.addHandler(Watching())
    tell(*REQUEST)
    access.setLevel(logging.WARNING)
    tell(*REQUEST)

    assert [record.args for record in records] == [REQUEST]


def test_what_a_program_adds_to_all_records_is_in_the_lines_of_requests_too(
    access: logging.Logger,
) -> None:
    stream = Stream()
    access.handlers = [BatchedHandler(stream, "json")]
    tell = request_log()
    assert tell is not None
    make = logging.getLogRecordFactory()

    def with_node(*args: Any, **given: Any) -> logging.LogRecord:
        made = make(*args, **given)
        made.node = 7
        return made

    logging.setLogRecordFactory(with_node)
    try:
        tell(*REQUEST)
    finally:
        logging.setLogRecordFactory(make)

    assert json.loads(stream.getvalue())["node"] == 7


def test_the_level_and_the_format_of_the_handler_count(access: logging.Logger) -> None:
    stream = Stream()
    handler = BatchedHandler(stream)
    handler.setFormatter(logging.Formatter("asked: %(args)s"))
    access.handlers = [handler]
    tell = request_log()
    assert tell is not None
    tell(*REQUEST)
    handler.setLevel(logging.WARNING)
    tell(*REQUEST)

    assert stream.getvalue() == f"asked: {REQUEST}\n"


def test_where_nobody_takes_requests_they_are_not_told(access: logging.Logger) -> None:
    access.handlers = []

    assert request_log() is None


async def test_lines_of_one_moment_are_written_at_once() -> None:
    stream = Stream()
    handler = BatchedHandler(stream)
    handler.attach(asyncio.get_running_loop())

    for _ in range(100):
        handler.handle(record())
    assert stream.writes == 0

    while not stream.writes:  # noqa: ASYNC110  # what is awaited is a write by the loop's clock
        await asyncio.sleep(0.01)
    assert stream.writes == 1
    assert stream.getvalue().count("hello you\n") == 100


async def test_a_large_batch_does_not_wait() -> None:
    stream = Stream()
    handler = BatchedHandler(stream)
    handler.attach(asyncio.get_running_loop())

    for _ in range(server_logging.BATCH_LINES):
        handler.handle(record())

    assert stream.writes == 1


async def test_closing_writes_what_is_left() -> None:
    stream = Stream()
    handler = BatchedHandler(stream)
    handler.attach(asyncio.get_running_loop())
    handler.handle(record())

    handler.close()

    assert stream.getvalue().endswith("hello you\n")


def test_without_an_event_loop_each_line_is_written_as_it_comes() -> None:
    stream = Stream()
    handler = BatchedHandler(stream)

    handler.handle(record())

    assert stream.getvalue().endswith("hello you\n")


async def test_a_thread_of_its_own_may_write_lines_too() -> None:
    stream = Stream()
    handler = BatchedHandler(stream)
    handler.attach(asyncio.get_running_loop())
    handler.handle(record("first %s"))

    await asyncio.to_thread(handler.handle, record("second %s"))
    handler.flush()

    assert [line.split("INFO")[1].strip() for line in stream.getvalue().splitlines()] == [
        "first you",
        "second you",
    ]


async def test_a_line_that_cannot_be_made_is_reported_and_loses_no_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream = Stream()
    handler = BatchedHandler(stream)

    handler.handle(record("%d", "no number"))
    handler.handle(record())

    assert "TypeError" in capsys.readouterr().err
    assert stream.getvalue().count("\n") == 1


def test_json_has_what_the_record_was_given() -> None:
    line = json.loads(JsonFormatter().format(record(flight=7, at=object)))

    assert line["message"] == "hello you"
    assert (line["level"], line["logger"], line["flight"]) == ("info", "flights", 7)
    assert line["time"].endswith("Z")
    assert line["at"] == "<class 'object'>"


def test_json_has_the_traceback_on_the_same_line() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        failed = record(exc_info=sys.exc_info())

    text = JsonFormatter().format(failed)

    assert "\n" not in text
    assert "ValueError: first\nsecond" in json.loads(text)["exception"]


def test_text_has_colours_only_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert "\x1b[32mINFO" in TextFormatter(Terminal()).format(record())
    assert "\x1b" not in TextFormatter(io.StringIO()).format(record())


@pytest.mark.usefixtures("untouched")
def test_a_program_that_has_its_own_logging_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    theirs = logging.NullHandler()
    monkeypatch.setattr(root, "handlers", [theirs])

    configure("info", "json")

    assert root.handlers == [theirs]
    assert logging.getLogger("uvicorn.error").propagate


@pytest.mark.usefixtures("untouched")
def test_configuring_again_replaces_what_was_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])

    configure("info", "text")
    configure("debug", "json", access_log=False)

    (handler,) = root.handlers
    assert isinstance(handler.formatter, JsonFormatter)
    assert root.level == logging.DEBUG
    assert not logging.getLogger("uvicorn.access").hasHandlers()
