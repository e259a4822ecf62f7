"""A queryset's state becomes a ``select()``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Label,
    Select,
    except_,
    except_all,
    false,
    func,
    intersect,
    intersect_all,
    literal,
    select,
    union,
    union_all,
)
from sqlalchemy.orm import aliased, contains_eager, defer, load_only
from sqlalchemy.orm.interfaces import ORMOption

from trivium.db.errors import FieldError, NotSupported
from trivium.db.queries.aggregates import Aggregate
from trivium.db.queries.context import Context
from trivium.db.queries.expressions import Expression, F, Ordering, expression_of
from trivium.db.queries.paths import (
    column_names,
    is_many,
    mapper_of,
    path_of,
    unknown_field,
)
from trivium.db.queries.q import Q, RowCondition
from trivium.db.queries.scope import related, selectable_of
from trivium.db.queries.state import Annotation, State
from trivium.db.queries.windows import Window

__all__ = [
    "Compiled",
    "compile_aggregates",
    "compile_count",
    "compile_inner",
    "compile_state",
    "default_order",
]


@dataclass(slots=True)
class Compiled:
    """A statement, and how its rows are read."""

    statement: Select[Any]
    names: tuple[str, ...]
    """For rows without instances the names of the columns; else those of the annotations."""
    context: Context


def compile_state(state: State) -> Compiled:
    """The whole query: its rows with everything that was asked for."""
    return _Compilation(state, state.model, None).run()


def compile_inner(state: State, parent: Context, *, one: bool = False) -> Any:
    """A query inside of another one: its values, or its key where it has none."""
    compilation = _Compilation(state, aliased(state.model), parent)
    if one:
        return compilation.run(columns=[literal(1)]).statement
    if state.output == "instance" and state.combined is None:
        keys = [
            getattr(compilation.entity, mapper_of(state.model).get_property_by_column(column).key)
            for column in mapper_of(state.model).primary_key
        ]
        return compilation.run(columns=keys).statement
    return compilation.run().statement


def compile_count(state: State) -> Select[Any]:
    """How many rows the query has."""
    plain = state.copy()
    plain.ordering, plain.related, plain.lock = (), (), None
    compilation = _Compilation(plain, plain.model, None)
    simple = plain.grouped is None and not (
        plain.is_sliced or plain.distinct or plain.distinct_on or plain.combined
    )
    if simple and plain.output == "instance":
        return compilation.run(columns=[func.count()]).statement
    if plain.is_sliced and plain.output == "instance":
        # which rows are cut off does not change their number, so the order may stay away
        inner = compilation.run(columns=[literal(1).label("one")]).statement
    else:
        inner = compilation.run().statement
    return select(func.count()).select_from(inner.subquery())


def compile_aggregates(state: State, wanted: dict[str, Expression]) -> Select[Any]:
    """One row with values of all rows of the query."""
    plain = state.copy()
    plain.related, plain.lock = (), None
    distinct_values = plain.distinct and plain.output != "instance"
    if (
        plain.grouped is not None
        or plain.combined is not None
        or distinct_values
        or _has_window(plain)
    ):
        return _of_derived(plain, wanted)
    if plain.is_sliced or plain.distinct:
        plain = _only_these(plain)
    plain.ordering = ()
    compilation = _Compilation(plain, plain.model, None)
    compilation.context.plain = True
    context = compilation.context
    aggregates = [part for each in wanted.values() for part in _aggregates_in(each)]
    if aggregates and all(context.roots(each) for each in aggregates):
        # each is a query of its own, and there are no rows to take them over
        return select(*(each.resolve(context).label(name) for name, each in wanted.items()))
    return compilation.run(
        make=lambda: [each.resolve(context).label(name) for name, each in wanted.items()]
    ).statement


def _aggregates_in(expression: Any) -> list[Aggregate]:
    """The aggregates that an expression is made of."""
    if isinstance(expression, Aggregate):
        return [expression]
    parts = expression.parts() if isinstance(expression, Expression) else ()
    return [found for part in parts for found in _aggregates_in(part)]


def _has_window(state: State) -> bool:
    return any(each.expression.has(Window) for each in state.annotations)


def _of_derived(state: State, wanted: dict[str, Expression]) -> Select[Any]:
    """Aggregates of the columns of a query that has groups or windows itself."""
    inner = _Compilation(state, state.model, None).run().statement.subquery()
    outer = Context(State(state.model), state.model)
    outer.plain = True
    for name, column in inner.c.items():
        outer.given[name] = column
    known = State(state.model)
    known.annotations = tuple(Annotation(name, F(name), 0) for name in outer.given)
    outer.state = known
    return select(*(each.resolve(outer).label(name) for name, each in wanted.items())).select_from(
        inner
    )


def _only_these(state: State) -> State:
    """The same rows without a limit: those whose key is among those of the limited query."""
    keys = state.copy()
    keys.output, keys.values = "tuple", ("pk",)
    keys.annotations = tuple(
        Annotation(each.name, each.expression, each.filters_before, False)
        for each in state.annotations
    )
    rest = State(state.model)
    rest.using = state.using
    rest.with_deleted = state.with_deleted
    rest.annotations = state.annotations
    rest.filters = (Q(_AmongKeys(keys)),)
    return rest


class _AmongKeys(RowCondition, Expression):
    """Whether the key of a row is among those of another query."""

    __slots__ = ("keys",)

    def __init__(self, keys: State) -> None:
        self.keys = keys

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """The IN."""
        inner = _Compilation(self.keys, aliased(self.keys.model), None).run().statement.subquery()
        # in a table of its own, because MySQL takes no LIMIT in an IN
        return context.column("pk").in_(select(*inner.c))


class _Compilation:
    """One run; it fills a context and reads the statement off it."""

    def __init__(self, state: State, entity: Any, parent: Context | None) -> None:
        self.state = state
        self.entity = entity
        self.context = Context(state, entity, parent)
        self.inner = parent is not None

    def run(self, columns: Sequence[Any] | None = None, make: Any = None) -> Compiled:
        """The statement; ``columns`` or what ``make`` returns instead of what was asked for."""
        state = self.state
        if state.combined is not None:
            self._combine()
        elif late := [q for q in state.filters if self._names_window(q)]:
            self._derive(late)
            state = self.state
        if state.grouped is not None:
            self._group()
        names: tuple[str, ...] = ()
        options: list[ORMOption] = []
        where, having = self._conditions()
        if make is not None:
            columns = make()
        if columns is None:
            columns, names = self._columns()
        statement = cast("Select[Any]", select(*columns))
        if state.output == "instance" and not self.inner and columns[0] is self.entity:
            options = self._options()
        order = self._order(columns)
        statement = self.context.scope.apply(statement.select_from(self.context.scope.entity))
        if where:
            statement = statement.where(*where)
        if self.context.groups or state.grouped is not None:
            statement = statement.group_by(*self._group_by(order))
        if having:
            statement = statement.having(*having)
        statement = self._arranged(statement, order)
        if self.inner:
            own = map(selectable_of, self.context.scope.entities())
            statement = statement.correlate_except(*own)
        if options:
            statement = statement.options(*options)
        return Compiled(statement, names, self.context)

    def _arranged(self, statement: Select[Any], order: list[ColumnElement[Any]]) -> Select[Any]:
        """Order, slice, distinctness, lock."""
        state = self.state
        if order:
            statement = statement.order_by(*order)
        if state.distinct_on:
            statement = statement.distinct(*map(self.context.column, state.distinct_on))
        elif state.distinct and (state.output != "instance" or self.context.scope.multiplies):
            # the rows of a table differ by their keys anyway
            statement = statement.distinct()
        if state.limit is not None:
            statement = statement.limit(state.limit)
        if state.offset:
            statement = statement.offset(state.offset)
        if state.lock is not None:
            statement = self._locked(statement)
        return statement

    def _locked(self, statement: Select[Any]) -> Select[Any]:
        lock = self.state.lock
        if lock is None:
            return statement
        of: Any = [
            self.entity
            if name == "self"
            else self.context.scope.joined(relations_to_one(self.entity, name))
            for name in lock.of
        ]
        if not of and any(join.outer for join in self.context.scope.joins.values()):
            # PostgreSQL refuses to lock what an outer join may not have found
            of = [self.entity]
        return statement.with_for_update(
            nowait=lock.nowait,
            skip_locked=lock.skip_locked,
            key_share=lock.no_key,
            of=of or None,
        )

    # -- What comes out ----------------------------------------------------------------------------

    def _columns(self) -> tuple[list[Any], tuple[str, ...]]:
        state, context = self.state, self.context
        selected = [each.name for each in state.annotations if each.selected]
        if state.output == "instance":
            made = [context.annotation(a).label(a.name) for a in state.annotations if a.selected]
            context.annotated.update(zip(selected, made, strict=True))
            entity = self.entity
            return [entity, *made], tuple(selected)
        names = state.values or ()
        if not names:
            names = (*column_names(mapper_of(state.model)), *selected)
        columns = []
        for name in names:
            element = self._value(name)
            if isinstance(element, Label):
                element = element.element
            label = element.label(name)
            columns.append(label)
            if state.annotation(name) is not None:
                context.annotated[name] = label
        return columns, tuple(names)

    def _value(self, name: str) -> ColumnElement[Any]:
        state = self.state
        if state.annotation(name) is None:
            path = path_of(state.model, name)
            if path.attribute is None and path.rest:
                mapper = path.relations[-1].mapper
                raise unknown_field(mapper, path.rest[0], name)
        return self.context.column(name)

    def _options(self) -> list[ORMOption]:
        """Which relations are filled from the joined tables, and which columns are left out."""
        state = self.state
        found: list[ORMOption] = list(state.extra)
        found += _column_options(self.entity, state, "")
        for name in state.related:
            option: Any = None
            entity = self.entity
            relations = relations_to_one(entity, name)
            for index, relation in enumerate(relations):
                child = self.context.scope.joined(relations[: index + 1])
                attribute = related(entity, relation, child)
                option = (
                    contains_eager(attribute)
                    if option is None
                    else option.contains_eager(attribute)
                )
                entity = child
            prefix = "__".join(relation.key for relation in relations) + "__"
            inner = _column_options(entity, state, prefix)
            found.append(option.options(*inner) if inner else option)
        return found

    # -- Conditions --------------------------------------------------------------------------------

    def _conditions(self) -> tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]]:
        """WHERE, and HAVING for what is only known of a group."""
        where: list[ColumnElement[bool]] = []
        having: list[ColumnElement[bool]] = []
        if self.state.empty:
            where.append(false())
        for q in self.state.filters:
            parts = q.children if q.connector == "AND" and not q.negated else (q,)
            late = [part for part in parts if self._names_aggregate(part)]
            early = [part for part in parts if part not in late]
            if early:
                where.append(self.context.condition(Q(*early)))
            if late:
                having.append(self.context.condition(Q(*late)))
        return where, having

    def _names_aggregate(self, node: Any) -> bool:
        if self.state.grouped is None or not hasattr(node, "paths"):
            return False
        found = (self.context.annotation_in(name) for name in node.paths())
        return any(each is not None and each.expression.has(Aggregate) for each in found)

    def _names_window(self, node: Any) -> bool:
        found = (self.context.annotation_in(name) for name in node.paths())
        return any(each is not None and each.expression.has(Window) for each in found)

    # -- Groups ------------------------------------------------------------------------------------

    def _group(self) -> None:
        """The columns that the rows are grouped by, and what can be aggregated without a detour."""
        state, context = self.state, self.context
        context.groups = tuple(context.column(name) for name in state.grouped or ())
        multiplied = context.scope.multiplies
        context.plain = True
        aggregates = [each for each in state.annotations if each.expression.has(Aggregate)]
        rooted = [(each, context.roots(each.expression)) for each in aggregates]
        wanted = {tuple(roots) for _, roots in rooted}
        if not multiplied and len(wanted) == 1 and len(roots := next(iter(wanted))) == 1:
            # every aggregate is over the rows of one relation: joined once, they are all right
            context.filters_seen = rooted[0][0].filters_before
            context.column("__".join((*roots[0], "pk")))
            context.filters_seen = len(state.filters)

    def _group_by(self, order: list[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
        """The groups, and what the rows are ordered by besides."""
        found = list(self.context.groups)
        for each in self.state.annotations:
            if not each.expression.has((Aggregate, Window)) and each.name not in (
                self.state.grouped or ()
            ):
                found.append(self.context.annotation(each))
        for term in self.state.ordering or ():
            name = term.lstrip("-") if isinstance(term, str) else ""
            if name and name != "?" and self.context.annotation_in(name) is None:
                found.append(self.context.column(name))
        return found

    # -- Order -------------------------------------------------------------------------------------

    def _order(self, columns: Sequence[Any]) -> list[ColumnElement[Any]]:
        state = self.state
        terms = state.ordering
        if terms is None:
            terms = () if state.grouped is not None else default_order(state.model)
        return [
            element
            for term in terms
            for element in self._ordered_by(term, state.reverse, state.model, "", 0)
        ]

    def _ordered_by(
        self, term: Any, reverse: bool, model: Any, prefix: str, depth: int
    ) -> list[ColumnElement[Any]]:
        if isinstance(term, str):
            if term == "?":
                return [func.random()]
            descending = term.startswith("-")
            name = prefix + term.removeprefix("-").removeprefix("+")
            if not self.context.annotation_in(name):
                path = path_of(self.state.model, name)
                if path.attribute is None and not path.rest and depth < 5:
                    # by a relation: in the order of what it leads to
                    return self._ordered_by_relation(path, name, descending != reverse, depth)
                if path.attribute is None and path.rest:
                    raise unknown_field(path.relations[-1].mapper, path.rest[0], name)
            made = Ordering(F(name), descending)
        elif isinstance(term, Ordering):
            made = term
        elif isinstance(term, Expression):
            made = Ordering(term)
        elif hasattr(term, "__clause_element__") or isinstance(term, ColumnElement):
            element = self.context.adapted(term)
            if reverse:
                raise NotSupported("an order of SQLAlchemy's cannot be turned around; use F()")
            return [element]
        else:
            raise FieldError(f'{term!r} is not an order: order_by("name", "-distance")')
        if prefix and not isinstance(term, str):
            raise NotSupported("the order of a relation whose Meta.ordering has expressions")
        return [(made.reversed() if reverse else made).resolve(self.context)]

    def _ordered_by_relation(
        self, path: Any, name: str, reverse: bool, depth: int
    ) -> list[ColumnElement[Any]]:
        model = path.relations[-1].mapper.class_
        terms = default_order(model)
        if not terms:
            made = Ordering(F(name), False)
            return [(made.reversed() if reverse else made).resolve(self.context)]
        return [
            element
            for term in terms
            for element in self._ordered_by(term, reverse, model, f"{name}__", depth + 1)
        ]

    # -- Queries of queries ------------------------------------------------------------------------

    def _combine(self) -> None:
        """A union, as a table of its own that the rest of the query reads."""
        combined = self.state.combined
        if combined is None:
            return
        operator, everything, states = combined
        parts = []
        for state in states:
            inner = _Compilation(state, aliased(state.model), None)
            parts.append(inner.run(columns=inner._flat_columns()).statement)
        make = _OPERATORS[operator, everything]
        table = make(*(_bracketed(part) for part in parts)).subquery()
        self._read_from(table, states[0])

    def _derive(self, late: list[Q]) -> None:
        """Conditions on a window: it has to be computed before rows are left out."""
        inner = self.state.copy()
        inner.filters = tuple(q for q in self.state.filters if q not in late)
        inner.ordering, inner.limit, inner.offset = (), None, 0
        inner.lock, inner.distinct, inner.related = None, False, ()
        if inner.grouped is None:
            # the conditions and the order may name any column, whatever comes out
            inner.output, inner.values = "instance", None
        compilation = _Compilation(inner, aliased(inner.model), self.context.parent)
        compilation.inner = False
        table = compilation.run(columns=compilation._flat_columns()).statement.subquery()
        outer = self.state.copy()
        outer.filters = tuple(late)
        outer.grouped = None
        parent = self.context.parent
        self.state = outer
        self.context = Context(outer, self.entity, parent)
        self._read_from(table, inner)

    def _flat_columns(self) -> list[Any]:
        """Every column that the rest of the query may name."""
        state = self.state
        if state.output == "instance":
            names = column_names(mapper_of(state.model))
            columns = [getattr(self.entity, name).label(f"_{name}") for name in names]
            made = [self.context.annotation(a).label(a.name) for a in state.annotations]
            return [*columns, *made]
        return self._columns()[0]

    def _read_from(self, table: Any, inner: State) -> None:
        mapper = mapper_of(self.state.model)
        context = self.context
        if inner.output == "instance":
            by_column = {
                mapper.column_attrs[name].columns[0]: table.c[f"_{name}"]
                for name in column_names(mapper)
            }
            renamed = select(
                *(found.label(column.name) for column, found in by_column.items()),
                *(table.c[each.name] for each in inner.annotations),
            ).subquery()
            self.entity = aliased(self.state.model, renamed)
            context.env[()].entity = self.entity
            context.given = {each.name: renamed.c[each.name] for each in inner.annotations}
            return
        context.env[()].entity = table
        context.given = {column.key: column for column in table.c}
        state = self.state.copy()
        state.annotations = tuple(Annotation(name, F(name), 0) for name in context.given)
        if state.values is None or not state.values:
            state.values = tuple(context.given)
        self.state = context.state = state


_OPERATORS: dict[tuple[str, bool], Any] = {
    ("union", False): union,
    ("union", True): union_all,
    ("intersection", False): intersect,
    ("intersection", True): intersect_all,
    ("difference", False): except_,
    ("difference", True): except_all,
}


def _bracketed(statement: Any) -> Any:
    """A part of a union that has an order or a limit, as a table: SQLite takes no brackets."""
    if statement._limit_clause is None and statement._offset_clause is None:
        return statement.order_by(None)
    return select(statement.subquery())


def default_order(model: Any) -> tuple[Any, ...]:
    """The order of a model's ``Meta``; plain SQLAlchemy classes have none."""
    meta = getattr(model, "_meta", None)
    return tuple(getattr(meta, "ordering", ()))


