"""Worker threads keep AnyIO's promises, and those that hold something never wait for one."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
import sniffio

from trivium import threads
from trivium.threads import in_thread, iterated_in_threads

variable: ContextVar[str] = ContextVar("variable", default="unset")


async def test_the_result_comes_back_from_another_thread() -> None:
    assert await in_thread(threading.get_ident) != threading.get_ident()
    assert await in_thread(divmod, 7, 2) == (3, 1)


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
async def test_an_error_comes_back_as_itself(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        await in_thread(fail)

    assert raised.value is error


async def test_a_stop_iteration_becomes_a_runtime_error() -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await in_thread(next, iter(()))


async def test_the_thread_sees_the_context_of_the_caller_and_keeps_its_own_changes() -> None:
    variable.set("of the caller")

    def work() -> str:
        seen = variable.get()
        variable.set("of the thread")
        return seen

    assert await in_thread(work) == "of the caller"
    assert variable.get() == "of the caller"


async def test_no_context_remains_in_a_worker_between_visits() -> None:
    class Big:
        pass

    big = Big()
    gone = weakref.ref(big)
    holder: ContextVar[Any] = ContextVar("holder")
    token = holder.set(big)

    await in_thread(lambda: None)
    holder.reset(token)
    del big, token
    await in_thread(lambda: None)
    gc.collect()

    assert gone() is None


async def test_a_thread_can_call_back_into_the_event_loop() -> None:
    async def on_the_loop(number: int) -> tuple[int, int]:
        return number, threading.get_ident()

    def work() -> tuple[int, int]:
        anyio.from_thread.check_cancelled()
        assert anyio.from_thread.run_sync(threading.get_ident) != threading.get_ident()
        return anyio.from_thread.run(on_the_loop, 7)

    assert await in_thread(work) == (7, threading.get_ident())


async def test_no_event_loop_is_said_to_run_in_the_thread() -> None:
    def work() -> int:
        with pytest.raises(sniffio.AsyncLibraryNotFoundError):
            sniffio.current_async_library()
        return asyncio.run(asyncio.sleep(0, 5))

    assert await in_thread(work) == 5


async def test_visits_count_against_the_default_limiter_of_anyio() -> None:
    limiter = anyio.to_thread.current_default_thread_limiter()

    assert await in_thread(lambda: limiter.borrowed_tokens) == 1
    assert await in_thread(lambda: limiter.borrowed_tokens, limited=False) == 0
    assert limiter.borrowed_tokens == 0


async def test_as_many_threads_work_at_once_as_the_limiter_has_tokens() -> None:
    limiter = anyio.to_thread.current_default_thread_limiter()
    before, limiter.total_tokens = limiter.total_tokens, 3
    lock, active, most = threading.Lock(), 0, 0
    full = threading.Barrier(3)

    def work() -> None:
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
        full.wait()
        with lock:
            active -= 1

    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(12):
                tasks.start_soon(in_thread, work)
    finally:
        limiter.total_tokens = before

    assert most == 3


async def test_a_visit_without_limit_is_made_while_every_token_is_taken() -> None:
    limiter = anyio.to_thread.current_default_thread_limiter()
    before, limiter.total_tokens = limiter.total_tokens, 2
    release = threading.Event()

    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(in_thread, release.wait)
            await anyio.wait_all_tasks_blocked()
            await in_thread(release.set, limited=False)
    finally:
        limiter.total_tokens = before


async def test_a_cancelled_caller_waits_until_its_thread_is_done() -> None:
    entered, release, done = threading.Event(), threading.Event(), []

    def work() -> None:
        entered.set()
        release.wait()
        done.append("work")

    async def call() -> None:
        try:
            await in_thread(work)
        finally:
            done.append("caller")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await in_thread(entered.wait, limited=False)
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.wait_all_tasks_blocked()
            assert done == []
            release.set()

    assert done == ["work", "caller"]


async def test_items_of_an_iterable_are_made_in_threads_and_in_order() -> None:
    threads: set[int] = set()

    def items() -> Iterator[int]:
        for number in range(3):
            threads.add(threading.get_ident())
            yield number

    assert [item async for item in iterated_in_threads(items())] == [0, 1, 2]
    assert threading.get_ident() not in threads


def test_a_worker_serves_one_event_loop_after_the_other() -> None:
    seen = {asyncio.run(in_thread(threading.get_ident)) for _ in range(5)}

    assert len(seen) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_starts_workers_of_its_own() -> None:
    asyncio.run(in_thread(threading.get_ident))

    child = os.fork()
    if child == 0:
        os._exit(asyncio.run(in_thread(lambda: 42)))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42


def test_an_event_loop_may_be_closed_while_a_thread_still_works_for_it() -> None:
    entered, release = threading.Event(), threading.Event()
    ended: list[str] = []

    def work() -> None:
        entered.set()
        release.wait()
        ended.append("work")

    async def leave_early() -> None:
        task = asyncio.ensure_future(in_thread(work))
        await asyncio.to_thread(entered.wait)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()  # twice, as a loop that is shut down in the middle does
        await asyncio.sleep(0)

    asyncio.run(leave_early())
    release.set()

    # The worker survives the report to a closed loop, and serves the next one.
    assert asyncio.run(in_thread(lambda: "next")) == "next"


def test_this_release_of_anyio_lets_threads_be_visited_our_own_way() -> None:
    """Without it everything works, at AnyIO's cost: its private names have moved."""
    assert threads._HAS_OWN_WAY
