"""Functions of the database, the same on each: ``Lower("name")``, ``Coalesce("delay", 0)``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func
from sqlalchemy import types as sqltypes

from trivium.db.errors import FieldError
from trivium.db.queries import sql
from trivium.db.queries.expressions import Expression, Func, expression_of

if TYPE_CHECKING:
    from trivium.db.queries.context import Context

__all__ = [
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
]


class _SameType(Func):
    """A function whose result is of the type of its first argument."""

    __slots__ = ()

    def call(self, *arguments: ColumnElement[Any]) -> ColumnElement[Any]:
        """The call."""
        typed = [each for each in arguments if not isinstance(each.type, sqltypes.NullType)]
        kind = typed[0].type if typed else None
        made: ColumnElement[Any] = getattr(func, self.function)(*arguments, type_=kind)
        return made


class Coalesce(_SameType):
    """The first of the values that is not NULL."""

    __slots__ = ()
    function_name = "coalesce"

    def __init__(self, *expressions: Any, output: Any = None) -> None:
        if len(expressions) < 2:
            raise FieldError("Coalesce() needs at least two values")
        super().__init__(*expressions, output=output)


class NullIf(_SameType):
    """NULL where both values are equal, else the first."""

    __slots__ = ()
    function_name = "nullif"

    def __init__(self, first: Any, second: Any) -> None:
        super().__init__(first, second)


class _Extreme(Func):
    """The largest or smallest of values in a row; NULLs count for nothing, if not all are NULL."""

    __slots__ = ()

    def __init__(self, *expressions: Any, output: Any = None) -> None:
        if len(expressions) < 2:
            raise FieldError(f"{type(self).__name__}() needs at least two values")
        super().__init__(*expressions, output=output)

    def call(self, *arguments: ColumnElement[Any]) -> ColumnElement[Any]:
        """The function, under its name in each database."""
        return sql.extreme_of(self.function, arguments)


class Greatest(_Extreme):
    """The largest of several values in a row, NULLs left out."""

    __slots__ = ()
    function_name = "greatest"


class Least(_Extreme):
    """The smallest of several values in a row, NULLs left out."""

    __slots__ = ()
    function_name = "least"


class Lower(Func):
    """A text in small letters."""

    __slots__ = ()
    function_name = "lower"
    output_type = str


class Upper(Func):
    """A text in capital letters."""

    __slots__ = ()
    function_name = "upper"
    output_type = str


class Length(Func):
    """How many characters a text has."""

    __slots__ = ()
    function_name = "char_length"
    output_type = int


class Trim(Func):
    """A text without blanks at its ends."""

    __slots__ = ()
    function_name = "trim"
    output_type = str


class Replace(Func):
    """A text in which one part is replaced by another: ``Replace("name", Value("Air"))``."""

    __slots__ = ()
    function_name = "replace"
    output_type = str

    def __init__(self, expression: Any, text: Any, replacement: Any = None) -> None:
        from trivium.db.queries.expressions import Value

        super().__init__(expression, text, Value("") if replacement is None else replacement)


class Substr(Func):
    """A part of a text, from a position counted from 1, of a length."""

    __slots__ = ()
    function_name = "substr"
    output_type = str

    def __init__(self, expression: Any, position: int, length: int | None = None) -> None:
        if position < 1:
            raise FieldError(f"Substr(..., {position}): positions are counted from 1")
        rest = () if length is None else (length,)
        super().__init__(expression, position, *rest)


class Left(Substr):
    """The first characters of a text."""

    __slots__ = ()

    def __init__(self, expression: Any, length: int) -> None:
        super().__init__(expression, 1, length)


class Right(Func):
    """The last characters of a text."""

    __slots__ = ()
    function_name = "right"
    output_type = str

    def __init__(self, expression: Any, length: int) -> None:
        if length < 1:
            raise FieldError(f"Right(..., {length}) is no characters")
        super().__init__(expression, length)

    def call(self, *arguments: ColumnElement[Any]) -> ColumnElement[Any]:
        """SQLite has no such function and counts backwards instead."""
        return sql.last_characters(*arguments)


class StrIndex(Func):
    """Where a text is found in another, counted from 1; 0 where it is not."""

    __slots__ = ()
    output_type = int
    function_name = "strpos"

    def call(self, *arguments: ColumnElement[Any]) -> ColumnElement[Any]:
        """The function, under its name in each database."""
        return sql.text_position(*arguments)


class Concat(Expression):
    """Texts, one after the other; NULL counts as an empty one."""

    __slots__ = ("arguments",)

    def __init__(self, *expressions: Any, output: Any = None) -> None:
        if len(expressions) < 2:
            raise FieldError("Concat() needs at least two texts")
        self.arguments = tuple(expression_of(each) for each in expressions)

    def parts(self) -> tuple[Any, ...]:
        """The texts."""
        return self.arguments

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The texts joined, numbers as texts."""
        texts: list[ColumnElement[Any]] = []
        for argument in self.arguments:
            element = argument.resolve(context)
            if not isinstance(element.type, sqltypes.String):
                element = sql.plain_text(element)
            texts.append(func.coalesce(element, "", type_=sqltypes.String()))
        found = texts[0]
        for each in texts[1:]:
            found = found + each
        return found


