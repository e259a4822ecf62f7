"""What may have been renamed: a table or column that is gone, and one like it that is new."""

from __future__ import annotations

from collections.abc import Collection
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from alembic.operations import ops
from sqlalchemy import Connection, MetaData, Table, inspect

from trivium.db.migrations.facts import Facts, read_tables
from trivium.db.migrations.operations import RenameColumn, RenameTable
from trivium.db.migrations.project import OWN_TABLES, Migrations
from trivium.db.migrations.questions import Questions
from trivium.db.migrations.scratch import Comparison

_ALIKE = 0.5
"""The part of their columns that two tables have to share."""


class RenamedTable(NamedTuple):
    """A table that has another name."""

    schema: str | None
    old: str
    new: str


class RenamedColumn(NamedTuple):
    """A column of a table, under the table's new name, that has another name."""

    schema: str | None
    table: str
    old: str
    new: str


def renamed_tables(
    connection: Connection, migrations: Migrations, comparison: Comparison, questions: Questions
) -> list[RenamedTable]:
    """The tables of which it is said that they were renamed."""
    found = []
    inspector = inspect(connection)
    for schema, wanted in comparison.wanted.items():
        there = set(inspector.get_table_names(schema=schema)) - OWN_TABLES - migrations.keep
        gone = read_tables(connection, schema, there - set(wanted))
        new = {name: facts for name, facts in wanted.items() if name not in there}
        for old, name in _pairs(gone, new):
            if questions.is_renamed_table(old, name):
                found.append(RenamedTable(schema, old, name))
                del gone[old], new[name]
    return found


def renamed_columns(comparison: Comparison, questions: Questions) -> list[RenamedColumn]:
    """The columns of which it is said that they were renamed, in tables that are on both sides."""
    found = []
    for schema, tables in comparison.wanted.items():
        for table in tables:
            pair = comparison.of(schema, table)
            if pair is None:
                continue
            actual, wanted = pair
            gone = [name for name in actual.types if name not in wanted.types]
            new = [name for name in wanted.types if name not in actual.types]
            for name in new:
                for old in _nearest(name, gone):
                    if not _same_kind(actual, old, wanted, name):
                        continue
                    if questions.is_renamed_column(table, old, name):
                        found.append(RenamedColumn(schema, table, old, name))
                        gone.remove(old)
                        break
    return found


def _pairs(gone: dict[str, Facts], new: dict[str, Facts]) -> list[tuple[str, str]]:
    """Tables that share columns, the most alike first; a table may be in several pairs."""
    scored = [
        (_likeness(gone[old], new[name]), _nearness(old, name), old, name)
        for old in gone
        for name in new
    ]
    alike = sorted((pair for pair in scored if pair[0] >= _ALIKE), reverse=True)
    taken: set[str] = set()
    pairs = []
    for _, _, old, name in alike:
        # One question for each table: the best guess.
        if old not in taken and name not in taken:
            taken |= {old, name}
            pairs.append((old, name))
    return pairs


def _likeness(old: Facts, new: Facts) -> float:
    before, after = set(old.types.items()), set(new.types.items())
    return len(before & after) / max(len(before | after), 1)


def _same_kind(actual: Facts, old: str, wanted: Facts, new: str) -> bool:
    return (
        actual.types[old] == wanted.types[new]
        and actual.generated[old] is None
        and wanted.generated[new] is None
    )


def _nearest(name: str, among: Collection[str]) -> list[str]:
    return sorted(among, key=lambda other: _nearness(other, name), reverse=True)


def _nearness(name: str, other: str) -> float:
    return SequenceMatcher(None, name, other).ratio()


# -- As operations ---------------------------------------------------------------------------------


def table_operation(renamed: RenamedTable) -> ops.RenameTableOp:
    """The operation, which knows the way back."""
    return RenameTable(renamed.old, renamed.new, schema=renamed.schema)


def _default_of(column: Any) -> Any:
    """The default that the database has for a column, as Alembic says that there is none."""
    return False if column.server_default is None else column.server_default


def column_operation(connection: Connection, renamed: RenamedColumn) -> ops.AlterColumnOp:
    """The operation. MySQL has to be told all that the column is."""
    table = Table(
        renamed.table, MetaData(), schema=renamed.schema, autoload_with=connection,
        resolve_fks=False,
    )  # fmt: skip
    column: Any = table.c[renamed.old]
    default = _default_of(column)
    operation = RenameColumn(
        renamed.table,
        renamed.old,
        schema=renamed.schema,
        modify_name=renamed.new,
        existing_type=column.type,
        existing_nullable=column.nullable,
        existing_server_default=default,
    )
    if connection.dialect.name in ("mysql", "mariadb"):
        operation.existing_comment = column.comment
        if column.autoincrement is True:
            operation.kw["existing_autoincrement"] = True
    return operation
