"""How many queries a request may send, and how often the same one.

In development and in tests each request is watched. One that sends more queries than its budget, or
one query again and again, is reported with the lines of the program that sent them: in tests as a
``QueryBudgetWarning``, which fails a test where warnings are errors, and otherwise in the log.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

from greenlet import getcurrent

from trivium.db.watching import watching
from trivium.errors import place_of_frame, written_at
from trivium.exchange import Exchange
from trivium.stages.stage import Serve, Stage

if TYPE_CHECKING:
    from trivium.app import App

__all__ = ["QueryBudget", "QueryBudgetWarning", "QueryCount", "is_watched"]

BUDGET = 20
REPEATS = 3

_logger = logging.getLogger("trivium.db")


class QueryBudgetWarning(UserWarning):
    """A request sent more queries than it should, or the same one again and again."""


def is_watched(app: App) -> bool:
    """Whether an application runs in development or in a test, where requests are watched."""
    chosen = os.environ.get("TRIVIUM_ENV") or os.environ.get("FASTAPI_ENV")
    return app.debug or chosen == "development" or "PYTEST_VERSION" in os.environ


@dataclass(slots=True)
class Shape:
    """One query, whatever its values are."""

    count: int
    place: str
    """The line of the program that sent it first."""
    written: str | None


class QueryCount:
    """The queries of one request. It is called with each of them."""

    __slots__ = ("_shapes", "total")

    def __init__(self) -> None:
        self.total = 0
        self._shapes: dict[str, Shape] = {}

    def __call__(self, sql: str, parameters: Any) -> None:
        """Counts a query."""
        self.total += 1
        text = shape_of(sql)
        known = self._shapes.get(text)
        if known is not None:
            known.count += 1
            return
        frame = _frame_of_program()
        self._shapes[text] = Shape(
            1, place_of_frame(frame) or "an unknown place", written_at(frame)
        )

    def excess(self, budget: int, repeats: int) -> str | None:
        """What is to be reported; ``None`` where nothing is."""
        again = {sql: shape for sql, shape in self._shapes.items() if shape.count > repeats}
        if self.total <= budget and not again:
            return None
        lines = []
        if self.total > budget:
            lines.append(f"{self.total} queries were sent, and the budget is {budget}")
        shown = again or dict(sorted(self._shapes.items(), key=lambda item: -item[1].count)[:5])
        for sql, shape in shown.items():
            text = " ".join(sql.split())
            lines.append(f"{shape.count} x {text if len(text) < 160 else text[:157] + '...'}")
            lines.append(f"    {shape.place}")
            if shape.written:
                lines.append(f"      {shape.written}")
        if again:
            lines.append(
                "Load it for all at once: select_related() and prefetch_related() with the query,"
                " await obj.fetch() for all of the same result, or __in instead of a loop"
            )
        return "\n  ".join(lines)


# Values are parameters, but the number of them in a list is not.
_LIST = re.compile(r"\((?:\s*(?:\?|%s|%\(\w+\)s|\$\d+(?:::\w+)?)\s*,?)+\)")


def shape_of(sql: str) -> str:
    """A query without what differs between two runs of the same line."""
    return _LIST.sub("(...)", sql)


_NOT_THE_PROGRAM = frozenset(
    [
        "aiosqlite",
        "anyio",
        "asyncio",
        "contextlib",
        "greenlet",
        "sqlalchemy",
        "starlette",
        "trivium",
    ]
)


def _frame_of_program() -> FrameType | None:
    """The nearest frame on the way to the query that belongs to neither a library nor Trivium."""
    for frame in _frames():
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in _NOT_THE_PROGRAM:
            return frame
    return None


def _frames() -> Iterator[FrameType]:
    """The frames from here outwards, through SQLAlchemy's greenlets."""
    import sys

    frame: FrameType | None = sys._getframe(2)
    current = getcurrent()
    while True:
        while frame is not None:
            yield frame
            frame = frame.f_back
        current = current.parent
        if current is None:
            return
        frame = current.gr_frame


class QueryBudget(Stage):
    """Watches each request; outside of the units of work, so that their queries count too."""

    place: ClassVar[int] = 890

    def __init__(self, budget: int = BUDGET, repeats: int = REPEATS, *, warn: bool = False) -> None:
        self._budget = budget
        self._repeats = repeats
        self._warn = warn

    def wrap(self, serve: Serve) -> Serve:
        """Counts around the request."""

        async def served(ex: Exchange) -> None:
            count = QueryCount()
            with watching(count):
                await serve(ex)
            message = count.excess(self._budget, self._repeats)
            if message is not None:
                self._report(f"{ex.method} {ex.path}: {message}")

        return served

    def _report(self, message: str) -> None:
        if self._warn:
            warnings.warn(QueryBudgetWarning(message), stacklevel=2)
        else:
            _logger.warning("%s", message)
