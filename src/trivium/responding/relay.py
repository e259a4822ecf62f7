"""A generator's items become chunks of a reply: ``relay``, and the two plain kinds of stream.

The generator runs in a task of its own from its first step to the last line of its ``finally``, and
the reply is the affair of another. So the writer can stop waiting, say something of its own or
leave without ever touching a step of the generator: cancel scopes and task groups that the
generator has open across a ``yield`` stay properly nested, and its context variables stay its
own::

    async with relay(items, encode) as chunks:
        async for chunk in chunks:
            await send(chunk)
    # Here the generator has ended, with its ``finally``, however the block was left.

The generator is never more than one item ahead: a client that reads slowly slows it down.

``await chunks.pour(send)`` does the same as the loop above for less: on asyncio, a chunk that finds
the writer waiting is sent from the task that made it, and nobody has to be woken for it.

Where a ``shutdown`` signal is given, the chunks end with the first second of silence after it. So
what only waits for something to tell is ended at once, and an answer on its way is told to its end.

A generator that has not finished when the block is left is ended according to where it stands:

* At a ``yield`` it is closed, and what its ``finally`` awaits is awaited.
* At an ``await`` of its own, that is cancelled. On asyncio once, as ``Task.cancel()`` does it, so
  that a ``finally`` may await what it likes. On trio what is cancelled stays cancelled, so a
  ``finally`` has to shield what it awaits, as everywhere on trio.
* A synchronous one in the middle of a step cannot be interrupted, because nothing stops a thread.
  The step is waited for, then the generator is closed, in a worker thread again.

What it raises while it is being ended is raised where the block is left.
"""

import asyncio
import threading
from asyncio import CancelledError
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from contextvars import Context, copy_context
from typing import Any, Protocol, TypeAlias

import anyio
from anyio import CancelScope, CapacityLimiter, Event, get_cancelled_exc_class, to_thread

from trivium.responding.plain import encode_json_stream_item
from trivium.shutdown import ShutdownSignal

__all__ = [
    "Chunks",
    "Encode",
    "Items",
    "Wait",
    "Write",
    "jsonl_stream",
    "raw_stream",
    "relay",
    "wait_at_most",
]

Items: TypeAlias = AsyncIterable[Any] | Iterable[Any]
"""What a streaming handler returns: as a rule a generator, asynchronous or not."""
Encode: TypeAlias = Callable[[Any], bytes]
"""Makes a chunk of an item; in a worker thread where the generator runs in one."""
Wait: TypeAlias = Callable[[Event, float], Awaitable[bool]]
"""Waits until the event is set or so many seconds have passed; tells whether it is set."""
Write: TypeAlias = Callable[[bytes], Awaitable[object]]
"""Sends a chunk, and waits while the client is slow."""

_END: Any = object()

_RUN = 8
"""Chunks of a generator that never waits, after which others have their turn."""

LAST_SILENCE = 1.0
"""Seconds without a chunk that end a stream when the server is about to stop."""


async def wait_at_most(event: Event, seconds: float) -> bool:
    """Waits by the clock of the event loop."""
    with anyio.move_on_after(seconds):
        await event.wait()
    return event.is_set()


@asynccontextmanager
async def relay(
    items: Items,
    encode: Encode,
    *,
    filler: bytes = b"",
    silence: float | None = None,
    wait: Wait = wait_at_most,
    limiter: CapacityLimiter | None = None,
    shutdown: ShutdownSignal | None = None,
) -> AsyncGenerator["Chunks", None]:
    """The chunks that ``encode`` makes of the items, for as long as the block lasts.

    The generator starts when the block is entered. When no chunk comes for ``silence`` seconds
    (``None``: for ever) the iterator gives ``filler`` instead; ``wait`` is the clock it does that
    by. Steps of a synchronous generator each take a token of ``limiter``, by default anyio's for
    worker threads; closing it takes none, so that a full pool cannot keep it open.

    What the generator or ``encode`` raises is raised by the iterator, after the chunks before it.
    Leaving the block ends the generator, and returns when it has ended.
    """
    source: _Source
    if isinstance(items, AsyncIterable):
        source = _AsyncSource(items, encode)
    else:
        source = _ThreadSource(items, encode, limiter)
    chunks = Chunks(source, filler, silence, wait)
    failure: BaseException | None = None
    try:
        async with _alongside(chunks.produce):
            try:
                with nullcontext() if shutdown is None else shutdown.calling(chunks.end_in_silence):
                    yield chunks
            except BaseException as error:
                # Raised again below: a task group would wrap it in an ExceptionGroup.
                failure = error
            finally:
                chunks.stop()
    except get_cancelled_exc_class() as cancelled:
        # While the end of the generator was waited for. It has ended all the same.
        failure = cancelled
    try:
        chunks.raise_what_is_left(failure)
    finally:
        del failure  # its traceback holds this frame, which would hold it


