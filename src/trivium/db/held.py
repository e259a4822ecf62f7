"""The connection of a transaction that began without the session, for both to go on with."""

from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from trivium.db.errors import Unavailable, translated

__all__ = ["Held"]


class Held:
    """asyncpg's connection with a transaction, and SQLAlchemy's over the same one.

    What is sent to either belongs to the transaction. Where a statement failed nothing more is
    sent: the database would forget all of it at the end, and say nothing.
    """

    __slots__ = ("_connection", "_engine", "_failed", "_pooled")

    def __init__(self, engine: Engine, pooled: Any) -> None:
        """pooled: a connection out of the engine's pool, which is given back by ``release``."""
        self._engine = engine
        self._pooled = pooled
        self._connection: Connection | None = None
        self._failed = False

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's connection. Raises TransactionMisuse where a statement has failed."""
        self._refuse_failed()
        if self._connection is None:
            self._connection = Connection(self._engine, self._pooled)
        return self._connection

    @property
    def driver(self) -> Any:
        """asyncpg's connection."""
        return self._pooled.driver_connection

    @property
    def is_usable(self) -> bool:
        """Whether the transaction can go on."""
        return not self._failed and self._pooled.is_valid

    @property
    def is_connected(self) -> bool:
        """Whether the connection is there still."""
        return self._pooled.is_valid and not self._pooled.driver_connection.is_closed()

    def _refuse_failed(self) -> None:
        if not self.is_usable:
            raise translated(PendingRollbackError("A statement of it has failed."))

    async def begin(self) -> None:
        """Begins the transaction, unless it has begun."""
        adapter = self._pooled.dbapi_connection
        if adapter._transaction is None:
            await adapter._start_transaction()

    async def commit(self) -> None:
        """Commits. Raises this room's errors."""
        self._refuse_failed()
        adapter = self._pooled.dbapi_connection
        if (transaction := adapter._transaction) is None:
            return
        try:
            await adapter._call_and_discard(transaction.commit)
        except BaseException as error:
            is_refused = isinstance(error, Exception)
            self.failed(lost=not is_refused)
            if not is_refused:
                raise
            raise self.told("COMMIT", error) from error

    async def rollback(self) -> None:
        """Rolls back, as far as there is a connection yet."""
        if not self._pooled.is_valid:
            return
        adapter = self._pooled.dbapi_connection
        if (transaction := adapter._transaction) is not None:
            try:
                await adapter._call_and_discard(transaction.rollback)
            except BaseException as error:
                self.failed(lost=True)
                if not isinstance(error, Exception):
                    raise

    def failed(self, *, lost: bool) -> None:
        """Has nothing more sent; ``lost``: what state the connection is in is not known."""
        self._failed = True
        if lost:
            self._pooled.invalidate()

    def told(self, sql: str, error: BaseException) -> BaseException:
        """The error of this room for one of asyncpg's."""
        dialect: Any = self._engine.dialect
        adapter, own = self._pooled.dbapi_connection, error
        if adapter is None:
            lost = DBAPIError(sql, None, error, connection_invalidated=True, hide_parameters=True)
            return Unavailable(lost)
        try:
            adapter._handle_exception(error)
        except Exception as other:
            own = other
        return translated(
            DBAPIError.instance(
                sql,
                None,
                own,
                dialect.loaded_dbapi.Error,
                hide_parameters=self._engine.hide_parameters,
                dialect=dialect,
            )
        )

    def release(self) -> None:
        """Gives the connection back; what was not committed is undone."""
        if self._connection is not None and self._pooled.is_valid:
            self._connection.close()
        else:
            self._pooled.close()
