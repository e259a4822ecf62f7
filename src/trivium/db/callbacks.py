"""What is to happen once a transaction is committed, and only then."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

__all__ = ["Callback", "Callbacks"]

Callback: TypeAlias = Callable[[], Awaitable[Any] | Any]


class Callbacks:
    """The callbacks of one transaction, in order.

    Those that were added inside of a savepoint are dropped when it is rolled back.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Callback] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, callback: Callback) -> None:
        self._waiting.append(callback)

    def drop_after(self, count: int) -> None:
        """Forgets those that were added when there were ``count`` already."""
        del self._waiting[count:]

    def clear(self) -> None:
        self._waiting.clear()

    async def run(self) -> None:
        """Calls each once, also after one that failed; then raises what they raised."""
        failures: list[Exception] = []
        while self._waiting:
            callback = self._waiting.pop(0)
            try:
                await called(callback)
            except Exception as failure:
                failures.append(failure)
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise ExceptionGroup("callbacks after a commit failed", failures)


async def called(callback: Callback) -> None:
    """Calls, and awaits what comes out if that can be awaited."""
    result = callback()
    if inspect.isawaitable(result):
        await result
