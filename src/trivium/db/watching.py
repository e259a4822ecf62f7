"""Watching the statements that are sent: for budgets, for tests.

A watcher is told of every statement that the current task, and those it has started, sends to a
database. Where nobody watches, a statement costs one look at a context variable.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["Watcher", "noted", "watched", "watching"]

Watcher: TypeAlias = Callable[[str, Any], None]
"""Called with the SQL and its parameters, before it is sent."""

_watchers: ContextVar[tuple[Watcher, ...]] = ContextVar("trivium_watchers", default=())

# What keeps a transaction in order is no query.
_OF_TRANSACTIONS = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Has ``watcher`` told of what is sent inside of the block."""
    token = _watchers.set((*_watchers.get(), watcher))
    try:
        yield
    finally:
        _watchers.reset(token)


def noted(statement: str, parameters: Any = None) -> None:
    """Tells the watchers of a statement that does not go through SQLAlchemy's connection."""
    for watcher in _watchers.get():
        watcher(statement, parameters)


def watched(engine: AsyncEngine) -> None:
    """Has the statements of an engine told to whoever watches."""

    def sent(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        watchers = _watchers.get()
        if watchers and not statement.startswith(_OF_TRANSACTIONS):
            for watcher in watchers:
                watcher(statement, parameters)

    event.listen(engine.sync_engine, "before_cursor_execute", sent)
