"""Single statements to PostgreSQL without SQLAlchemy's machinery in between.

What is left is the pool, from which the connection comes and to which it goes back, and asyncpg.
A plain read and the writing of plain rows take this way: outside of transactions, where PostgreSQL
commits each as one by itself, and within one as long as the session knows no objects. Where it
cannot be taken, the caller takes the usual one; where it fails outside of a transaction too, for
that one also tells what is wrong.
"""

from asyncio import current_task
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, TypeAlias

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from trivium.db.errors import DbError, Unavailable
from trivium.db.held import Held
from trivium.db.sessions import refuse_concurrent
from trivium.db.taking import taken
from trivium.db.units import Lane
from trivium.db.watching import noted

__all__ = ["NotSent", "fetched", "may_go_directly", "stored", "written"]

Send: TypeAlias = Callable[[Any], Awaitable[Any]]
"""Called with asyncpg's connection."""


class NotSent(Exception):
    """A value cannot be written as the column has it, and the server was told to store nothing."""


def may_go_directly(lane: Lane, saved: Any = None) -> bool:
    """Whether the session knows nothing that a statement of this lane has to do with.

    saved: the state of the instance that is saved.
    """
    if lane.is_streaming or lane.database.pinned is not None:
        return False
    if lane.is_held:
        if not lane.is_known_directly(saved):
            return False
    elif lane.is_used or (saved is not None and not lane.has_no_changes_but(saved)):
        # the session knows objects, or has something to write
        return False
    return lane.database.engine.dialect.driver == "asyncpg"


async def fetched(lane: Lane, sql: str, arguments: tuple[Any, ...]) -> Any:
    """The rows of a read as asyncpg gives them; ``None`` where the usual way is to be taken.

    sql: as asyncpg understands it, with ``$1``.
    arguments: in the form in which the driver takes them.

    Raises ConcurrentUse, as the session does, and what goes wrong within a transaction.
    """
    send = _fetching(sql, arguments)
    if lane.is_held:
        return await _sent_within(lane, sql, send)
    try:
        return await _sent(lane, lane.database.reader(after_write=lane.wrote), send)
    except DbError:
        raise
    except Exception:
        # reading once more does no harm
        return None


async def stored(lane: Lane, sql: str, arguments: tuple[Any, ...]) -> Any:
    """What a statement that writes returns; ``None`` where it has surely written nothing.

    Raises Unavailable where the connection broke and nobody knows whether it has, and what goes
    wrong within a transaction.
    """
    return await written(lane, sql, _fetching(sql, arguments))


async def written(lane: Lane, sql: str, send: Send) -> Any:
    """As ``stored``, for what asyncpg does by another of its methods.

    sql: what is told of it where it goes wrong.
    send: may raise NotSent.
    """
    lane.wrote = True
    if lane.is_held:
        return await _sent_within(lane, sql, send)
    try:
        return await _sent(lane, lane.database.primary, send)
    except DbError:
        raise
    except Exception as error:
        if _was_refused(error):
            return None
        raise Unavailable(
            DBAPIError(sql, None, error, connection_invalidated=True, hide_parameters=True)
        ) from error


def _fetching(sql: str, arguments: tuple[Any, ...]) -> Send:
    def send(raw: Any) -> Any:
        noted(sql, arguments)
        return raw.fetch(sql, *arguments)

    return send


async def _sent(lane: Lane, engine: Any, send: Send) -> Any:
    if not isinstance(engine, Engine):
        return None
    task = current_task()
    if lane.user is not None and lane.user is not task:
        raise refuse_concurrent(lane)
    lane.user = task
    try:
        try:
            connection = await taken(engine)
        except Exception:
            return None  # the usual way tells why
        try:
            result = await send(connection.driver_connection)
        except BaseException as error:
            if _is_answer(error):
                connection.close()
            else:
                # what state it is in is not known
                connection.invalidate()
            raise
        # nothing was begun, so nothing has to be waited for
        connection.close()
        return result
    finally:
        lane.user = None


async def _sent_within(lane: Lane, sql: str, send: Send) -> Any:
    """As ``_sent``, in the transaction that the lane is in, which begins where it has not yet."""
    task = current_task()
    if lane.user is not None and lane.user is not task:
        raise refuse_concurrent(lane)
    lane.user = task
    try:
        held = lane.held or await _begun(lane)
        if held is None:
            return None
        try:
            return await send(held.driver)
        except BaseException as error:
            if isinstance(error, _asyncpg().InterfaceError) and held.is_connected:
                return None  # nothing was sent
            held.failed(lost=not isinstance(error, NotSent) and not _is_answer(error))
            if not isinstance(error, Exception):
                raise
            raise held.told(sql, error) from error
    finally:
        lane.user = None


async def _begun(lane: Lane) -> Held | None:
    engine = lane.database.primary
    if not isinstance(engine, Engine):
        return None
    held: Held | None = None
    try:
        held = Held(engine, await taken(engine))
        await held.begin()
    except BaseException as error:
        if held is not None:
            held.failed(lost=True)
            held.release()
        if not isinstance(error, Exception):
            raise
        return None  # the usual way tells why
    lane.held = held
    return held


def _was_refused(error: BaseException) -> bool:
    """Whether the statement was not sent, or the server has answered that it was not done."""
    return isinstance(error, _asyncpg().InterfaceError | NotSent) or _is_answer(error)


def _is_answer(error: BaseException) -> bool:
    """Whether it is the server that refuses, over a connection that goes on."""
    driver = _asyncpg()
    broken = (driver.PostgresConnectionError, driver.OperatorInterventionError)
    return isinstance(error, driver.PostgresError) and not isinstance(error, broken)


def _asyncpg() -> Any:
    return import_module("asyncpg")
