"""MySQL and MariaDB commit with every change of the schema, so a migration there is many steps.

Each statement is noted before and after it runs. A migration that was killed goes on after the last
statement that is noted as done. The one that was running may be done or not: each is whole by
itself, so it is tried, and where the server says that it has been done, it has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import DDLElement

from trivium.db.migrations import progress
from trivium.db.migrations.errors import MigrationError
from trivium.db.migrations.impls import MySQL
from trivium.db.migrations.progress import Progress

_DONE_ALREADY = frozenset(
    {
        1050,  # table exists
        1051,  # unknown table, in DROP TABLE
        1054,  # unknown column, in RENAME COLUMN or CHANGE
        1060,  # duplicate column
        1061,  # duplicate key name
        1068,  # multiple primary key
        1091,  # cannot drop, does not exist
        1146,  # no such table, in RENAME TABLE
        1826,  # duplicate foreign key name
        3822,  # duplicate check constraint name (MySQL)
        4235,  # duplicate check constraint name (MariaDB)
    }
)
_SCHEMA_WORDS = ("CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE")


@contextmanager
def journaled(context: MigrationContext, migration: str) -> Iterator[None]:
    """Around the operations of a migration: each statement is noted, and those done are left out.

    Raises MigrationError where the file has changed since the migration began.
    """
    connection, impl = context.connection, context.impl
    if connection is None or not isinstance(impl, MySQL):
        yield
        return
    journal = Journal(connection, migration)
    impl.execute_through = journal.execute
    try:
        yield
    finally:
        impl.execute_through = None
    journal.close()


class Journal:
    """The statements of one migration, one after the other."""

    def __init__(self, connection: Connection, migration: str) -> None:
        self.connection = connection
        self.migration = migration
        progress.make_table(connection)
        found = progress.read(connection, migration) or Progress(0, {"digest": "", "running": None})
        self.done: int = found.done
        self.digest_done: str = found.state["digest"]
        self.running: str | None = found.state["running"]
        self.position = 0
        self.digest = ""
        self._commit()

    def execute(self, run: Callable[..., Any], construct: Any, *rest: Any, **options: Any) -> Any:
        """Runs a statement by ``run``, or leaves it out where it has been run."""
        construct = text(construct) if isinstance(construct, str) else construct
        statement = str(construct.compile(dialect=self.connection.dialect)).strip()
        self.position += 1
        self.digest = hashlib.sha256((self.digest + statement).encode()).hexdigest()
        if self.position <= self.done:
            if self.position == self.done and self.digest != self.digest_done:
                raise MigrationError(
                    f"{self.migration} was stopped after {self.done} statements, and its file has "
                    f"changed since. Put the file back, migrate, and make another migration."
                )
            return None
        is_schema = isinstance(construct, DDLElement) or statement.upper().startswith(_SCHEMA_WORDS)
        was_running = is_schema and self.running == statement
        if is_schema:
            self._note(self.position - 1, running=statement)
            self._commit()
        try:
            result = run(construct, *rest, **options)
        except DBAPIError as error:
            if not was_running or _code_of(error) not in _DONE_ALREADY:
                raise
            result = None
        self.digest_done, self.running = self.digest, None
        self._note(self.position, running=None)
        self._commit()
        return result

    def close(self) -> None:
        """Removes the note, in the transaction that notes the migration as applied."""
        progress.forget(self.connection, self.migration)

    def _note(self, done: int, *, running: str | None) -> None:
        state = {"digest": self.digest_done, "running": running}
        progress.write(self.connection, self.migration, Progress(done, state))

    def _commit(self) -> None:
        # The driver's own commit: SQLAlchemy's transaction is Alembic's to end.
        self.connection.connection.commit()


def _code_of(error: DBAPIError) -> int | None:
    arguments = getattr(error.orig, "args", ())
    if error.orig is not None and not (arguments and isinstance(arguments[0], int)):
        arguments = getattr(error.orig.__cause__, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None
