"""Executing one statement: the way that models and queries take to the database."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.engine import Result
from sqlalchemy.ext.asyncio import AsyncResult

from trivium.db.transactions import atomic
from trivium.db.units import Using, current_unit

__all__ = ["execute", "stream"]

Parameters = dict[str, Any] | Sequence[dict[str, Any]] | None


async def execute(
    statement: Executable,
    parameters: Parameters = None,
    *,
    using: Using = None,
    write: bool = False,
    options: dict[str, Any] | None = None,
) -> Result[Any]:
    """Executes in the current unit of work; the result is complete, and needs no connection.

    write: it changes something. Where no transaction is open it is committed at once, as one.
    options: SQLAlchemy's execution options.
    """
    lane = current_unit().lane(using)
    if write and not lane.is_held:
        async with atomic(using, savepoint=False) as session:
            return await session.execute(statement, parameters, execution_options=options or {})
    return await lane.session.execute(statement, parameters, execution_options=options or {})


async def stream(
    statement: Executable,
    parameters: Parameters = None,
    *,
    using: Using = None,
    options: dict[str, Any] | None = None,
) -> AsyncResult[Any]:
    """Executes, and gives the rows as they come; the caller closes the result.

    The session keeps its connection until the end of the unit of work.
    """
    lane = current_unit().lane(using)
    rows: AsyncResult[Any] = await lane.session.stream(
        statement, parameters, execution_options=options or {}
    )
    return rows
