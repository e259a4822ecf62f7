"""The data room: a database, units of work, transactions, models, signals, on SQLAlchemy.

It needs ``pip install 'trivium[db]'``. Names are imported when they are first asked for.

    database.py       Database, the battery: ``app.install(Database(url))``
    units.py          what belongs together and ends together: a request, a block, a test
    sessions.py       the session of a unit, and the dependency ``session``
    transactions.py   atomic, on_commit
    execution.py      one statement, where it should go
    signals.py        pre_save and its like
    errors.py         the tree of errors
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trivium.db.database import Database
    from trivium.db.errors import (
        CannotConnect,
        ConcurrentUse,
        DbError,
        DoesNotExist,
        FieldError,
        IntegrityFailure,
        MissingDriver,
        MultipleObjectsReturned,
        NoSession,
        NotLoaded,
        PoolExhausted,
        ProtectedError,
        SerializationFailure,
        TransactionMisuse,
        Unavailable,
        UncommittedWork,
        UnknownDatabase,
    )
    from trivium.db.execution import execute, stream
    from trivium.db.sessions import Session, session
    from trivium.db.signals import (
        Signal,
        m2m_changed,
        post_delete,
        post_migrate,
        post_save,
        pre_delete,
        pre_migrate,
        pre_save,
    )
    from trivium.db.transactions import atomic, on_commit, without_transaction
    from trivium.db.units import current_session, current_unit
    from trivium.db.waiting import wait

__all__ = [
    "CannotConnect",
    "ConcurrentUse",
    "Database",
    "DbError",
    "DoesNotExist",
    "FieldError",
    "IntegrityFailure",
    "MissingDriver",
    "MultipleObjectsReturned",
    "NoSession",
    "NotLoaded",
    "PoolExhausted",
    "ProtectedError",
    "SerializationFailure",
    "Session",
    "Signal",
    "TransactionMisuse",
    "Unavailable",
    "UncommittedWork",
    "UnknownDatabase",
    "atomic",
    "current_session",
    "current_unit",
    "execute",
    "m2m_changed",
    "on_commit",
    "post_delete",
    "post_migrate",
    "post_save",
    "pre_delete",
    "pre_migrate",
    "pre_save",
    "session",
    "stream",
    "wait",
    "without_transaction",
]

_HOMES = {
    "database": ("Database",),
    "errors": (
        "CannotConnect",
        "ConcurrentUse",
        "DbError",
        "DoesNotExist",
        "FieldError",
        "IntegrityFailure",
        "MissingDriver",
        "MultipleObjectsReturned",
        "NoSession",
        "NotLoaded",
        "PoolExhausted",
        "ProtectedError",
        "SerializationFailure",
        "TransactionMisuse",
        "Unavailable",
        "UncommittedWork",
        "UnknownDatabase",
    ),
    "execution": ("execute", "stream"),
    "sessions": ("Session", "session"),
    "signals": (
        "Signal",
        "m2m_changed",
        "post_delete",
        "post_migrate",
        "post_save",
        "pre_delete",
        "pre_migrate",
        "pre_save",
    ),
    "transactions": ("atomic", "on_commit", "without_transaction"),
    "units": ("current_session", "current_unit"),
    "waiting": ("wait",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        home = import_module(f"trivium.db.{_HOME_OF[name]}")
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "sqlalchemy":
            raise
        raise ModuleNotFoundError(
            "trivium.db needs SQLAlchemy, which is not installed.\n"
            "Install it with:\n    pip install 'trivium[db]'",
            name=missing.name,
        ) from missing
    value = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
