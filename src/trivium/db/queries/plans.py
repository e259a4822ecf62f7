"""Queries that differ in their values alone are compiled once.

The *shape* of a query is everything about it but the values that its conditions compare with. The
first query of a shape is compiled with marks in the places of the values; what comes out is kept,
and the next one of that shape only fills in its own. Queries whose values decide how they are
written (``None``, lists, other queries, expressions) have no shape, and are compiled each time.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BindParameter, Select
from sqlalchemy.sql import visitors
from sqlalchemy.types import TypeEngine

from trivium.db.errors import InvalidValue
from trivium.db.queries.coercion import coerced, integer_limit
from trivium.db.queries.compiler import compile_state
from trivium.db.queries.expressions import F, Ordering
from trivium.db.queries.q import Leaf, Q
from trivium.db.queries.state import State

__all__ = ["Plan", "named", "plan_of"]

_KEPT = 1000
_SIMPLE = (int, str, float, Decimal, date, datetime, UUID)
_NOTHING: Any = object()


class Slot(NamedTuple):
    """A place for a value."""

    name: str
    """The lookup that the value was given for, for messages."""
    kind: TypeEngine[Any]
    limit: int
    """One more than the largest number that fits; 0 for what is no integer."""


class Plan:
    """A compiled query with places for its values."""

    __slots__ = ("direct", "slots", "statement")

    def __init__(self, statement: Select[Any], slots: tuple[Slot, ...]) -> None:
        self.statement = statement
        self.slots = slots
        self.direct: dict[Any, Any] = {}
        """How rows are read without SQLAlchemy's session, by database; see ``quick.py``."""

    def filled(self, values: list[Any]) -> list[Any] | None:
        """The values in the types of their columns; ``None`` where one needs another statement.

        Raises ``InvalidValue`` for what is no such value.
        """
        filled = []
        for slot, value in zip(self.slots, values, strict=True):
            converted = coerced(value, slot.kind, slot.name)
            if slot.limit and not -slot.limit <= converted < slot.limit:
                return None
            filled.append(converted)
        return filled


_plans: OrderedDict[Any, Plan | None] = OrderedDict()


def _rows(state: State) -> Select[Any]:
    return compile_state(state).statement


def plan_of(
    state: State, compiled: Callable[[State], Select[Any]] = _rows
) -> tuple[Plan, list[Any]] | None:
    """The plan for the shape of a query, and the query's own values; ``None`` if it has none.

    compiled: what makes the statement, for one that does not ask for the rows themselves.
    """
    leaves: list[Leaf] = []
    shape = _shape_of(state, leaves)
    if shape is None:
        return None
    shape = (compiled, shape)
    try:
        plan = _plans.get(shape, _NOTHING)
    except TypeError:  # something in it cannot be a key
        return None
    if plan is _NOTHING:
        plan = _plans[shape] = _made(state, leaves, compiled)
        if len(_plans) > _KEPT:
            _plans.popitem(last=False)
    if plan is None:
        return None
    values = plan.filled([leaf.value for leaf in leaves])
    return None if values is None else (plan, values)


def named(values: list[Any]) -> dict[str, Any]:
    """The values under the names that they have in a plan's statement."""
    return {f"value_{index}": value for index, value in enumerate(values)}


def _shape_of(state: State, leaves: list[Leaf]) -> Any:
    if (
        state.annotations
        or state.combined is not None
        or state.lock is not None
        or state.extra
        or state.grouped is not None
        or state.distinct_on
        or state.output != "instance"
    ):
        return None
    filters: list[Any] = []
    for q in state.filters:
        part = _shape_of_q(q, leaves)
        if part is None:
            return None
        filters.append(part)
    ordering: Any = state.ordering
    if ordering and not all(type(term) is str for term in ordering):
        ordering = tuple(map(_shape_of_term, ordering))
        if None in ordering:
            return None
    return (
        state.model,
        tuple(filters),
        ordering,
        state.reverse,
        state.limit,
        state.offset,
        state.distinct,
        state.with_deleted,
        state.related,
        state.only,
        state.deferred,
        len(state.prefetches) and tuple(map(str, state.prefetches)),
    )


