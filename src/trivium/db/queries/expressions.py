"""Values that the database computes: ``F``, ``Value``, ``Case``, ``Subquery``, arithmetic.

An expression is a description. It becomes SQL when a query is compiled, because only then is it
known which tables its names lead through.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    case,
    cast,
    exists,
    func,
    literal,
    null,
)
from sqlalchemy import types as sqltypes
from sqlalchemy.types import TypeEngine

from trivium.db.errors import FieldError
from trivium.db.queries.q import Condition, Q

if TYPE_CHECKING:
    from trivium.db.queries.context import Context

__all__ = [
    "Case",
    "Cast",
    "Exists",
    "Expression",
    "F",
    "Func",
    "Ordering",
    "OuterRef",
    "Subquery",
    "Value",
    "When",
    "expression_of",
    "type_of",
]

TYPES: dict[type[Any], TypeEngine[Any]] = {
    bool: sqltypes.Boolean(),
    int: sqltypes.Integer(),
    float: sqltypes.Double(),
    str: sqltypes.String(),
    bytes: sqltypes.LargeBinary(),
    date: sqltypes.Date(),
    datetime: sqltypes.DateTime(),
    time: sqltypes.Time(),
    Decimal: sqltypes.Numeric(),
}


def type_of(kind: Any) -> TypeEngine[Any]:
    """A SQL type given as one, as its class, or as ``int``, ``float``, ``str``, ``bool``."""
    if isinstance(kind, TypeEngine):
        return kind
    if isinstance(kind, type):
        if issubclass(kind, TypeEngine):
            return kind()
        if kind in TYPES:
            return TYPES[kind]
    raise FieldError(f"{kind!r} is not a type of SQL; write int, float, str, bool or Integer()")


class Expression:
    """The parent of everything that becomes a value of SQL."""

    __slots__ = ()

    def parts(self) -> tuple[Any, ...]:
        """The expressions that this one is made of."""
        return ()

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The expression as SQL, in the tables of a query."""
        raise NotImplementedError

    def paths(self) -> Iterator[str]:
        """The names that are used, here and in the parts."""
        for part in self.parts():
            if hasattr(part, "paths"):
                yield from part.paths()

    def has(self, kind: type[Any] | tuple[type[Any], ...]) -> bool:
        """Whether this or one of its parts is of a class."""
        if isinstance(self, kind):
            return True
        return any(isinstance(part, Expression) and part.has(kind) for part in self.parts())

    @property
    def default_alias(self) -> str:
        """The name of the result when the program gives none."""
        raise FieldError(
            f"{self!r} needs a name\n  written with one: annotate(name={type(self).__name__}(...))"
        )

    def asc(self, *, nulls_first: bool = False, nulls_last: bool = False) -> Ordering:
        """For ``order_by``: the smallest first."""
        return Ordering(self, False, nulls_first, nulls_last)

    def desc(self, *, nulls_first: bool = False, nulls_last: bool = False) -> Ordering:
        """For ``order_by``: the largest first."""
        return Ordering(self, True, nulls_first, nulls_last)

    def __add__(self, other: Any) -> Combined:
        return Combined(operator.add, self, other)

    def __radd__(self, other: Any) -> Combined:
        return Combined(operator.add, other, self)

    def __sub__(self, other: Any) -> Combined:
        return Combined(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Combined:
        return Combined(operator.sub, other, self)

    def __mul__(self, other: Any) -> Combined:
        return Combined(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Combined:
        return Combined(operator.mul, other, self)

    def __truediv__(self, other: Any) -> Combined:
        return Combined(_divided, self, other)

    def __rtruediv__(self, other: Any) -> Combined:
        return Combined(_divided, other, self)

    def __mod__(self, other: Any) -> Combined:
        return Combined(operator.mod, self, other)

    def __rmod__(self, other: Any) -> Combined:
        return Combined(operator.mod, other, self)

    def __pow__(self, other: Any) -> Combined:
        return Combined(func.power, self, other)

    def __neg__(self) -> Combined:
        return Combined(operator.mul, self, -1)


def _divided(left: ColumnElement[Any], right: ColumnElement[Any]) -> ColumnElement[Any]:
    """As SQL divides: two integers give an integer, as they do in Django."""
    whole = isinstance(left.type, sqltypes.Integer) and isinstance(right.type, sqltypes.Integer)
    return left // right if whole else left / right


class F(Expression):
    """A column, an annotation or a column of a relation by its name: ``F("airline__name")``."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise FieldError(f'F({name!r}) is not a name; write F("distance")')
        self.name = name

    def paths(self) -> Iterator[str]:
        """The name itself."""
        yield self.name

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The column."""
        return context.column(self.name)

    @property
    def default_alias(self) -> str:
        """The name itself."""
        return self.name

    def __repr__(self) -> str:
        return f"F({self.name!r})"


class OuterRef(F):
    """Inside of ``Subquery`` and ``Exists``: a name of the query around."""

    __slots__ = ()

    def paths(self) -> Iterator[str]:
        """None: the name is not one of this query."""
        return iter(())

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The column of the query around."""
        return context.outer(self.name).column(self.name)

    def __repr__(self) -> str:
        return f"OuterRef({self.name!r})"


class Value(Expression):
    """A value of the program's, ``Value("unknown")``; ``output`` is its type if SQL must know."""

    __slots__ = ("output", "value")

    def __init__(self, value: Any, output: Any = None) -> None:
        self.value = value
        self.output = output

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """A bound parameter."""
        if self.value is None:
            return null() if self.output is None else cast(null(), type_of(self.output))
        return literal(self.value, None if self.output is None else type_of(self.output))

    def __repr__(self) -> str:
        return f"Value({self.value!r})"


class Raw(Expression):
    """An expression of SQLAlchemy's, as it is."""

    __slots__ = ("element",)

    def __init__(self, element: Any) -> None:
        self.element = element

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The same, in the aliases of this query."""
        return context.adapted(self.element)


class Combined(Expression):
    """Two expressions and an operator."""

    __slots__ = ("left", "operate", "right")

    def __init__(self, operate: Callable[[Any, Any], Any], left: Any, right: Any) -> None:
        self.operate = operate
        self.left = operand_of(left)
        self.right = operand_of(right)

    def parts(self) -> tuple[Any, ...]:
        """Both sides."""
        return (self.left, self.right)

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The operation."""
        left, right = self.left, self.right
        found: ColumnElement[Any]
        # a plain value takes the type of the side that has one
        if isinstance(left, Value) and left.output is None and left.value is not None:
            found = self.operate(left.value, right.resolve(context))
            return found
        if isinstance(right, Value) and right.output is None and right.value is not None:
            resolved = left.resolve(context)
            if self.operate in (operator.add, operator.sub, operator.mul, operator.mod):
                found = self.operate(resolved, right.value)
            else:
                found = self.operate(resolved, literal(right.value))
            return found
        found = self.operate(left.resolve(context), right.resolve(context))
        return found

    def __repr__(self) -> str:
        return f"({self.left!r} {getattr(self.operate, '__name__', '?')} {self.right!r})"


class Func(Expression):
    """A function of the database: ``Func("name", function="upper")``.

    Arguments that are strings are names, others are values. ``function`` is the name of the
    function and stands in the program, never in its input. ``output`` is the type of the result.
    """

    __slots__ = ("arguments", "function", "output")

    function_name: str = ""
    output_type: Any = None

    def __init__(self, *arguments: Any, function: str | None = None, output: Any = None) -> None:
        self.arguments = tuple(expression_of(each) for each in arguments)
        self.function = function or self.function_name
        self.output = output if output is not None else self.output_type
        if not self.function.replace("_", "").replace(".", "").isalnum():
            raise FieldError(f"{self.function!r} is not the name of a function")

    def parts(self) -> tuple[Any, ...]:
        """The arguments."""
        return self.arguments

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The call."""
        resolved = [argument.resolve(context) for argument in self.arguments]
        return self.call(*resolved)

    def call(self, *arguments: ColumnElement[Any]) -> ColumnElement[Any]:
        """The function on arguments that are SQL already."""
        generator: Any = func
        for name in self.function.split("."):
            generator = getattr(generator, name)
        if self.output is None:
            return generator(*arguments)  # type: ignore[no-any-return]  # a function of SQL
        return generator(*arguments, type_=type_of(self.output))  # type: ignore[no-any-return]  # as above

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.arguments))})"


class Cast(Expression):
    """A value as another type: ``Cast("delay", float)``."""

    __slots__ = ("inner", "kind")

    def __init__(self, expression: Any, output: Any) -> None:
        self.inner = expression_of(expression)
        self.kind = type_of(output)

    def parts(self) -> tuple[Any, ...]:
        """The value."""
        return (self.inner,)

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The cast."""
        return cast(self.inner.resolve(context), self.kind)


class When(Expression):
    """One line of a ``Case``: ``When(distance__gt=1000, then=Value("long"))``."""

    __slots__ = ("condition", "then")

    def __init__(self, *conditions: Any, then: Any, **lookups: Any) -> None:
        self.condition = Q(*conditions, **lookups)
        self.then = expression_of(then)
        if not self.condition:
            raise FieldError('When() has no condition; write When(origin="JFK", then=...)')

    def parts(self) -> tuple[Any, ...]:
        """The condition and the value."""
        return (self.condition, self.then)

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """Only a ``Case`` knows what to do with it."""
        raise FieldError("When(...) stands in a Case: Case(When(..., then=...), default=...)")


class Case(Expression):
    """The value of the first ``When`` whose condition holds, else ``default``."""

    __slots__ = ("default", "output", "whens")

    def __init__(self, *whens: When, default: Any = None, output: Any = None) -> None:
        for each in whens:
            if not isinstance(each, When):
                raise FieldError(f"Case({each!r}) is not a When: Case(When(..., then=...))")
        if not whens:
            raise FieldError("Case() has no line: Case(When(..., then=...), default=...)")
        self.whens = whens
        self.default = expression_of(default)
        self.output = output

    def parts(self) -> tuple[Any, ...]:
        """The lines and the default."""
        return (*(part for when in self.whens for part in when.parts()), self.default)

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The CASE."""
        lines = [
            (context.condition(when.condition), when.then.resolve(context)) for when in self.whens
        ]
        found: ColumnElement[Any] = case(*lines, else_=self.default.resolve(context))
        return found if self.output is None else cast(found, type_of(self.output))


class Subquery(Expression):
    """The one value that another query gives: ``Subquery(flights.values("distance")[:1])``."""

    __slots__ = ("output", "queryset")

    def __init__(self, queryset: Any, output: Any = None) -> None:
        if not hasattr(queryset, "_state"):
            raise FieldError(f"Subquery({queryset!r}) is not a query: Subquery(Flight.objects...)")
        self.queryset = queryset
        self.output = output

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The SELECT in parentheses."""
        element = context.subselect(self.queryset).scalar_subquery()
        return element if self.output is None else cast(element, type_of(self.output))


class Exists(Expression, Condition):
    """Whether another query gives a row: ``Exists(flights.filter(origin=OuterRef("pk")))``."""

    __slots__ = ("negated", "queryset")

    def __init__(self, queryset: Any, *, negated: bool = False) -> None:
        if not hasattr(queryset, "_state"):
            raise FieldError(f"Exists({queryset!r}) is not a query: Exists(Flight.objects...)")
        self.queryset = queryset
        self.negated = negated

    def paths(self) -> Iterator[str]:
        """None of this query."""
        return iter(())

    def __invert__(self) -> Exists:  # type: ignore[override]  # still an expression, so that it can be annotated
        return Exists(self.queryset, negated=not self.negated)

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The EXISTS."""
        found = exists(context.subselect(self.queryset, one=True))
        return ~found if self.negated else found


class Ordering:
    """One term of an ``order_by``."""

    __slots__ = ("descending", "expression", "nulls_first", "nulls_last")

    def __init__(
        self,
        expression: Any,
        descending: bool = False,
        nulls_first: bool = False,
        nulls_last: bool = False,
    ) -> None:
        if nulls_first and nulls_last:
            raise FieldError("nulls_first and nulls_last cannot both be asked for")
        self.expression = expression_of(expression)
        self.descending = descending
        self.nulls_first = nulls_first
        self.nulls_last = nulls_last

    def reversed(self) -> Ordering:
        """The other way around, NULLs included."""
        return Ordering(self.expression, not self.descending, self.nulls_last, self.nulls_first)

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The term of ORDER BY."""
        return self.directed(self.expression.resolve(context))

    def directed(self, element: ColumnElement[Any]) -> ColumnElement[Any]:
        """An element in the direction of this term."""
        element = element.desc() if self.descending else element.asc()
        if self.nulls_first:
            return element.nulls_first()
        return element.nulls_last() if self.nulls_last else element


def expression_of(value: Any) -> Expression:
    """What an argument of a function means: a string is a name, anything else a value."""
    return F(value) if isinstance(value, str) else operand_of(value)


def operand_of(value: Any) -> Expression:
    """What an operand means: an expression, one of SQLAlchemy's, a query, or a value."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, ColumnElement) or hasattr(value, "__clause_element__"):
        return Raw(value)
    if isinstance(value, Q):
        return Predicate(value)
    return Subquery(value) if hasattr(value, "_state") else Value(value)


class Predicate(Expression):
    """A condition as a value: ``annotate(late=Q(delay__gt=15))``."""

    __slots__ = ("q",)

    def __init__(self, q: Q) -> None:
        self.q = q

    def parts(self) -> tuple[Any, ...]:
        """The condition."""
        return (self.q,)

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The condition as a column."""
        return context.condition(self.q)
