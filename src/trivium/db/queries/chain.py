"""The verbs that make a query of a query. None of them asks the database."""

from __future__ import annotations

from typing import Any, Generic, Literal, Self, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Select
from sqlalchemy.orm.interfaces import ORMOption
from typing_extensions import TypeVar

from trivium.db.errors import FieldError, NotSupported
from trivium.db.queries.aggregates import Aggregate
from trivium.db.queries.compiler import compile_state, named_expression, ordering_terms
from trivium.db.queries.expressions import Expression
from trivium.db.queries.fetching import Prefetch
from trivium.db.queries.paths import field_names, mapper_of
from trivium.db.queries.q import Q
from trivium.db.queries.state import Annotation, Lock, State

__all__ = ["Chain", "M", "R"]

M = TypeVar("M")
"""The model."""
R = TypeVar("R", default=M)
"""What comes out for each row."""


_checked: WeakKeyDictionary[type[Any], set[str]] = WeakKeyDictionary()
"""Names that are known to lead somewhere, by model."""


class Chain(Generic[M, R]):
    """A query as it is being described; see ``QuerySet``."""

    __slots__ = ("_state",)

    _state: State

    @property
    def model(self) -> type[M]:
        """The class whose rows are queried."""
        return cast("type[M]", self._state.model)

    @property
    def statement(self) -> Select[Any]:
        """The query as SQLAlchemy's ``select()``, to go on with or to execute in a session."""
        return compile_state(self._state).statement

    def _next(self) -> Self:
        """A copy to change."""
        made = object.__new__(type(self))
        made._state = self._state.copy()
        return made

    def _changeable(self, verb: str) -> Self:
        """A copy, where rows may still be left out or put in another order."""
        state = self._state
        if state.is_sliced:
            raise NotSupported(
                f"{verb}() after a slice would change which rows the slice is of\n"
                f"  written:  qs[:10].{verb}(...)\n"
                f"  instead:  qs.{verb}(...)[:10]"
            )
        return self._next()

    def _plain(self, verb: str) -> Self:
        """A copy of a query that is no union."""
        combined = self._state.combined
        if combined is not None:
            raise NotSupported(
                f"{verb}() after {combined[0]}() is not supported\n"
                f"  instead:  {verb}() on each of the queries, before {combined[0]}()"
            )
        return self._changeable(verb)

    def _as(self, output: str, names: tuple[str, ...]) -> Any:
        """A query whose rows are not instances."""
        from trivium.db.queries.queryset import QuerySet

        made: Any = object.__new__(QuerySet)
        state = made._state = self._state.copy()
        state.output, state.values = output, names
        return made

    # -- Rows --------------------------------------------------------------------------------------

    def all(self) -> Self:
        """The same query."""
        return self._next()

    def none(self) -> Self:
        """A query without rows, which does not ask the database."""
        made = self._next()
        made._state.empty = True
        return made

    def filter(self, *conditions: Any, **lookups: Any) -> Self:
        """The rows for which all of these hold.

        Keywords are names with lookups, ``distance__gt=1000``, also across relations,
        ``airline__name__icontains="air"``. Conditions are ``Q``, ``Exists`` or expressions of
        SQLAlchemy's. What one call says of a relation to many, it says of one and the same row over
        there; each further call may be about another one.

        Raises ``FieldError`` for a name that does not exist, with the nearest that does, and
        ``InvalidValue`` for a value that the column cannot have.
        """
        return self._filtered("filter", Q(*conditions, **lookups))

    def exclude(self, *conditions: Any, **lookups: Any) -> Self:
        """The rows that ``filter()`` with the same arguments would leave out."""
        q = Q(*conditions, **lookups)
        q.negated = bool(q)
        return self._filtered("exclude", q)

    def _filtered(self, verb: str, q: Q) -> Self:
        made = self._plain(verb)
        if q:
            made._state.filters = (*made._state.filters, q)
            self._check(q)
        return made

    def _check(self, q: Q) -> None:
        """Follows the names at once, so that a mistake is reported in the line that makes it."""
        from trivium.db.queries.context import Context

        model = self._state.model
        checked = _checked.get(model)
        if checked is None:
            checked = _checked.setdefault(model, set())
        context: Context | None = None
        for name in q.paths():
            if name in checked:
                continue
            context = context or Context(self._state, model)
            context.check(name)
            if context.state.annotation(name.partition("__")[0]) is None and len(checked) < 2000:
                checked.add(name)

    def order_by(self, *terms: Any) -> Self:
        """The rows in this order: names, ``"-distance"`` for the largest first, ``"?"`` at random.

        Terms may be expressions, ``F("delay").desc(nulls_last=True)``. Without any, in no order.
        """
        made = self._changeable("order_by")
        made._state.ordering = ordering_terms(terms)
        made._state.reverse = False
        return made

    def reverse(self) -> Self:
        """The rows in the opposite order."""
        made = self._changeable("reverse")
        made._state.reverse = not made._state.reverse
        return made

    def distinct(self, *names: str) -> Self:
        """Equal rows once; with names the first row of each combination, on PostgreSQL."""
        made = self._changeable("distinct")
        made._state.distinct = True
        made._state.distinct_on = names
        return made

    def _sliced(self, part: slice) -> Self:
        start, stop = part.start or 0, part.stop
        for number in (start, stop or 0):
            if not isinstance(number, int) or number < 0:
                raise NotSupported(
                    f"[{part.start}:{part.stop}] counts from the end, which SQL cannot\n"
                    "  instead:  .reverse()[:n]"
                )
        if part.step is not None:
            raise NotSupported("a slice with a step would load the rows between; slice the list")
        made = self._next()
        state = made._state
        left = None if state.limit is None else max(state.limit - start, 0)
        size = None if stop is None else max(stop - start, 0)
        state.offset += start
        state.limit = left if size is None else size if left is None else min(left, size)
        return made

    # -- Columns -----------------------------------------------------------------------------------

    def annotate(self, *expressions: Any, **named: Any) -> Self:
        """Each row with further values: ``annotate(flown=Count("flights"))``.

        After ``values()`` the rows with equal values become one, and aggregates are over them.
        """
        return self._annotated("annotate", expressions, named, selected=True)

    def alias(self, *expressions: Any, **named: Any) -> Self:
        """As ``annotate``, for names that only later filters and orders use."""
        return self._annotated("alias", expressions, named, selected=False)

    def _annotated(
        self, verb: str, expressions: tuple[Any, ...], named: dict[str, Any], *, selected: bool
    ) -> Self:
        made = self._plain(verb)
        state = made._state
        pairs = [(_alias_of(each), each) for each in expressions] + list(named.items())
        taken = field_names(mapper_of(state.model)) if state.output == "instance" else ()
        for name, value in pairs:
            expression = named_expression(value)
            if name in taken:
                raise FieldError(
                    f"{name!r} is a field of {state.model.__name__} already; choose another name"
                )
            if expression.has(Aggregate) and state.output != "instance" and state.grouped is None:
                state.grouped = state.values or ()
            kept = tuple(each for each in state.annotations if each.name != name)
            state.annotations = (*kept, Annotation(name, expression, len(state.filters), selected))
            if selected and state.output != "instance" and state.values:
                state.values = (*state.values, name)
        return made

    def values(self, *names: Any, **named: Any) -> Any:
        """Dictionaries instead of instances, of these columns or of all."""
        return self._valued("dict", names, named)

    def values_list(self, *names: Any, flat: bool = False, named: bool = False) -> Any:
        """Tuples instead of instances; ``flat`` the values of one column, ``named`` with names."""
        if flat and len(names) != 1:
            raise FieldError(
                f"flat=True is for one column, and {len(names)} are named\n"
                '  instead:  values_list("name", flat=True)'
            )
        return self._valued("flat" if flat else "named" if named else "tuple", names, {})

    def _valued(self, output: str, names: tuple[Any, ...], named: dict[str, Any]) -> Any:
        base = self
        wanted: list[str] = []
        for each in names:
            if isinstance(each, Expression):
                alias = f"{type(each).__name__.lower()}{len(wanted) + 1}"
                base = base._annotated("values", (), {alias: each}, selected=True)
                wanted.append(alias)
            else:
                wanted.append(each)
        if named:
            base = base._annotated("values", (), named, selected=True)
            wanted += named
        return base._as(output, tuple(wanted))

    def only(self, *names: str) -> Self:
        """Instances with these columns; using another one raises ``NotLoaded``."""
        made = self._next()
        made._state.only, made._state.deferred = names, ()
        return made

    def defer(self, *names: str | None) -> Self:
        """Instances without these columns; using one raises ``NotLoaded``. ``None`` forgets all."""
        made = self._next()
        state = made._state
        if None in names:
            state.deferred, state.only = (), None
        elif state.only is not None:
            state.only = tuple(each for each in state.only if each not in names)
        else:
            state.deferred = (*state.deferred, *(each for each in names if each is not None))
        return made

    # -- Relations ---------------------------------------------------------------------------------

    def select_related(self, *relations: str | None) -> Self:
        """Loads relations to one in the same statement: ``select_related("airline")``."""
        from trivium.db.queries.compiler import relations_to_one

        made = self._next()
        if made._state.combined is not None:
            raise NotSupported("select_related() after a union; prefetch_related() can follow one")
        if relations == (None,):
            made._state.related = ()
            return made
        for name in relations:
            relations_to_one(self._state.model, str(name))
        names = [*made._state.related, *(str(name) for name in relations)]
        made._state.related = tuple(dict.fromkeys(names))
        return made

    def prefetch_related(self, *relations: str | Prefetch | None) -> Self:
        """Loads relations with one further query each: ``prefetch_related("flights")``.

        ``Prefetch("flights", queryset, to_attr="late")`` says which rows, and where they are put.
        """
        made = self._next()
        if relations == (None,):
            made._state.prefetches = ()
            return made
        wanted = [each if isinstance(each, Prefetch) else Prefetch(str(each)) for each in relations]
        for each in wanted:
            each.check(self._state.model)
        made._state.prefetches = (*made._state.prefetches, *wanted)
        return made

    def for_schema(self, schema: Any) -> Self:
        """Loads the relations that a response type reads: a Pydantic model, or a list of one.

        A handler that returns a query need not say so: the response type does.
        """
        from trivium.db.schemas import relations_in

        ones: list[str] = []
        many: list[str] = []
        for name, leads_to_many in relations_in(self._state.model, schema):
            (many if leads_to_many else ones).append(name)
        made = self.select_related(*ones) if ones else self._next()
        return made.prefetch_related(*many) if many else made

    def options(self, *options: ORMOption) -> Self:
        """Loader options of SQLAlchemy's, as they are."""
        made = self._next()
        made._state.extra = (*made._state.extra, *options)
        return made

    # -- The rest ----------------------------------------------------------------------------------

    def using(self, database: Any) -> Self:
        """The rows of another database: its name, or the ``Database``."""
        made = self._next()
        made._state.using = database
        return made

    def with_deleted(self) -> Self:
        """Rows that are marked as deleted (``SoftDelete``), too: these, and behind relations."""
        made = self._next()
        made._state.with_deleted = True
        return made

    def select_for_update(
        self,
        *,
        nowait: bool = False,
        skip_locked: bool = False,
        of: tuple[str, ...] = (),
        no_key: bool = False,
    ) -> Self:
        """Locks the rows until the end of the transaction; SQLite locks everything anyway.

        ``nowait`` fails at a row that is locked, ``skip_locked`` leaves it out; ``of`` names the
        relations whose rows are locked, and ``"self"``; ``no_key`` lets others refer to the rows.
        """
        if nowait and skip_locked:
            raise NotSupported("nowait and skip_locked cannot both be asked for")
        made = self._next()
        made._state.lock = Lock(nowait, skip_locked, of, no_key)
        return made

    def union(self, *others: Chain[Any, Any], all: bool = False) -> Self:
        """The rows of all queries, equal ones once unless ``all``."""
        return self._combined("union", others, all)

    def intersection(self, *others: Chain[Any, Any]) -> Self:
        """The rows that all queries have."""
        return self._combined("intersection", others, False)

    def difference(self, *others: Chain[Any, Any]) -> Self:
        """The rows that the other queries do not have."""
        return self._combined("difference", others, False)

    def _combined(
        self,
        operator: Literal["union", "intersection", "difference"],
        others: tuple[Chain[Any, Any], ...],
        everything: bool,
    ) -> Self:
        mine = self._state
        for other in others:
            if not isinstance(other, Chain):
                raise FieldError(f"{operator}({other!r}) is not a query")
            theirs = other._state
            differ = theirs.output != mine.output or theirs.model is not mine.model
            if differ and "instance" in (mine.output, theirs.output):
                raise NotSupported(
                    f"{operator}() of rows of {mine.model.__name__} and"
                    f" {theirs.model.__name__} has no type\n"
                    "  instead:  .values_list(...) of each"
                )
        made = self._next()
        state = made._state = State(mine.model)
        state.output, state.values, state.using = mine.output, mine.values, mine.using
        state.with_deleted = mine.with_deleted
        state.annotations = mine.annotations if mine.output == "instance" else ()
        state.prefetches = mine.prefetches
        parts = (mine, *(other._state for other in others))
        state.combined = (operator, everything, parts)
        state.ordering = None if mine.output == "instance" else ()
        return made

    def __or__(self, other: Self) -> Self:
        return self._merged(other, "or")

    def __and__(self, other: Self) -> Self:
        return self._merged(other, "and")

    def _merged(self, other: Self, how: str) -> Self:
        mine, theirs = self._state, other._state
        if mine.model is not theirs.model:
            raise NotSupported("& and | are for two queries of the same model")
        made = self._plain(how)
        left, right = Q(*mine.filters), Q(*theirs.filters)
        if how == "and":
            filters = (*mine.filters, *theirs.filters)
        elif mine.empty or theirs.empty:
            filters = theirs.filters if mine.empty else mine.filters
        else:
            filters = (left | right,) if left and right else ()
        made._state.filters = filters
        made._state.with_deleted = mine.with_deleted or theirs.with_deleted
        empty = (mine.empty or theirs.empty) if how == "and" else (mine.empty and theirs.empty)
        made._state.empty = empty
        return made


def _alias_of(value: Any) -> str:
    if not isinstance(value, Expression):
        raise FieldError(f"{value!r} needs a name: annotate(name=...)")
    return value.default_alias
