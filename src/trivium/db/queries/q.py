"""``Q``: conditions as values, combined with ``&``, ``|``, ``^`` and ``~``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from sqlalchemy import ColumnElement

from trivium.db.errors import FieldError

__all__ = ["Condition", "Q"]

AND = "AND"
OR = "OR"
XOR = "XOR"


class Condition:
    """What can stand in a ``filter()`` besides keywords, and be combined."""

    __slots__ = ()

    def __and__(self, other: Any) -> Q:
        return Q._joined(AND, self, other)

    def __or__(self, other: Any) -> Q:
        return Q._joined(OR, self, other)

    def __xor__(self, other: Any) -> Q:
        return Q._joined(XOR, self, other)

    def __invert__(self) -> Q:
        made = Q(self)
        made.negated = True
        return made

    def paths(self) -> Iterator[str]:
        """The names that are used."""
        raise NotImplementedError


class RowCondition:
    """A condition of the house's own making, which has no names to follow."""

    __slots__ = ()

    def paths(self) -> Iterator[str]:
        """None."""
        return iter(())


class Leaf(Condition):
    """One keyword of a filter."""

    __slots__ = ("name", "value")

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = value

    def paths(self) -> Iterator[str]:
        """The names that are used."""
        yield self.name
        if hasattr(self.value, "paths"):
            yield from self.value.paths()

    def __repr__(self) -> str:
        return f"{self.name}={self.value!r}"


class Q(Condition):
    """Conditions that hold together: ``Q(origin="JFK", distance__gt=1000)``.

    Two of them are combined with ``&`` (and), ``|`` (or) and ``^`` (one, not both); ``~`` turns one
    around. A row for which the condition is NULL counts as one for which it does not hold, so
    ``~Q(delay__gt=15)`` includes the flights without a delay.
    """

    __slots__ = ("children", "connector", "negated")

    def __init__(self, *conditions: Any, **lookups: Any) -> None:
        for each in conditions:
            _check(each)
        self.children: tuple[Any, ...] = (
            *conditions,
            *(Leaf(name, value) for name, value in lookups.items()),
        )
        self.connector = AND
        self.negated = False

    @classmethod
    def _joined(cls, connector: str, left: Any, right: Any) -> Q:
        _check(right)
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Q) and not one.children:
                return other if isinstance(other, Q) else Q(other)
        made = cls()
        made.connector = connector
        made.children = (left, right)
        return made

    def copy(self) -> Self:
        """The same conditions in another object."""
        made = type(self)()
        made.children, made.connector, made.negated = self.children, self.connector, self.negated
        return made

    def __bool__(self) -> bool:
        return bool(self.children)

    def __invert__(self) -> Q:
        made = self.copy()
        made.negated = not made.negated
        return made

    def paths(self) -> Iterator[str]:
        """The names that are used."""
        for child in self.children:
            if hasattr(child, "paths"):
                yield from child.paths()

    def __repr__(self) -> str:
        inner = f" {self.connector} ".join(map(repr, self.children))
        return f"{'~' if self.negated else ''}Q({inner})"


def _check(condition: Any) -> None:
    if isinstance(condition, Condition | ColumnElement | RowCondition) or hasattr(
        condition, "__clause_element__"
    ):
        return
    raise FieldError(
        f"{condition!r} is not a condition\n"
        '  conditions are keywords, filter(origin="JFK"), Q(origin="JFK"), Exists(...), or an'
        " expression of SQLAlchemy's, filter(Flight.distance > 1000)"
    )
