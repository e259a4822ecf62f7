"""Background tasks: what a request has promised to do after its reply."""

import weakref
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial, wraps
from typing import Any, ParamSpec, Protocol

from starlette._utils import is_async_callable
from starlette.background import BackgroundTask
from starlette.background import BackgroundTasks as StarletteBackgroundTasks

from trivium.threads import in_thread

__all__ = ["BackgroundTasks", "raise_failures", "run_each"]

P = ParamSpec("P")


class Holder(Protocol):
    """The request that has promised them."""

    is_holding: bool
    """Whether a worker thread has entered something that is left only when the request is over."""


class BackgroundTasks(StarletteBackgroundTasks):
    """Tasks that run after the reply was sent, in the order in which they were added.

    Every task runs, also when one before it failed. The error of a single failed task is raised
    as it is, several as an ``ExceptionGroup``, once all have run.
    """

    _exchange: "weakref.ref[Holder] | None" = None
    around: Callable[[BackgroundTask], AbstractContextManager[Any]] = nullcontext
    """What each task runs within; replaced on an instance where the request is observed."""

    def belong_to(self, exchange: Holder) -> None:
        """Says which request the tasks come after."""
        # weak, because the exchange holds the tasks
        self._exchange = weakref.ref(exchange)

    def add_task(self, func: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        """Has ``func`` called after the reply, in a worker thread if it is a ``def``."""
        if is_async_callable(func):
            super().add_task(func, *args, **kwargs)
        else:
            super().add_task(self._threaded(func), *args, **kwargs)

    def _threaded(self, func: Callable[P, Any]) -> Callable[P, Awaitable[None]]:
        @wraps(func)
        async def call(*args: P.args, **kwargs: P.kwargs) -> None:
            ex = None if self._exchange is None else self._exchange()
            limited = ex is None or not ex.is_holding
            await in_thread(partial(func, *args, **kwargs), limited=limited)

        return call

    def take_up(self, other: BackgroundTask) -> None:
        """Adds what another response brought along."""
        if other is self:
            return
        if isinstance(other, StarletteBackgroundTasks):
            self.tasks.extend(other.tasks)
        else:
            self.tasks.append(other)

    async def __call__(self) -> None:
        raise_failures(await self.run())

    async def run(self) -> list[Exception]:
        """Runs every task, once; the errors of those that failed."""
        return await run_each(self._taken(), self.around)

    def _taken(self) -> Iterator[BackgroundTask]:
        while self.tasks:
            yield self.tasks.pop(0)


async def run_each(
    tasks: Iterable[BackgroundTask],
    around: Callable[[BackgroundTask], AbstractContextManager[Any]] = nullcontext,
) -> list[Exception]:
    """Runs the tasks in order, each within ``around``; the errors of those that failed."""
    failures: list[Exception] = []
    for task in tasks:
        try:
            with around(task):
                await task()
        except Exception as failure:
            failures.append(failure)
    return failures


def raise_failures(failures: list[Exception]) -> None:
    """Raises what tasks have failed with: a single error as it is, several as a group."""
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise ExceptionGroup("background tasks failed", failures)
