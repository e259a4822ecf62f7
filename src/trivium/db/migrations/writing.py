"""The SQL of a migration, without running it."""

from __future__ import annotations

import io
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import RevisionStep
from alembic.script import Script
from sqlalchemy import Connection, create_engine, event

from trivium.db.migrations import sqlite
from trivium.db.migrations.context import context_in_writing, context_on
from trivium.db.migrations.errors import MigrationError
from trivium.db.migrations.project import Migrations
from trivium.db.migrations.scripts import Scripts, is_data, scripts_of

_READING = ("SELECT", "PRAGMA")


def sql_of(migrations: Migrations, name: str, *, backwards: bool = False) -> str:
    """The statements of a migration on the database's kind, one after the other.

    On SQLite a table is rebuilt from what it is, so the migrations before this one are run on a
    database in memory. Raises NoSuchMigration, and MigrationError for a data migration.
    """
    scripts = scripts_of(migrations)
    script = scripts.find(name)
    if is_data(script):
        raise MigrationError(
            f"{script.revision} changes rows by a function: there is no SQL to show."
        )
    step = RevisionStep(scripts.revision_map, script, is_upgrade=not backwards)
    if migrations.engine.dialect.name == "sqlite":
        return _traced(migrations, scripts, step)
    return _written(migrations, step)


def _written(migrations: Migrations, step: RevisionStep) -> str:
    output = io.StringIO()
    context = context_in_writing(
        migrations.engine.dialect, migrations, output=output, steps=lambda heads, context: [step]
    )
    # The table of versions is there already, or is made by `migrate`.
    before = step.from_revisions if step.from_revisions else ()
    context.get_current_heads = lambda: before  # type: ignore[method-assign]  # as asked for here
    with Operations.context(context):
        context.run_migrations()
    return output.getvalue().strip() + "\n"


def _traced(migrations: Migrations, scripts: Scripts, step: RevisionStep) -> str:
    engine = create_engine("sqlite://")
    statements: list[str] = []
    try:
        with engine.connect() as connection:
            for script in _before(scripts, step):
                _run(connection, migrations, RevisionStep(scripts.revision_map, script, True))

            def note(used: Any, cursor: Any, statement: str, *more: Any) -> None:
                if not statement.lstrip().upper().startswith(_READING):
                    statements.append(statement.strip())

            event.listen(connection, "before_cursor_execute", note)
            _run(connection, migrations, step)
    finally:
        engine.dispose()
    lines = ["BEGIN", *statements, "COMMIT"]
    return "".join(f"{line};\n\n" for line in lines).strip() + "\n"


def _before(scripts: Scripts, step: RevisionStep) -> list[Script]:
    """The migrations of the schema that come before a step, in order."""
    names = scripts.applied([step.revision.revision])
    if step.is_upgrade:
        names -= {step.revision.revision}
    return [script for script in scripts.all() if script.revision in names and not is_data(script)]


def _run(connection: Connection, migrations: Migrations, step: RevisionStep) -> None:
    context = context_on(connection, migrations)
    with Operations.context(context), sqlite.rebuilding(context):
        step.migration_fn()
    connection.commit()
