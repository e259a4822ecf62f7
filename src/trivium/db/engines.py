"""Engines with the settings that a program in production wants, made the same way everywhere.

SQLite: a write-ahead log, so that readers and a writer do not wait for each other; foreign keys are
checked; a lock is waited for. Its transactions begin with ``BEGIN IMMEDIATE``: one that began as a
reader could not become a writer once another has written, and would fail at once.

All: a connection that has lain in the pool for a while is asked whether it is alive before it is
handed out, one that was in use a moment ago is not.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Dialect, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.util.concurrency import await_only, in_greenlet

from trivium.db.errors import CannotConnect
from trivium.db.watching import watched

__all__ = [
    "ALIVE_FOR",
    "READING",
    "RETURNED",
    "broken_connections",
    "is_in_memory",
    "make_engine",
    "reading_from",
]

READING = "trivium_reading"
"""The execution option of connections that read outside of transactions."""

ALIVE_FOR = 1.0
"""Seconds in the pool for which a connection is taken to be alive."""

RETURNED = "trivium_returned"

_BETWEEN_SWITCHES = 0.01
"""Seconds after which SQLite is asked again to change its journal."""


_CONNECT_TIMEOUT = {"asyncpg": "timeout", "psycopg": "connect_timeout"}
_CONNECT_TIMEOUT |= dict.fromkeys(("aiomysql", "asyncmy"), "connect_timeout")


def make_engine(
    url: URL,
    *,
    pool: dict[str, Any],
    connect_timeout: float,
    busy_timeout: float,
    options: dict[str, Any],
) -> AsyncEngine:
    """An engine for a complete address. Nothing is connected; ``dispose()`` closes it.

    pool: ``pool_size`` and the like, left out for a SQLite database in memory, which is one
        connection.
    connect_timeout: seconds after which a server that does not answer is given up.
    busy_timeout: seconds for which SQLite waits for a lock.
    options: further options of SQLAlchemy's ``create_async_engine``.
    """
    kind = url.get_backend_name()
    if is_in_memory(url):
        # one connection that lives as long as the engine; units of work take turns at it
        pool = {**pool, "poolclass": AsyncAdaptedQueuePool, "pool_size": 1, "max_overflow": 0}
    if "poolclass" in options:
        pool = {}  # another pool has sizes of its own, or none
    timeout = _CONNECT_TIMEOUT.get(url.get_driver_name())
    arguments = {} if timeout is None else {timeout: max(1, round(connect_timeout))}
    arguments |= options.get("connect_args", {})
    engine = create_async_engine(url, **{**pool, **options, "connect_args": arguments})
    _tell_who_is_away(engine)
    watched(engine)
    _note_the_broken(engine)
    if kind == "sqlite":
        _prepare_sqlite(engine, round(busy_timeout * 1000))
    if not is_in_memory(url):
        _ask_the_idle(engine)
    return engine


def reading_from(engine: AsyncEngine) -> AsyncEngine:
    """The same pool, for statements that read outside of a transaction.

    On PostgreSQL no BEGIN and no ROLLBACK is sent, on SQLite nothing is locked. MySQL's drivers
    would have to tell the server first, which costs more than it saves.
    """
    kind = engine.dialect.name
    if kind == "postgresql":
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    if kind == "sqlite":
        return engine.execution_options(**{READING: True})
    return engine


def is_in_memory(url: URL) -> bool:
    """Whether it is a SQLite database that lives as long as its one connection."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _tell_who_is_away(engine: AsyncEngine) -> None:
    dialect = engine.sync_engine.dialect
    url = engine.url.render_as_string(hide_password=True)

    def connect(used: Any, record: object, arguments: Any, options: Any) -> Any:
        try:
            return used.connect(*arguments, **options)
        except OSError as error:  # asyncpg's way; a TimeoutError is one
            raise CannotConnect(f"{url} cannot be reached: {str(error) or 'no answer'}") from error
        except used.loaded_dbapi.OperationalError as error:
            # psycopg's and aiomysql's way, which tell so what a server has refused as well
            if dialect.name == "sqlite" or getattr(error, "sqlstate", None) or _is_refusal(error):
                raise
            raise CannotConnect(f"{url} cannot be reached: {error}") from error

    event.listen(engine.sync_engine, "do_connect", connect)


def _is_refusal(error: Exception) -> bool:
    # MySQL numbers the errors of its clients from 2000; 1040: too many connections
    number = error.args[0] if error.args else None
    return isinstance(number, int) and number < 2000 and number != 1040


def _write_ahead(cursor: Any, patience: float) -> None:
    """Switches to the write-ahead log.

    Of several connections that switch a new database at the same moment SQLite refuses all but one
    at once, without waiting: one that waited could wait for the other for ever.
    """
    give_up = time.monotonic() + patience
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
        await_only(asyncio.sleep(_BETWEEN_SWITCHES))


def _prepare_sqlite(engine: AsyncEngine, busy_timeout: int) -> None:
    in_memory = is_in_memory(engine.url)

    def connected(connection: Any, record: object) -> None:
        # the driver would begin transactions by itself, before some statements and not others
        connection.isolation_level = None
        cursor = connection.cursor()
        # first, because switching the journal's mode may have to wait already
        cursor.execute(f"PRAGMA busy_timeout = {busy_timeout}")
        cursor.execute("PRAGMA foreign_keys = ON")
        if not in_memory:
            _write_ahead(cursor, busy_timeout / 1000)
        cursor.close()

    def begun(connection: Any) -> None:
        if not connection.get_execution_options().get(READING):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine.sync_engine, "connect", connected)
    event.listen(engine.sync_engine, "begin", begun)
    dialect: Any = engine.sync_engine.dialect
    for name in ("do_rollback", "do_commit"):
        # there is no event that could keep these from being called
        setattr(dialect, name, _if_in_transaction(getattr(dialect, name)))


def _if_in_transaction(end: Callable[[Any], None]) -> Callable[[Any], None]:
    def call(connection: Any) -> None:
        # asking costs nothing; ending what has not begun costs a visit to the connection's thread
        if connection.driver_connection.in_transaction:
            end(connection)

    return call


_broken: WeakKeyDictionary[Dialect, set[object]] = WeakKeyDictionary()


def broken_connections(dialect: Dialect) -> Collection[object]:
    """Those of an engine's pool that were lost, and are to be made anew when they are needed."""
    return _broken.get(dialect, ())


def _note_the_broken(engine: AsyncEngine) -> None:
    broken = _broken[engine.dialect] = set()

    def lost(connection: object, record: object, error: object) -> None:
        broken.add(record)

    def made(connection: object, record: object) -> None:
        broken.discard(record)

    event.listen(engine.sync_engine, "invalidate", lost)
    event.listen(engine.sync_engine, "connect", made)


def _ask_the_idle(engine: AsyncEngine) -> None:
    dialect = engine.sync_engine.dialect

    def checked_in(connection: Any, record: Any) -> None:
        record.info[RETURNED] = time.monotonic()

    def checked_out(connection: Any, record: Any, fairy: object) -> None:
        if not in_greenlet():
            # nobody can wait for the answer here; who takes it this way finds out
            return
        returned = record.info.get(RETURNED)
        if returned is None or time.monotonic() - returned < ALIVE_FOR:
            return
        try:
            alive = dialect.do_ping(connection)
        except Exception as error:
            raise DisconnectionError from error
        if not alive:
            raise DisconnectionError

    event.listen(engine.sync_engine, "checkin", checked_in)
    event.listen(engine.sync_engine, "checkout", checked_out)
