"""Rows in parts, as the database gives them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Select

from trivium.db.execution import execute, stream
from trivium.db.queries.results import FRESH
from trivium.db.units import current_unit

__all__ = ["streamed"]

Parts = AsyncIterator[Sequence[Any]]


@asynccontextmanager
async def streamed(statement: Select[Any], size: int, using: Any) -> AsyncIterator[Parts]:
    """The rows of a statement in parts of a size; the connection is given back at the end."""
    lane = current_unit().lane(using)
    if lane.database.dialect in ("mysql", "mariadb"):
        result = await execute(statement, using=using, options=FRESH)
        yield _in_turn(result.partitions(size))
        return
    outermost = not (lane.is_streaming or lane.is_held)
    rows = await stream(statement, using=using, options={**FRESH, "yield_per": size})
    try:
        yield rows.partitions(size)
    finally:
        await rows.close()
        if outermost:
            lane.is_streaming = False
            # anything that ends gives back a connection that nothing holds any more
            await lane.session.run_sync(_nothing)


async def _in_turn(parts: Iterator[Sequence[Any]]) -> Parts:
    for part in parts:
        yield part


def _nothing(session: Any) -> None:
    """Done."""
