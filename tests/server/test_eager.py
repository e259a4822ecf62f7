"""A task whose first step runs at once is a task in every other way."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest
import uvloop

from trivium.server.eager import starter

LOOPS = pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")

Test = Callable[[asyncio.AbstractEventLoop], Coroutine[Any, Any, None]]


def run(new_loop: Callable[[], asyncio.AbstractEventLoop], test: Callable[[Any], None]) -> None:
    """Calls ``test`` in the event loop, outside of any task, as a protocol is called."""
    loop = new_loop()
    failures: list[BaseException] = []

    def call() -> None:
        try:
            test(loop)
        except BaseException as failure:
            failures.append(failure)
            loop.stop()

    def note(_: Any, context: dict[str, Any]) -> None:
        failures.append(context.get("exception") or Problem(context))

    loop.set_exception_handler(note)
    loop.call_soon(call)
    try:
        loop.run_forever()
    finally:
        loop.close()
    if failures:
        raise failures[0]


class Problem(Exception):
    """What the event loop was told of."""


def then(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], check: Any) -> None:
    """Calls ``check`` when the task is done, and ends the test."""

    async def end() -> None:
        await asyncio.wait([task])
        try:
            check()
        except BaseException as failure:
            loop.call_exception_handler({"message": "the test has failed", "exception": failure})
        finally:
            loop.stop()

    ending = loop.create_task(end())
    kept.add(ending)
    ending.add_done_callback(kept.discard)


kept: set[asyncio.Task[Any]] = set()


@LOOPS
def test_what_waits_for_nothing_is_done_when_start_returns(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        done: list[str] = []

        async def work() -> None:
            done.append("done")

        task = starter(loop)(work())

        assert task.done()
        assert done == ["done"]
        loop.stop()

    run(new_loop, test)


@LOOPS
def test_what_waits_goes_on_in_the_event_loop(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        story: list[str] = []

        async def work() -> None:
            story.append("first")
            await asyncio.sleep(0)
            story.append("second")

        task = starter(loop)(work())
        assert story == ["first"]
        assert not task.done()

        def check() -> None:
            assert story == ["first", "second"]
            assert task.result() is None

        then(loop, task, check)

    run(new_loop, test)


@LOOPS
def test_the_event_loop_is_as_it_was_after_each_start(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        before = loop.call_soon

        async def work() -> None:
            assert "call_soon" not in vars(loop)

        starter(loop)(work()).result()

        assert "call_soon" not in vars(loop)
        assert loop.call_soon == before
        loop.stop()

    run(new_loop, test)


@LOOPS
def test_an_error_of_the_first_step_is_the_task_s(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        async def work() -> None:
            raise ValueError("first step")

        task = starter(loop)(work())

        assert task.done()
        assert isinstance(task.exception(), ValueError)
        loop.stop()

    run(new_loop, test)


@LOOPS
def test_the_first_step_knows_its_task(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        seen: list[Any] = []

        async def work() -> None:
            seen.append(asyncio.current_task())
            seen.append(asyncio.get_running_loop())

        task = starter(loop)(work())

        assert seen == [task, loop]
        assert asyncio.current_task(loop) is None
        loop.stop()

    run(new_loop, test)


@LOOPS
def test_the_first_step_has_a_copy_of_the_context(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        seen: list[str] = []

        async def work() -> None:
            seen.append(variable.get())
            variable.set("inner")
            await asyncio.sleep(0)
            seen.append(variable.get())

        variable.set("outer")
        task = starter(loop)(work())
        assert variable.get() == "outer"

        def check() -> None:
            assert seen == ["outer", "inner"]

        then(loop, task, check)

    run(new_loop, test)


@LOOPS
def test_an_empty_context_has_nothing_of_the_starter_s(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        seen: list[str] = []

        async def work() -> None:
            seen.append(variable.get())

        variable.set("outer")
        starter(loop, in_empty_context=True)(work()).result()

        assert seen == ["none"]
        loop.stop()

    run(new_loop, test)


@LOOPS
def test_the_first_step_may_start_others(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        story: list[str] = []
        start = starter(loop)

        async def inner() -> None:
            story.append("inner")

        async def outer() -> None:
            story.append("outer")
            begun = start(inner())
            created = asyncio.create_task(inner())
            story.append("begun")
            await begun
            await created

        task = start(outer())

        def check() -> None:
            assert task.exception() is None
            assert sorted(story) == ["begun", "inner", "inner", "outer"]
            assert story[0] == "outer"

        then(loop, task, check)

    run(new_loop, test)


@LOOPS
def test_a_task_group_in_the_first_step_works(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        story: list[str] = []

        async def child(name: str) -> None:
            await asyncio.sleep(0)
            story.append(name)

        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(child("a"))
                group.create_task(child("b"))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(child, "c")
                tasks.start_soon(anyio.sleep_forever)
                await anyio.sleep(0.001)
                tasks.cancel_scope.cancel()

        task = starter(loop)(work())

        def check() -> None:
            assert task.exception() is None
            assert sorted(story) == ["a", "b", "c"]

        then(loop, task, check)

    run(new_loop, test)


@LOOPS
def test_a_limit_of_time_in_the_first_step_holds(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        story: list[str] = []

        async def work() -> None:
            try:
                async with asyncio.timeout(0.001):
                    await asyncio.sleep(60)
            except TimeoutError:
                story.append("asyncio")
            with anyio.move_on_after(0.001) as scope:
                await anyio.sleep_forever()
            if scope.cancelled_caught:
                story.append("anyio")

        task = starter(loop)(work())

        def check() -> None:
            assert task.exception() is None
            assert story == ["asyncio", "anyio"]

        then(loop, task, check)

    run(new_loop, test)


@LOOPS
def test_a_task_can_be_cancelled_after_its_first_step(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        story: list[str] = []

        async def work() -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                story.append("cancelled")
                raise

        task = starter(loop)(work())
        task.cancel()

        def check() -> None:
            assert task.cancelled()
            assert story == ["cancelled"]

        then(loop, task, check)

    run(new_loop, test)


@LOOPS
def test_a_task_that_cancels_itself_in_its_first_step_is_cancelled(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        async def work() -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

        task = starter(loop)(work())

        then(loop, task, lambda: None if task.cancelled() else pytest.fail("not cancelled"))

    run(new_loop, test)


@LOOPS
def test_started_from_a_task_it_begins_in_the_next_turn(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        story: list[str] = []

        async def inner() -> None:
            story.append("inner")

        async def outer() -> None:
            task = starter(loop)(inner())
            story.append("outer")
            await task

        task = loop.create_task(outer())

        def check() -> None:
            assert task.exception() is None
            assert sorted(story) == ["inner", "outer"]

        then(loop, task, check)

    run(new_loop, test)


@LOOPS
def test_in_debug_mode_nothing_is_handed_out(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        loop.set_debug(True)
        story: list[str] = []

        async def work() -> None:
            story.append("run")

        task = starter(loop)(work())
        assert story == []

        def check() -> None:
            assert story == ["run"]

        then(loop, task, check)

    run(new_loop, test)


class Noisy:
    """Calls back when it is collected, as a future or a transport may."""

    def __init__(self, loop: Any, story: list[str]) -> None:
        self.loop = loop
        self.story = story
        self.itself = self

    def __del__(self) -> None:
        self.loop.call_soon(self.story.append, "collected")
        future = self.loop.create_future()
        future.add_done_callback(lambda _: self.story.append("future"))
        future.set_result(None)


@LOOPS
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="tasks start eagerly by themselves")
def test_what_else_is_called_soon_while_a_task_is_made_is_not_lost(new_loop: Any) -> None:
    """A collection may begin at any allocation, and what it collects may use the event loop."""

    def test(loop: Any) -> None:
        story: list[str] = []
        start = starter(loop)

        async def work(number: int) -> None:
            story.append(f"work {number}")

        threshold = gc.get_threshold()
        tasks = []
        try:
            for number in range(50):
                Noisy(loop, story)
                # at the next allocation, or the one after it, and so on
                gc.set_threshold(gc.get_count()[0] + number % 25, 1000, 1000)
                tasks.append(start(work(number)))
                gc.set_threshold(*threshold)
        finally:
            gc.set_threshold(*threshold)
        gc.collect()

        async def all_of_them() -> None:
            await asyncio.wait(tasks)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        def check() -> None:
            assert [each for each in story if each.startswith("work")] == [
                f"work {number}" for number in range(50)
            ]
            assert story.count("collected") == story.count("future") == 50

        then(loop, loop.create_task(all_of_them()), check)

    run(new_loop, test)


@LOOPS
def test_nothing_keeps_a_task_that_is_done(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        async def work() -> None: ...

        task = starter(loop)(work())
        known = weakref.ref(task)
        del task
        gc.collect()

        assert known() is None
        loop.stop()

    run(new_loop, test)
