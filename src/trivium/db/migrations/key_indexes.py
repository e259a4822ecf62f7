"""The indexes that MySQL makes for foreign keys by itself, and keeps when the keys are gone.

It makes one, of the key's name, where no other index begins with the columns of the key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from alembic.operations import ops
from sqlalchemy import Connection, ForeignKeyConstraint, Index, Table, inspect
from sqlalchemy.schema import ColumnCollectionConstraint


def left_by(changes: Iterable[Any], connection: Connection, tables: list[Table]) -> list[Any]:
    """What drops the indexes that these changes leave in the database and no model has."""
    declared = {
        (table.schema, table.name): {index.name for index in table.indexes} for table in tables
    }
    inspector = inspect(connection)
    found = []
    for key, schema, table in _dropped_keys(changes):
        there = {index["name"] for index in inspector.get_indexes(table, schema=schema)}
        if key.name in there - declared.get((schema, table), set()):
            found.append(_drop(key, schema, table))
    return found


def left_by_undoing(undone: Iterable[Any], tables: list[Table]) -> list[Any]:
    """What drops the indexes that were made for the keys that are undone here."""
    by_name = {(table.schema, table.name): table for table in tables}
    return [
        _drop(key, schema, table)
        for key, schema, table in _dropped_keys(undone)
        if (schema, table) in by_name and not _is_covered(by_name[schema, table], key)
    ]


def _dropped_keys(
    changes: Iterable[Any],
) -> Iterator[tuple[ForeignKeyConstraint, str | None, str]]:
    """The keys that go for good, while their columns stay."""
    changes = list(changes)
    dropped: list[tuple[ForeignKeyConstraint, str | None, str]] = []
    taken: set[tuple[str | None, str, tuple[str, ...]]] = set()
    for change in changes:
        for operation in getattr(change, "ops", ()):
            place = (change.schema, change.table_name)
            match operation:
                case ops.DropConstraintOp():
                    constraint = operation.to_constraint()
                    if isinstance(constraint, ForeignKeyConstraint):
                        dropped.append((constraint, *place))
                case ops.CreateForeignKeyOp():
                    taken.add((*place, tuple(operation.local_cols)))
                case ops.DropColumnOp():
                    taken.add((*place, (operation.column_name,)))
    for key, schema, table in dropped:
        columns = tuple(key.column_keys)
        parts = {(schema, table, (column,)) for column in columns} | {(schema, table, columns)}
        if not parts & taken:
            yield key, schema, table


def _is_covered(table: Table, key: ForeignKeyConstraint) -> bool:
    wanted = list(key.column_keys)
    groups: list[Any] = [*table.indexes, *table.constraints]
    return any(
        [column.name for column in group.columns][: len(wanted)] == wanted
        for group in groups
        if isinstance(group, Index | ColumnCollectionConstraint)
        and not isinstance(group, ForeignKeyConstraint)
    )


def _drop(key: ForeignKeyConstraint, schema: str | None, table: str) -> ops.ExecuteSQLOp:
    # As a statement, so that there is no way back: the index comes back with the key.
    place = f"`{schema}`.`{table}`" if schema else f"`{table}`"
    return ops.ExecuteSQLOp(f"ALTER TABLE {place} DROP INDEX `{key.name}`")
