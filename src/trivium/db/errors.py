"""The errors of the data room, and the one place that makes them of SQLAlchemy's.

The tree::

    TriviumError
    └── DbError
        │   the program asks for what cannot be done
        ├── MissingDriver           the package for this kind of database is not installed
        ├── UnknownDatabase         there is no database of that name
        ├── NoSession               there is no unit of work here, or it has ended
        ├── ConcurrentUse           two tasks use one session at the same time
        ├── UncommittedWork         a unit of work ends with changes that nobody committed
        ├── TransactionMisuse       a transaction is begun, committed or retried where it cannot be
        ├── FieldError              there is no such field, lookup or relation
        ├── InvalidValue            a value that the column cannot have; a ValueError too
        ├── NotSupported            a query that cannot be made like that, or not on this database
        ├── NotLoaded               a relation or column was not loaded; the error says how
        │   the data are not as the program expects
        ├── DoesNotExist            one row was asked for, and there is none
        │   └── RowIsGone           a row was to be written, and is not there any more
        ├── MultipleObjectsReturned one row was asked for, and there are several
        ├── ProtectedError          a row cannot be deleted, because others refer to it
        │   the database refuses, or is not there
        ├── IntegrityFailure        a constraint would be broken
        ├── SerializationFailure    another transaction was in the way: try again
        └── Unavailable             the database does not answer: 503
            ├── CannotConnect       nobody listens at its address: 503
            └── PoolExhausted       every connection is in use: 503

Those that have a counterpart in SQLAlchemy are of its class too, so that a program that catches
``sqlalchemy.exc.IntegrityError`` goes on working. ``translated()`` makes them; the session calls it
for every error that leaves it.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from sqlalchemy import exc
from sqlalchemy.orm.exc import DetachedInstanceError, StaleDataError

from trivium.errors import TriviumError

__all__ = [
    "CannotConnect",
    "ConcurrentUse",
    "DbError",
    "DoesNotExist",
    "FieldError",
    "IntegrityFailure",
    "InvalidValue",
    "MissingDriver",
    "MultipleObjectsReturned",
    "NoSession",
    "NotLoaded",
    "NotSupported",
    "PoolExhausted",
    "ProtectedError",
    "RowIsGone",
    "SerializationFailure",
    "TransactionMisuse",
    "Unavailable",
    "UncommittedWork",
    "UnknownDatabase",
    "translated",
]


class DbError(TriviumError):
    """Everything that the data room raises on purpose."""


class MissingDriver(DbError):
    """The package that talks to this kind of database is not installed."""


class UnknownDatabase(DbError):
    """There is no database of that name; the message lists those that there are."""


class NoSession(DbError):
    """There is no unit of work here, or the one there was has ended."""


class ConcurrentUse(DbError, exc.InvalidRequestError):
    """Two tasks use one session at the same time."""


class UncommittedWork(DbError):
    """A unit of work ends with changes that nobody committed; they have been rolled back."""


class TransactionMisuse(DbError, exc.InvalidRequestError):
    """A transaction is begun, committed or retried where that cannot be done."""


class FieldError(DbError):
    """There is no such field. ``name`` is what was asked for, ``known`` what there is."""

    def __init__(self, message: str, *, name: str = "", known: Iterable[str] = ()) -> None:
        self.name = name
        self.known = tuple(known)
        lines = [message]
        if near := get_close_matches(name, self.known, n=1):
            lines.append(f"  did you mean: {near[0]}")
        if self.known:
            lines.append(f"  there are:    {', '.join(self.known)}")
        super().__init__("\n".join(lines))


class InvalidValue(DbError, ValueError):
    """A value cannot be that of the column it is compared with or assigned to."""


class NotSupported(DbError):
    """The query cannot be made like that, or not on this database; the message says how else."""


class NotLoaded(DbError, exc.InvalidRequestError):
    """A relation or a column was not loaded, and nothing is loaded behind the program's back."""


class DoesNotExist(DbError, exc.NoResultFound):
    """One row was asked for, and there is none."""


class RowIsGone(DoesNotExist, StaleDataError):
    """A row was to be written, and is not there any more, or is not of the version that was read.

    What else the transaction has done is undone with it.
    """


class MultipleObjectsReturned(DbError, exc.MultipleResultsFound):
    """One row was asked for, and there are several."""


class ProtectedError(DbError):
    """A row cannot be deleted, because others refer to it. ``objects`` are some of those."""

    def __init__(self, message: str, objects: Iterable[Any] = ()) -> None:
        self.objects = tuple(objects)
        super().__init__(message)


class _OfDriver(DbError, exc.DBAPIError):
    """Made from SQLAlchemy's error, with its statement and the driver's error in ``orig``."""

    def __init__(self, cause: exc.DBAPIError) -> None:
        self._cause = cause
        exc.DBAPIError.__init__(
            self,
            cause.statement,
            cause.params,
            cause.orig or cause,
            hide_parameters=cause.hide_parameters,
            connection_invalidated=cause.connection_invalidated,
            code=cause.code,
            ismulti=cause.ismulti,
        )

    def __reduce__(self) -> Any:
        return type(self), (self._cause,)


class IntegrityFailure(_OfDriver, exc.IntegrityError):
    """A constraint would be broken.

    kind: ``"unique"``, ``"foreign key"``, ``"not null"``, ``"check"``, ``"exclusion"``, or ``None``
        where the driver does not tell.
    constraint: its name, where the driver tells it.
    """

    kind: str | None
    constraint: str | None

    def __init__(self, cause: exc.DBAPIError) -> None:
        super().__init__(cause)
        self.kind = _KINDS.get(_code_of(cause.orig))
        self.constraint = _constraint_of(cause.orig)


