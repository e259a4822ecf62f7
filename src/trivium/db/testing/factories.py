"""Objects for tests, made from what their table says: ``await factory(Flight)(number=7)``.

What a column needs and nobody has given is made up: of its type, no longer than it may be, and
another value for each object, so that unique columns are. What may be left out is left out. The
rows that a required foreign key refers to are made as well.
"""

import enum
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from mimetypes import types_map
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import JSON, Column, Enum, Integer, inspect
from sqlalchemy.exc import NoInspectionAvailable
from sqlalchemy.orm import Mapper, RelationshipDirection, RelationshipProperty
from sqlalchemy.types import TypeDecorator, TypeEngine

from trivium.db.errors import DbError, FieldError
from trivium.db.files.column import FileType
from trivium.db.files.stored import StoredFile
from trivium.db.transactions import atomic
from trivium.db.units import Using

__all__ = ["Factory", "factory"]

M = TypeVar("M")

_numbers: WeakKeyDictionary[type[Any], Iterator[int]] = WeakKeyDictionary()
_FIRST_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def factory(model: type[M], /, *, using: Using = None, **defaults: Any) -> "Factory[M]":
    """A factory of one class, mapped by whatever way.

    using: the database that objects are saved to.
    defaults: values by attribute; a function is called with the object's number, counted from 1.

    Raises FieldError for an attribute that there is not.
    """
    return Factory(model, using, defaults)


class Factory(Generic[M]):
    """Makes objects of one class: ``await flights()``, ``await flights.batch(3, number=7)``."""

    def __init__(self, model: type[M], using: Using, defaults: dict[str, Any]) -> None:
        try:
            mapper: Mapper[M] = inspect(model)
        except NoInspectionAvailable:
            raise DbError(f"{model!r} is mapped to no table, so it has no factory") from None
        self._model = model
        self._mapper = mapper
        self._using = using
        self._defaults = defaults
        self._refuse_unknown(defaults)

    async def __call__(self, **values: Any) -> M:
        """An object, saved in the current unit of work."""
        made = self.build(**values)
        await self._saved([made])
        return made

    async def batch(self, count: int, /, **values: Any) -> list[M]:
        """So many objects, saved."""
        made = [self.build(**values) for _ in range(count)]
        await self._saved(made)
        return made

    def build(self, **values: Any) -> M:
        """An object that is saved nowhere; what it refers to hangs on it."""
        self._refuse_unknown(values)
        number = next(_numbers.setdefault(self._model, count(1)))
        given = {**self._defaults, **values}
        filled = {
            name: value(number) if _is_recipe(value) else value for name, value in given.items()
        }
        referring = self._fill_references(filled)
        for attribute in self._mapper.column_attrs:
            column = attribute.columns[0]
            if attribute.key in filled or attribute.key in referring:
                continue
            if isinstance(column, Column) and _is_needed(column):
                filled[attribute.key] = self._made_up(column, attribute.key, number)
        return self._model(**filled)

    async def _saved(self, made: list[M]) -> None:
        async with atomic(self._using, savepoint=False) as session:
            session.add_all(made)
            await session.flush()

    def _fill_references(self, filled: dict[str, Any]) -> set[str]:
        """Makes what the required foreign keys refer to, one object for each that nobody gave.

        Returns the attributes whose value comes from such an object.
        """
        referring: set[str] = set()
        for relation in self._mapper.relationships:
            if relation.direction is not RelationshipDirection.MANYTOONE or relation.viewonly:
                continue
            keys = {self._mapper.get_property_by_column(key).key for key in relation.local_columns}
            if relation.key not in filled:
                if not keys.isdisjoint(filled) or not self._requires(relation):
                    continue
                filled[relation.key] = self._made_for(relation)
            referring |= keys
        return referring

    def _made_for(self, relation: RelationshipProperty[Any]) -> Any:
        if relation.mapper.class_ is self._model:
            raise DbError(
                f"Each {self._model.__name__} needs another one as {relation.key!r}: there is no"
                f" first.\n    instead:  factory({self._model.__name__}, {relation.key}=...)"
            )
        return factory(relation.mapper.class_, using=self._using).build()

    def _requires(self, relation: RelationshipProperty[Any]) -> bool:
        return any(not column.nullable for column in relation.local_columns)

    def _made_up(self, column: Column[Any], key: str, number: int) -> Any:
        if column.foreign_keys:
            target = next(iter(column.foreign_keys)).target_fullname
            raise DbError(
                f"{self._model.__name__}.{key} refers to {target}, and no relation says to what"
                f" class.\n    instead:  factory({self._model.__name__}, {key}=...)"
            )
        try:
            return _value(column.type, key, number)
        except NotImplementedError:
            raise DbError(
                f"What a {column.type!r} looks like is not known.\n"
                f"    instead:  factory({self._model.__name__}, {key}=...)"
            ) from None

    def _refuse_unknown(self, values: dict[str, Any]) -> None:
        known = [each.key for each in self._mapper.attrs]
        for name in values:
            if name not in known:
                raise FieldError(
                    f"{self._model.__name__} has no attribute {name!r}", name=name, known=known
                )


