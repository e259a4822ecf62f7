"""What a value looks like in JSON, and how it is made of that again.

By the type of the column: moments, days and times as ISO 8601, numbers that must stay exact and
UUIDs as text, durations in seconds, bytes as base64, enums as the database holds them, files by
their keys. JSON columns hold their JSON.
"""

import base64
import binascii
import enum
import uuid
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from sqlalchemy import JSON, Enum
from sqlalchemy.types import TypeEngine

from trivium.db.errors import DbError
from trivium.db.files.stored import StoredFile

__all__ = ["reader_of", "written"]

Read: TypeAlias = Callable[[Any], Any]


def written(value: Any) -> Any:
    """The value as JSON can hold it. Raises DbError for one that it cannot."""
    if value is None or isinstance(value, bool | int | float | dict) or type(value) is str:
        return value
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, list | tuple | set | frozenset):
        return [written(each) for each in value]
    if isinstance(value, str):
        return str(value)
    if isinstance(value, StoredFile):
        return value.key
    raise DbError(f"A {type(value).__name__} cannot be written as JSON: {value!r}")


def reader_of(kind: TypeEngine[Any]) -> Read:
    """Makes the values of a column of what stands in the JSON; None stays None.

    The function raises ValueError or TypeError for what is no such value.
    """
    if isinstance(kind, JSON):
        return _as_it_is
    if isinstance(kind, Enum):
        return _member(kind)
    try:
        python = kind.python_type
    except NotImplementedError:
        return _as_it_is
    for base, read in _READERS:
        if issubclass(python, base):
            return read
    if issubclass(python, enum.Enum):
        return lambda value: None if value is None else python[value]
    return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _member(kind: Enum) -> Read:
    members = kind.enum_class

    def read(value: Any) -> Any:
        if value is None or members is None:
            return value
        try:
            return members[value]
        except KeyError:
            names = ", ".join(member.name for member in members)
            raise ValueError(f"{value!r} is none of {names}") from None

    return read


def _of(make: Callable[[Any], Any], kinds: type[Any] | tuple[type[Any], ...] = str) -> Read:
    def read(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise TypeError(f"{value!r} is a {type(value).__name__}")
        return make(value)

    return read


def _decimal(text: Any) -> Decimal:
    try:
        return Decimal(str(text))
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{text[:20]!r}... is no base64: {error}") from None


# The first that fits counts: a datetime is a date, a bool is an int.
_READERS: tuple[tuple[type[Any], Read], ...] = (
    (datetime, _of(datetime.fromisoformat)),
    (date, _of(date.fromisoformat)),
    (time, _of(time.fromisoformat)),
    (timedelta, _of(lambda seconds: timedelta(seconds=seconds), (int, float))),
    (bool, _of(bool, bool)),
    (int, _of(int, int)),
    (float, _of(float, (int, float))),
    (Decimal, _of(_decimal, (str, int, float))),
    (uuid.UUID, _of(uuid.UUID)),
    (bytes, _of(_bytes)),
    (str, _of(str)),
    (StoredFile, _of(str)),
)