class SerializationFailure(_OfDriver, exc.OperationalError):
    """Another transaction was in the way: a deadlock, a conflict, a lock that was not got in time.

    Everything of this transaction is undone, and the same again may well succeed: ``atomic`` does
    that with ``retry``.
    """


class Unavailable(_OfDriver, exc.OperationalError):
    """The database does not answer: it is stopped, restarting, or has closed the connection.

    An application answers it with 503 and a Retry-After.
    """


class _WithoutStatement(Unavailable):
    """Before any statement could be sent: there is only a message."""

    def __init__(self, message: str) -> None:
        self._text = message
        super().__init__(exc.DBAPIError(None, None, Exception(message)))

    def __str__(self) -> str:
        return self._text

    def __reduce__(self) -> Any:
        return type(self), (self._text,)


class CannotConnect(_WithoutStatement):
    """No connection could be made: nobody listens at the address, or nobody answers in time."""


class PoolExhausted(_WithoutStatement, exc.TimeoutError):
    """Every connection is in use, and none was given back in time."""


# PostgreSQL's and the standard's SQLSTATE, SQLite's extended codes, MySQL's error numbers.
_KINDS: dict[Any, str] = {
    "23505": "unique",
    "23503": "foreign key",
    "23001": "foreign key",
    "23502": "not null",
    "23514": "check",
    "23P01": "exclusion",
    "SQLITE_CONSTRAINT_UNIQUE": "unique",
    "SQLITE_CONSTRAINT_PRIMARYKEY": "unique",
    "SQLITE_CONSTRAINT_ROWID": "unique",
    "SQLITE_CONSTRAINT_FOREIGNKEY": "foreign key",
    "SQLITE_CONSTRAINT_NOTNULL": "not null",
    "SQLITE_CONSTRAINT_CHECK": "check",
    1062: "unique",
    1048: "not null",
    1364: "not null",
    1216: "foreign key",
    1217: "foreign key",
    1451: "foreign key",
    1452: "foreign key",
    3819: "check",
    4025: "check",
}
_IN_THE_WAY: frozenset[Any] = frozenset(
    ["40001", "40P01", "55P03", "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_LOCKED", 1205, 1213]
)
# PostgreSQL does nothing more in a transaction in which something has failed.
_ABORTED = "25P02"
# The server is starting, stopping, or has no connection left for us.
_AWAY: frozenset[Any] = frozenset(
    [
        "08000",
        "08001",
        "08003",
        "08004",
        "08006",
        "53300",
        "57P01",
        "57P02",
        "57P03",
        1040,
        1053,
        2002,
        2003,
        2006,
        2013,
        2055,
    ]
)


def translated(error: BaseException) -> BaseException:
    """The error of this room that says the same as SQLAlchemy's; others as they are."""
    if isinstance(error, DbError):
        return error
    if isinstance(error, exc.DBAPIError):
        code = _code_of(error.orig)
        # MariaDB calls a broken CHECK an operational error
        if isinstance(error, exc.IntegrityError) or code in _KINDS:
            return IntegrityFailure(error)
        if code in _IN_THE_WAY:
            return SerializationFailure(error)
        if code == _ABORTED:
            return _after_error(error)
        if error.connection_invalidated or code in _AWAY or _is_of_network(error.orig):
            return Unavailable(error)
        return error
    if isinstance(error, exc.TimeoutError):
        return PoolExhausted(
            "Every connection to the database is in use, and none was given back in time.\n"
            f"  {error}\n"
            "  Use connections for a shorter time (no waiting for others inside of a transaction),"
            " or raise Database(pool_size=...)."
        )
    if isinstance(error, exc.MissingGreenlet | DetachedInstanceError):
        return NotLoaded(
            f"Something was to be loaded from the database where nobody can wait for it.\n"
            f"  {error}\n"
            "  Load it with the query, or ask for it: await obj.fetch(...), await"
            " session.refresh(obj)."
        )
    if isinstance(error, StaleDataError):
        return RowIsGone(f"A row that was to be written is not there any more.\n  {error}")
    if isinstance(error, exc.PendingRollbackError):
        return _after_error(error)
    if isinstance(error, exc.CircularDependencyError):
        return NotSupported(
            "Rows that refer to themselves or to each other cannot be written in any order.\n"
            "    written:  plane.twin = plane\n"
            "    instead:  plane.twin_id = plane.id   # the column, of a row that is stored"
        )
    return error


def _after_error(error: BaseException) -> TransactionMisuse:
    return TransactionMisuse(
        "The transaction goes on after an error that has undone it.\n"
        f"  {error}\n"
        "    instead:  async with atomic(): ...   # around what may fail, inside of the transaction"
    )


def _code_of(orig: BaseException | None) -> Any:
    """What the driver calls the error: SQLSTATE, SQLite's name, MySQL's number."""
    arguments = getattr(orig, "args", ())
    if arguments and isinstance(arguments[0], int):
        return arguments[0]
    for layer in (orig, getattr(orig, "__cause__", None)):
        for name in ("sqlstate", "sqlite_errorname"):
            if code := getattr(layer, name, None):
                return code
    return None


def _constraint_of(orig: BaseException | None) -> str | None:
    for layer in (orig, getattr(orig, "__cause__", None)):
        place = getattr(layer, "diag", layer)
        if name := getattr(place, "constraint_name", None):
            return str(name)
    return None


def _is_of_network(orig: BaseException | None) -> bool:
    return isinstance(orig, OSError) or isinstance(getattr(orig, "__cause__", None), OSError)
