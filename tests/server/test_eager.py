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
from hypothesis import example, given
from hypothesis import strategies as st

from trivium.server.eager import starter

Work = Coroutine[Any, Any, None]

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


def begun(loop: asyncio.AbstractEventLoop, work: Work) -> asyncio.Task[None]:
    """A task that was started, of which something is left."""
    task = starter(loop)(work)
    assert task is not None
    return task


@LOOPS
def test_what_waits_for_nothing_is_done_when_start_returns(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        done: list[str] = []

        async def work() -> None:
            done.append("done")

        assert starter(loop)(work()) is None
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

        task = begun(loop, work())
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

        assert starter(loop)(work()) is None
        assert "call_soon" not in vars(loop)
        assert loop.call_soon == before
        loop.stop()

    run(new_loop, test)


@LOOPS
def test_an_error_of_the_first_step_is_the_task_s(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        async def work() -> None:
            raise ValueError("first step")

        task = begun(loop, work())

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

        task = begun(loop, work())

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
        task = begun(loop, work())
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
        assert starter(loop, in_empty_context=True)(work()) is None
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
            started = start(inner())
            assert started is not None
            created = asyncio.create_task(inner())
            story.append("begun")
            await started
            await created

        task = start(outer())
        assert task is not None

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

        task = begun(loop, work())

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

        task = begun(loop, work())

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

        task = begun(loop, work())
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

        task = begun(loop, work())

        then(loop, task, lambda: None if task.cancelled() else pytest.fail("not cancelled"))

    run(new_loop, test)


@LOOPS
def test_started_from_a_task_it_begins_in_the_next_turn(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        story: list[str] = []

        async def inner() -> None:
            story.append("inner")

        async def outer() -> None:
            task = begun(loop, inner())
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

        task = begun(loop, work())
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
            if number % 2:
                # has the task made
                await asyncio.sleep(0)

        threshold = gc.get_threshold()
        tasks = []
        try:
            for number in range(50):
                Noisy(loop, story)
                # at the next allocation, or the one after it, and so on
                gc.set_threshold(gc.get_count()[0] + number % 25, 1000, 1000)
                task = start(work(number))
                gc.set_threshold(*threshold)
                if task is not None:
                    tasks.append(task)
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
        known: list[weakref.ref[Any]] = []

        async def work(fails: bool) -> None:
            task = asyncio.current_task()
            assert task is not None
            known.append(weakref.ref(task))
            if fails:
                raise ValueError

        starter(loop)(work(False))
        task = begun(loop, work(True))
        assert isinstance(task.exception(), ValueError)
        del task
        gc.collect()

        assert [reference() for reference in known] == [None, None]
        loop.stop()

    run(new_loop, test)


@LOOPS
def test_the_event_loop_s_list_has_a_task_once_something_is_left_of_it(new_loop: Any) -> None:
    def test(loop: Any) -> None:
        seen: list[bool] = []

        async def work() -> None:
            task = asyncio.current_task()
            assert task is not None
            await asyncio.sleep(0)
            seen.append(task in asyncio.all_tasks())

        then(loop, begun(loop, work()), lambda: None if seen == [True] else pytest.fail(str(seen)))

    run(new_loop, test)


# What a task is and does, beside a task that the event loop has made


Program = list[str]
USES: dict[str, Callable[[asyncio.Task[Any]], Any]] = {
    "name": lambda task: task.get_name(),
    "rename": lambda task: task.set_name("renamed"),
    "cancel": lambda task: task.cancel("because"),
    "uncancel": lambda task: task.uncancel(),
    "cancelling": lambda task: task.cancelling(),
    "done": lambda task: (task.done(), task.cancelled()),
    "repr": lambda task: ("pending" in repr(task), "program" in repr(task)),
    "stack": lambda task: len(task.get_stack()) > 0,
    "coroutine": lambda task: asyncio.iscoroutine(task.get_coro()),
    "loop": lambda task: task.get_loop() is asyncio.get_running_loop(),
    "known": lambda task: hash(task) == id(task) >> 4 or isinstance(hash(task), int),
    "attribute": lambda task: setattr(task, "of_mine", getattr(task, "of_mine", 0) + 1),
    "read": lambda task: getattr(task, "of_mine", None),
    "callback": lambda task: task.add_done_callback(called.append),
}
WAITS = ["sleep(0)", "soon", "event", "shield", "gather", "timeout", "scope", "group"]
ENDS = ["return", "raise", "cancelled"]
called: list[Any] = []


def come(future: asyncio.Future[str]) -> None:
    if not future.done():
        future.set_result("came")


async def waited_for(kind: str, story: list[Any]) -> None:
    """Waits, in one of the ways there are; what it then hears goes into the story."""
    loop = asyncio.get_running_loop()
    try:
        match kind:
            case "sleep(0)":
                await asyncio.sleep(0)
            case "soon":
                future = loop.create_future()
                loop.call_soon(come, future)
                story.append(await future)
            case "event":
                event = asyncio.Event()
                loop.call_soon(event.set)
                await event.wait()
            case "shield":
                await asyncio.shield(asyncio.sleep(0))
            case "gather":
                story.append(await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2)))
            case "timeout":
                async with asyncio.timeout(0):
                    await asyncio.sleep(60)
            case "scope":
                with anyio.move_on_after(0) as scope:
                    await anyio.sleep_forever()
                story.append(scope.cancelled_caught)
            case "group":
                async with anyio.create_task_group() as group:
                    group.start_soon(anyio.sleep, 0)
    except (TimeoutError, asyncio.CancelledError) as error:
        story.append((type(error).__name__, error.args))


async def program(steps: Program, story: list[Any]) -> None:
    for step in steps:
        if step in USES:
            task = asyncio.current_task()
            assert task is not None
            story.append((step, USES[step](task)))
        elif step == "raise":
            raise ValueError(step)
        elif step == "cancelled":
            raise asyncio.CancelledError("mine")
        elif step == "keep":
            kept_tasks.append(asyncio.current_task())
        elif step != "return":
            story.append(step)
            await waited_for(step, story)
            story.append("on")


kept_tasks: list[Any] = []


def outcome(new_loop: Any, steps: Program, *, is_eager: bool) -> list[Any]:
    """What the program does, sees and comes to."""
    story: list[Any] = []
    called.clear()
    kept_tasks.clear()

    def test(loop: Any) -> None:
        work = program(steps, story)
        task: Any = starter(loop)(work) if is_eager else loop.create_task(work, name="request")

        def check() -> None:
            if task is None:
                story.append("returned")
            elif task.cancelled():
                story.append("was cancelled")
            else:
                story.append(repr(task.exception()) if task.exception() else "returned")
            story.append((len(called), all(each is task for each in called)))
            story.append([each is task and each.done() for each in kept_tasks])

        then(loop, task or loop.create_task(asyncio.sleep(0)), check)

    run(new_loop, test)
    return story


@LOOPS
@given(
    steps=st.lists(st.sampled_from([*USES, *WAITS, "keep"]), max_size=5),
    end=st.sampled_from(ENDS),
)
@example(steps=["cancel"], end="return")
@example(steps=["cancel", "shield"], end="return")
@example(steps=["cancel", "gather", "event"], end="return")
@example(steps=["cancel"], end="raise")
@example(steps=["callback"], end="return")
@example(steps=["keep"], end="return")
@example(steps=["attribute", "sleep(0)", "read"], end="return")
def test_a_started_task_behaves_as_any_other(new_loop: Any, steps: Program, end: str) -> None:
    steps = [*steps, end]

    assert outcome(new_loop, steps, is_eager=True) == outcome(new_loop, steps, is_eager=False)
