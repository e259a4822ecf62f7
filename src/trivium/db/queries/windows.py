"""Window functions: ``Window(RowNumber(), partition_by=["origin"], order_by=["-distance"])``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func

from trivium.db.errors import FieldError
from trivium.db.queries.aggregates import Aggregate
from trivium.db.queries.expressions import Expression, F, Func, Ordering, expression_of, operand_of

if TYPE_CHECKING:
    from trivium.db.queries.context import Context

__all__ = [
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
]


class Window(Expression):
    """A function over the rows around each row.

    ``rows`` and ``range`` are the frame: ``(None, 0)`` is from the first row to the current one,
    ``(-2, 2)`` two before to two after.
    """

    __slots__ = ("inner", "order_by", "partition_by", "range", "rows")

    def __init__(
        self,
        expression: Any,
        *,
        partition_by: Any = (),
        order_by: Any = (),
        rows: tuple[int | None, int | None] | None = None,
        range: tuple[int | None, int | None] | None = None,
    ) -> None:
        if not isinstance(expression, Aggregate | Func):
            raise FieldError(
                f"Window({expression!r}) is not over a function: Window(RowNumber(), order_by=...)"
            )
        self.inner = expression
        self.partition_by = tuple(expression_of(each) for each in _list(partition_by))
        self.order_by = tuple(_term(each) for each in _list(order_by))
        self.rows = rows
        self.range = range

    def parts(self) -> tuple[Any, ...]:
        """What the function is given, and the expressions of partition and order."""
        ordering = tuple(each.expression for each in self.order_by)
        return (*self.inner.parts(), *self.partition_by, *ordering)

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The call with its OVER."""
        if isinstance(self.inner, Aggregate):
            function = self.inner.plain(context)
        else:
            function = self.inner.resolve(context)
        return function.over(  # type: ignore[no-any-return]  # a window of SQL
            partition_by=[each.resolve(context) for each in self.partition_by] or None,
            order_by=[each.resolve(context) for each in self.order_by] or None,
            rows=self.rows,
            range_=self.range,
        )


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _term(value: Any) -> Ordering:
    if isinstance(value, Ordering):
        return value
    if isinstance(value, str):
        return Ordering(F(value.removeprefix("-")), value.startswith("-"))
    return Ordering(operand_of(value))


class _Ranking(Func):
    """A function of a row's place, without arguments."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()


class RowNumber(_Ranking):
    """1, 2, 3 and so on."""

    __slots__ = ()
    function_name = "row_number"
    output_type = int


class Rank(_Ranking):
    """The place, with gaps after equal rows."""

    __slots__ = ()
    function_name = "rank"
    output_type = int


class DenseRank(_Ranking):
    """The place, without gaps."""

    __slots__ = ()
    function_name = "dense_rank"
    output_type = int


class PercentRank(_Ranking):
    """The place between 0 and 1."""

    __slots__ = ()
    function_name = "percent_rank"
    output_type = float


class CumeDist(_Ranking):
    """Which part of the rows comes no later."""

    __slots__ = ()
    function_name = "cume_dist"
    output_type = float


class Ntile(Func):
    """The number of one of so many parts of the same size."""

    __slots__ = ()
    function_name = "ntile"
    output_type = int

    def __init__(self, parts: int = 1) -> None:
        if parts < 1:
            raise FieldError(f"Ntile({parts}) divides into no parts")
        super().__init__(parts)


class _Neighbour(Func):
    """The value of another row."""

    __slots__ = ()

    def __init__(self, expression: Any, offset: int = 1, default: Any = None) -> None:
        if offset < 0:
            raise FieldError(f"{type(self).__name__} looks {offset} rows ahead; use the other one")
        arguments = [offset] if default is None else [offset, operand_of(default)]
        super().__init__(expression, *arguments)

    def call(self, *arguments: ColumnElement[Any]) -> ColumnElement[Any]:
        """The function, of the type of the value."""
        return getattr(func, self.function_name)(*arguments, type_=arguments[0].type)  # type: ignore[no-any-return]  # a function of SQL


class Lag(_Neighbour):
    """The value ``offset`` rows before."""

    __slots__ = ()
    function_name = "lag"


class Lead(_Neighbour):
    """The value ``offset`` rows after."""

    __slots__ = ()
    function_name = "lead"


class NthValue(_Neighbour):
    """The value of the row with this number, counted from 1."""

    __slots__ = ()
    function_name = "nth_value"


class FirstValue(Func):
    """The value of the first row."""

    __slots__ = ()
    function_name = "first_value"

    def call(self, *arguments: ColumnElement[Any]) -> ColumnElement[Any]:
        """The function, of the type of the value."""
        return getattr(func, self.function_name)(*arguments, type_=arguments[0].type)  # type: ignore[no-any-return]  # a function of SQL


class LastValue(FirstValue):
    """The value of the last row of the frame, which ends at the current row by default."""

    __slots__ = ()
    function_name = "last_value"
