"""Everything over one connection: how the units of a test share its transaction."""

from asyncio import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from trivium.db.errors import DbError

if TYPE_CHECKING:
    from trivium.db.units import Lane, Unit

__all__ = ["Pin"]


class Pin:
    """A connection that all units of a database use, one after the other.

    Requests that run at the same time take turns: the savepoints of two transactions cannot be
    mixed on one connection. The unit that owns the pin, the test's own, does not wait, so that it
    may call the application from within a transaction.
    """

    def __init__(self, connection: AsyncConnection, *, owner: "Unit") -> None:
        self.connection = _synchronous(connection)
        self._owner = owner
        self._lock = Lock()
        self._holder: Lane | None = None

    async def take(self, lane: "Lane") -> None:
        """Waits until it is this lane's turn, if it is not."""
        if lane.unit is not self._owner and self._holder is not lane:
            await self._lock.acquire()
            self._holder = lane

    def release(self, lane: "Lane") -> None:
        """Lets others have their turn, if it was this lane's."""
        if self._holder is lane:
            self._holder = None
            self._lock.release()


def _synchronous(connection: AsyncConnection) -> Connection:
    if connection.sync_connection is None:
        raise DbError("Only an open connection can be pinned: async with engine.connect()")
    return connection.sync_connection
