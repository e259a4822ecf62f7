"""One process migrates a database at a time; the others wait, and find nothing left to do.

PostgreSQL and MySQL have locks that belong to a connection and go with it, so a process that is
killed holds nobody up. They are asked for again and again instead of waited for: a statement that
waits keeps a snapshot open, and `CREATE INDEX CONCURRENTLY` waits for every snapshot.

SQLite's lock is a file beside the database, itself an empty SQLite database: the operating system
gives the lock back when its holder dies. The file stays.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from sqlalchemy import text

from trivium.db.migrations.errors import MigrationLocked

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_PAUSE = 0.1
"""Seconds between two attempts."""

_KEY = int.from_bytes(hashlib.sha256(b"trivium.db.migrations").digest()[:8], signed=True)


@asynccontextmanager
async def migration_lock(
    connection: AsyncConnection, *, timeout: float, on_wait: Callable[[], None]
) -> AsyncIterator[None]:
    """Holds the lock of the database that the connection is to.

    timeout: seconds to wait for another holder. Raises MigrationLocked after them.
    on_wait: called once, where there is another holder.
    """
    lock = _lock_of(connection)
    waited = False
    with anyio.move_on_after(timeout):
        while not await lock.take():
            if not waited:
                on_wait()
                waited = True
            await anyio.sleep(_PAUSE)
    if not lock.held:
        raise MigrationLocked(
            f"Another process has been migrating this database for more than {timeout:g} s.\n"
            f"  Wait longer:  trivium migrate --wait {timeout * 10:g}"
        )
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True):
            await lock.give_back()


class _Lock:
    """A lock that can be asked for."""

    held = False

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def take(self) -> bool:
        self.held = True
        return True

    async def give_back(self) -> None:
        self.held = False

    async def _asked(self, statement: str, **values: object) -> bool:
        result = await self.connection.execute(text(statement), values)
        answer = bool(result.scalar())
        await self.connection.rollback()
        return answer


class _PostgreSQLLock(_Lock):
    async def take(self) -> bool:
        self.held = await self._asked("SELECT pg_try_advisory_lock(:key)", key=_KEY)
        return self.held

    async def give_back(self) -> None:
        if not self.connection.invalidated:
            await self._asked("SELECT pg_advisory_unlock(:key)", key=_KEY)


class _MySQLLock(_Lock):
    # These locks are the server's, not the database's: the name has to say which database.
    _NAME = "CONCAT('trivium.migrate.', LEFT(SHA1(COALESCE(DATABASE(), '')), 24))"

    async def take(self) -> bool:
        self.held = await self._asked(f"SELECT GET_LOCK({self._NAME}, 0)")
        return self.held

    async def give_back(self) -> None:
        if not self.connection.invalidated:
            await self._asked(f"SELECT RELEASE_LOCK({self._NAME})")


class _FileLock(_Lock):
    def __init__(self, connection: AsyncConnection, path: Path) -> None:
        super().__init__(connection)
        # The thread that takes it need not be the one that gives it back.
        self._file = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)

    async def take(self) -> bool:
        try:
            self._file.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            return False
        self.held = True
        return True

    async def give_back(self) -> None:
        self._file.close()
        self.held = False


def _lock_of(connection: AsyncConnection) -> _Lock:
    match connection.dialect.name:
        case "postgresql":
            return _PostgreSQLLock(connection)
        case "mysql" | "mariadb":
            return _MySQLLock(connection)
    path = connection.engine.url.database
    if connection.dialect.name != "sqlite" or path in (None, "", ":memory:"):
        return _Lock(connection)
    return _FileLock(connection, Path(f"{path.removeprefix('file:')}-migrate"))
