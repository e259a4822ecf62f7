"""How long a dependency's value lives: entering generators, and leaving them whatever happens.

A generator is left exactly once, also when its client has gone and the request is cancelled: the
exit runs shielded. A synchronous one is left in a worker thread that nothing limits, so that a pool
full of waiting requests can never keep another from giving its resource back.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from types import TracebackType
from typing import Any, TypeVar

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from trivium.threads import in_thread

__all__ = ["contextmanager_in_threadpool", "enter_async", "hold_sync"]

T = TypeVar("T")


async def enter_async(
    request_stack: AsyncExitStack, stack: AsyncExitStack, cm: AbstractAsyncContextManager[T]
) -> T:
    """Enters an asynchronous generator; it is left when ``stack`` is closed."""
    return await stack.enter_async_context(_ShieldedExit(cm, _cleanup_scope(request_stack)))


def hold_sync(stack: AsyncExitStack, cm: AbstractContextManager[Any]) -> None:
    """Has a synchronous context, already entered, left in a worker thread with ``stack``.

    May be called from the worker thread that entered it: the loop waits for that thread.
    """
    stack.push_async_exit(_ThreadedExit(cm))


@asynccontextmanager
async def contextmanager_in_threadpool(cm: AbstractContextManager[T]) -> AsyncGenerator[T, None]:
    """A synchronous context manager as an asynchronous one; both ends run in worker threads."""
    exit_in_thread = _ThreadedExit(cm)
    try:
        value = await in_thread(exit_in_thread.enter, cm)
    except BaseException as error:
        # cancelled while the thread was at it: what it entered in the end has to be left
        if exit_in_thread.is_due:
            await exit_in_thread.__aexit__(type(error), error, error.__traceback__)
        raise
    async with exit_in_thread:
        yield value


class _ThreadedExit(AbstractAsyncContextManager[None, bool]):
    is_due = False

    def __init__(self, cm: AbstractContextManager[Any]) -> None:
        self.cm = cm

    def enter(self, cm: AbstractContextManager[T]) -> T:
        """Enters the context; the caller is in a worker thread."""
        value = cm.__enter__()
        self.is_due = True
        return value

    async def __aenter__(self) -> None:
        """The context was entered before."""
        return None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        leave: Callable[[], bool | None] = lambda: self.cm.__exit__(kind, error, traceback)  # noqa: E731  # typed
        swallowed: bool | None = None
        with anyio.CancelScope(shield=True):
            swallowed = await in_thread(leave, limited=False)
        return bool(swallowed)


class _ShieldedExit(AbstractAsyncContextManager[T]):
    """Shields the exit with a scope that was entered before the generator.

    A scope entered only now would lie inside the scopes that the generator itself has open, and
    could not be left before them.
    """

    def __init__(self, cm: AbstractAsyncContextManager[T], cleanup: "anyio.CancelScope") -> None:
        self.cm = cm
        self.cleanup = cleanup

    async def __aenter__(self) -> T:
        return await self.cm.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        before, self.cleanup.shield = self.cleanup.shield, True
        try:
            swallowed = bool(await self.cm.__aexit__(kind, error, traceback))
        finally:
            self.cleanup.shield = before
        if error is None or swallowed:
            # a task group inside the generator may have swallowed the cancellation of its parent
            await checkpoint_if_cancelled()
        return swallowed


_CLEANUP = "_trivium_cleanup_scope"


def _cleanup_scope(request_stack: AsyncExitStack) -> "anyio.CancelScope":
    scope: anyio.CancelScope | None = getattr(request_stack, _CLEANUP, None)
    if scope is None:
        scope = request_stack.enter_context(anyio.CancelScope())
        setattr(request_stack, _CLEANUP, scope)
    return scope
