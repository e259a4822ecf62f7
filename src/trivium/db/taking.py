"""A connection out of SQLAlchemy's pool, for who speaks to the driver himself.

Whoever takes one gives it back with ``close()``, after ``invalidate()`` where nobody knows what it
is in the middle of.
"""

from collections.abc import Collection
from time import monotonic
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.util.concurrency import greenlet_spawn

from trivium.db.engines import ALIVE_FOR, RETURNED, broken_connections

__all__ = ["taken"]


async def taken(engine: Engine) -> Any:
    """A connection that is alive, as far as that is known.

    One that lies in the pool is taken without a greenlet, which would cost more than the rest of a
    small query.
    """
    found = _taken_at_once(engine.pool, broken_connections(engine.dialect))
    if found is not None:
        if await _is_alive(engine.dialect, found):
            return found
        found.invalidate()
        found.close()
    return await greenlet_spawn(engine.pool.connect)


def _taken_at_once(pool: Any, broken: Collection[object]) -> Any:
    """One that lies in the pool, if it can be had without waiting for anything."""
    if pool.checkedin() == 0 or pool.overflow() >= pool._max_overflow or pool._recycle > -1:
        return None
    if broken:
        # one of those that lie there may have to be connected anew
        return None
    return pool.connect()


async def _is_alive(dialect: Any, connection: Any) -> bool:
    """Whether it may be used; it is asked if it has lain there for long."""
    if connection.driver_connection.is_closed():
        return False
    if monotonic() - connection.info.get(RETURNED, 0.0) < ALIVE_FOR:
        return True
    try:
        alive: bool = await greenlet_spawn(dialect.do_ping, connection.dbapi_connection)
    except dialect.loaded_dbapi.Error:
        return False
    except BaseException:
        # nobody waits for the answer any more, and it may still come
        connection.invalidate()
        connection.close()
        raise
    return alive
