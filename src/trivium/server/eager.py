"""A task whose first step runs at once, instead of in the next turn of the event loop.

Most requests never wait for anything: they are answered in that step, and the event loop hears of
no task at all. Python 3.12 has such tasks (``eager_start``). Before, the step is made here, and a
task is made only where there is anything left of it, or where somebody asks. (So
``asyncio.all_tasks()`` does not list a task in its first step, if that is all that is asked.)
"""

import asyncio
import sys
from asyncio import AbstractEventLoop, Handle, Task
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from sys import getrefcount
from typing import Any, TypeAlias

__all__ = ["Start", "starter"]

_NAME = "request"
"""Of each task: a number for each would be text that is made and as a rule never read."""

Start: TypeAlias = Callable[[Coroutine[Any, Any, None]], Task[None] | None]
"""Starts a coroutine as a task, which may be done already; None where it has ended without an error
and nobody has kept the task."""


def starter(loop: AbstractEventLoop, *, in_empty_context: bool = False) -> Start:
    """How to start tasks of this event loop.

    in_empty_context: tasks see no context variables of whoever starts them.

    Started from inside of another task, a coroutine runs in the next turn of the event loop.
    One that raises SystemExit or KeyboardInterrupt fails with a RuntimeError: the loop goes on.
    """
    if loop.get_debug():
        # debug mode measures every step that the event loop makes
        return _plain(loop, in_empty_context)
    if sys.version_info >= (3, 12):
        return _native(loop, in_empty_context)
    return _stepping(loop, in_empty_context)


def _plain(loop: AbstractEventLoop, in_empty_context: bool) -> Start:
    def start(work: Coroutine[Any, Any, None]) -> Task[None]:
        context = Context() if in_empty_context else None
        return loop.create_task(_contained(work), name=_NAME, context=context)

    return start


if sys.version_info >= (3, 12):

    def _native(loop: AbstractEventLoop, in_empty_context: bool) -> Start:
        def start(work: Coroutine[Any, Any, None]) -> Task[None] | None:
            context = Context() if in_empty_context else None
            task = Task(_contained(work), loop=loop, name=_NAME, context=context, eager_start=True)
            is_over = task.done() and not task.cancelled() and task.exception() is None
            return None if is_over else task

        return start


def _stepping(loop: AbstractEventLoop, in_empty_context: bool) -> Start:
    later = _plain(loop, in_empty_context)
    attributes = getattr(loop, "__dict__", None)
    if attributes is None:
        return later
    current = asyncio.tasks._current_tasks  # type: ignore[attr-defined]  # as current_task() does
    make_at_once = _maker(loop, attributes)

    def start(work: Coroutine[Any, Any, None]) -> Task[None] | None:
        if loop in current:
            return later(work)
        task: RequestTask = _allocate(_Early)
        task.loop, task.work = loop, work
        task.own_context = context = Context() if in_empty_context else copy_context()
        current[loop] = task
        try:
            # `next` needs no StopIteration
            first = context.run(next, work.__await__(), _DONE)
        except BaseException as error:
            del current[loop]
            return gone_on(task, _DONE, _harmless(error))
        del current[loop]
        if first is _DONE and getrefcount(task) == _OWN:
            return None
        return gone_on(task, first, None)

    def gone_on(task: RequestTask, first: Any, error: BaseException | None) -> RequestTask:
        is_early = type(task) is _Early
        if is_early:
            _rest_of(task)
        task.rest.came_to(first, error)
        # the task has it now, and it has this frame in its traceback
        error = None
        if is_early:
            make_at_once(task)
        return task

    return start


