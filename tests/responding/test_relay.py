"""A generator's items as chunks: whatever happens to the writer, the generator comes to its end."""

import asyncio
import threading
from contextvars import ContextVar

import anyio
import pytest
from anyio.lowlevel import checkpoint

from trivium.responding.relay import jsonl_stream, raw_stream, relay, wait_at_most

pytestmark = pytest.mark.anyio

QUIET = 3600.0
seen = ContextVar("seen", default="nothing")


def plain(item):
    return item if isinstance(item, bytes) else str(item).encode()


class Boom(Exception):
    pass


async def everything(stream, received=None):
    received = [] if received is None else received
    async with stream as chunks:
        async for chunk in chunks:
            received.append(chunk)
    return received


async def leave(stream, error):
    """Take one chunk and leave the block with an error."""
    async with stream as chunks:
        await anext(chunks)
        raise error


# What arrives.


async def test_the_chunks_come_in_the_order_of_the_items(numbers, log):
    assert await everything(relay(numbers(count=4), plain)) == [b"0", b"1", b"2", b"3"]
    assert log == [0, 1, 2, 3, "closed"]


async def test_a_generator_without_items_gives_no_chunks(numbers):
    assert await everything(relay(numbers(count=0), plain)) == []


@pytest.mark.parametrize("kind", [list, tuple, iter, dict.fromkeys])
async def test_any_iterable_will_do(kind):
    assert await everything(relay(kind([1, 2]), plain)) == [b"1", b"2"]


async def test_an_asynchronous_iterator_that_cannot_be_closed_will_do():
    class Countdown:
        left = 3

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return self.left

    assert await everything(relay(Countdown(), plain)) == [b"2", b"1", b"0"]


async def test_the_iterator_stays_at_its_end(numbers):
    async with relay(numbers(count=1), plain) as chunks:
        assert [chunk async for chunk in chunks] == [b"0"]
        assert [chunk async for chunk in chunks] == []


async def test_json_lines_are_one_line_an_item():
    items = [{"a": float("nan")}, "two\nlines", None]
    assert await everything(jsonl_stream(items)) == [
        b'{"a": null}\n',
        b'"two\\nlines"\n',
        b"null\n",
    ]


async def test_json_lines_take_the_encoder_of_a_declared_item():
    assert await everything(jsonl_stream([1, 2], plain)) == [b"1\n", b"2\n"]


async def test_raw_chunks_are_bytes_as_they_are_and_text_in_the_charset():
    items = [b"a", "ä", memoryview(b"b"), bytearray(b"c"), b""]
    assert await everything(raw_stream(items)) == [b"a", "ä".encode(), b"b", b"c", b""]
    assert await everything(raw_stream(["ä"], charset="latin-1")) == [b"\xe4"]


# Errors.


async def test_an_error_of_the_generator_comes_after_the_chunks_before_it():
    async def failing():
        yield 1
        raise Boom

    received = []
    with pytest.raises(Boom):
        await everything(relay(failing(), plain), received)
    assert received == [b"1"]


async def test_an_error_in_a_thread_comes_as_itself():
    def failing():
        yield 1
        raise Boom

    with pytest.raises(Boom):
        await everything(relay(failing(), plain))


async def test_an_item_that_cannot_be_encoded_closes_the_generator(numbers, log):
    def refuse(item):
        raise Boom

    with pytest.raises(Boom):
        await everything(relay(numbers(), refuse))
    assert log == [0, "closed"]


async def test_an_error_of_the_writer_closes_the_generator_and_is_raised_as_itself(numbers, log):
    with pytest.raises(Boom):
        await leave(relay(numbers(), plain), Boom())
    assert log[-1] == "closed"


async def test_an_error_while_the_generator_is_closed_is_raised_where_the_block_is_left():
    async def clumsy():
        try:
            yield 1
        finally:
            raise Boom

    with pytest.raises(Boom) as raised:
        await leave(relay(clumsy(), plain), ConnectionResetError())
    assert isinstance(raised.value.__context__, ConnectionResetError)


async def test_an_error_while_the_generator_is_closed_is_not_lost_in_a_cancellation():
    async def clumsy():
        try:
            yield 1
        finally:
            raise Boom

    async def client():
        with anyio.CancelScope() as gone:
            async with relay(clumsy(), plain) as chunks:
                await anext(chunks)
                gone.cancel()
                await checkpoint()

    with pytest.raises(Boom):
        await client()


# The generator's end.


