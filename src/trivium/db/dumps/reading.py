"""Rows into a database, from lines of JSON: everything, or nothing."""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Column, Table, bindparam, func, insert, select, text, update
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from trivium.db.database import Database
from trivium.db.dumps.values import Read, reader_of
from trivium.db.dumps.writing import chosen_tables
from trivium.db.errors import DbError, translated

__all__ = ["load"]

_BATCH = 500


class _Target:
    """A table that rows go into."""

    def __init__(self, table: Table, later: set[str]) -> None:
        self.table = table
        self.key = [column.key for column in table.primary_key.columns]
        self.readers: dict[str, Read] = {
            column.key: reader_of(column.type) for column in table.columns
        }
        self.circular = _circular(table, later)
        """Columns that refer to rows which may come later, and may be empty until then."""


async def load(
    database: Database,
    lines: Iterable[str],
    *,
    update: bool = False,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Inserts the rows of a dump in one transaction, and returns how many they are.

    Rows may refer to each other in circles, and to rows of their own table that come later.
    PostgreSQL's sequences go on after the highest key.

    update: a row of a key that is there already replaces that one; without it, it is an error.
    progress: told how many rows have been inserted so far.

    Raises DbError, naming the line, for what is no row of a table of this database, and what the
    database refuses. Nothing is inserted then.
    """
    targets = _targets(database)
    count = 0
    postponed: list[tuple[_Target, dict[str, Any]]] = []
    used: dict[str, _Target] = {}
    async with database.engine.begin() as connection:
        for batch in _batches(_rows(lines, targets)):
            for target, first, rows in _runs(batch):
                used[target.table.fullname] = target
                postponed += _postponed(target, rows)
                await _insert(connection, target, rows, first, update=update)
            count += len(batch)
            if progress is not None:
                progress(count)
        for target, values in postponed:
            await _refer(connection, target, values)
        if database.dialect == "postgresql":
            for target in used.values():
                await _advance(connection, target.table)
    return count


def _targets(database: Database) -> dict[str, _Target]:
    tables = chosen_tables(database.metadatas, ())
    later = {table.fullname for table in tables}
    targets = {}
    for table in tables:
        targets[table.fullname] = _Target(table, later)
        later.discard(table.fullname)
    return targets


def _circular(table: Table, later: set[str]) -> list[str]:
    return [
        column.key
        for column in table.columns
        if column.nullable
        and any(key.target_fullname.rpartition(".")[0] in later for key in column.foreign_keys)
    ]


Row = tuple[int, _Target, dict[str, Any]]


def _rows(lines: Iterable[str], targets: dict[str, _Target]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            target, row = _parsed(line, number, targets)
            yield number, target, row


def _parsed(line: str, number: int, targets: dict[str, _Target]) -> tuple[_Target, dict[str, Any]]:
    try:
        data = json.loads(line)
    except ValueError as error:
        raise DbError(f"Line {number} is no JSON: {error}") from None
    if (
        not isinstance(data, dict)
        or not isinstance(data.get("table"), str)
        or not isinstance(data.get("row"), dict)
    ):
        raise DbError(f'Line {number} is not of the form {{"table": ..., "row": {{...}}}}')
    target = targets.get(data["table"])
    if target is None:
        raise DbError(
            f"Line {number}: there is no table {data['table']!r}. There are: {', '.join(targets)}"
        )
    row = {}
    for name, value in data["row"].items():
        read = target.readers.get(name)
        if read is None:
            raise DbError(
                f"Line {number}: {target.table.fullname} has no column {name!r}. There are: "
                f"{', '.join(target.readers)}"
            )
        try:
            row[name] = read(value)
        except (ValueError, TypeError, KeyError) as error:
            kind = target.table.columns[name].type
            raise DbError(
                f"Line {number}: {target.table.fullname}.{name} is a {kind!r}, and {error}"
            ) from None
    return target, row


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _runs(batch: list[Row]) -> Iterator[tuple[_Target, int, list[dict[str, Any]]]]:
    """Neighbouring rows of one table and the same columns, which are inserted together."""
    run: list[dict[str, Any]] = []
    shape: Any = None
    first = 0
    target: _Target | None = None
    for number, each, row in batch:
        if (each, row.keys()) != shape:
            if target is not None:
                yield target, first, run
            run, shape, first, target = [], (each, row.keys()), number, each
        run.append(row)
    if target is not None:
        yield target, first, run


def _postponed(
    target: _Target, rows: list[dict[str, Any]]
) -> Iterator[tuple[_Target, dict[str, Any]]]:
    """Takes out of the rows what refers to rows that may not be there yet."""
    for row in rows:
        values = {name: row[name] for name in target.circular if row.get(name) is not None}
        if values:
            for name in values:
                row[name] = None
            yield target, {**values, **{name: row.get(name) for name in target.key}}


async def _insert(
    connection: AsyncConnection,
    target: _Target,
    rows: list[dict[str, Any]],
    first: int,
    *,
    update: bool,
) -> None:
    statement = _upsert(connection, target, rows[0]) if update else insert(target.table)
    try:
        await connection.execute(statement, rows)
    except DBAPIError as error:
        last = first + len(rows) - 1
        raise DbError(
            f"Lines {first} to {last}: {target.table.fullname} refuses a row: {error.orig}"
        ) from translated(error)


def _upsert(connection: AsyncConnection, target: _Target, row: dict[str, Any]) -> Any:
    table, kind = target.table, connection.dialect.name
    if not target.key:
        raise DbError(f"{table.fullname} has no key by which a row could be replaced")
    others = [name for name in row if name not in target.key]
    if kind in ("mysql", "mariadb"):
        statement = mysql.insert(table)
        names = others or target.key
        return statement.on_duplicate_key_update({name: statement.inserted[name] for name in names})
    dialect: Any = postgresql if kind == "postgresql" else sqlite
    statement = dialect.insert(table)
    keys = [table.columns[name] for name in target.key]
    if not others:
        return statement.on_conflict_do_nothing(index_elements=keys)
    changes = {name: statement.excluded[name] for name in others}
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)


async def _refer(connection: AsyncConnection, target: _Target, values: dict[str, Any]) -> None:
    table = target.table
    if not target.key:
        raise DbError(f"{table.fullname} refers to rows that come later, and has no key")
    where = [table.columns[name] == bindparam(f"key_{name}") for name in target.key]
    changes: dict[str, Any] = {
        name: bindparam(f"new_{name}") for name in values if name not in target.key
    }
    arguments = {f"key_{name}": values[name] for name in target.key}
    arguments |= {f"new_{name}": values[name] for name in changes}
    try:
        await connection.execute(update(table).where(*where).values(changes), arguments)
    except DBAPIError as error:
        raise DbError(
            f"{table.fullname}: a row refers to one that is not there: {error.orig}"
        ) from translated(error)


async def _advance(connection: AsyncConnection, table: Table) -> None:
    """Has a sequence go on after the highest key that was inserted."""
    column: Column[Any] | None = table.autoincrement_column
    if column is None:
        return
    name = connection.dialect.identifier_preparer.format_table(table)
    sequence = func.pg_get_serial_sequence(name, column.name)
    if await connection.scalar(select(sequence)) is None:
        return
    highest = await connection.scalar(select(func.max(column)))
    if highest is not None:
        await connection.execute(
            text("SELECT setval(pg_get_serial_sequence(:name, :column), :highest)"),
            {"name": name, "column": column.name, "highest": highest},
        )