def _maker(loop: AbstractEventLoop, attributes: dict[str, Any]) -> "Callable[[RequestTask], None]":
    """Makes a task and its next step at once.

    A task asks its event loop to call that step soon; here it is handed out instead, and called in
    the task's own context.
    """
    call_soon = loop.call_soon
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

    def make_at_once(task: RequestTask) -> None:
        nonlocal step
        if not task.rest.is_due:
            _make(task)
            return
        # What a task calls is found on the event loop object before it is found on its class.
        attributes["call_soon"] = take
        try:
            _make(task)
        finally:
            del attributes["call_soon"]
        if step is not None:
            first, step = step, None
            if getattr(first, "__self__", None) is task:
                within.run(first)
            else:
                call_soon(first, context=within)

    return make_at_once


class RequestTask(Task[None]):
    """A task that is made when its first step is over, or where somebody asks before that."""

    __slots__ = ("loop", "own_context", "rest", "work")

    loop: AbstractEventLoop
    own_context: Context
    rest: "_Rest"
    work: Coroutine[Any, Any, None]


class _Early(RequestTask):
    """What ``asyncio.current_task()`` gives in the first step.

    ``Task.__init__``, which takes longer than many a handler, is called where anybody wants to know
    more of it than which task it is.
    """

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        _begin(self)
        return getattr(self, name)

    def __repr__(self) -> str:
        _begin(self)
        return repr(self)

    def __await__(self) -> Any:
        _begin(self)
        return self.__await__()

    __iter__ = __await__


def _begin(task: RequestTask) -> None:
    """Makes the task while its first step is under way."""
    _rest_of(task)
    _make(task)


def _rest_of(task: RequestTask) -> None:
    task.__class__ = RequestTask
    task.rest = _Rest(task.work)


def _make(task: RequestTask) -> None:
    Task.__init__(task, task.rest, loop=task.loop, name=_NAME, context=task.own_context)


class _Rest(Coroutine[Any, Any, None]):
    """What is left of a coroutine whose first step its task has not made.

    The task hears what that step has come to as if it had made it.
    """

    __slots__ = ("_error", "_first", "_is_done", "_work")

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self._first: Any = None
        self._is_done = False
        self._error: BaseException | None = None

    def came_to(self, first: Any, error: BaseException | None) -> None:
        """Notes what the first step has come to.

        first: the future that it waits for, None to go on in the next turn, or ``_DONE``.
        """
        self._is_done = first is _DONE
        self._first = None if self._is_done else first
        self._error = error

    @property
    def is_due(self) -> bool:
        """Whether the task has anything to hear before the next turn."""
        return self._is_done or self._first is not None

    def send(self, value: Any, /) -> Any:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        self._end(StopIteration())
        try:
            return self._work.send(value)
        except _ENDS as error:
            raise _harmless(error) from error

    def throw(self, kind: Any, value: Any = None, traceback: Any = None, /) -> Any:
        error: BaseException = kind if value is None else value
        if self._first is not None:
            # cancelled in its first step: so is what it waits for, if it can be
            first, self._first = self._first, None
            if getattr(first, "cancel", _cannot)(*error.args):
                return first
        self._end(error)
        try:
            return self._work.throw(error)
        except _ENDS as other:
            raise _harmless(other) from other

    def _end(self, error: BaseException) -> None:
        if self._is_done:
            error, self._error = self._error or error, None
            raise error

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Any:
        raise TypeError("what is left of a request's coroutine is its task's")

    def __getattr__(self, name: str) -> Any:
        # a debugger asks for the frame, and repr() for the name
        return getattr(self._work, name)


_ENDS = (SystemExit, KeyboardInterrupt)
"""What a task raises out of the event loop, which ends with it."""


def _harmless(error: BaseException) -> BaseException:
    """The error as one of the request alone: ``sys.exit()`` in a handler ends no server."""
    if not isinstance(error, _ENDS):
        return error
    told = RuntimeError(f"The application would have ended the process by {error!r}.")
    told.__cause__ = error
    return told


async def _contained(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except _ENDS as error:
        raise _harmless(error) from error


def _cannot(*arguments: Any) -> bool:
    return False


_DONE: Any = object()
_allocate: Any = Task.__new__
_OWN = 2
"""References to a task that nobody else has: the variable, and the argument of ``getrefcount``."""