async def test_leaving_the_block_closes_a_generator_that_has_more_to_give(numbers, log):
    async with relay(numbers(), plain) as chunks:
        await anext(chunks)
    assert log[-1] == "closed"


async def test_leaving_the_block_before_the_first_chunk_leaves_nothing_open(numbers, log):
    async with relay(numbers(), plain):
        pass
    assert log in ([], [0, "closed"])


async def test_a_cancelled_writer_closes_a_generator_at_a_yield_whose_finally_awaits(numbers, log):
    with anyio.CancelScope() as gone:
        async with relay(numbers(), plain) as chunks:
            async for _ in chunks:
                gone.cancel()
    assert log[-1] == "closed"


async def test_a_generator_at_an_await_of_its_own_is_ended_when_the_block_is_left():
    log = []

    async def waiting():
        try:
            yield 1
            await anyio.sleep_forever()
        finally:
            log.append("closed")

    async with relay(waiting(), plain) as chunks:
        await anext(chunks)
        await anyio.wait_all_tasks_blocked()
    assert log == ["closed"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("how", ["scope", "task", "left"])
async def test_on_asyncio_the_finally_of_an_interrupted_generator_may_await(how):
    log = []

    async def waiting():
        try:
            yield 1
            await anyio.sleep_forever()
        finally:
            await asyncio.sleep(0)
            await checkpoint()
            await anyio.to_thread.run_sync(log.append, "closed")

    async def client():
        with anyio.CancelScope() as gone:
            async with relay(waiting(), plain) as chunks:
                await anext(chunks)
                await anyio.wait_all_tasks_blocked()
                if how == "left":
                    return
                if how == "scope":
                    gone.cancel()
                else:
                    asyncio.current_task().cancel()
                await anext(chunks)

    task = asyncio.create_task(client())
    await asyncio.wait([task])
    assert log == ["closed"]
    assert task.cancelled() == (how == "task")


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_on_trio_the_finally_of_an_interrupted_generator_may_await_under_a_shield():
    log = []

    async def waiting():
        try:
            yield 1
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await checkpoint()
                log.append("closed")

    with anyio.CancelScope() as gone:
        async with relay(waiting(), plain) as chunks:
            await anext(chunks)
            await anyio.wait_all_tasks_blocked()
            gone.cancel()
            await anext(chunks)
    assert log == ["closed"]


async def test_a_generator_that_swallows_its_cancellation_is_closed_at_its_next_yield():
    log = []

    async def stubborn():
        try:
            yield 1
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                log.append("swallowed")
            yield 2
            log.append("went on")
        finally:
            log.append("closed")

    async with relay(stubborn(), plain) as chunks:
        await anext(chunks)
        await anyio.wait_all_tasks_blocked()
    assert log == ["swallowed", "closed"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_generator_that_raises_a_cancellation_of_its_own_does_not_end_the_reply_silently():
    async def confused():
        yield 1
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await everything(relay(confused(), plain))


async def test_a_generator_may_hold_a_task_group_open_across_its_yields():
    log = []

    async def busy():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            try:
                while True:
                    yield 1
            finally:
                tasks.cancel_scope.cancel()
                log.append("closed")

    async with relay(busy(), plain, silence=QUIET) as chunks:
        await anext(chunks)
        await anext(chunks)
    assert log == ["closed"]


async def test_an_error_beside_the_end_of_a_task_group_is_raised():
    async def busy():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            try:
                yield 1
            finally:
                raise Boom

    async def client():
        async with relay(busy(), plain) as chunks:
            await anext(chunks)

    with pytest.raises(ExceptionGroup) as raised:
        await client()
    assert raised.group_contains(Boom)


async def test_a_generator_that_never_awaits_can_be_cancelled(log):
    with anyio.CancelScope() as gone:
        async with relay(log.numbers(), plain) as chunks:
            async for chunk in chunks:
                if chunk == b"5":
                    gone.cancel()
    assert log[-1] == "closed"


async def test_a_step_in_a_thread_is_waited_for_and_then_the_generator_is_closed():
    log = []
    stepping, go_on = threading.Event(), threading.Event()

    def blocking():
        try:
            yield 1
            stepping.set()
            go_on.wait()
            yield 2
            log.append("went on")
        finally:
            log.append("closed")

    async def client(gone):
        with gone:
            async with relay(blocking(), plain) as chunks:
                async for _ in chunks:
                    pass
        log.append("left")

    gone = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client, gone)
        await anyio.to_thread.run_sync(stepping.wait)
        gone.cancel()
        await anyio.wait_all_tasks_blocked()
        assert log == []
        go_on.set()
    assert log == ["closed", "left"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_loop_that_is_shut_down_in_the_middle_of_a_step_closes_the_generator_after_it():
    log = []
    stepping, go_on = threading.Event(), threading.Event()

    def blocking():
        try:
            stepping.set()
            go_on.wait()
            yield 1
        finally:
            log.append("closed")

    async def client():
        await everything(relay(blocking(), plain))

    before = asyncio.all_tasks()
    task = asyncio.create_task(client())
    await anyio.to_thread.run_sync(stepping.wait)
    for running in asyncio.all_tasks() - before:
        running.cancel()
    await checkpoint()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["closed"]


async def test_a_synchronous_generator_runs_and_ends_in_worker_threads():
    threads = []

    def where():
        try:
            threads.append(threading.current_thread())
            yield 1
        finally:
            threads.append(threading.current_thread())

    async with relay(where(), plain) as chunks:
        await anext(chunks)
    assert len(threads) == 2
    assert threading.main_thread() not in threads


async def test_a_stream_that_waits_for_a_thread_can_be_left_while_the_pool_is_full(log):
    pool = anyio.CapacityLimiter(1)
    async with relay(log.numbers_in_thread(), plain, limiter=pool) as chunks:
        await anext(chunks)
        await anyio.wait_all_tasks_blocked()
        async with pool:
            await anext(chunks)
            await anyio.wait_all_tasks_blocked()
            async with relay(log.numbers_in_thread(), plain, limiter=pool):
                await anyio.wait_all_tasks_blocked()
            assert log == [0, 1]
        # Given back, or else the first stream could not go on.
        await anext(chunks)
    assert log[-1] == "closed"


async def test_a_full_pool_cannot_keep_a_generator_open(log):
    pool = anyio.CapacityLimiter(1)
    async with relay(log.numbers_in_thread(), plain, limiter=pool) as chunks:
        await anext(chunks)
        await anyio.wait_all_tasks_blocked()
        await pool.acquire_on_behalf_of("another")
    assert log == [0, 1, "closed"]


# Pace.


async def test_the_generator_is_never_more_than_one_item_ahead(numbers, log):
    async with relay(numbers(), plain) as chunks:
        await anyio.wait_all_tasks_blocked()
        for taken in range(1, 4):
            await anext(chunks)
            await anyio.wait_all_tasks_blocked()
            while len(log) <= taken:  # a worker thread is not a task
                await checkpoint()
            await anyio.wait_all_tasks_blocked()
            assert len(log) == taken + 1


async def test_silence_is_filled_and_loses_no_item():
    ready = anyio.Event()
    silences = iter([True, True, False, False, True, False])

    async def wait(event, seconds):
        assert seconds == QUIET
        if next(silences):
            return False
        ready.set()
        await event.wait()
        return True

    async def slow():
        await ready.wait()
        yield 1
        yield 2

    stream = relay(slow(), plain, filler=b"~", silence=QUIET, wait=wait)
    assert await everything(stream) == [b"~", b"~", b"1", b"2", b"~"]


async def test_a_wait_ends_with_the_event_or_with_the_time():
    event = anyio.Event()
    assert await wait_at_most(event, 0) is False
    event.set()
    assert await wait_at_most(event, QUIET) is True


# Context.


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_context_variables_are_the_callers_at_first_and_then_the_generators_own(kind):
    async def asynchronous():
        yield seen.get()
        seen.set("set inside")
        yield seen.get()

    def in_thread():
        yield seen.get()
        seen.set("set inside")
        yield seen.get()

    seen.set("set outside")
    items = asynchronous() if kind == "async" else in_thread()
    assert await everything(relay(items, plain)) == [b"set outside", b"set inside"]
    assert seen.get() == "set outside"


async def test_a_generator_in_a_thread_sees_its_context_when_it_is_closed():
    found = []

    def in_thread():
        seen.set("set inside")
        try:
            yield 1
        finally:
            found.append(seen.get())

    async with relay(in_thread(), plain) as chunks:
        await anext(chunks)
    assert found == ["set inside"]


async def test_a_generator_in_a_thread_may_call_back_into_the_event_loop():
    async def answer():
        await checkpoint()
        return 42

    def in_thread():
        yield anyio.from_thread.run(answer)

    assert await everything(relay(in_thread(), plain)) == [b"42"]
