"""Chunks that the generator's own task sends while the writer waits."""

import asyncio
from contextvars import ContextVar

import anyio
import pytest

from trivium.responding.relay import jsonl_stream, relay
from trivium.shutdown import ShutdownSignal

pytestmark = pytest.mark.anyio

MOMENT = 0.01
seen = ContextVar("seen", default="nothing")


def plain(item):
    return str(item).encode()


class Boom(Exception):
    pass


class Client:
    """What was sent, and a client that may stop reading."""

    def __init__(self):
        self.received = []
        self.reads = anyio.Event()
        self.reads.set()

    async def send(self, chunk):
        await self.reads.wait()
        self.received.append(chunk)

    def stop_reading(self):
        self.reads = anyio.Event()


@pytest.fixture
def client():
    return Client()


async def pour(stream, send):
    async with stream as chunks:
        await chunks.pour(send)


async def until(condition):
    while not condition():  # noqa: ASYNC110 - it polls what tells nobody
        await anyio.sleep(0.001)


async def test_every_chunk_is_sent_in_order_and_the_generator_closed(numbers, log, client):
    await pour(relay(numbers(count=20), plain), client.send)

    assert client.received == [plain(n) for n in range(20)]
    assert log == [*range(20), "closed"]


async def test_nothing_is_lost_where_the_generator_was_ahead_before_the_pouring(numbers, client):
    async with relay(numbers(count=20), plain) as chunks:
        assert await anext(chunks) == b"0"
        await anyio.wait_all_tasks_blocked()
        await chunks.pour(client.send)

    assert client.received == [plain(n) for n in range(1, 20)]


async def test_an_error_of_the_generator_comes_after_the_chunks_before_it(client):
    async def failing():
        yield 1
        raise Boom

    with pytest.raises(Boom):
        await pour(relay(failing(), plain), client.send)
    assert client.received == [b"1"]


async def test_an_item_that_cannot_be_encoded_closes_the_generator(numbers, log, client):
    def refuse(item):
        raise Boom

    with pytest.raises(Boom):
        await pour(relay(numbers(), refuse), client.send)
    assert log == [0, "closed"]


async def test_an_error_of_sending_closes_the_generator_and_is_raised_as_itself(numbers, log):
    gone = ConnectionResetError()
    sent = []

    async def send(chunk):
        if chunk == b"3":
            raise gone
        sent.append(chunk)

    with pytest.raises(ConnectionResetError) as raised:
        await pour(relay(numbers(), plain), send)
    assert raised.value is gone
    assert log[-1] == "closed"
    assert sent == [b"0", b"1", b"2"]


async def test_an_error_while_the_generator_is_closed_is_raised_with_that_of_sending():
    async def clumsy():
        try:
            yield 1
        finally:
            raise Boom

    async def send(chunk):
        raise ConnectionResetError

    with pytest.raises(Boom) as raised:
        await pour(relay(clumsy(), plain), send)
    assert isinstance(raised.value.__context__, ConnectionResetError)


async def test_a_slow_client_slows_the_generator_down(numbers, log, client):
    client.stop_reading()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pour, relay(numbers(count=5), plain), client.send)
        await until(lambda: log)
        await anyio.wait_all_tasks_blocked()
        assert len(log) <= 2
        client.reads.set()

    assert log == [*range(5), "closed"]


async def test_a_writer_cancelled_while_the_client_does_not_read_closes_the_generator(
    numbers, log, client
):
    client.stop_reading()
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pour, relay(numbers(), plain), client.send)
            await until(lambda: log)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()

    assert log[-1] == "closed"
    assert client.received == []


async def test_a_writer_cancelled_while_the_generator_waits_ends_it(client):
    log = []

    async def waiting():
        try:
            yield 1
            await anyio.sleep_forever()
        finally:
            log.append("closed")

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pour, relay(waiting(), plain), client.send)
            await until(lambda: client.received)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()

    assert log == ["closed"]


async def test_a_generator_that_never_waits_leaves_turns_to_others_and_can_be_cancelled(
    log, client
):
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:

            async def end_later():
                await until(lambda: len(client.received) > 100)
                scope.cancel()

            tasks.start_soon(end_later)
            tasks.start_soon(pour, relay(log.numbers(), plain), client.send)

    assert log[-1] == "closed"


async def test_silence_is_filled_again_and_again_and_no_item_is_lost(client):
    async def slow():
        yield 1
        await until(lambda: client.received.count(b"~") >= 3)
        yield 2

    await pour(relay(slow(), plain, filler=b"~", silence=MOMENT), client.send)

    assert client.received[0] == b"1"
    assert client.received[-1] == b"2"
    assert client.received.count(b"~") >= 3


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_nothing_is_filled_in_while_a_chunk_is_on_its_way(client):
    async def two():
        yield 1
        await until(lambda: client.received)
        client.stop_reading()
        yield 2

    looks = 0

    async with anyio.create_task_group() as tasks:
        async with relay(two(), plain, filler=b"~", silence=MOMENT) as chunks:
            look = chunks._look

            def counted(*arguments):
                nonlocal looks
                looks += 1
                look(*arguments)

            chunks._look = counted
            tasks.start_soon(chunks.pour, client.send)
            await until(lambda: not client.reads.is_set())
            looks, before = 0, client.received.count(b"~")
            await until(lambda: looks >= 3)
            client.reads.set()
            await until(lambda: b"2" in client.received)

    assert client.received[-1] == b"2"
    assert client.received.index(b"2") - client.received.index(b"1") <= 1 + before


async def test_a_shutdown_ends_what_waits_with_the_first_silence(monkeypatch, client):
    monkeypatch.setattr("trivium.responding.relay.LAST_SILENCE", MOMENT)
    shutdown, log = ShutdownSignal(), []

    async def endless():
        try:
            yield 1
            await anyio.sleep_forever()
        finally:
            log.append("closed")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pour, relay(endless(), plain, shutdown=shutdown), client.send)
        await until(lambda: client.received)
        await anyio.wait_all_tasks_blocked()
        shutdown.set()

    assert client.received == [b"1"]
    assert log == ["closed"]


async def test_context_variables_of_the_generator_stay_its_own(client):
    async def asynchronous():
        yield seen.get()
        seen.set("set inside")
        yield seen.get()

    seen.set("set outside")
    await pour(relay(asynchronous(), plain), client.send)

    assert client.received == [b"set outside", b"set inside"]
    assert seen.get() == "set outside"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_chunk_is_sent_without_waking_the_writer():
    senders = []

    async def send(chunk):
        senders.append(asyncio.current_task())

    await pour(jsonl_stream([1, 2, 3]), send)

    assert asyncio.current_task() not in senders
    assert len(set(senders)) == 1
