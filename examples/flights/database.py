"""The engine and its sessions."""

from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

# Makes sessions: for work that outlives a request, or that must not hold one for long.
Sessions = async_sessionmaker[AsyncSession]


class Database:
    """One SQLite file; whoever makes it closes it with `await database.close()`."""

    def __init__(self, path: Path) -> None:
        self._engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
        event.listen(self._engine.sync_engine, "connect", _enforce_references)
        # Objects stay readable after a commit: reading one again would need another query.
        self.sessions: Sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def _enforce_references(connection: Any, record: object) -> None:
    # SQLite checks foreign keys only where a connection asks for it.
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
