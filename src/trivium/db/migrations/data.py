"""A data migration: it changes rows, a batch at a time, while the application runs.

Its file has a coroutine function::

    async def migrate(session: AsyncSession, after: Any) -> Any: ...

which is called again and again, each time in a transaction of its own. What it returns, of JSON's
types, is where the next call goes on; it is committed with the batch, so that a migration that was
killed goes on after the last batch that it finished. None ends it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from alembic.script import Script
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from trivium.db.migrations import progress
from trivium.db.migrations.errors import MigrationError, MigrationFailed
from trivium.db.migrations.progress import Progress
from trivium.db.pinning import Pin
from trivium.db.transactions import atomic
from trivium.db.units import Unit, entered

if TYPE_CHECKING:
    from trivium.db.database import Database

Batch = Callable[[Any, Any], Awaitable[Any]]
Stamp = Callable[[Connection], None]


async def run_batches(
    connection: AsyncConnection,
    database: Database,
    script: Script,
    migrate: Batch,
    *,
    stamp: Stamp,
    on_batch: Callable[[int], None],
) -> None:
    """Runs the batches that are left, and then ``stamp`` in the transaction of the last one.

    Raises MigrationFailed from what a batch raises; that batch is rolled back.
    """
    name = script.revision
    async with connection.begin():
        await connection.run_sync(progress.make_table)
    while True:
        async with connection.begin():
            found = await connection.run_sync(progress.read, name) or Progress(0, None)
            after = await _one_batch(connection, database, script, migrate, found)
            if after is None:
                await connection.run_sync(progress.forget, name)
                await connection.run_sync(stamp)
                return
            await connection.run_sync(progress.write, name, Progress(found.done + 1, after))
        on_batch(found.done + 1)


async def _one_batch(
    connection: AsyncConnection,
    database: Database,
    script: Script,
    migrate: Batch,
    found: Progress,
) -> Any:
    unit = Unit(database.databases)
    # Whatever the function uses, `Model.objects` included, is in the transaction of the batch.
    database.pin(Pin(connection, owner=unit))
    try:
        with entered(unit):
            async with atomic(using=database):
                after = await migrate(unit.lane(database).session, found.state)
            await unit.end()
    except Exception as error:
        raise MigrationFailed(
            f"{script.revision} failed in batch {found.done + 1}, which was rolled back; the "
            f"{found.done} before it are done. {type(error).__name__}: {error}"
        ) from error
    finally:
        database.pin(None)
    if after is not None:
        _refuse_place(script, after, found)
    return after


def _refuse_place(script: Script, after: Any, found: Progress) -> None:
    """Raises MigrationError for a place from which the next batch cannot go on."""
    if after == found.state:
        raise MigrationError(
            f"{script.path}: migrate() returned {after!r} twice. It has to return where the next "
            f"batch begins, and None when there is none."
        )
    try:
        json.dumps(after)
    except (TypeError, ValueError) as error:
        raise MigrationError(
            f"{script.path}: migrate() returned {after!r}, which is not of JSON's types: {error}"
        ) from error