def jsonl_stream(
    items: Items,
    encode: Encode = encode_json_stream_item,
    *,
    limiter: CapacityLimiter | None = None,
) -> AbstractAsyncContextManager["Chunks"]:
    """``relay`` for JSON Lines: each item is one line, as ``encode`` writes it."""
    return relay(items, lambda item: encode(item) + b"\n", limiter=limiter)


def raw_stream(
    items: Items,
    *,
    charset: str = "utf-8",
    limiter: CapacityLimiter | None = None,
) -> AbstractAsyncContextManager["Chunks"]:
    """``relay`` for items that are chunks already: bytes as they are, text in ``charset``."""

    def encode(item: bytes | bytearray | memoryview | str) -> bytes:
        if isinstance(item, bytes):
            return item
        if isinstance(item, bytearray | memoryview):
            return bytes(item)
        # not bytes(item) for whatever else there is: of a number it makes that many zeros
        return item.encode(charset)

    return relay(items, encode, limiter=limiter)


class Chunks(AsyncIterator[bytes]):
    """The place where the two tasks meet: one chunk, and who waits for what.

    Nothing here awaits between looking at the state and changing it, so the tasks cannot
    interleave inside a method, and a chunk stays in its place until it is taken: a writer that
    gives up waiting loses nothing.
    """

    def __init__(self, source: "_Source", filler: bytes, silence: float | None, wait: Wait) -> None:
        self._source = source
        self._filler = filler
        self._silence = silence
        self._wait = wait
        self._chunk: bytes | None = None
        on_asyncio = get_cancelled_exc_class() is asyncio.CancelledError
        self._sends_from_producer = on_asyncio and wait is wait_at_most
        self._signal: Callable[[], Event | _Signal] = _Signal if on_asyncio else Event
        self._arrived: Event | _Signal | None = None
        self._taken: Event | _Signal | None = None
        self._ends_in_silence = False
        self._write: Write | None = None
        """How the producer sends a chunk itself, while the writer waits."""
        self._is_writing = False
        self._write_failure: Exception | None = None
        self._quiet_since = 0.0
        self._is_silent = False
        self._is_left = False
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        self._stepping = False
        self._interrupt: Callable[[], object] = lambda: None
        self._ended = False
        self._error: BaseException | None = None

    # The writer's side.

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while self._chunk is None:
            if self._is_left:
                raise StopAsyncIteration
            if self._ended:
                self.raise_what_is_left(None)
                raise StopAsyncIteration
            if self._silence is None:
                self._arrived = arrived = self._signal()
                await arrived.wait()
            else:
                self._arrived = event = Event()
                if not await self._wait(event, self._silence):
                    if self._ends_in_silence:
                        raise StopAsyncIteration
                    return self._filler
        chunk, self._chunk = self._chunk, None
        if self._taken is not None:
            self._taken.set()
        return chunk

    async def pour(self, write: "Write") -> None:
        """Writes every chunk, to the end or until ``leave``, and the filler in every silence."""
        if not self._sends_from_producer:
            async for chunk in self:
                await write(chunk)
            return
        while not self._is_left:
            if self._write_failure is not None:
                failure, self._write_failure = self._write_failure, None
                try:
                    raise failure
                finally:
                    del failure  # as in ``relay``
            if self._chunk is not None:
                # it was made while this side was busy
                chunk, self._chunk = self._chunk, None
                if self._taken is not None:
                    self._taken.set()
                await write(chunk)
            elif self._ended:
                self.raise_what_is_left(None)
                return
            elif await self._let_producer(write):
                if self._ends_in_silence:
                    return
                await write(self._filler)

    async def _let_producer(self, write: "Write") -> bool:
        """Leaves writing to the producer while it goes on; whether there is silence then."""
        self._arrived = arrived = _Signal()
        self._is_silent = False
        self._quiet_since = asyncio.get_running_loop().time()
        if self._silence is not None:
            self._look_in(self._silence, arrived)
        self._write = write
        try:
            await arrived.wait()
        finally:
            self._write = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        return self._is_silent and self._chunk is None and not self._ended

    def _look_in(self, seconds: float, arrived: "_Signal") -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, self._look, loop, arrived)

    def _look(self, loop: asyncio.AbstractEventLoop, arrived: "_Signal") -> None:
        """Ends the writer's wait if there is silence. One timer serves for many items: it looks
        when the last of them was, instead of being set anew with each."""
        silence = self._silence
        if silence is None or self._write is None:
            return
        left = silence if self._is_writing else self._quiet_since + silence - loop.time()
        if left > 0:
            self._look_in(left, arrived)
            return
        self._write = None
        self._is_silent = True
        arrived.set()

    def leave(self) -> None:
        """Nobody listens any more: pouring ends at once."""
        self._is_left = True
        if self._arrived is not None:
            self._arrived.set()

    def end_in_silence(self) -> None:
        """From now on the first silence is the end, and comes soon."""
        self._ends_in_silence = True
        self._silence = LAST_SILENCE if self._silence is None else min(self._silence, LAST_SILENCE)
        if self._arrived is not None:
            # whoever waits, waits anew
            self._arrived.set()

    def stop(self) -> None:
        """Let the producer end the generator; to be waited for by its task group."""
        self._stopping = True
        if self._taken is not None:
            self._taken.set()
        if self._is_writing or (self._stepping and self._source.interruptible):
            self._interrupt()

    def raise_what_is_left(self, failure: BaseException | None) -> None:
        """Raise, once, what the generator has raised; else ``failure``."""
        error, self._error = self._error, None
        if error is None:
            error, failure = failure, None
        if error is None:
            return
        try:
            if failure is not None and error.__context__ is None:
                error.__context__ = failure
            raise error
        finally:
            del error, failure  # as in ``relay``

    # The generator's side: one task, from the first step to the end.

    async def produce(self) -> None:
        try:
            # Cancelling the writer must not reach the generator by itself, which may be in a
            # ``finally`` by then. It is ended by ``stop``.
            with CancelScope(shield=True) as scope:
                self._interrupt = _once(scope)
                try:
                    await self._give_all()
                finally:
                    await self._source.close()
        except BaseException as error:
            if not (self._stopping and isinstance(error, get_cancelled_exc_class())):
                self._error = error
        finally:
            self._ended = True
            if self._arrived is not None:
                self._arrived.set()

    async def _give_all(self) -> None:
        turns = 0
        while not self._stopping:
            self._stepping = True
            try:
                chunk = await self._source.step()
            finally:
                self._stepping = False
            if chunk is _END:
                return
            if self._write is not None:
                turns += 1
                if not await self._wrote(self._write, chunk, rest=turns % _RUN == 0):
                    return
                continue
            self._taken = taken = self._signal()
            self._chunk = chunk
            if self._arrived is not None:
                self._arrived.set()
            if not self._stopping:
                await taken.wait()

    async def _wrote(self, write: "Write", chunk: bytes, *, rest: bool) -> bool:
        """Sends a chunk from here; an error is the writer's, and the end."""
        self._is_writing = True
        try:
            await write(chunk)
            if rest:
                await asyncio.sleep(0)
        except Exception as error:
            self._write_failure = error
            if self._arrived is not None:
                self._arrived.set()
            return False
        finally:
            self._is_writing = False
        self._quiet_since = asyncio.get_running_loop().time()
        return True


