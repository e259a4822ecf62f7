"""What databases spell differently: one construct here, compiled for each of them.

So the statement of a query does not depend on the database it will run on.
"""

from __future__ import annotations

from typing import Any, NoReturn

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    Double,
    Integer,
    String,
    Time,
    literal_column,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from trivium.db.errors import NotSupported
from trivium.db.models.types import UtcDateTime

__all__ = [
    "contains_text",
    "date_part",
    "deviation",
    "ends_with_text",
    "matches_regex",
    "moment_date",
    "moment_time",
    "starts_with_text",
    "variance",
]

MYSQL = ("mysql", "mariadb")


def word(text: str) -> ColumnElement[Any]:
    """A word for the compiler. As literal text it is part of the key under which SQLAlchemy keeps
    compiled statements; an attribute or a bound value would not be."""
    return literal_column(text)


class contains_text(FunctionElement[bool]):  # functions of SQL are written like this
    """Whether a text holds another, letter case included."""

    type = Boolean()
    inherit_cache = True


class starts_with_text(FunctionElement[bool]):  # as above
    """Whether a text starts with another, letter case included."""

    type = Boolean()
    inherit_cache = True


class ends_with_text(FunctionElement[bool]):  # as above
    """Whether a text ends with another, letter case included."""

    type = Boolean()
    inherit_cache = True


def two_of(element: Any, compiler: Any, kw: Any) -> tuple[str, str]:
    left, right = element.clauses
    return compiler.process(left, **kw), compiler.process(right, **kw)


@compiles(contains_text)
def _contains(element: Any, compiler: Any, **kw: Any) -> str:
    text, part = two_of(element, compiler, kw)
    return f"strpos({text}, {part}) > 0"


@compiles(contains_text, "sqlite")
def _contains_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    text, part = two_of(element, compiler, kw)
    return f"instr({text}, {part}) > 0"


@compiles(contains_text, "mysql")
@compiles(contains_text, "mariadb")
def _contains_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    text, part = two_of(element, compiler, kw)
    return f"INSTR(CAST({text} AS BINARY), CAST({part} AS BINARY)) > 0"


@compiles(starts_with_text)
def _starts(element: Any, compiler: Any, **kw: Any) -> str:
    text, part = two_of(element, compiler, kw)
    return f"starts_with({text}, {part})"


@compiles(starts_with_text, "sqlite")
def _starts_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    text, part = two_of(element, compiler, kw)
    return f"substr({text}, 1, length({part})) = {part}"


@compiles(starts_with_text, "mysql")
@compiles(starts_with_text, "mariadb")
def _starts_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    text, part = two_of(element, compiler, kw)
    return f"LEFT(CAST({text} AS BINARY), OCTET_LENGTH({part})) = CAST({part} AS BINARY)"


@compiles(ends_with_text)
def _ends(element: Any, compiler: Any, **kw: Any) -> str:
    text, part = two_of(element, compiler, kw)
    return f"right({text}, length({part})) = {part}"


@compiles(ends_with_text, "sqlite")
def _ends_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    text, part = two_of(element, compiler, kw)
    # substr(x, -0) would be the whole text
    return f"(length({part}) = 0 OR substr({text}, -length({part})) = {part})"


@compiles(ends_with_text, "mysql")
@compiles(ends_with_text, "mariadb")
def _ends_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    text, part = two_of(element, compiler, kw)
    return f"RIGHT(CAST({text} AS BINARY), OCTET_LENGTH({part})) = CAST({part} AS BINARY)"


