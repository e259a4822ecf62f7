"""A stream while the server is about to stop: what is being told is told to its end."""

from collections.abc import AsyncIterator

import anyio
import pytest
from anyio import Event

from trivium.responding.relay import LAST_SILENCE, relay
from trivium.shutdown import ShutdownSignal

pytestmark = pytest.mark.anyio


class Clock:
    """Silences end when the test says so."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.waiting = Event()
        self._over = Event()

    def end_silence(self) -> None:
        self._over.set()

    async def __call__(self, event: Event, seconds: float) -> bool:
        self.asked.append(seconds)
        self.waiting.set()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._until, event, tasks.cancel_scope)
            tasks.start_soon(self._until, self._over, tasks.cancel_scope)
        return event.is_set()

    @staticmethod
    async def _until(event: Event, scope: anyio.CancelScope) -> None:
        await event.wait()
        scope.cancel()


class Feed:
    """Items that come when they are given, and a note of the end."""

    def __init__(self) -> None:
        self.send, self._receive = anyio.create_memory_object_stream[bytes](10)
        self.is_closed = False

    async def items(self) -> AsyncIterator[bytes]:
        try:
            with self._receive, self.send:
                async for item in self._receive:
                    yield item
        finally:
            self.is_closed = True


def as_it_is(item: bytes) -> bytes:
    return item


async def test_a_stream_that_has_nothing_to_tell_ends() -> None:
    clock, signal, feed = Clock(), ShutdownSignal(), Feed()
    chunks = []

    async def read() -> None:
        async with relay(
            feed.items(), as_it_is, filler=b"ping", silence=30, wait=clock, shutdown=signal
        ) as stream:
            chunks.extend([chunk async for chunk in stream])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await clock.waiting.wait()
        signal.set()
        await anyio.wait_all_tasks_blocked()
        clock.end_silence()

    assert chunks == []
    assert clock.asked == [30, LAST_SILENCE]
    assert feed.is_closed


async def test_what_is_on_its_way_is_told_to_its_end() -> None:
    clock, signal, feed = Clock(), ShutdownSignal(), Feed()
    signal.set()
    for word in (b"all", b"of", b"it"):
        feed.send.send_nowait(word)
    chunks = []

    async with relay(feed.items(), as_it_is, wait=clock, shutdown=signal) as stream:
        async for chunk in stream:
            chunks.append(chunk)
            if chunk == b"it":
                clock.end_silence()

    assert chunks == [b"all", b"of", b"it"]
    assert feed.is_closed


async def test_without_the_signal_silence_is_filled() -> None:
    clock, signal, feed = Clock(), ShutdownSignal(), Feed()
    clock.end_silence()

    async with relay(
        feed.items(), as_it_is, filler=b"ping", silence=30, wait=clock, shutdown=signal
    ) as stream:
        assert await anext(stream) == b"ping"


async def test_a_stream_that_has_ended_is_not_told_any_more() -> None:
    signal = ShutdownSignal()

    async with relay([b"one"], as_it_is, shutdown=signal) as stream:
        assert [chunk async for chunk in stream] == [b"one"]

    signal.set()
    assert signal.is_set()
