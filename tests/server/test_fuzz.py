"""Bytes that nobody thought of: handlers see what they see under uvicorn, and nothing breaks."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httptools
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.server.inprocess import Host, Result, app_of, hosted
from tests.server.live import DIRECT, HTTPTOOLS
from tests.server.made_up import (
    KNOWN,
    cut,
    free_requests,
    mutated,
    repeated_heads,
    sound_requests,
    streams,
)
from tests.server.twins import split

pytestmark = pytest.mark.slow


class Oracle:
    """What llhttp finds in the bytes by itself: the requests that are whole before an error."""

    def __init__(self, data: bytes) -> None:
        self.found: list[tuple[str, bytes]] = []
        """Method and body of each, but for those whose body the handler does not read."""
        self.has_ended = False
        """Whether one of them is the last of its connection."""
        self._url = self._body = b""
        self._parser = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        with suppress(httptools.HttpParserError):
            self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_headers_complete(self) -> None:
        if not self._url.startswith(b"/"):
            # what llhttp takes for a target need not be one
            httptools.parse_url(self._url).path.decode("ascii")
        self._keeps = self._parser.should_keep_alive() and self._parser.get_http_version() != "1.0"

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if not (self.has_ended or self._url.startswith(b"/unread")):
            self.found.append((self._parser.get_method().decode(), self._body))
        self.has_ended = self.has_ended or not self._keeps
        self._url = self._body = b""


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """Every second connection here is refused, and uvicorn warns of each."""
    logger = logging.getLogger("uvicorn.error")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


@pytest.fixture(scope="module")
def direct() -> Iterator[Host]:
    with hosted(DIRECT, app_of) as host:
        yield host


@pytest.fixture(scope="module")
def uvicorn() -> Iterator[Host]:
    with hosted(HTTPTOOLS, app_of) as host:
        yield host


def compared(direct: Host, uvicorn: Host, pieces: list[bytes]) -> tuple[Result, Result]:
    data = b"".join(pieces)
    # where the two differ on purpose; see tests/server/differences.py
    assume(b"upgrade" not in data.lower() and b"CONNECT" not in data)
    assume(not re.search(rb"://[^/ ]*[?# ]", data))
    return direct.run(pieces), uvicorn.run(pieces)


def without_trailers(result: Result, other: Result) -> list[Any]:
    """uvicorn adds trailers to the headers, if they come before the handler looks."""
    return [
        (*each[:4], each[4][: len(same[4])], each[5])
        for each, same in zip(result.seen, other.seen, strict=False)
    ]


def check(direct: Host, uvicorn: Host, pieces: list[bytes]) -> None:
    ours, theirs = compared(direct, uvicorn, pieces)
    statuses = statuses_of(ours)
    oracle = Oracle(b"".join(pieces))
    # a body that its client was never told to send may come or not: we close, uvicorn waits
    expects = b"expect" in b"".join(pieces).lower()
    assert set(statuses) <= {200, 400}
    if b"HTTP/1.1 400 " in theirs.written:
        # uvicorn refuses at once, in the middle of a stream too; we answer what came before
        assert statuses[-1] == 400 or oracle.has_ended or expects
        assert ours.is_over
        assert ours.seen[: len(theirs.seen)] == without_trailers(theirs, ours)
    else:
        assert ours.seen == without_trailers(theirs, ours)
        assert statuses == statuses_of(theirs)
        assert bodies_of(ours) == bodies_of(theirs)
        if not expects:
            assert ours.is_over == theirs.is_over
    # nothing that is no request, and nothing after an end, is ever one
    found = [(each[0], each[5]) for each in ours.seen]
    assert found == oracle.found[: len(found)]
    if not expects:
        assert found == oracle.found


def statuses_of(result: Result) -> list[int]:
    return [reply.status for reply in replies(result) if reply.status != 100]


def bodies_of(result: Result) -> list[bytes]:
    return [reply.body for reply in replies(result) if reply.status != 100]


def replies(result: Result) -> list[Any]:
    return split(result.written, [])[0]


@given(pieces=cut(streams(sound_requests())))
@settings(max_examples=150)
def test_sound_requests_in_any_pieces(direct: Host, uvicorn: Host, pieces: list[bytes]) -> None:
    ours, theirs = compared(direct, uvicorn, pieces)

    assert ours.seen == theirs.seen
    assert ours.is_over == theirs.is_over
    assert statuses_of(ours) == statuses_of(theirs)


@given(pieces=cut(streams(free_requests())))
@settings(max_examples=200)
def test_requests_whose_parts_need_not_fit(
    direct: Host, uvicorn: Host, pieces: list[bytes]
) -> None:
    check(direct, uvicorn, pieces)


@given(pieces=cut(mutated(streams(sound_requests() | free_requests()))))
@settings(max_examples=300)
def test_requests_with_a_few_bytes_changed(
    direct: Host, uvicorn: Host, pieces: list[bytes]
) -> None:
    check(direct, uvicorn, pieces)


@given(pieces=cut(mutated(streams(KNOWN))))
@settings(max_examples=200)
def test_awkward_requests_with_a_few_bytes_changed(
    direct: Host, uvicorn: Host, pieces: list[bytes]
) -> None:
    check(direct, uvicorn, pieces)


@given(pieces=repeated_heads())
@settings(max_examples=400)
def test_requests_that_repeat_the_head_of_the_one_before(
    direct: Host, uvicorn: Host, pieces: list[bytes]
) -> None:
    check(direct, uvicorn, pieces)


@given(pieces=st.lists(st.binary(max_size=60), max_size=4))
@settings(max_examples=100)
def test_any_bytes_at_all(direct: Host, pieces: list[bytes]) -> None:
    result = direct.run(pieces)

    assert {reply.status for reply in replies(result)} <= {200, 400}


@given(pieces=cut(mutated(streams(KNOWN | sound_requests()))))
@settings(max_examples=200)
def test_requests_to_change_the_protocol_break_nothing(direct: Host, pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    pieces = [data.replace(b"Host: t\r\n", b"Host: t\r\n" + upgrade)]

    result = direct.run(pieces)

    # 403 and 426: what a WebSocket's protocol says of a handshake that is none
    assert {reply.status for reply in replies(result)} <= {100, 200, 400, 403, 426}
    assert "/smuggled" not in [each[1] for each in result.seen if b"/smuggled" not in data]
