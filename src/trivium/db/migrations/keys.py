"""Another primary key, and the operations it takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from alembic.autogenerate import render, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import Column, Connection, Dialect, Table, inspect
from sqlalchemy.schema import CreateColumn
from sqlalchemy.sql.naming import conv

from trivium.db.migrations.errors import MigrationError
from trivium.db.migrations.facts import Facts
from trivium.db.migrations.scratch import Comparison


def exchanged(
    actual: Table, wanted: Table, facts: Facts, dialect: Any, connection: Connection | None
) -> list[Any]:
    """The operations that make another primary key; none where it is the same.

    facts: of the actual table. Raises MigrationError where it cannot be made of the old one.
    """
    before, after = ([column.name for column in each.primary_key] for each in (actual, wanted))
    if before == after:
        return []
    table, schema = actual.name, actual.schema
    if reason := _hindrance(actual, wanted, counted(facts, dialect), dialect, connection):
        raise MigrationError(
            f"The primary key of {table} is ({', '.join(before)}) in the database and "
            f"({', '.join(after)}) in the models, and {reason}.\n"
            f"  Write that migration by hand:  trivium makemigrations --empty --name key_of_{table}"
        )
    operations: list[Any] = []
    if before:
        name = conv(str(actual.primary_key.name))
        again = ops.CreatePrimaryKeyOp(name, table, before, schema=schema)
        operations.append(
            ops.DropConstraintOp(name, table, "primary", schema=schema, _reverse=again)
        )
    if after:
        given = dialect.identifier_preparer.format_constraint(wanted.primary_key, False)
        name = conv(given or str(actual.primary_key.name or f"{table}_pkey"))
        operations.append(ops.CreatePrimaryKeyOp(name, table, after, schema=schema))
    return operations


def _hindrance(
    actual: Table,
    wanted: Table,
    counting_before: dict[str, bool],
    dialect: Dialect,
    connection: Connection | None,
) -> str | None:
    """Why the key cannot be exchanged by operations that are known to be right."""
    if dialect.name not in ("postgresql", "sqlite"):
        return f"{dialect.name} makes that one change of the table"
    if actual.primary_key.columns and actual.primary_key.name is None:
        return "the old one has no name by which SQLite could drop it"
    if connection is not None and (others := _referring(connection, actual.schema, actual.name)):
        return f"{', '.join(others)} refers to it"
    counting: Any = wanted._autoincrement_column
    for name, was_counted in counting_before.items():
        if name in wanted.columns and was_counted != (wanted.columns[name] is counting):
            how = "would be no number of its own" if was_counted else "has not been counted so far"
            return f"{name} {how}"
    return None


def _referring(connection: Connection, schema: str | None, table: str) -> list[str]:
    """The tables with references to a table."""
    found = inspect(connection).get_multi_foreign_keys(schema=schema)
    return sorted(
        name
        for (_, name), keys in found.items()
        if any(
            key["referred_table"] == table and key["referred_schema"] in (schema, None)
            for key in keys
        )
    )


def counted(facts: Facts, dialect: Dialect) -> dict[str, bool]:
    """The columns of a table in PostgreSQL, and whether they are SERIAL; none elsewhere."""
    if dialect.name != "postgresql":
        return {}
    return {name: default == "nextval" for name, default in facts.defaults.items()}


def with_numbers(changes: Iterable[Any], comparison: Comparison, dialect: Dialect) -> None:
    """Columns that count by themselves come and go as such, and give the rows there are a number.

    SQLite does so when it copies the rows, PostgreSQL where the column is a SERIAL. Any other new
    column of a key gets its value as other columns do.
    """
    for change in changes:
        if isinstance(change, ops.ModifyTableOps):
            pair = comparison.of(change.schema, change.table_name)
            numbers = counted(pair[0], dialect) if pair is not None else {}
            change.ops = [_with_numbers(each, numbers, dialect) for each in change.ops]


def _with_numbers(change: Any, numbers: dict[str, bool], dialect: Dialect) -> Any:
    if isinstance(change, ops.AddColumnOp) and change.column.primary_key:
        column: Any = change.column
        if column is not column.table._autoincrement_column:
            change.column = column._copy()
            change.column.primary_key = False
        elif dialect.name == "postgresql" and column.identity is None:
            return AddCounting(change, _written(column, dialect))
    elif isinstance(change, ops.DropColumnOp) and numbers.get(change.column_name):
        again: Any = change._reverse
        return DropCounting(change, _written(again.column, dialect))
    return change


def _written(column: Column[Any], dialect: Dialect) -> str:
    """A column that counts by itself as PostgreSQL makes it: ``id SERIAL NOT NULL``."""
    copy = column._copy()
    copy.server_default = None
    copy.primary_key = True
    Table("made", column.table.metadata.__class__(), copy)
    return str(CreateColumn(copy).compile(dialect=dialect)).strip()


class AddCounting(ops.AddColumnOp):
    """A new column that counts by itself, and numbers the rows there are."""

    def __init__(self, added: ops.AddColumnOp, written: str) -> None:
        super().__init__(added.table_name, added.column, schema=added.schema)
        self.written = written

    def reverse(self) -> ops.DropColumnOp:
        """The operation that undoes this one."""
        return DropCounting(super().reverse(), self.written)


class DropCounting(ops.DropColumnOp):
    """A column that counts by itself goes; on the way back it counts again."""

    def __init__(self, dropped: ops.DropColumnOp, written: str) -> None:
        super().__init__(
            dropped.table_name,
            dropped.column_name,
            schema=dropped.schema,
            _reverse=dropped._reverse,
        )
        self.written = written

    def reverse(self) -> ops.AddColumnOp:
        """The operation that undoes this one."""
        return AddCounting(super().reverse(), self.written)


@renderers.dispatch_for(AddCounting)
def _render_added(context: AutogenContext, operation: AddCounting) -> str:
    quote = context.dialect.identifier_preparer.quote
    table = quote(operation.table_name)
    if operation.schema:
        table = f"{quote(operation.schema)}.{table}"
    return f"op.execute({f'ALTER TABLE {table} ADD COLUMN {operation.written}'!r})"


@renderers.dispatch_for(ops.CreatePrimaryKeyOp, replace=True)
def _render_key(context: AutogenContext, operation: ops.CreatePrimaryKeyOp) -> str:
    name = repr(render._render_gen_name(context, operation.constraint_name))
    columns = repr([str(column) for column in operation.columns])
    if context._has_batch:
        return f"batch_op.create_primary_key({name}, {columns})"
    schema = f", schema={operation.schema!r}" if operation.schema else ""
    return f"op.create_primary_key({name}, {operation.table_name!r}, {columns}{schema})"
