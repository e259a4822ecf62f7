"""Worker threads, for everything that must not block the event loop.

A visit costs less than half of what ``anyio.to_thread.run_sync`` takes, and keeps its promises: it
runs in a copy of the caller's context, it counts against AnyIO's default limiter (so that its
``total_tokens`` is still the number to tune), ``anyio.from_thread`` works inside, and a cancelled
caller waits until its thread is done, because a thread cannot be interrupted.

A caller that holds what threads may be waiting for, such as a database connection, must not itself
wait for a thread: with all threads waiting for connections, and all connections waiting for a
thread, nothing would move again. It says ``limited=False``.
"""

import asyncio
import os
from asyncio import AbstractEventLoop, CancelledError, Future
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextvars import Context, copy_context
from importlib import import_module
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar, TypeVarTuple
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread
from anyio import WouldBlock
from anyio.lowlevel import EventLoopToken, current_token

# How AnyIO knows its own worker threads; there is no public way to be one. Where a release of AnyIO
# has moved these, it makes the visits itself; a test notices that.
_anyio: Any = import_module("anyio._core._eventloop")
_threadlocals: Any = getattr(_anyio, "threadlocals", None)
_set_current_async_library: Any = getattr(_anyio, "set_current_async_library", None)
_HAS_OWN_WAY = _threadlocals is not None and _set_current_async_library is not None

__all__ = ["in_thread", "iterated_in_threads"]

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


async def in_thread(
    work: Callable[[*Arguments], T], *arguments: *Arguments, limited: bool = True
) -> T:
    """Calls ``work`` in a worker thread and returns its result, or raises its error.

    limited: waits while as many threads are busy as AnyIO's default limiter allows.
    """
    try:
        loop = asyncio.get_running_loop() if _HAS_OWN_WAY else None
    except RuntimeError:  # Trio
        loop = None
    if loop is None:
        own = None if limited else anyio.CapacityLimiter(1)
        return await anyio.to_thread.run_sync(work, *arguments, limiter=own)
    place = _places.get(loop) or _place_of(loop)
    visit = _Visit(loop, place.token, work, arguments)
    if not limited:
        return await visit.made()  # type: ignore[no-any-return]  # what `work` returned
    limiter = place.limiter
    try:
        limiter.acquire_on_behalf_of_nowait(visit)
    except WouldBlock:
        await limiter.acquire_on_behalf_of(visit)
    try:
        return await visit.made()  # type: ignore[no-any-return]  # what `work` returned
    finally:
        limiter.release_on_behalf_of(visit)


async def iterated_in_threads(items: Iterable[T], *, limited: bool = True) -> AsyncIterator[T]:
    """The items of a synchronous iterable, each made in a worker thread."""
    iterator = iter(items)
    while True:
        item = await in_thread(next, iterator, _END, limited=limited)
        if item is _END:
            return
        yield item


_END: Any = object()


class _Place:
    """What all visits from one event loop share."""

    __slots__ = ("limiter", "token")

    def __init__(self) -> None:
        self.limiter = anyio.to_thread.current_default_thread_limiter()
        self.token: EventLoopToken = current_token()


_places: WeakKeyDictionary[AbstractEventLoop, _Place] = WeakKeyDictionary()


def _place_of(loop: AbstractEventLoop) -> _Place:
    place = _places[loop] = _Place()
    return place


class _Visit:
    """One call on its way through a worker thread."""

    __slots__ = (
        "_arguments",
        "_context",
        "_error",
        "_is_over",
        "_loop",
        "_over",
        "_result",
        "_token",
        "_work",
    )

    def __init__(
        self,
        loop: AbstractEventLoop,
        token: EventLoopToken,
        work: Callable[..., Any],
        arguments: tuple[Any, ...],
    ) -> None:
        self._loop = loop
        self._token = token
        self._work = work
        self._arguments = arguments
        self._context = copy_context()
        self._over: Future[None] = loop.create_future()
        self._is_over = False
        self._result: Any = None
        self._error: BaseException | None = None

    async def made(self) -> Any:
        """Makes the visit, and waits until it is over whatever happens meanwhile."""
        _free_worker().visits.put(self)
        try:
            await self._over
        except CancelledError:
            with anyio.CancelScope(shield=True):
                while not self._is_over:
                    self._over = self._loop.create_future()
                    await self._over
            raise
        error, self._error = self._error, None
        if error is None:
            return self._result
        try:
            raise error
        finally:
            del error  # or the frame and the error's traceback would hold each other

    def run(self) -> None:
        """The part in the worker thread."""
        _threadlocals.current_token = self._token
        _threadlocals.current_cancel_scope = None
        context = self._context
        # What is copied says that the event loop runs here, and it does not.
        context.run(_set_current_async_library, None)
        try:
            self._result = context.run(self._work, *self._arguments)
        except BaseException as error:
            self._error = error

    def report(self) -> None:
        """Wakes the caller, if its event loop still runs."""
        try:
            self._loop.call_soon_threadsafe(self._end)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def _end(self) -> None:
        self._is_over = True
        if not self._over.done():
            self._over.set_result(None)


class _Worker(Thread):
    """A thread that is used again and again, from any event loop, and ends when it is not."""

    PATIENCE = 10.0
    """Seconds without a visit after which it ends."""

    def __init__(self) -> None:
        super().__init__(name="Trivium worker thread", daemon=True)
        self.visits: SimpleQueue[_Visit] = SimpleQueue()

    def run(self) -> None:
        while True:
            try:
                visit = self.visits.get(timeout=self.PATIENCE)
            except Empty:
                try:
                    _free.remove(self)
                except ValueError:
                    continue  # taken just now: its visit is on the way
                return
            visit.run()
            _free.append(self)
            visit.report()
            del visit


# The worker that was used last is used first, so that those in excess get to end.
_free: deque[_Worker] = deque()
# Threads do not survive a fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free.clear)


def _free_worker() -> _Worker:
    try:
        return _free.pop()
    except IndexError:
        worker = _Worker()
        # From an empty context: where threads inherit one, it would be kept for good.
        Context().run(worker.start)
        return worker