class matches_regex(FunctionElement[bool]):  # as above
    """Whether a regular expression of the database's own dialect matches; the third argument is
    whether letter case is ignored."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, text: Any, pattern: Any, ignore_case: bool) -> None:
        super().__init__(text, pattern, word("i" if ignore_case else "c"))


def _regex(element: Any, compiler: Any, kw: Any) -> tuple[str, str, bool]:
    text, pattern, case = element.clauses
    return compiler.process(text, **kw), compiler.process(pattern, **kw), case.name == "i"


@compiles(matches_regex)
def _matches(element: Any, compiler: Any, **kw: Any) -> str:
    text, pattern, ignore = _regex(element, compiler, kw)
    return f"{text} {'~*' if ignore else '~'} {pattern}"


@compiles(matches_regex, "sqlite")
def _matches_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    text, pattern, ignore = _regex(element, compiler, kw)
    return f"{text} REGEXP ('(?i)' || {pattern})" if ignore else f"{text} REGEXP {pattern}"


@compiles(matches_regex, "mysql")
@compiles(matches_regex, "mariadb")
def _matches_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    text, pattern, ignore = _regex(element, compiler, kw)
    return f"{text} REGEXP CONCAT('{'(?i)' if ignore else '(?-i)'}', {pattern})"


class date_part(FunctionElement[int]):  # as above
    """One number of a date or time. Moments are taken apart in UTC."""

    type = Integer()
    inherit_cache = True

    def __init__(self, value: ColumnElement[Any], part: str) -> None:
        super().__init__(value, word(part))


def is_moment(value: ColumnElement[Any]) -> bool:
    """Whether a column holds moments, which have no date until a time zone is chosen."""
    kind = value.type
    return bool(getattr(kind, "timezone", False)) or type(kind).__name__ == "UtcDateTime"


POSTGRES_PARTS = {
    "year": "EXTRACT(year FROM {0})",
    "iso_year": "EXTRACT(isoyear FROM {0})",
    "quarter": "EXTRACT(quarter FROM {0})",
    "month": "EXTRACT(month FROM {0})",
    "day": "EXTRACT(day FROM {0})",
    "week": "EXTRACT(week FROM {0})",
    "week_day": "EXTRACT(dow FROM {0}) + 1",
    "iso_week_day": "EXTRACT(isodow FROM {0})",
    "hour": "EXTRACT(hour FROM {0})",
    "minute": "EXTRACT(minute FROM {0})",
    "second": "FLOOR(EXTRACT(second FROM {0}))",
}
# The Thursday of a week tells which ISO year and which week it belongs to.
THURSDAY = "date({0}, '-3 days', 'weekday 4')"
SQLITE_PARTS = {
    "year": "strftime('%Y', {0})",
    "iso_year": f"strftime('%Y', {THURSDAY})",
    "quarter": "(strftime('%m', {0}) + 2) / 3",
    "month": "strftime('%m', {0})",
    "day": "strftime('%d', {0})",
    "week": f"(strftime('%j', {THURSDAY}) - 1) / 7 + 1",
    "week_day": "strftime('%w', {0}) + 1",
    "iso_week_day": "(strftime('%w', {0}) + 6) % 7 + 1",
    "hour": "strftime('%H', {0})",
    "minute": "strftime('%M', {0})",
    "second": "strftime('%S', {0})",
}
MYSQL_PARTS = {
    "year": "YEAR({0})",
    "iso_year": "YEARWEEK({0}, 3) DIV 100",
    "quarter": "QUARTER({0})",
    "month": "MONTH({0})",
    "day": "DAY({0})",
    "week": "WEEK({0}, 3)",
    "week_day": "DAYOFWEEK({0})",
    "iso_week_day": "WEEKDAY({0}) + 1",
    "hour": "HOUR({0})",
    "minute": "MINUTE({0})",
    "second": "SECOND({0})",
}


def _utc(element: Any, compiler: Any, kw: Any) -> str:
    inner = next(iter(element.clauses))
    value: str = compiler.process(inner, **kw)
    return f"({value} AT TIME ZONE 'UTC')" if is_moment(inner) else value


def _said(element: Any) -> str:
    """The last argument, a word for the compiler that does not reach the database."""
    return str(list(element.clauses)[-1].name)


@compiles(date_part)
def _part(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST({POSTGRES_PARTS[_said(element)].format(_utc(element, compiler, kw))} AS INTEGER)"


@compiles(date_part, "sqlite")
def _part_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    value = compiler.process(next(iter(element.clauses)), **kw)
    return f"CAST({SQLITE_PARTS[_said(element)].format(value)} AS INTEGER)"


@compiles(date_part, "mysql")
@compiles(date_part, "mariadb")
def _part_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    value = compiler.process(next(iter(element.clauses)), **kw)
    return f"({MYSQL_PARTS[_said(element)].format(value)})"


class moment_date(FunctionElement[Any]):  # as above
    """The date of a date and time; of a moment, in UTC."""

    type = Date()
    inherit_cache = True


class moment_time(FunctionElement[Any]):  # as above
    """The time of day of a date and time; of a moment, in UTC."""

    type = Time()
    inherit_cache = True


@compiles(moment_date)
def _date(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST({_utc(element, compiler, kw)} AS DATE)"


@compiles(moment_date, "sqlite")
@compiles(moment_date, "mysql")
@compiles(moment_date, "mariadb")
def _date_function(element: Any, compiler: Any, **kw: Any) -> str:
    return f"date({compiler.process(next(iter(element.clauses)), **kw)})"


@compiles(moment_time)
def _time(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST({_utc(element, compiler, kw)} AS TIME)"


@compiles(moment_time, "sqlite")
def _time_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    # as SQLAlchemy stores a time, with microseconds
    value = compiler.process(next(iter(element.clauses)), **kw)
    return f"(strftime('%H:%M:%f', {value}) || '000')"


@compiles(moment_time, "mysql")
@compiles(moment_time, "mariadb")
def _time_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"TIME({compiler.process(next(iter(element.clauses)), **kw)})"


class deviation(FunctionElement[float]):  # as above
    """The standard deviation; the second argument is whether the rows are a sample."""

    type = Double()
    inherit_cache = True

    def __init__(self, value: Any, sample: bool) -> None:
        super().__init__(value, word("samp" if sample else "pop"))


class variance(deviation):  # as above
    """The variance; the second argument is whether the rows are a sample."""

    inherit_cache = True


@compiles(deviation)
def _deviation(element: Any, compiler: Any, **kw: Any) -> str:
    value = compiler.process(next(iter(element.clauses)), **kw)
    return f"stddev_{_said(element)}({value})"


@compiles(variance)
def _variance(element: Any, compiler: Any, **kw: Any) -> str:
    value = compiler.process(next(iter(element.clauses)), **kw)
    return f"var_{_said(element)}({value})"


def _variance_from_sums(element: Any, compiler: Any, kw: Any) -> str:
    """SQLite has neither: the mean of the squares less the square of the mean, never below 0."""
    x = compiler.process(next(iter(element.clauses)), **kw)
    population = f"max(avg({x} * {x}) - avg({x}) * avg({x}), 0.0)"
    if _said(element) == "pop":
        return population
    return f"({population} * count({x}) / nullif(count({x}) - 1, 0))"


@compiles(variance, "sqlite")
def _variance_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return _variance_from_sums(element, compiler, kw)


@compiles(deviation, "sqlite")
def _deviation_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"sqrt({_variance_from_sums(element, compiler, kw)})"


class plain_text(FunctionElement[str]):  # as above
    """A value as text, the same on every database."""

    type = String()
    inherit_cache = True


@compiles(plain_text)
def _text(element: Any, compiler: Any, **kw: Any) -> str:
    value = compiler.process(next(iter(element.clauses)), **kw)
    kind = "CHAR" if compiler.dialect.name in MYSQL else "TEXT"
    return f"CAST({value} AS {kind})"


class found_in_text(FunctionElement[bool]):  # as above
    """Full-text search for words."""

    type = Boolean()
    inherit_cache = True


@compiles(found_in_text)
def _found(element: Any, compiler: Any, **kw: Any) -> str:
    text, words = two_of(element, compiler, kw)
    return f"to_tsvector({text}) @@ plainto_tsquery({words})"


@compiles(found_in_text, "mysql")
@compiles(found_in_text, "mariadb")
def _found_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    text, words = two_of(element, compiler, kw)
    return f"MATCH({text}) AGAINST({words})"


@compiles(found_in_text, "sqlite")
def _found_sqlite(element: Any, compiler: Any, **kw: Any) -> NoReturn:
    raise NotSupported(
        "SQLite searches texts only in a virtual FTS5 table\n"
        "    instead:  name__icontains=..., or a full-text search on PostgreSQL or MariaDB"
    )


# -- Functions with different names ----------------------------------------------------------------


class extreme_value(FunctionElement[Any]):  # as above
    """The largest or smallest of several values, NULLs left out."""

    inherit_cache = True


def extreme_of(name: str, arguments: Any) -> ColumnElement[Any]:
    """``greatest`` or ``least``, of the type of the values."""
    made = extreme_value(*arguments, word(name))
    made.type = arguments[0].type
    return made


def _all_of(element: Any, compiler: Any, kw: Any) -> tuple[list[str], str]:
    *values, word = element.clauses
    return [compiler.process(value, **kw) for value in values], word.name


@compiles(extreme_value)
def _extreme(element: Any, compiler: Any, **kw: Any) -> str:
    values, name = _all_of(element, compiler, kw)
    return f"{name}({', '.join(values)})"


def _without_nulls(function: str, values: list[str]) -> str:
    """Where one NULL makes the result NULL, each value gets the others as its second choices."""
    turned = [values[index:] + values[:index] for index in range(len(values))]
    return f"{function}({', '.join(f'coalesce({chr(44).join(each)})' for each in turned)})"


@compiles(extreme_value, "sqlite")
def _extreme_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    values, name = _all_of(element, compiler, kw)
    return _without_nulls("max" if name == "greatest" else "min", values)


@compiles(extreme_value, "mysql")
@compiles(extreme_value, "mariadb")
def _extreme_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    values, name = _all_of(element, compiler, kw)
    return _without_nulls(name, values)


class whole_number(FunctionElement[Any]):  # as above
    """The next whole number below or above."""

    inherit_cache = True


def whole_number_of(name: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """``floor`` or ``ceil``, of the type of the value."""
    made = whole_number(value, word(name))
    made.type = value.type
    return made


@compiles(whole_number)
def _whole(element: Any, compiler: Any, **kw: Any) -> str:
    values, name = _all_of(element, compiler, kw)
    return f"{name}({values[0]})"


@compiles(whole_number, "sqlite")
def _whole_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    values, name = _all_of(element, compiler, kw)
    value, cut = values[0], f"CAST({values[0]} AS INTEGER)"
    return f"({cut} - ({value} < {cut}))" if name == "floor" else f"({cut} + ({value} > {cut}))"


class last_characters(FunctionElement[str]):  # as above
    """The last characters of a text."""

    type = String()
    inherit_cache = True


@compiles(last_characters)
def _last(element: Any, compiler: Any, **kw: Any) -> str:
    text, count = two_of(element, compiler, kw)
    return f"right({text}, {count})"


@compiles(last_characters, "sqlite")
def _last_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    text, count = two_of(element, compiler, kw)
    return f"substr({text}, -{count})"


class text_position(FunctionElement[int]):  # as above
    """Where a text stands in another, from 1."""

    type = Integer()
    inherit_cache = True


@compiles(text_position)
def _position(element: Any, compiler: Any, **kw: Any) -> str:
    text, part = two_of(element, compiler, kw)
    return f"strpos({text}, {part})"


@compiles(text_position, "sqlite")
@compiles(text_position, "mysql")
@compiles(text_position, "mariadb")
def _position_other(element: Any, compiler: Any, **kw: Any) -> str:
    text, part = two_of(element, compiler, kw)
    return f"instr({text}, {part})"


class rounded(FunctionElement[float]):  # as above
    """A number rounded to places."""

    type = Double()
    inherit_cache = True


@compiles(rounded)
def _rounded(element: Any, compiler: Any, **kw: Any) -> str:
    value, places = two_of(element, compiler, kw)
    return f"CAST(round(CAST({value} AS NUMERIC), {places}) AS DOUBLE PRECISION)"


@compiles(rounded, "sqlite")
@compiles(rounded, "mysql")
@compiles(rounded, "mariadb")
def _rounded_other(element: Any, compiler: Any, **kw: Any) -> str:
    value, places = two_of(element, compiler, kw)
    return f"round({value}, {places})"


class current_moment(FunctionElement[Any]):  # as above
    """The time in UTC, as a moment is stored."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(current_moment)
def _now(element: Any, compiler: Any, **kw: Any) -> str:
    return "CURRENT_TIMESTAMP"


@compiles(current_moment, "sqlite")
def _now_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"


@compiles(current_moment, "mysql")
@compiles(current_moment, "mariadb")
def _now_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    return "UTC_TIMESTAMP(6)"