def _is_recipe(value: Any) -> bool:
    return callable(value) and not isinstance(value, type)


def _is_needed(column: Column[Any]) -> bool:
    if column.nullable or column.default is not None or column.server_default is not None:
        return False
    if column.computed is not None or column.identity is not None:
        return False
    table: Any = column.table
    return column is not table.autoincrement_column or not isinstance(column.type, Integer)


def _value(kind: TypeEngine[Any], key: str, number: int) -> Any:
    """A value of a type, another one for each number. Raises NotImplementedError."""
    if isinstance(kind, Enum):
        members: list[Any] = list(kind.enum_class or kind.enums)
        return members[number % len(members)]
    if isinstance(kind, JSON):
        return {}
    if isinstance(kind, FileType):
        return _file(kind, key, number)
    python: type[Any] = kind.python_type
    if isinstance(kind, TypeDecorator) and issubclass(python, datetime):
        return _FIRST_MOMENT + timedelta(minutes=number)  # one that refuses naive moments is common
    if issubclass(python, enum.Enum):
        return list(python)[number % len(python)]
    if issubclass(python, bool):
        return False
    if issubclass(python, int):
        return number
    if issubclass(python, float):
        return float(number)
    if issubclass(python, Decimal):
        return Decimal(number % 10 ** _whole_digits(kind))
    if issubclass(python, str):
        return _text(key, number, getattr(kind, "length", None))
    if issubclass(python, bytes):
        return str(number).encode()
    if issubclass(python, datetime):
        moment = _FIRST_MOMENT + timedelta(minutes=number)
        return moment if getattr(kind, "timezone", False) else moment.replace(tzinfo=None)
    if issubclass(python, date):
        return _FIRST_MOMENT.date() + timedelta(days=number)
    if issubclass(python, time):
        return time(number // 60 % 24, number % 60)
    if issubclass(python, timedelta):
        return timedelta(minutes=number)
    if issubclass(python, uuid.UUID):
        return uuid.UUID(int=number)
    if issubclass(python, dict | list):
        return python()
    raise NotImplementedError


def _file(kind: FileType, key: str, number: int) -> StoredFile:
    ending = next((ending for ending, each in types_map.items() if kind.allows(each)), "")
    return StoredFile(str(number).encode(), filename=f"{key}{ending}")


def _whole_digits(kind: Any) -> int:
    precision = getattr(kind, "precision", None)
    return 9 if precision is None else max(1, precision - (getattr(kind, "scale", None) or 0))


def _text(key: str, number: int, length: int | None) -> str:
    text = f"{key} {number}"
    if length is None or len(text) <= length:
        return text
    # as many different ones as fit: "1", "2", ... "9", "A", ...
    digits = ""
    while number and len(digits) < length:
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
