"""One transaction for a whole test, rolled back at its end."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy import text

from trivium.db.database import Database
from trivium.db.pinning import Pin
from trivium.db.units import Unit, make_current, unit_or_none

__all__ = ["committing", "rolled_back"]


@asynccontextmanager
async def rolled_back(
    database: Database, at: Callable[[Database], Database] = lambda same: same
) -> AsyncIterator[Unit]:
    """Everything that is done with ``database`` in the block is one transaction, rolled back.

    Also what an application does that has installed it. What is committed inside is a savepoint:
    ``atomic``, ``on_commit`` and errors do what they always do. The block is a unit of work, so the
    test itself has a session. The further databases of ``Database(also=...)`` are included.

    at: where another database stands in for one of these: a test database.
    """
    before = unit_or_none()
    unit = Unit(database.databases)
    async with AsyncExitStack() as stack:
        for each in database.databases.values():
            connection = await stack.enter_async_context(at(each).engine.connect())
            transaction = await connection.begin()
            stack.push_async_callback(transaction.rollback)
            each.pin(Pin(connection, owner=unit))
            stack.callback(each.pin, None)
        make_current(unit)
        try:
            yield unit
        finally:
            make_current(before)
            await unit.abandon()


@asynccontextmanager
async def committing(
    database: Database, at: Callable[[Database], Database] = lambda same: same
) -> AsyncIterator[Unit]:
    """The test database, really committed to; every table is emptied at the end of the block.

    For what one transaction cannot show: two connections at once, other processes.
    """
    before = unit_or_none()
    unit = Unit(database.databases)
    for each in database.databases.values():
        each.redirect(at(each))
    make_current(unit)
    try:
        yield unit
    finally:
        make_current(before)
        await unit.abandon()
        for each in database.databases.values():
            each.redirect(None)
            await _emptied(at(each))


async def _emptied(database: Database) -> None:
    tables = [table for each in database.metadatas for table in reversed(each.sorted_tables)]
    if not tables:
        return
    async with database.engine.begin() as connection:
        if database.dialect == "postgresql":
            quoted = database.engine.dialect.identifier_preparer.format_table
            names = ", ".join(map(quoted, tables))
            await connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
            return
        # tables may refer to each other in a circle, and to themselves
        if database.dialect == "sqlite":
            await connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        else:
            await connection.execute(text("SET FOREIGN_KEY_CHECKS = 0"))
        for table in tables:
            await connection.execute(table.delete())
        if database.dialect != "sqlite":
            await connection.execute(text("SET FOREIGN_KEY_CHECKS = 1"))
