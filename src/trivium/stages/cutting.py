"""Requests that are cut short: what serves one is cancelled, and somebody else ends it."""

from asyncio import Task, current_task
from collections.abc import Awaitable, Callable
from typing import Any

from trivium.errors import TriviumError
from trivium.exchange import Exchange

__all__ = ["cut_short", "task_of"]


def task_of(ex: Exchange) -> Task[Any]:
    """The task that serves the request. Raises TriviumError where there is none, on Trio."""
    if ex.task is None:
        try:
            ex.task = current_task()
        except RuntimeError:
            # no event loop of asyncio
            ex.task = None
    if ex.task is None:
        raise TriviumError(
            "Only on asyncio can a request be cut short\n"
            "    written:  a stage such as Deadline or CancelOnDisconnect, on Trio\n"
            "    instead:  asyncio, or an application without these stages"
        )
    task: Task[Any] = ex.task
    return task


def cut_short(ex: Exchange, then: Callable[[Exchange], Awaitable[None]], reason: str) -> None:
    """Cancels what serves the request, and has ``then`` end it.

    Nothing happens once the reply is complete, or where another stage has done so already.
    """
    if ex.task is not None and ex.around is not None and ex.ended is None:
        ex.ended = then
        ex.task.cancel(reason)
