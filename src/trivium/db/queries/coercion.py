"""Values of a query in the type of the column they are compared with.

``filter(distance="1400")`` works, ``filter(distance="far")`` says what is wrong with it, on every
database: some drivers would convert, some would refuse with an error of their own, and SQLite would
compare a number with a text and find nothing.
"""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import types as sqltypes
from sqlalchemy.types import TypeEngine

from trivium.db.errors import InvalidValue

__all__ = ["coerced", "integer_limit"]

CONVERTED: tuple[type[Any], ...] = (bool, int, float, str, bytes, Decimal, date, datetime, time)
CONVERTED += (timedelta, UUID)
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def python_type_of(kind: TypeEngine[Any]) -> Any:
    """The Python type of a column's values; ``None`` where anything goes."""
    if isinstance(kind, sqltypes.Enum):
        return kind.enum_class
    if isinstance(kind, sqltypes.JSON | sqltypes.ARRAY | sqltypes.NullType):
        return None
    if isinstance(kind, sqltypes.TypeDecorator):
        # of any other one the type itself alone knows
        return datetime if type(kind).__name__ == "UtcDateTime" else None
    try:
        found = kind.python_type
    except NotImplementedError:
        return None
    return found if found in CONVERTED else None


def coerced(value: Any, kind: TypeEngine[Any], where: str) -> Any:
    """The value in the type of a column; ``where`` is the name it was given for.

    Raises ``InvalidValue``, a ``ValueError``, when it is no such value.
    """
    expected = python_type_of(kind)
    if value is None or expected is None:
        return value
    if type(value) is not expected:
        value = _converted(value, expected, where)
    if expected is str and not isinstance(value, enum.Enum):
        _check_text(value, where)
    given: Any = value
    if type(kind).__name__ == "UtcDateTime" and given.tzinfo is None:
        raise InvalidValue(
            f"{where}={value!r} has no time zone, so it is no moment; use datetime(..., tzinfo=UTC)"
        )
    return value


def _converted(value: Any, expected: Any, where: str) -> Any:
    if isinstance(value, enum.Enum) and not (
        isinstance(expected, type) and issubclass(expected, enum.Enum)
    ):
        value = value.value
    if expected is str and isinstance(value, int | float | Decimal | UUID):
        return str(value)
    if expected is datetime and type(value) is date:
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if expected is date and isinstance(value, datetime):
        return value.date()
    if expected is int and isinstance(value, float) and value != value // 1:
        raise InvalidValue(f"{where}={value!r} is not a whole number")
    if expected is bool and not isinstance(value, str | int | bool):
        raise InvalidValue(f"{where}={value!r} is neither true nor false")
    adapter = _ADAPTERS.get(expected)
    if adapter is None:
        adapter = _ADAPTERS[expected] = TypeAdapter(expected)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise InvalidValue(f"{where}={value!r} is not a {expected.__name__}: {said}") from None


def _check_text(value: str, where: str) -> None:
    """What no database can hold as text."""
    if "\0" in value:
        raise InvalidValue(f"{where}={value!r} holds a null character, which no text in SQL can")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidValue(f"{where}={value!r} holds half of a surrogate pair") from None


def integer_limit(kind: TypeEngine[Any]) -> int:
    """One more than the largest number that an integer column holds; 0 for other columns."""
    if isinstance(kind, sqltypes.SmallInteger):
        return 1 << 15
    if isinstance(kind, sqltypes.BigInteger):
        return 1 << 63
    return 1 << 31 if isinstance(kind, sqltypes.Integer) else 0
