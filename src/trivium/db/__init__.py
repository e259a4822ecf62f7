"""The data room: a database, units of work, transactions, models, signals, on SQLAlchemy.

It needs ``pip install 'trivium[db]'``. Names are imported when they are first asked for.

    database.py       Database, the battery: ``app.install(Database(url))``
    units.py          what belongs together and ends together: a request, a block, a test
    sessions.py       the session of a unit, and the dependency ``session``
    transactions.py   atomic, on_commit
    execution.py      one statement, where it should go
    models/           Model, foreign_key and the on_delete rules
    queries/          Model.objects: filter, annotate, prefetch_related, create
    signals.py        pre_save and its like
    errors.py         the tree of errors
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trivium.db.budget import (
        QueryBudgetWarning,
    )
    from trivium.db.database import (
        Database,
    )
    from trivium.db.errors import (
        CannotConnect,
        ConcurrentUse,
        DbError,
        DoesNotExist,
        FieldError,
        IntegrityFailure,
        InvalidValue,
        MissingDriver,
        MultipleObjectsReturned,
        NoSession,
        NotLoaded,
        NotSupported,
        PoolExhausted,
        ProtectedError,
        RowIsGone,
        SerializationFailure,
        TransactionMisuse,
        Unavailable,
        UncommittedWork,
        UnknownDatabase,
    )
    from trivium.db.execution import (
        execute,
        stream,
    )
    from trivium.db.files.column import (
        FileType,
    )
    from trivium.db.files.stored import (
        StoredFile,
    )
    from trivium.db.models.base import (
        Model,
    )
    from trivium.db.models.encryption import (
        Encrypted,
    )
    from trivium.db.models.mixins import (
        LiveManager,
        SoftDelete,
        Timestamps,
    )
    from trivium.db.models.references import (
        CASCADE,
        DO_NOTHING,
        PROTECT,
        RESTRICT,
        SET,
        SET_DEFAULT,
        SET_NULL,
        foreign_key,
    )
    from trivium.db.models.types import (
        UtcDateTime,
    )
    from trivium.db.queries.aggregates import (
        Aggregate,
        Avg,
        Count,
        Max,
        Min,
        StdDev,
        StringAgg,
        Sum,
        Variance,
    )
    from trivium.db.queries.expressions import (
        Case,
        Cast,
        Exists,
        Expression,
        F,
        Func,
        OuterRef,
        Subquery,
        Value,
        When,
    )
    from trivium.db.queries.fetching import (
        Prefetch,
    )
    from trivium.db.queries.functions import (
        Abs,
        Ceil,
        Coalesce,
        Concat,
        Extract,
        ExtractDay,
        ExtractHour,
        ExtractIsoWeekDay,
        ExtractIsoYear,
        ExtractMinute,
        ExtractMonth,
        ExtractQuarter,
        ExtractSecond,
        ExtractWeek,
        ExtractWeekDay,
        ExtractYear,
        Floor,
        Greatest,
        Least,
        Left,
        Length,
        Lower,
        Mod,
        Now,
        NullIf,
        Power,
        Replace,
        Right,
        Round,
        Sqrt,
        StrIndex,
        Substr,
        Trim,
        TruncDate,
        TruncTime,
        Upper,
    )
    from trivium.db.queries.lookups import (
        lookup,
        transform,
    )
    from trivium.db.queries.manager import (
        Manager,
        objects,
    )
    from trivium.db.queries.q import (
        Q,
    )
    from trivium.db.queries.queryset import (
        QuerySet,
    )
    from trivium.db.queries.windows import (
        CumeDist,
        DenseRank,
        FirstValue,
        Lag,
        LastValue,
        Lead,
        NthValue,
        Ntile,
        PercentRank,
        Rank,
        RowNumber,
        Window,
    )
    from trivium.db.schemas import (
        model_schema,
    )
    from trivium.db.sessions import (
        Session,
        session,
    )
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
    from trivium.db.transactions import (
        atomic,
        on_commit,
        without_transaction,
    )
    from trivium.db.units import (
        current_session,
        current_unit,
    )
    from trivium.db.waiting import (
        wait,
    )

__all__ = [
    "Abs",
    "Aggregate",
    "Avg",
    "CASCADE",
    "CannotConnect",
    "Case",
    "Cast",
    "Ceil",
    "Coalesce",
    "Concat",
    "ConcurrentUse",
    "Count",
    "CumeDist",
    "DO_NOTHING",
    "Database",
    "DbError",
    "DenseRank",
    "DoesNotExist",
    "Encrypted",
    "Exists",
    "Expression",
    "Extract",
    "ExtractDay",
    "ExtractHour",
    "ExtractIsoWeekDay",
    "ExtractIsoYear",
    "ExtractMinute",
    "ExtractMonth",
    "ExtractQuarter",
    "ExtractSecond",
    "ExtractWeek",
    "ExtractWeekDay",
    "ExtractYear",
    "F",
    "FieldError",
    "FileType",
    "FirstValue",
    "Floor",
    "Func",
    "Greatest",
    "IntegrityFailure",
    "InvalidValue",
    "Lag",
    "LastValue",
    "Lead",
    "Least",
    "Left",
    "Length",
    "LiveManager",
    "Lower",
    "Manager",
    "Max",
    "Min",
    "MissingDriver",
    "Mod",
    "Model",
    "MultipleObjectsReturned",
    "NoSession",
    "NotLoaded",
    "NotSupported",
    "Now",
    "NthValue",
    "Ntile",
    "NullIf",
    "OuterRef",
    "PROTECT",
    "PercentRank",
    "PoolExhausted",
    "Power",
    "Prefetch",
    "ProtectedError",
    "Q",
    "QueryBudgetWarning",
    "QuerySet",
    "RESTRICT",
    "Rank",
    "Replace",
    "Right",
    "Round",
    "RowIsGone",
    "RowNumber",
    "SET",
    "SET_DEFAULT",
    "SET_NULL",
    "SerializationFailure",
    "Session",
    "Signal",
    "SoftDelete",
    "Sqrt",
    "StdDev",
    "StoredFile",
    "StrIndex",
    "StringAgg",
    "Subquery",
    "Substr",
    "Sum",
    "Timestamps",
    "TransactionMisuse",
    "Trim",
    "TruncDate",
    "TruncTime",
    "Unavailable",
    "UncommittedWork",
    "UnknownDatabase",
    "Upper",
    "UtcDateTime",
    "Value",
    "Variance",
    "When",
    "Window",
    "atomic",
    "current_session",
    "current_unit",
    "execute",
    "foreign_key",
    "lookup",
    "m2m_changed",
    "model_schema",
    "objects",
    "on_commit",
    "post_delete",
    "post_migrate",
    "post_save",
    "pre_delete",
    "pre_migrate",
    "pre_save",
    "session",
    "stream",
    "transform",
    "wait",
    "without_transaction",
]

_HOMES = {
    "budget": ("QueryBudgetWarning",),
    "database": ("Database",),
    "errors": (
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
    ),
    "execution": (
        "execute",
        "stream",
    ),
    "files.column": ("FileType",),
    "files.stored": ("StoredFile",),
    "models.base": ("Model",),
    "models.encryption": ("Encrypted",),
    "models.mixins": (
        "LiveManager",
        "SoftDelete",
        "Timestamps",
    ),
    "models.references": (
        "CASCADE",
        "DO_NOTHING",
        "PROTECT",
        "RESTRICT",
        "SET",
        "SET_DEFAULT",
        "SET_NULL",
        "foreign_key",
    ),
    "models.types": ("UtcDateTime",),
    "queries.aggregates": (
        "Aggregate",
        "Avg",
        "Count",
        "Max",
        "Min",
        "StdDev",
        "StringAgg",
        "Sum",
        "Variance",
    ),
    "queries.expressions": (
        "Case",
        "Cast",
        "Exists",
        "Expression",
        "F",
        "Func",
        "OuterRef",
        "Subquery",
        "Value",
        "When",
    ),
    "queries.fetching": ("Prefetch",),
    "queries.functions": (
        "Abs",
        "Ceil",
        "Coalesce",
        "Concat",
        "Extract",
        "ExtractDay",
        "ExtractHour",
        "ExtractIsoWeekDay",
        "ExtractIsoYear",
        "ExtractMinute",
        "ExtractMonth",
        "ExtractQuarter",
        "ExtractSecond",
        "ExtractWeek",
        "ExtractWeekDay",
        "ExtractYear",
        "Floor",
        "Greatest",
        "Least",
        "Left",
        "Length",
        "Lower",
        "Mod",
        "Now",
        "NullIf",
        "Power",
        "Replace",
        "Right",
        "Round",
        "Sqrt",
        "StrIndex",
        "Substr",
        "Trim",
        "TruncDate",
        "TruncTime",
        "Upper",
    ),
    "queries.lookups": (
        "lookup",
        "transform",
    ),
    "queries.manager": (
        "Manager",
        "objects",
    ),
    "queries.q": ("Q",),
    "queries.queryset": ("QuerySet",),
    "queries.windows": (
        "CumeDist",
        "DenseRank",
        "FirstValue",
        "Lag",
        "LastValue",
        "Lead",
        "NthValue",
        "Ntile",
        "PercentRank",
        "Rank",
        "RowNumber",
        "Window",
    ),
    "schemas": ("model_schema",),
    "sessions": (
        "Session",
        "session",
    ),
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
    "transactions": (
        "atomic",
        "on_commit",
        "without_transaction",
    ),
    "units": (
        "current_session",
        "current_unit",
    ),
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
