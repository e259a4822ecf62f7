"""Aggregates: ``Count("flights")``, ``Sum("flights__distance", filter=Q(...))``.

On a query of rows an aggregate over a relation is a subquery of its own for each row. So two of
them do not multiply each other's rows, which joins do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, case, cast, distinct, func
from sqlalchemy import types as sqltypes

from trivium.db.errors import FieldError
from trivium.db.queries.expressions import Expression, F, Value, expression_of
from trivium.db.queries.q import Q
from trivium.db.queries.sql import deviation, variance

if TYPE_CHECKING:
    from trivium.db.queries.context import Context

__all__ = ["Aggregate", "Avg", "Count", "Max", "Min", "StdDev", "StringAgg", "Sum", "Variance"]


class Aggregate(Expression):
    """One value of many rows.

    ``filter`` is a ``Q`` for the rows that count; ``distinct`` counts equal values once;
    ``default`` stands in where there are no rows.
    """

    __slots__ = ("default", "distinct", "filter", "inner")

    name = ""
    empty: Any = None

    def __init__(
        self,
        expression: Any,
        *,
        filter: Q | None = None,
        distinct: bool = False,
        default: Any = None,
    ) -> None:
        self.inner = expression_of(expression)
        self.filter = filter
        self.distinct = distinct
        self.default = default
        if isinstance(expression, Expression) and expression.has(Aggregate):
            raise FieldError(
                f"{type(self).__name__} of an aggregate is not one value of many rows\n"
                "  give the inner one a name first: annotate(n=Count(...)), then aggregate"
            )

    def parts(self) -> tuple[Any, ...]:
        """What is aggregated, and the condition."""
        return (self.inner,) if self.filter is None else (self.inner, self.filter)

    @property
    def default_alias(self) -> str:
        """``distance__sum`` for the sum of ``distance``."""
        if isinstance(self.inner, F):
            return f"{self.inner.name}__{type(self).__name__.lower()}"
        return super().default_alias

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The aggregate in its place: over the rows of the query, or as a subquery."""
        return self.finished(context.aggregated(self))

    def finished(self, element: ColumnElement[Any]) -> ColumnElement[Any]:
        """With the value for no rows."""
        default = self.empty if self.default is None else self.default
        if default is None:
            return element
        found: ColumnElement[Any] = func.coalesce(element, default)
        return found

    def plain(self, context: Context, *, filtered: bool = True) -> ColumnElement[Any]:
        """The function over the rows at hand; ``filtered`` tests the condition for every row."""
        argument = self.inner.resolve(context)
        if filtered and self.filter:
            # CASE rather than FILTER, which MySQL does not know
            argument = case((context.condition(self.filter), argument))
        found: ColumnElement[Any] = self.function(
            distinct(argument) if self.distinct else argument, argument
        )
        return found

    def function(self, argument: ColumnElement[Any], plain: ColumnElement[Any]) -> Any:
        """The call of SQL's function; ``plain`` is the argument without DISTINCT."""
        return getattr(func, self.name)(argument)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inner!r})"


class Count(Aggregate):
    """How many values are not NULL; ``Count("*")`` counts rows."""

    __slots__ = ("counts_rows",)
    name = "count"
    empty = 0

    def __init__(self, expression: Any = "*", **options: Any) -> None:
        self.counts_rows = isinstance(expression, str) and expression == "*"
        super().__init__(Value(1) if self.counts_rows else expression, **options)

    def function(self, argument: ColumnElement[Any], plain: ColumnElement[Any]) -> Any:
        """The count, which is never NULL."""
        return func.count(argument)

    def finished(self, element: ColumnElement[Any]) -> ColumnElement[Any]:
        """As it is: SQL counts no rows as 0."""
        return element


class Sum(Aggregate):
    """The sum; ``None`` of no rows unless there is a ``default``."""

    __slots__ = ()
    name = "sum"


class Avg(Aggregate):
    """The mean as a float, or as a Decimal of Decimals."""

    __slots__ = ()

    def function(self, argument: ColumnElement[Any], plain: ColumnElement[Any]) -> Any:
        """PostgreSQL's mean of integers is a NUMERIC; a program expects a float."""
        if isinstance(plain.type, sqltypes.Integer | sqltypes.Float):
            return cast(func.avg(argument), sqltypes.Double())
        return func.avg(argument, type_=plain.type)


class Max(Aggregate):
    """The largest."""

    __slots__ = ()
    name = "max"


class Min(Aggregate):
    """The smallest."""

    __slots__ = ()
    name = "min"


class StdDev(Aggregate):
    """The standard deviation, of the population or with ``sample=True`` of a sample."""

    __slots__ = ("sample",)

    def __init__(self, expression: Any, *, sample: bool = False, **options: Any) -> None:
        super().__init__(expression, **options)
        self.sample = sample

    def function(self, argument: ColumnElement[Any], plain: ColumnElement[Any]) -> Any:
        """The database's function, or the same from sums where it has none."""
        return deviation(cast(argument, sqltypes.Double()), self.sample)


class Variance(StdDev):
    """The variance, of the population or with ``sample=True`` of a sample."""

    __slots__ = ()

    def function(self, argument: ColumnElement[Any], plain: ColumnElement[Any]) -> Any:
        """The database's function, or the same from sums where it has none."""
        return variance(cast(argument, sqltypes.Double()), self.sample)


class StringAgg(Aggregate):
    """The texts, one after the other, with a delimiter between them."""

    __slots__ = ("delimiter",)

    def __init__(self, expression: Any, delimiter: str, **options: Any) -> None:
        super().__init__(expression, **options)
        self.delimiter = delimiter

    def function(self, argument: ColumnElement[Any], plain: ColumnElement[Any]) -> Any:
        """The database's own, under whatever name."""
        return func.aggregate_strings(argument, self.delimiter)