def _shape_of_term(term: Any) -> Any:
    """A term of the order as a part of a key; ``None`` for one that is more than a column."""
    if type(term) is str:
        return term
    if type(term) is Ordering and type(term.expression) is F:
        return (term.expression.name, term.descending, term.nulls_first, term.nulls_last)
    return None


def _shape_of_q(q: Any, leaves: list[Leaf]) -> Any:
    parts: list[Any] = [q.connector, q.negated]
    for child in q.children:
        kind = type(child)
        if kind is Leaf:
            value = type(child.value)
            name = child.name
            if value not in _SIMPLE and not issubclass(value, enum.Enum):
                return None
            _, separator, last = name.rpartition("__")
            if separator and last in _UNLIKE:
                return None
            parts.append((name, value))
            leaves.append(child)
        elif kind is Q:
            part = _shape_of_q(child, leaves)
            if part is None:
                return None
            parts.append(part)
        else:
            return None
    return tuple(parts)


# Lookups that make something else of their value: they are compiled each time.
_UNLIKE = frozenset(
    {
        *("contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"),
        *("iexact", "regex", "iregex", "in", "range", "isnull", "search"),
    }
)


def _made(
    state: State, leaves: list[Leaf], compiled: Callable[[State], Select[Any]]
) -> Plan | None:
    """A plan, or ``None`` where the values cannot be told apart in what is compiled."""
    marks = _marks_for(leaves)
    if marks is None:
        return None
    marked = state.copy()
    rest = iter(marks)
    marked.filters = tuple(_with_marks(q, rest) for q in state.filters)
    try:
        statement = compiled(marked)
    except InvalidValue:
        return None  # a value that is converted to the type of its column, as a mark cannot be
    places: dict[Any, list[BindParameter[Any]]] = {}
    for element in visitors.iterate(statement):
        if isinstance(element, BindParameter) and element.callable is None:
            try:
                places.setdefault((type(element.value), element.value), []).append(element)
            except TypeError:
                continue  # a list: it is no mark
    slots = []
    for index, (leaf, mark) in enumerate(zip(leaves, marks, strict=True)):
        found = places.get((type(mark), mark))
        if not found:
            return None
        for place in found:
            # It is this query's own, made a moment ago. A name makes it a parameter to be given.
            place.key = place._orig_key = f"value_{index}"
            place._anon_map_key = None
            place.unique = False
        slots.append(Slot(leaf.name, found[0].type, integer_limit(found[0].type)))
    return Plan(statement, tuple(slots))


def _with_marks(q: Q, marks: Iterator[Any]) -> Q:
    made = q.copy()
    made.children = tuple(
        Leaf(child.name, next(marks)) if type(child) is Leaf else _with_marks(child, marks)
        for child in q.children
    )
    return made


def _marks_for(leaves: list[Leaf]) -> list[Any] | None:
    marks: list[Any] = []
    for number, leaf in enumerate(leaves):
        mark = _mark(leaf.value, number)
        if mark is None or any(mark == each and type(mark) is type(each) for each in marks):
            return None
        marks.append(mark)
    return marks


def _mark(value: Any, number: int) -> Any:
    """A value of the same type that stands nowhere else."""
    if isinstance(value, enum.Enum):
        members = list(type(value))
        return members[number] if number < len(members) else None
    if isinstance(value, datetime):
        return datetime(1987, 6, 5, 4, 3, 2, tzinfo=value.tzinfo or UTC) + timedelta(days=number)
    if isinstance(value, date):
        return date(1987, 6, 5) + timedelta(days=number)
    if isinstance(value, UUID):
        return UUID(int=987_654_321 + number)
    if isinstance(value, str):
        return f"\x02mark {number}\x03"
    if isinstance(value, float):
        return 29_101.25 + number
    if isinstance(value, Decimal):
        return Decimal("29101.25") + number
    return 29_101 + number  # one that a small integer holds
