"""What is to happen once a transaction is committed, and only then."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from anyio import CancelScope

__all__ = ["Callback", "Callbacks"]

logger = logging.getLogger("trivium.db")

Callback: TypeAlias = Callable[[], Awaitable[Any] | Any]


class Callbacks:
    """The callbacks of one transaction, in order.

    Those that were added inside of a savepoint are dropped when it is rolled back. What has to be
    undone then is called by ``undo()``, which follows as soon as something can be awaited.
    """

    __slots__ = ("_waiting", "to_undo")

    def __init__(self) -> None:
        self._waiting: list[tuple[Callback, Callback | None]] = []
        self.to_undo: list[Callback] = []
        """What belongs to a part that has been rolled back."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, callback: Callback, undone: Callback | None = None) -> None:
        """``undone`` is called instead if there is no commit."""
        self._waiting.append((callback, undone))

    def drop_after(self, count: int) -> None:
        """Forgets those that were added when there were ``count`` already."""
        for _, undone in reversed(self._waiting[count:]):
            if undone is not None:
                self.to_undo.append(undone)
        del self._waiting[count:]

    def clear(self) -> None:
        """Forgets all."""
        self.drop_after(0)

    def forget(self) -> None:
        """Neither calls nor undoes: nobody knows whether there was a commit."""
        self._waiting.clear()

    async def undo(self) -> None:
        """Undoes what has been rolled back, whoever is cancelled meanwhile; the last comes first.

        An error is logged: the one that led here is what the program has to be told.
        """
        with CancelScope(shield=True):
            while self.to_undo:
                try:
                    await called(self.to_undo.pop(0))
                except Exception:
                    logger.exception("What a transaction had done could not be undone")

    async def run(self) -> None:
        """Calls each once, also after one that failed; then raises what they raised."""
        failures: list[Exception] = []
        # taken at once: a transaction of a callback's own that fails must not drop the others
        waiting, self._waiting = self._waiting, []
        for callback, _ in waiting:
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
