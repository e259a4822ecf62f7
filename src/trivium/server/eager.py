"""A task whose first step runs at once, instead of in the next turn of the event loop.

Most requests never wait for anything: they are answered in that step, and the event loop hears of
no task at all. Python 3.12 has such tasks (``eager_start``). Before, a task asks its event loop to
call the first step soon; here it is handed out instead, and called in the task's own context.
"""

import asyncio
import sys
from asyncio import AbstractEventLoop, Handle, Task
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeAlias

__all__ = ["Start", "starter"]

_NAME = "request"
"""Of each task: a number for each would be text that is made and as a rule never read."""

Start: TypeAlias = Callable[[Coroutine[Any, Any, None]], Task[None]]
"""Starts a coroutine as a task, which may be done already."""


def starter(loop: AbstractEventLoop, *, in_empty_context: bool = False) -> Start:
    """How to start tasks of this event loop.

    in_empty_context: tasks see no context variables of whoever starts them.

    Started from inside of another task, a coroutine runs in the next turn of the event loop.
    """
    if loop.get_debug():
        # debug mode measures every step that the event loop makes
        return _plain(loop, in_empty_context)
    if sys.version_info >= (3, 12):
        return _native(loop, in_empty_context)
    return _handed_out(loop, in_empty_context)


def _plain(loop: AbstractEventLoop, in_empty_context: bool) -> Start:
    def start(work: Coroutine[Any, Any, None]) -> Task[None]:
        context = Context() if in_empty_context else None
        return loop.create_task(work, name=_NAME, context=context)

    return start


if sys.version_info >= (3, 12):

    def _native(loop: AbstractEventLoop, in_empty_context: bool) -> Start:
        def start(work: Coroutine[Any, Any, None]) -> Task[None]:
            context = Context() if in_empty_context else None
            return Task(work, loop=loop, name=_NAME, context=context, eager_start=True)

        return start


def _handed_out(loop: AbstractEventLoop, in_empty_context: bool) -> Start:
    later = _plain(loop, in_empty_context)
    attributes = getattr(loop, "__dict__", None)
    if attributes is None:
        return later
    call_soon = loop.call_soon
    current = asyncio.tasks._current_tasks  # type: ignore[attr-defined]  # as current_task() does
    step: Callable[[], None] | None = None
    within: Context = Context()

    def take(
        callback: Callable[..., Any], *arguments: Any, context: Context | None = None
    ) -> Handle | None:
        # A collection of garbage may begin while the task is made, and what it collects may use the
        # event loop as well.
        nonlocal step, within
        if step is not None or arguments or context is None:
            return call_soon(callback, *arguments, context=context)
        step, within = callback, context
        return None

    def start(work: Coroutine[Any, Any, None]) -> Task[None]:
        nonlocal step
        if loop in current:
            return later(work)
        # What a task calls is found on the event loop object before it is found on its class.
        attributes["call_soon"] = take
        try:
            task = Task(
                work, loop=loop, name=_NAME, context=Context() if in_empty_context else None
            )
        finally:
            del attributes["call_soon"]
        if step is not None:
            first, step = step, None
            if getattr(first, "__self__", None) is task:
                within.run(first)
            else:
                call_soon(first, context=within)
        return task

    return start