def _alongside(work: Callable[[], Coroutine[Any, Any, None]]) -> AbstractAsyncContextManager[Any]:
    """Runs ``work``, which raises nothing, in a task during the block, and waits for its end."""
    if get_cancelled_exc_class() is asyncio.CancelledError:
        return _Companion(work)
    return _in_task_group(work)


@asynccontextmanager
async def _in_task_group(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
        yield


class _Companion:
    """A task group of one task, for asyncio alone, at a third of what AnyIO's costs."""

    __slots__ = ("_task", "_work")

    def __init__(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._work = work

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._work())

    async def __aexit__(self, *failure: object) -> None:
        task = self._task
        if task.done():
            return
        cancelled: CancelledError | None = None
        # Where a scope around is cancelled, AnyIO would not stop interrupting the wait.
        with CancelScope(shield=True):
            while not task.done():
                try:
                    await asyncio.wait((task,))
                except CancelledError as error:
                    cancelled = error
        if cancelled is not None:
            try:
                raise cancelled
            finally:
                del cancelled  # as in ``relay``


class _Signal:
    """An ``Event`` for asyncio alone, which one task sets and one other waits for, once.

    A stream needs two for each item, and anyio's cost more than everything else about an item.
    """

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def set(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    def wait(self) -> Awaitable[None]:
        return self._future


def _once(scope: CancelScope) -> Callable[[], object]:
    """How to cancel what the current task awaits now and, where that is possible, nothing more.

    A cancelled scope goes on cancelling whatever is awaited in it. asyncio can do less than that:
    its own ``Task.cancel()`` interrupts one ``await``, and the ``finally`` blocks run in peace.
    """
    if get_cancelled_exc_class() is not asyncio.CancelledError:
        return scope.cancel
    task = asyncio.current_task()
    return scope.cancel if task is None else task.cancel


class _Source(Protocol):
    """The generator, without what kind it is."""

    interruptible: bool

    async def step(self) -> bytes:
        """The chunk of the next item, or ``_END``."""
        ...

    async def close(self) -> None:
        """Run what is left of the generator's ``finally`` blocks."""
        ...


class _AsyncSource:
    interruptible = True

    def __init__(self, items: AsyncIterable[Any], encode: Encode) -> None:
        self._iterator = aiter(items)
        self._encode = encode

    async def step(self) -> bytes:
        try:
            item = await anext(self._iterator)
        except StopAsyncIteration:
            return _END  # type: ignore[no-any-return]  # the marker of the end
        return self._encode(item)

    async def close(self) -> None:
        if not isinstance(self._iterator, AsyncGenerator):
            return
        try:
            await self._iterator.aclose()
        except BaseExceptionGroup as group:
            # A task group that is open at the ``yield`` wraps the GeneratorExit that ends it.
            if group.split(GeneratorExit)[1] is not None:
                raise


class _ThreadSource:
    """A synchronous generator: each step is a visit to a worker thread, in one context for all."""

    def __init__(
        self, items: Iterable[Any], encode: Encode, limiter: CapacityLimiter | None
    ) -> None:
        self.interruptible = True
        self._items = items
        self._encode = encode
        self._limiter = limiter or to_thread.current_default_thread_limiter()
        # The visits do not count against a limiter of their own: steps have a token already, and
        # closing must not wait for one that another stream holds.
        self._unlimited = CapacityLimiter(1)
        self._iterator: Iterator[Any] | None = None
        self._context = Context()
        # Held during each visit. When the event loop is shut down in the middle of a step, the
        # step's thread is left alone with it, and the generator can be closed only after it.
        self._visit = threading.Lock()

    async def step(self) -> bytes:
        async with self._limiter:
            self.interruptible = False
            try:
                return await to_thread.run_sync(self._step_in_thread, limiter=self._unlimited)
            finally:
                self.interruptible = True

    async def close(self) -> None:
        if self._iterator is not None:
            with CancelScope(shield=True):
                await to_thread.run_sync(self._close_in_thread, limiter=self._unlimited)

    def _step_in_thread(self) -> bytes:
        with self._visit:
            if self._iterator is None:
                # anyio's copy of the task's context, in which no event loop is running.
                self._context = copy_context()
                self._iterator = self._context.run(iter, self._items)
            return self._context.run(self._next, self._iterator)

    def _next(self, iterator: Iterator[Any]) -> bytes:
        item = next(iterator, _END)
        if item is _END:
            self._iterator = None
            return _END  # type: ignore[no-any-return]  # the marker of the end
        return self._encode(item)

    def _close_in_thread(self) -> None:
        with self._visit:
            if isinstance(self._iterator, Generator):
                self._context.run(self._iterator.close)