def relations_to_one(entity: Any, name: str) -> tuple[Any, ...]:
    """The relations of a name that leads to one row; ``FieldError`` where it does not."""
    path = path_of(mapper_of(entity).class_, name)
    if path.attribute is not None or path.rest:
        mapper = path.relations[-1].mapper if path.relations else mapper_of(entity)
        ones = [each.key for each in mapper.relationships if not is_many(each)]
        asked = path.rest[0] if path.rest else path.attribute or name
        raise FieldError(
            f"{mapper.class_.__name__} has no relation {asked!r} (in {name!r})",
            name=asked,
            known=ones,
        )
    for relation in path.relations:
        if is_many(relation):
            raise FieldError(
                f"{name!r} leads to many rows\n"
                f"  written:  .select_related({name!r})\n"
                f"  instead:  .prefetch_related({name!r})"
            )
    return path.relations


def _column_options(entity: Any, state: State, prefix: str) -> list[Any]:
    """``only`` and ``defer`` for one of the tables."""
    mapper = mapper_of(entity)
    names = column_names(mapper)
    only = _below(state.only or (), prefix, mapper, names)
    if only:
        keys = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
        wanted = dict.fromkeys([*keys, *only])
        return [load_only(*(getattr(entity, name) for name in wanted), raiseload=True)]
    left = _below(state.deferred, prefix, mapper, names)
    return [defer(getattr(entity, name), raiseload=True) for name in left]


