"""What instances are about to be written with, in the types of their columns.

Construction has validated the values, assigning does not: ``flight.number = "far"`` would be stored
by SQLite, and refused by the driver of another database in words of its own.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import date, datetime
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import ClauseElement, Column, inspect
from sqlalchemy import types as sqltypes
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import instance_dict, set_attribute

from trivium.db.errors import InvalidValue
from trivium.db.queries.coercion import coerced, integer_limit, python_type_of
from trivium.db.queries.expressions import Expression

__all__ = ["fit", "fitted"]


def fitted(value: Any, kind: Any, where: str) -> Any:
    """The value as a column of that type can hold it; ``where`` is the name it was given for.

    Raises ``InvalidValue`` for one that it cannot hold.
    """
    value = coerced(value, kind, where)
    if isinstance(value, int) and (limit := integer_limit(kind)) and not -limit <= value < limit:
        raise InvalidValue(f"{where}={value!r} is out of range: {-limit} to {limit - 1}")
    if isinstance(value, str) and (length := _length_of(kind)) and len(value) > length:
        raise InvalidValue(f"{where} has {len(value)} characters, and {length} fit: {value[:40]!r}")
    return value


class _Place(NamedTuple):
    """A column of a model, as far as values are checked for it."""

    name: str
    expected: Any
    kind: Any
    limit: int
    length: int


def fit(instance: Any, names: Container[str]) -> None:
    """Puts those values of an instance into the types of their columns; see ``fitted``."""
    values = instance_dict(instance)
    for name, expected, kind, limit, length in _places(type(instance)):
        value = values.get(name)
        if value is None or name not in names:
            continue
        if type(value) is expected:
            if expected is int:
                if -limit <= value < limit:
                    continue
            elif expected is str:
                if value.isascii() and len(value) <= length and "\0" not in value:
                    continue
            elif expected is not datetime or value.tzinfo is not None:
                continue
        if isinstance(value, Expression | ClauseElement) or hasattr(value, "__clause_element__"):
            continue
        found = fitted(value, kind, name)
        # what is of a class of the program's own stays so; a date does not keep its time
        if not isinstance(value, expected) or expected is date:
            set_attribute(instance, name, found)


_kept: WeakKeyDictionary[type[Any], tuple[_Place, ...]] = WeakKeyDictionary()


def _places(model: type[Any]) -> tuple[_Place, ...]:
    found = _kept.get(model)
    if found is None:
        # what plain SQLAlchemy classes take is SQLAlchemy's affair
        found = _kept[model] = tuple(_found(inspect(model))) if hasattr(model, "_meta") else ()
    return found


def _found(mapper: Mapper[Any]) -> Iterator[_Place]:
    for attribute in mapper.column_attrs:
        column = attribute.columns[0]
        expected = python_type_of(column.type) if isinstance(column, Column) else None
        if expected is not None:
            kind = column.type
            limit = integer_limit(kind) or 1 << 63
            yield _Place(attribute.key, expected, kind, limit, _length_of(kind) or 1 << 40)


def _length_of(kind: Any) -> int | None:
    plain = isinstance(kind, sqltypes.String) and not isinstance(kind, sqltypes.Enum)
    return kind.length if plain else None