class Abs(_SameType):
    """The value without its sign."""

    __slots__ = ()
    function_name = "abs"


class Round(_SameType):
    """The value rounded, to a number of decimal places."""

    __slots__ = ()
    function_name = "round"

    def __init__(self, expression: Any, precision: int = 0) -> None:
        super().__init__(expression, precision)

    def call(self, *arguments: ColumnElement[Any]) -> ColumnElement[Any]:
        """PostgreSQL rounds to places only what is NUMERIC."""
        return sql.rounded(*arguments)


class Ceil(_SameType):
    """The next whole number that is not smaller."""

    __slots__ = ()
    function_name = "ceil"

    def call(self, *arguments: ColumnElement[Any]) -> ColumnElement[Any]:
        """The function; in SQLite, which may have been built without it, from comparisons."""
        return sql.whole_number_of(self.function, arguments[0])


class Floor(Ceil):
    """The next whole number that is not larger."""

    __slots__ = ()
    function_name = "floor"


class Sqrt(Func):
    """The square root."""

    __slots__ = ()
    function_name = "sqrt"
    output_type = float


class Power(Func):
    """A power."""

    __slots__ = ()
    function_name = "power"
    output_type = float


class Mod(Func):
    """What is left after a division."""

    __slots__ = ()
    function_name = "mod"
    output_type = float


class Now(Func):
    """The time at which the transaction began; in SQLite, of the statement."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(function="now")

    def call(self, *arguments: ColumnElement[Any]) -> ColumnElement[Any]:
        """The moment, in UTC."""
        return sql.current_moment()


class Extract(Expression):
    """One number of a date or time: ``Extract("departure", "hour")``; moments are in UTC."""

    __slots__ = ("inner", "part")

    part_name: str = ""

    def __init__(self, expression: Any, part: str | None = None) -> None:
        self.inner = expression_of(expression)
        self.part = part or self.part_name
        if self.part not in sql.SQLITE_PARTS:
            raise FieldError(
                f"{self.part!r} is no part of a date or time",
                name=self.part,
                known=sql.SQLITE_PARTS,
            )

    def parts(self) -> tuple[Any, ...]:
        """The date or time."""
        return (self.inner,)

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The number."""
        return sql.date_part(self.inner.resolve(context), self.part)


class ExtractYear(Extract):
    """The year."""

    __slots__ = ()
    part_name = "year"


class ExtractIsoYear(Extract):
    """The year that the week belongs to."""

    __slots__ = ()
    part_name = "iso_year"


class ExtractQuarter(Extract):
    """The quarter of the year, from 1."""

    __slots__ = ()
    part_name = "quarter"


class ExtractMonth(Extract):
    """The month, from 1."""

    __slots__ = ()
    part_name = "month"


class ExtractWeek(Extract):
    """The week of the year by ISO 8601."""

    __slots__ = ()
    part_name = "week"


class ExtractDay(Extract):
    """The day of the month."""

    __slots__ = ()
    part_name = "day"


class ExtractWeekDay(Extract):
    """The day of the week, Sunday being 1."""

    __slots__ = ()
    part_name = "week_day"


class ExtractIsoWeekDay(Extract):
    """The day of the week, Monday being 1."""

    __slots__ = ()
    part_name = "iso_week_day"


class ExtractHour(Extract):
    """The hour."""

    __slots__ = ()
    part_name = "hour"


class ExtractMinute(Extract):
    """The minute."""

    __slots__ = ()
    part_name = "minute"


class ExtractSecond(Extract):
    """The second."""

    __slots__ = ()
    part_name = "second"


class TruncDate(Extract):
    """The date of a date and time."""

    __slots__ = ()
    part_name = "day"

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The date."""
        return sql.moment_date(self.inner.resolve(context))


class TruncTime(Extract):
    """The time of day of a date and time."""

    __slots__ = ()
    part_name = "hour"

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The time."""
        return sql.moment_time(self.inner.resolve(context))
