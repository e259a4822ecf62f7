"""Lookups: what may follow a name in a filter, ``name__icontains``, ``date__year__gte``.

A *transform* makes another value of a column, ``date__year``; a *lookup* compares it. Both are
found by the type of the column, and a program can add its own::

    @lookup("divisible_by", on=Integer)
    def divisible_by(column: ColumnElement[int], value: Any) -> ColumnElement[bool]:
        return column % value == 0
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, false, func, literal, or_, true
from sqlalchemy import types as sqltypes
from sqlalchemy.types import TypeEngine

from trivium.db.errors import FieldError, InvalidValue
from trivium.db.queries import sql
from trivium.db.queries.coercion import coerced, integer_limit
from trivium.db.queries.json_sql import (
    json_compared,
    json_contains,
    json_has_key,
    json_string,
)

__all__ = [
    "Lookup",
    "available",
    "find_lookup",
    "find_transform",
    "lookup",
    "transform",
]

Builder = Callable[[ColumnElement[Any], Any], ColumnElement[bool]]
Maker = Callable[[ColumnElement[Any]], ColumnElement[Any]]
B = TypeVar("B", bound=Callable[..., Any])
Kinds = type[TypeEngine[Any]] | tuple[type[TypeEngine[Any]], ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """One comparison."""

    name: str
    on: Kinds
    build: Builder
    takes: str = "value"
    """What stands on the right: ``value`` of the column's type, ``values``, ``text``, ``flag``,
    ``any``."""


_LOOKUPS: dict[str, list[Lookup]] = {}
_TRANSFORMS: dict[str, list[tuple[Kinds, Maker]]] = {}


def lookup(name: str, *, on: Kinds = TypeEngine, takes: str = "value") -> Callable[[B], B]:
    """Registers a lookup for columns of a type (SQLAlchemy's classes). The last one counts.

    The function is given the column and the value, and returns the condition. ``takes`` says what
    the value is made into before: ``"value"`` of the column's type, ``"values"`` a list of those,
    ``"text"`` a string, ``"flag"`` a bool, ``"any"`` nothing.
    """
    _check_name(name)

    def register(build: B) -> B:
        _LOOKUPS.setdefault(name, []).insert(0, Lookup(name, on, build, takes))
        return build

    return register


def transform(name: str, *, on: Kinds = TypeEngine) -> Callable[[B], B]:
    """Registers a transform for columns of a type: the function makes another column of one."""
    _check_name(name)

    def register(make: B) -> B:
        _TRANSFORMS.setdefault(name, []).insert(0, (on, make))
        return make

    return register


def _check_name(name: str) -> None:
    if not name.isidentifier() or "__" in name:
        raise FieldError(f"{name!r} cannot be part of a name like distance__{name}")


def find_lookup(name: str, kind: TypeEngine[Any]) -> Lookup | None:
    """The lookup of that name for a type."""
    for each in _LOOKUPS.get(name, ()):
        if isinstance(base_of(kind), each.on):
            return each
    return None


def find_transform(name: str, kind: TypeEngine[Any]) -> Maker | None:
    """The transform of that name for a type."""
    for on, make in _TRANSFORMS.get(name, ()):
        if isinstance(base_of(kind), on):
            return make
    return None


def is_known(name: str) -> bool:
    """Whether there is a lookup or transform of that name for any type."""
    return name in _LOOKUPS or name in _TRANSFORMS


def base_of(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type that the database has for a decorated one."""
    return kind.impl_instance if isinstance(kind, sqltypes.TypeDecorator) else kind


def available(kind: TypeEngine[Any]) -> list[str]:
    """What may follow a column of a type."""
    names: Iterable[str] = [*_LOOKUPS, *_TRANSFORMS]
    return sorted({name for name in names if find_lookup(name, kind) or find_transform(name, kind)})


def right_side(found: Lookup, value: Any, kind: TypeEngine[Any], where: str) -> Any:
    """The value of a lookup, converted as the lookup says."""
    if found.takes == "value":
        return coerced(value, kind, where)
    if found.takes == "values":
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            raise InvalidValue(f"{where}={value!r} is not a list of values")
        return [coerced(each, kind, where) for each in value]
    if found.takes == "text":
        return coerced(value, sqltypes.String(), where)
    if found.takes == "flag":
        if not isinstance(value, bool):
            raise InvalidValue(f"{where}={value!r} is neither True nor False")
        return value
    return value


# -- Comparisons -----------------------------------------------------------------------------------


def _beyond(column: ColumnElement[Any], value: Any) -> int:
    """-1 or 1 for a number that is smaller or larger than everything the column can hold."""
    limit = integer_limit(column.type)
    if not limit or not isinstance(value, int):
        return 0
    return 1 if value >= limit else -1 if value < -limit else 0


@lookup("exact")
def exact(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """Equal; ``None`` stands for NULL."""
    if value is None:
        return column.is_(None)
    return false() if _beyond(column, value) else column == value


def _ordered(name: str, compare: Callable[[Any, Any], Any], always: int) -> None:
    """A comparison, which is always true for a value beyond the column on one side."""

    def build(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
        if value is None:
            raise InvalidValue(
                f"Nothing is larger or smaller than NULL; write __isnull, not {name}"
            )
        if beyond := _beyond(column, value):
            return column.is_not(None) if beyond == always else false()
        return compare(column, value)  # type: ignore[no-any-return]  # a condition

    lookup(name)(build)


_ordered("gt", lambda column, value: column > value, -1)
_ordered("gte", lambda column, value: column >= value, -1)
_ordered("lt", lambda column, value: column < value, 1)
_ordered("lte", lambda column, value: column <= value, 1)


@lookup("in", takes="values")
def within(column: ColumnElement[Any], values: list[Any]) -> ColumnElement[bool]:
    """One of these; NULL is none of them."""
    fitting = [value for value in values if value is not None and not _beyond(column, value)]
    return column.in_(fitting) if fitting else false()


@lookup("range", takes="values")
def between(column: ColumnElement[Any], values: list[Any]) -> ColumnElement[bool]:
    """From the first to the second, both included."""
    if len(values) != 2:
        raise InvalidValue(f"range takes two values, the smallest and the largest, not {values!r}")
    low, high = values
    lowest, highest = find_lookup("gte", column.type), find_lookup("lte", column.type)
    if lowest is None or highest is None:
        raise FieldError("range needs the lookups gte and lte")
    return and_(lowest.build(column, low), highest.build(column, high))


@lookup("isnull", takes="flag")
def is_null(column: ColumnElement[Any], value: bool) -> ColumnElement[bool]:
    """Whether it is NULL."""
    return column.is_(None) if value else column.is_not(None)


# -- Texts -----------------------------------------------------------------------------------------


def _text(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return column if isinstance(base_of(column.type), sqltypes.String) else sql.plain_text(column)


@lookup("iexact", takes="text")
def iexact(column: ColumnElement[Any], value: str | None) -> ColumnElement[bool]:
    """Equal but for letter case."""
    if value is None:
        return column.is_(None)
    return func.lower(_text(column)) == func.lower(literal(value))


@lookup("contains", takes="text")
def contains(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Holds this text, letter case included."""
    return sql.contains_text(_text(column), literal(value, sqltypes.String()))


@lookup("startswith", takes="text")
def startswith(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Starts with this text, letter case included."""
    return sql.starts_with_text(_text(column), literal(value, sqltypes.String()))


@lookup("endswith", takes="text")
def endswith(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Ends with this text, letter case included."""
    return sql.ends_with_text(_text(column), literal(value, sqltypes.String()))


@lookup("icontains", takes="text")
def icontains(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Holds this text in any letter case."""
    return _text(column).icontains(value, autoescape=True)


@lookup("istartswith", takes="text")
def istartswith(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Starts with this text in any letter case."""
    return _text(column).istartswith(value, autoescape=True)


@lookup("iendswith", takes="text")
def iendswith(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Ends with this text in any letter case."""
    return _text(column).iendswith(value, autoescape=True)


@lookup("regex", takes="text")
def regex(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Matches a regular expression of the database's."""
    return sql.matches_regex(_text(column), literal(value, sqltypes.String()), False)


@lookup("iregex", takes="text")
def iregex(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Matches a regular expression of the database's, in any letter case."""
    return sql.matches_regex(_text(column), literal(value, sqltypes.String()), True)


@lookup("search", on=sqltypes.String, takes="text")
def search(column: ColumnElement[Any], value: str) -> ColumnElement[bool]:
    """Full-text search for words, where the database has it: PostgreSQL and MariaDB/MySQL."""
    return sql.found_in_text(column, literal(value, sqltypes.String()))


@transform("lower", on=sqltypes.String)
def lower(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """In small letters."""
    return func.lower(column)


@transform("upper", on=sqltypes.String)
def upper(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """In capital letters."""
    return func.upper(column)


@transform("length", on=sqltypes.String)
def length(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """How many characters."""
    return func.char_length(column)


# -- Dates and times -------------------------------------------------------------------------------

DATES = (sqltypes.Date, sqltypes.DateTime)
TIMES = (sqltypes.Time, sqltypes.DateTime)


def _part(name: str, on: Kinds) -> None:
    transform(name, on=on)(lambda column: sql.date_part(column, name))


for _name in ("year", "iso_year", "quarter", "month", "day", "week", "week_day", "iso_week_day"):
    _part(_name, DATES)
for _name in ("hour", "minute", "second"):
    _part(_name, TIMES)


@transform("date", on=sqltypes.DateTime)
def date(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The date alone."""
    return sql.moment_date(column)


@transform("time", on=sqltypes.DateTime)
def time(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The time of day alone."""
    return sql.moment_time(column)


# -- JSON and arrays -------------------------------------------------------------------------------


@lookup("exact", on=sqltypes.JSON, takes="any")
def json_exact(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    """The same JSON. ``None`` is JSON's null and SQL's NULL."""
    same = json_compared(column, "=", value)
    return or_(column.is_(None), same) if value is None else same


@lookup("in", on=sqltypes.JSON, takes="any")
def json_in(column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """One of these."""
    return or_(false(), *(json_exact(column, value) for value in values))


def _json_ordered(name: str, operator: str) -> None:
    def build(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise InvalidValue(f"{value!r} is neither a number nor a text, so {name} has no order")
        return json_compared(column, operator, value)

    lookup(name, on=sqltypes.JSON, takes="any")(build)


for _name, _operator in (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")):
    _json_ordered(_name, _operator)


def _of_json_text(name: str, build: Builder) -> None:
    lookup(name, on=sqltypes.JSON, takes="text")(
        lambda column, value: build(json_string(column), value)
    )


for _name, _build in (
    ("iexact", iexact),
    ("icontains", icontains),
    ("startswith", startswith),
    ("istartswith", istartswith),
    ("endswith", endswith),
    ("iendswith", iendswith),
    ("regex", regex),
    ("iregex", iregex),
):
    _of_json_text(_name, _build)


@lookup("has_key", on=sqltypes.JSON, takes="text")
def has_key(column: Any, key: str) -> ColumnElement[bool]:
    """Whether the object has this key."""
    return json_has_key(column, literal(key, sqltypes.String()))


@lookup("has_keys", on=sqltypes.JSON, takes="any")
def has_keys(column: Any, keys: Iterable[str]) -> ColumnElement[bool]:
    """Whether the object has all of these keys."""
    return and_(true(), *(has_key(column, key) for key in keys))


@lookup("has_any_keys", on=sqltypes.JSON, takes="any")
def has_any_keys(column: Any, keys: Iterable[str]) -> ColumnElement[bool]:
    """Whether the object has one of these keys."""
    return or_(false(), *(has_key(column, key) for key in keys))


@lookup("contains", on=sqltypes.JSON, takes="any")
def document_contains(column: Any, value: Any) -> ColumnElement[bool]:
    """Whether the document holds this one. PostgreSQL and MariaDB/MySQL."""
    return json_contains(column, literal(value, column.type))


@lookup("contains", on=sqltypes.ARRAY, takes="any")
def array_contains(column: Any, values: Any) -> ColumnElement[bool]:
    """Whether the array holds all of these."""
    return column.contains(list(values))  # type: ignore[no-any-return]  # a condition


@lookup("contained_by", on=sqltypes.ARRAY, takes="any")
def array_contained(column: Any, values: Any) -> ColumnElement[bool]:
    """Whether the array holds nothing but these."""
    return column.contained_by(list(values))  # type: ignore[no-any-return]  # a condition


@lookup("overlap", on=sqltypes.ARRAY, takes="any")
def array_overlap(column: Any, values: Any) -> ColumnElement[bool]:
    """Whether the array holds one of these."""
    return column.overlap(list(values))  # type: ignore[no-any-return]  # a condition


@transform("len", on=sqltypes.ARRAY)
def array_length(column: Any) -> ColumnElement[Any]:
    """How many elements."""
    return func.cardinality(column, type_=sqltypes.Integer())
