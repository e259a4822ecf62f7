"""The data room from synchronous code: ``def`` handlers, threads, synchronous tests.

A ``def`` handler runs in a worker thread, and its session belongs to the event loop. ``wait`` has
the loop do the work and waits for it, in the same unit of work::

    @app.get("/flights/{id}")
    def read_flight(id: int) -> FlightOut:
        return wait(Flight.objects.get(id=id))
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import anyio.from_thread

from trivium.db.errors import DbError

__all__ = ["loop_of_thread", "wait"]

T = TypeVar("T")

loop_of_thread: ContextVar[Callable[..., Any] | None] = ContextVar(
    "trivium_loop_of_thread", default=None
)
"""How a thread that no event loop has started reaches one: ``call(function, *arguments)``."""


def wait(work: Awaitable[T]) -> T:
    """Has the event loop do ``work``, in the current unit of work, and returns what comes out.

    Raises DbError where it would wait for itself (in ``async`` code: write ``await``), and where
    there is no event loop to do it.
    """
    if _is_in_loop():
        _drop(work)
        raise DbError(
            "wait() stands in asynchronous code, where it would wait for itself.\n"
            "    written:  wait(...)\n"
            "    instead:  await ..."
        )
    call = loop_of_thread.get() or anyio.from_thread.run
    try:
        result: T = call(_done, work)
    except RuntimeError as error:
        if not _says_no_loop(error):
            raise
        _drop(work)
        raise DbError(
            "There is no event loop that could do the work of wait().\n"
            "    in a script:  asyncio.run(main()), and await in main()\n"
            "    in a test:    def test(db): ...   # the fixture of trivium.db.testing"
        ) from None
    return result


async def _done(work: Awaitable[T]) -> T:
    return await work


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _says_no_loop(error: RuntimeError) -> bool:
    # AnyIO has a class of its own for it since 4.11, which is a RuntimeError
    return type(error).__name__ == "NoEventLoopError" or "can only be run from" in str(error)


def _drop(work: Any) -> None:
    # what nobody will await is closed, or Python would warn of it
    if (close := getattr(work, "close", None)) is not None:
        close()
