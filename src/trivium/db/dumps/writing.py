"""Rows out of a database, as lines of JSON."""

import json
from collections.abc import Callable, Collection, Iterable
from typing import IO, Any

from sqlalchemy import MetaData, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from trivium.db.database import Database
from trivium.db.dumps.values import written
from trivium.db.errors import FieldError

__all__ = ["chosen_tables", "dump"]

_BATCH = 1000

Progress = Callable[[str, int, int], None]
"""Told how far a table is: its name, the rows so far, and the rows in all."""


async def dump(
    database: Database,
    file: IO[str],
    *,
    tables: Collection[str] = (),
    progress: Progress | None = None,
) -> int:
    """Writes the rows of all tables, or of some, into a file, and returns how many they are.

    All are of one moment: they are read in one transaction, of the level REPEATABLE READ where the
    database has levels. What is referred to comes before what refers to it. The file is the
    caller's to close.

    Raises FieldError for a table that there is not.
    """
    total = 0
    async with database.engine.connect() as connection:
        if database.dialect in ("postgresql", "mysql", "mariadb"):
            connection = await connection.execution_options(isolation_level="REPEATABLE READ")
        for table in chosen_tables(database.metadatas, tables):
            total += await _dump_table(connection, table, file, progress)
        await connection.rollback()
    return total


async def _dump_table(
    connection: AsyncConnection, table: Table, file: IO[str], progress: Progress | None
) -> int:
    count = 0
    in_all = await connection.scalar(select(func.count()).select_from(table)) or 0
    names = [column.key for column in table.columns if column.computed is None]
    query = select(*(table.columns[name] for name in names)).order_by(*table.primary_key.columns)
    rows = await connection.stream(query.execution_options(yield_per=_BATCH))
    async for batch in rows.partitions():
        lines = (_line(table, dict(zip(names, map(written, row), strict=True))) for row in batch)
        file.write("".join(lines))
        count += len(batch)
        if progress is not None:
            progress(table.fullname, count, max(count, in_all))
    if progress is not None and not count:
        progress(table.fullname, 0, 0)
    return count


def _line(table: Table, row: dict[str, Any]) -> str:
    return json.dumps({"table": table.fullname, "row": row}, ensure_ascii=False) + "\n"


def chosen_tables(metadatas: Iterable[MetaData], names: Collection[str]) -> list[Table]:
    """The tables, or those of these names, what is referred to first."""
    every = [table for metadata in metadatas for table in metadata.sorted_tables]
    known = [table.fullname for table in every]
    for name in names:
        if name not in known:
            raise FieldError(f"There is no table {name!r}", name=name, known=known)
    return [table for table in every if not names or table.fullname in names]
