"""Brings a database to a migration: up to it, or down to it."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from trivium.db.migrations import sqlite
from trivium.db.migrations.context import context_on, heads_on
from trivium.db.migrations.data import run_batches
from trivium.db.migrations.errors import (
    MigrationError,
    MigrationFailed,
    NotMigrated,
)
from trivium.db.migrations.journal import journaled
from trivium.db.migrations.lock import migration_lock
from trivium.db.migrations.project import Migrations
from trivium.db.migrations.scripts import Scripts, graph_errors, is_data, scripts_of
from trivium.db.signals import Signal, post_migrate, pre_migrate

ZERO = "zero"
"""Names the place before the first migration."""


class Listener(Protocol):
    """Is told what happens while a database is migrated."""

    def waiting(self) -> None:
        """Another process holds the lock."""

    def began(self, step: Step) -> None:
        """A migration is about to run."""

    def batch(self, step: Step, number: int) -> None:
        """A batch of a data migration is committed."""

    def ended(self, step: Step) -> None:
        """A migration is committed."""


class Silent:
    """A listener that says nothing."""

    def waiting(self) -> None: ...

    def began(self, step: Step) -> None: ...

    def batch(self, step: Step, number: int) -> None: ...

    def ended(self, step: Step) -> None: ...


@dataclass(frozen=True, slots=True)
class Step:
    """One migration, applied or undone.

    name: of the migration. forwards: whether it is applied. data: whether it changes rows only.
    """

    name: str
    forwards: bool
    data: bool
    doc: str


@dataclass(frozen=True, slots=True)
class Options:
    """How to migrate.

    fake: note the migrations as applied, or as not applied, and run none of them.
    schema_only: leave the data migrations for later.
    wait: seconds to wait for another process that migrates.
    lock_timeout: seconds after which a statement on PostgreSQL gives up waiting for a lock on a
        table, because everyone who comes after waits behind it; 0 for no limit.
    """

    fake: bool = False
    schema_only: bool = False
    wait: float = 60.0
    lock_timeout: float = 10.0


async def plan(
    migrations: Migrations, target: str | None = None, options: Options | None = None
) -> list[Step]:
    """What ``migrate`` would do now."""
    async with migrations.engine.connect() as connection:
        steps = await _steps(connection, migrations, target, options or Options())
    return [_described(step) for step in steps]


async def migrate(
    migrations: Migrations,
    target: str | None = None,
    options: Options | None = None,
    listener: Listener | None = None,
) -> list[Step]:
    """Brings the database to ``target``, and returns what was done.

    target: the name of a migration, or the beginning of it; ``zero``; ``+1`` or ``-2``; None for
        the last ones.

    One process does so at a time; the others wait and then do what is left, which is nothing. Each
    migration is one transaction on PostgreSQL and SQLite: one that is killed leaves nothing behind.
    The signals ``pre_migrate`` and ``post_migrate`` are sent by the one that has something to do.

    Raises MigrationLocked, MigrationFailed, ReferencesBroken, NoSuchMigration, BranchedMigrations,
    NotReversible and NotMigrated.
    """
    options = options or Options()
    listener = listener or Silent()
    done: list[Step] = []
    async with (
        migrations.engine.connect() as connection,
        _prepared(connection, options),
        migration_lock(connection, timeout=options.wait, on_wait=listener.waiting),
    ):
        steps = await _steps(connection, migrations, target, options)
        planned = [_described(step) for step in steps]
        if steps:
            await _tell(pre_migrate, migrations, planned)
        for step in steps:
            described = _described(step)
            listener.began(described)
            await _run(connection, migrations, step, options, listener)
            done.append(described)
            listener.ended(described)
        if steps:
            await _tell(post_migrate, migrations, planned)
    return done


async def _tell(signal: Signal, migrations: Migrations, planned: list[Step]) -> None:
    async with migrations.database.session():
        await signal.send(Migrations, migrations, plan=planned)


# -- Which steps -----------------------------------------------------------------------------------


async def _steps(
    connection: AsyncConnection, migrations: Migrations, target: str | None, options: Options
) -> list[RevisionStep]:
    heads = await connection.run_sync(heads_on, migrations)
    await connection.rollback()
    scripts = scripts_of(migrations, heads)
    refuse_strangers(scripts, heads, migrations)
    with graph_errors():
        steps = _towards(scripts, heads, target)
    if options.schema_only:
        _refuse_needed_data(steps)
        steps = [step for step in steps if not is_data(step.revision)]
    return steps


def _towards(scripts: Scripts, heads: Sequence[str], target: str | None) -> list[RevisionStep]:
    current = cast(str, tuple(heads))
    if target is None:
        if len(scripts.schema_heads()) > 1:
            scripts.schema_head()
        return scripts._upgrade_revs("heads", current)
    if target in (ZERO, "base"):
        return scripts._downgrade_revs("base", current)
    if target.startswith("+"):
        return scripts._upgrade_revs(target, current)
    if target.startswith("-"):
        return scripts._downgrade_revs(target, current)
    found = scripts.find(target)
    applied = scripts.applied(heads)
    if found.revision not in applied:
        return scripts._upgrade_revs(found.revision, current)
    return _back_to(scripts, found, applied)


def _back_to(scripts: Scripts, target: Script, applied: set[str]) -> list[RevisionStep]:
    """The steps that undo what comes after a migration, the last applied first."""
    after: set[str] = set()
    for script in scripts.all():
        before = {target.revision, *after}
        if script.revision in applied and before & set(script._normalized_down_revisions):
            after.add(script.revision)
    return [
        RevisionStep(scripts.revision_map, script, is_upgrade=False)
        for script in reversed(scripts.all())
        if script.revision in after
    ]


def refuse_strangers(scripts: Scripts, heads: Sequence[str], migrations: Migrations) -> None:
    """Raises NotMigrated where the database stands at a migration that has no file."""
    known = {script.revision for script in scripts.all()}
    if strangers := sorted(set(heads) - known):
        raise NotMigrated(
            f"The database {migrations.name!r} stands at {', '.join(strangers)}, and there is no "
            f"such file in {migrations.directory}.\n"
            f"  It was migrated by another version of the program, or the file was removed."
        )


def _refuse_needed_data(steps: Iterable[RevisionStep]) -> None:
    data = {step.revision.revision for step in steps if is_data(step.revision)}
    for step in steps:
        needed = data & set(step.revision._normalized_down_revisions)
        if needed and not is_data(step.revision):
            raise MigrationError(
                f"{step.revision.revision} comes after the data migration {min(needed)}, which "
                f"was left for later.\n  Run it:  trivium migrate {min(needed)}"
            )


def _described(step: RevisionStep) -> Step:
    script = step.revision
    return Step(script.revision, step.is_upgrade, is_data(script), script.doc)


# -- One step --------------------------------------------------------------------------------------


@asynccontextmanager
async def _prepared(connection: AsyncConnection, options: Options) -> AsyncIterator[None]:
    """The settings of the connection, which goes back to a pool afterwards."""
    if connection.dialect.name == "postgresql" and options.lock_timeout:
        milliseconds = round(options.lock_timeout * 1000)
        await connection.exec_driver_sql(f"SET lock_timeout = {milliseconds}")
        await connection.commit()
        try:
            yield
        finally:
            if not connection.invalidated:
                await connection.rollback()
                await connection.exec_driver_sql("RESET lock_timeout")
                await connection.commit()
    else:
        yield


async def _run(
    connection: AsyncConnection,
    migrations: Migrations,
    step: RevisionStep,
    options: Options,
    listener: Listener,
) -> None:
    script = step.revision
    batches = getattr(script.module, "migrate" if step.is_upgrade else "revert", None)
    if is_data(script) and batches is not None and not options.fake:
        described = _described(step)
        await run_batches(
            connection,
            migrations.database,
            script,
            batches,
            stamp=lambda sync: _stamp(sync, migrations, step),
            on_batch=lambda number: listener.batch(described, number),
        )
        return
    if options.fake or is_data(script):
        await connection.run_sync(_stamp, migrations, step)
        await connection.commit()
        return
    await connection.run_sync(_run_schema, migrations, step)


def _stamp(connection: Connection, migrations: Migrations, step: RevisionStep) -> None:
    """Notes a migration as applied or undone, in the transaction that is open."""
    stamped = _with_function(step, _no_operations)
    context = context_on(connection, migrations, steps=lambda heads, context: [stamped])
    context.run_migrations()


def _run_schema(connection: Connection, migrations: Migrations, step: RevisionStep) -> None:
    context = context_on(connection, migrations)

    def guarded() -> None:
        with ExitStack() as around:
            around.enter_context(journaled(context, step.revision.revision))
            around.enter_context(sqlite.rebuilding(context))
            step.migration_fn()

    functools.update_wrapper(guarded, step.migration_fn)
    guarded_step = _with_function(step, guarded)
    context._migrations_fn = lambda heads, context: [guarded_step]
    # By itself: the transaction of the migration begins anew on SQLite.
    context._ensure_version_table()
    connection.commit()
    with ExitStack() as around:
        if connection.dialect.name == "sqlite":
            around.enter_context(sqlite.without_references(connection))
        around.enter_context(_failure_told(context, step))
        around.enter_context(Operations.context(context))
        context.run_migrations()


def _with_function(step: RevisionStep, function: Callable[[], None]) -> RevisionStep:
    copy = RevisionStep(step.revision_map, step.revision, step.is_upgrade)
    copy.migration_fn = function
    return copy


def _no_operations() -> None:
    """In place of a migration that is only noted."""


class _failure_told:
    """An error of a migration says which one it was, and what is left of it."""

    def __init__(self, context: MigrationContext, step: RevisionStep) -> None:
        self.context = context
        self.step = step

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if not isinstance(error, Exception) or isinstance(error, MigrationError):
            return
        connection = self.context.connection
        if connection is not None and connection.in_transaction():
            connection.rollback()
        left = "It was rolled back."
        if not self.context.impl.transactional_ddl:
            left = (
                "This database cannot roll back changes of a schema: the statements before the one "
                "that failed are done and noted, and `trivium migrate` goes on with that one."
            )
        said = getattr(error, "orig", None) or error
        raise MigrationFailed(
            f"{self.step.revision.revision} failed: {type(said).__name__}: {said}\n  {left}"
        ) from error
