"""Reading rows from PostgreSQL without SQLAlchemy's machinery in between, for plain reads.

What is left is the pool, from which the connection comes and to which it goes back, and asyncpg.
Only what reads outside of a transaction takes this way. Where it cannot be taken, or fails, the
caller takes the usual one, which also tells what is wrong.
"""

from asyncio import CancelledError, current_task
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.util.concurrency import greenlet_spawn

from trivium.db.sessions import refuse_concurrent
from trivium.db.units import Lane
from trivium.db.watching import noted

__all__ = ["fetched", "may_read_directly"]


def may_read_directly(lane: Lane) -> bool:
    """Whether a read of this lane belongs to no transaction, and nothing waits to be written."""
    if lane.is_held or lane.is_streaming or lane.database.pinned is not None:
        return False
    if lane.is_used:
        # the session knows objects, or has something to write
        return False
    return lane.database.engine.dialect.driver == "asyncpg"


async def fetched(lane: Lane, sql: str, arguments: tuple[Any, ...]) -> Any:
    """The rows as asyncpg gives them; ``None`` where something went wrong.

    sql: as asyncpg understands it, with ``$1``.
    arguments: in the form in which the driver takes them.

    Raises ConcurrentUse, as the session does.
    """
    engine = lane.database.reader(after_write=lane.wrote)
    if not isinstance(engine, Engine):
        return None
    task = current_task()
    if lane.user is not None and lane.user is not task:
        raise refuse_concurrent(lane)
    lane.user = task
    try:
        connection = await greenlet_spawn(engine.pool.connect)
        noted(sql, arguments)
        try:
            rows = await connection.driver_connection.fetch(sql, *arguments)  # type: ignore[union-attr]  # it is open
        except BaseException:
            # what state it is in is not known
            connection.invalidate()
            raise
        # nothing was begun, so nothing has to be waited for
        connection.close()
        return rows
    except (CancelledError, KeyboardInterrupt, SystemExit):
        raise
    except (Exception, SQLAlchemyError):
        return None
    finally:
        lane.user = None
