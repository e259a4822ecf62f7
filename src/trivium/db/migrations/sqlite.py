"""A migration on SQLite: one transaction, and everything that refers to a rebuilt table kept.

SQLite changes most of a table by making a new one and moving the rows. That takes what hangs on the
old one along: references from other tables, triggers, and indexes on expressions. So references are
not enforced while a migration runs and checked as a whole before it is committed, and triggers and
indexes that the rebuilding has lost are made again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.exc import SAWarning

from trivium.db.migrations.errors import ReferencesBroken
from trivium.db.migrations.impls import SQLite


@contextmanager
def without_references(connection: Connection) -> Iterator[None]:
    """References are not enforced inside. Around a transaction: SQLite ignores it within one."""
    before = _pragma(connection, "foreign_keys")
    _raw(connection, "PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        _raw(connection, f"PRAGMA foreign_keys={before}")


@contextmanager
def rebuilding(context: MigrationContext) -> Iterator[None]:
    """Around the operations of a migration, inside of its transaction.

    Raises ReferencesBroken where rows refer to rows that are not there and did before.
    """
    connection, impl = context.connection, context.impl
    if connection is None or not isinstance(impl, SQLite):
        yield
        return
    begin(connection)
    broken_before = _broken_references(connection)
    hangers: dict[str, dict[str, str]] = {}

    def note(table: str) -> None:
        hangers.setdefault(table, _hangers_of(connection, table))

    impl.rebuilding = note
    try:
        with warnings.catch_warnings():
            # What these say would be lost is kept: see `SQLite.prep_table_for_batch`, and below.
            warnings.filterwarnings("ignore", "Unnamed CHECK constraint", UserWarning)
            warnings.filterwarnings("ignore", "Skipped unsupported reflection", SAWarning)
            yield
    finally:
        impl.rebuilding = None
    for table, statements in hangers.items():
        _make_again(connection, table, statements)
    if broken := _broken_references(connection) - broken_before:
        table, parent = min(broken)[:2]
        raise ReferencesBroken(
            f"{len(broken)} rows would refer to rows that are not there, the first of them from "
            f"{table} to {parent}. Delete or change those rows in a migration before this one."
        )


def _hangers_of(connection: Connection, table: str) -> dict[str, str]:
    """The triggers of a table and its indexes on expressions, by name, as they were written."""
    rows = connection.exec_driver_sql(
        "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL "
        "AND type IN ('trigger', 'index')",
        (table,),
    )
    found = {(kind, name): sql for kind, name, sql in rows}
    return {
        name: sql
        for (kind, name), sql in found.items()
        if kind == "trigger" or _is_on_expression(connection, name)
    }


def _is_on_expression(connection: Connection, index: str) -> bool:
    columns = connection.exec_driver_sql(f"PRAGMA index_info({_quoted(index)})")
    # The number of the column is -2 for an expression.
    return any(row[1] == -2 for row in columns)


def _make_again(connection: Connection, table: str, statements: dict[str, str]) -> None:
    rows = connection.exec_driver_sql("SELECT name FROM sqlite_master")
    there = {row[0] for row in rows}
    if table not in there:
        return
    for name, sql in statements.items():
        if name not in there:
            connection.exec_driver_sql(sql)


def _broken_references(connection: Connection) -> set[tuple[Any, ...]]:
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check")
    return {(row[0], row[2], row[1], row[3]) for row in rows}


def begin(connection: Connection, *, unless_begun: bool = False) -> None:
    """Opens the transaction for writing at once.

    unless_begun: goes on with one that is open, which has changed something already.

    The driver would open it at the first change of a row, and leave changes of the schema outside.
    A transaction that begins by reading cannot be sure to be let write.
    """
    driver: Any = connection.connection.driver_connection
    if driver.in_transaction:
        if unless_begun:
            return
        _raw(connection, "ROLLBACK")
    _raw(connection, "BEGIN IMMEDIATE")


def _pragma(connection: Connection, name: str) -> Any:
    cursor = connection.connection.cursor()
    try:
        cursor.execute(f"PRAGMA {name}")
        row: Any = cursor.fetchone()
        return row[0]
    finally:
        cursor.close()


def _raw(connection: Connection, statement: str) -> None:
    """Runs a statement on the driver's own cursor, so that SQLAlchemy begins no transaction."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
