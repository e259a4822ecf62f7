"""What has to be done to a database so that it has the models' tables."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from alembic.autogenerate.api import AutogenContext, produce_migrations
from alembic.operations import Operations, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.exc import SAWarning

from trivium.db.migrations import compare, key_indexes, sqlite
from trivium.db.migrations.context import context_on
from trivium.db.migrations.enums import AlterEnumOp, CreateEnumOp, DropEnumOp, quoted_text
from trivium.db.migrations.keys import with_numbers
from trivium.db.migrations.operations import ConvertColumn
from trivium.db.migrations.ordering import default_of, ordered, with_values
from trivium.db.migrations.project import Migrations
from trivium.db.migrations.questions import NobodyAsked, Questions
from trivium.db.migrations.renames import (
    column_operation,
    renamed_columns,
    renamed_tables,
    table_operation,
)
from trivium.db.migrations.scratch import Comparison, compared
from trivium.db.migrations.types import render_item


class Difference(NamedTuple):
    """The operations, and the context in which they are written as Python.

    complete: False where the rest can only be seen when these are done.
    """

    upgrade: list[Any]
    downgrade: list[Any]
    context: AutogenContext
    complete: bool = True


def difference(
    connection: Connection, migrations: Migrations, questions: Questions | None = None
) -> Difference:
    """Compares a database with the models. Changes nothing: its transaction is rolled back.

    Raises AnswerNeeded from ``questions``, and MigrationError.
    """
    questions = questions or NobodyAsked()
    with _warnings_kept():
        try:
            return _difference(connection, migrations, questions)
        finally:
            connection.rollback()


def _difference(connection: Connection, migrations: Migrations, questions: Questions) -> Difference:
    comparison = compared(connection, migrations)
    # What is compared below is the database as it is once everything is renamed.
    can_try = connection.dialect.name in ("postgresql", "sqlite")
    renames: list[Any] = [
        table_operation(table)
        for table in renamed_tables(connection, migrations, comparison, questions)
    ]
    if renames and can_try:
        _perform(connection, migrations, renames)
        comparison = compared(connection, migrations)
    if can_try or not renames:
        renames += [
            column_operation(connection, column)
            for column in renamed_columns(comparison, questions)
        ]
    columns = [rename for rename in renames if isinstance(rename, ops.AlterColumnOp)]
    if columns and can_try:
        _perform(connection, migrations, columns)
        comparison = compared(connection, migrations)
    if renames and not can_try:
        context = context_on(connection, migrations)
        undone = [rename.reverse() for rename in reversed(renames)]
        writing = AutogenContext(context, autogenerate=False)
        return Difference(renames, undone, writing, complete=False)
    context = context_on(
        connection, migrations, options={compare.OPTION: comparison, "render_item": render_item}
    )
    found: Any = produce_migrations(context, context.opts["target_metadata"]).upgrade_ops
    with_numbers(found.ops, comparison, context.dialect)
    tables = [table for metadata in migrations.metadatas for table in metadata.sorted_tables]
    lost = _indexes_of_dropped(found.ops)
    changes = ordered(found.ops, tables=tables)
    _note_defaults(changes, migrations, context)
    changes = with_values(changes, questions, context.dialect)
    if context.dialect.name == "postgresql":
        changes = _with_conversions(_without_cast_defaults(changes))
        before, after = _enum_changes(comparison, changes)
        changes = [*before, *changes, *after]
    changes = [*renames, *changes]
    undone = _undone(changes, lost)
    if context.dialect.name in ("mysql", "mariadb"):
        changes += key_indexes.left_by(changes, connection, tables)
        undone += key_indexes.left_by_undoing(undone, tables)
    return Difference(changes, undone, AutogenContext(context, autogenerate=False))


def _indexes_of_dropped(found: Iterable[Any]) -> dict[tuple[str | None, str], list[Any]]:
    """The indexes that go with their tables, to be made again with them."""
    return {
        _key(change): [
            operation.reverse()
            for operation in change.ops
            if isinstance(operation, ops.DropIndexOp)
        ]
        for change in found
        if isinstance(change, ops.ModifyTableOps)
    }


def _undone(changes: list[Any], lost: dict[tuple[str | None, str], list[Any]]) -> list[Any]:
    """The operations of the way back. Values that were filled in stay: the old ones are gone.

    lost: the indexes of tables that are dropped.
    """
    undone: list[Any] = []
    created = {_key(change) for change in changes if isinstance(change, ops.CreateTableOp)}
    for change in reversed(changes):
        goes_with_table = isinstance(change, ops.CreateIndexOp) and _key(change) in created
        if goes_with_table or isinstance(change, ops.ExecuteSQLOp):
            continue
        undone.append(change.reverse())
        if isinstance(change, ops.DropTableOp):
            undone += lost.get(_key(change), [])
    return undone


def _key(change: Any) -> tuple[str | None, str]:
    return (change.schema, change.table_name)


def _with_conversions(changes: list[Any]) -> list[Any]:
    for change in changes:
        if isinstance(change, ops.ModifyTableOps):
            change.ops = [
                ConvertColumn.of(operation, *operation.kw.pop(compare.CONVERSION))
                if isinstance(operation, ops.AlterColumnOp) and compare.CONVERSION in operation.kw
                else operation
                for operation in change.ops
            ]
    return changes


def _perform(connection: Connection, migrations: Migrations, renames: list[Any]) -> None:
    """Does the renaming in the transaction that is rolled back."""
    if connection.dialect.name == "sqlite":
        sqlite.begin(connection, unless_begun=True)
    context = context_on(connection, migrations)
    operations = Operations(context)
    for rename in renames:
        operations.invoke(rename)


def _note_defaults(changes: list[Any], migrations: Migrations, context: MigrationContext) -> None:
    """Lets a change to NOT NULL know the default that the models have for the column."""
    columns = {
        (table.schema, table.name, column.name): column
        for metadata in migrations.metadatas
        for table in metadata.tables.values()
        for column in table.columns
    }
    for change in changes:
        for operation in getattr(change, "ops", ()):
            if isinstance(operation, ops.AlterColumnOp) and operation.modify_nullable is False:
                column = columns[change.schema, change.table_name, operation.column_name]
                value = default_of(column, context.dialect)
                if value is not None:
                    operation.kw["trivium_default"] = value


def _without_cast_defaults(changes: list[Any]) -> list[Any]:
    """PostgreSQL changes no type under a default that it cannot cast: it goes and comes back."""
    for change in changes:
        if not isinstance(change, ops.ModifyTableOps):
            continue
        result: list[Any] = []
        for operation in change.ops:
            if (
                isinstance(operation, ops.AlterColumnOp)
                and operation.modify_type is not None
                and operation.modify_server_default is not False
                and operation.existing_server_default not in (False, None)
            ):
                existing: Any = operation.existing_server_default
                result.append(
                    ops.AlterColumnOp(
                        operation.table_name,
                        operation.column_name,
                        existing_server_default=existing,
                        modify_server_default=None,
                        schema=operation.schema,
                        existing_type=operation.existing_type,
                        existing_nullable=operation.existing_nullable,
                    )
                )
                operation.existing_server_default = None
            result.append(operation)
        change.ops = result
    return changes


def _enum_changes(comparison: Comparison, changes: list[Any]) -> tuple[list[Any], list[Any]]:
    """What happens to enumerated types before everything else, and what after."""
    before: list[Any] = []
    after: list[Any] = []
    for schema, wanted in comparison.wanted_enums.items():
        actual = comparison.actual_enums[schema]
        for name, members in wanted.items():
            if name not in actual:
                before.append(CreateEnumOp(name, members, schema=schema))
            elif actual[name] != members:
                columns = _columns_of(comparison.actual[schema], name)
                before.append(
                    AlterEnumOp(
                        name,
                        actual[name],
                        members,
                        columns=columns,
                        schema=schema,
                        rewrite=_is_used_at_once(
                            comparison, schema, set(members) - {*actual[name]}
                        ),
                    )
                )
        used = {
            type_.removesuffix("[]")
            for facts in comparison.actual[schema].values()
            for type_ in facts.types.values()
        }
        used |= _types_of_dropped(changes)
        for name in sorted(set(actual) - set(wanted)):
            if name in used:
                after.append(DropEnumOp(name, actual[name], schema=schema))
    return before, after


def _columns_of(tables: Any, enum: str) -> list[tuple[str, str]]:
    return sorted(
        (table, column)
        for table, facts in tables.items()
        for column, type_ in facts.types.items()
        if type_ == enum
    )


def _is_used_at_once(comparison: Comparison, schema: str | None, added: set[str]) -> bool:
    """Whether a new member is in a default: PostgreSQL uses none that is not committed yet."""
    texts = [
        text or ""
        for facts in comparison.wanted[schema].values()
        for text in [*facts.defaults.values(), *facts.checks.values(), *facts.indexes.values()]
    ]
    return any(quoted_text(member) in text for member in added for text in texts)


def _types_of_dropped(changes: list[Any]) -> set[str]:
    return {
        name
        for change in changes
        if isinstance(change, ops.DropTableOp)
        for column in change.to_table().columns
        if (name := getattr(column.type, "name", None))
    }


@contextmanager
def _warnings_kept() -> Iterator[None]:
    """Left unsaid: that SQLAlchemy does not read what is read by ``facts.py``."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection", SAWarning)
        warnings.filterwarnings("ignore", "autogenerate skipping", UserWarning)
        yield