def _below(given: Sequence[str], prefix: str, mapper: Any, names: list[str]) -> list[str]:
    found = []
    for name in given:
        if prefix and not name.startswith(prefix):
            continue
        rest = name[len(prefix) :]
        if rest == "pk":
            continue
        head = rest.partition("__")[0]
        if "__" in rest and head in mapper.relationships:
            continue
        if rest not in names:
            raise FieldError(
                f"{mapper.class_.__name__} has no column {rest!r}", name=rest, known=names
            )
        found.append(rest)
    return found


def ordering_terms(terms: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments of an ``order_by`` as they are kept."""
    for term in terms:
        if not isinstance(term, str | Ordering | Expression | ColumnElement) and not hasattr(
            term, "__clause_element__"
        ):
            raise FieldError(f'{term!r} is not an order: order_by("name", "-distance")')
    return tuple(terms)


def named_expression(value: Any) -> Expression:
    """An annotation's value as an expression; a string is refused, because it is ambiguous."""
    if isinstance(value, str):
        raise FieldError(
            f"{value!r} may be a name or a text\n"
            f"  written:  annotate(x={value!r})\n"
            f"  instead:  annotate(x=F({value!r})), or annotate(x=Value({value!r}))"
        )
    return expression_of(value)


__all__ += ["named_expression", "ordering_terms"]
