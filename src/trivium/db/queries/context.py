"""Names and expressions become SQL in the tables of one query.

A context knows which entity each relation leads to at its place. The rows of a relation to many are
never joined for a condition: they are looked for with EXISTS, so a row of the query comes out once,
however many of them fit. Conditions of one ``filter()`` on the same relation share one EXISTS: they
speak of the same row on the other side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Exists,
    Select,
    and_,
    false,
    inspect,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import RelationshipProperty, aliased
from sqlalchemy.sql.util import ClauseAdapter

from trivium.db.errors import FieldError, InvalidValue
from trivium.db.models.encryption import Encrypted
from trivium.db.queries.expressions import Expression, operand_of
from trivium.db.queries.json_sql import json_part
from trivium.db.queries.lookups import available, find_lookup, find_transform, is_known, right_side
from trivium.db.queries.paths import Path, is_many, local_key, mapper_of, path_of, unknown_field
from trivium.db.queries.q import OR, XOR, Leaf, Q
from trivium.db.queries.scope import Scope, link, selectable_of, unmarked
from trivium.db.queries.state import Annotation, State

if TYPE_CHECKING:
    from trivium.db.queries.aggregates import Aggregate

__all__ = ["Context"]

Names = tuple[str, ...]


class Context:
    """The place in a query at which something is resolved."""

    __slots__ = ("annotated", "env", "filters_seen", "given", "groups", "parent", "plain", "state")

    def __init__(self, state: State, entity: Any, parent: Context | None = None) -> None:
        self.state = state
        self.env: dict[Names, Scope] = {(): Scope(entity, with_deleted=state.with_deleted)}
        self.parent = parent
        self.plain = False
        """Whether aggregates are taken over the rows at hand, rather than for each row."""
        self.groups: tuple[ColumnElement[Any], ...] = ()
        """What the rows at hand are grouped by."""
        self.filters_seen = len(state.filters)
        """How many of the filters limit the rows of a relation at this place."""
        self.annotated: dict[str, ColumnElement[Any]] = {}
        self.given: dict[str, ColumnElement[Any]] = {}
        """Annotations that a derived table has computed."""

    @property
    def scope(self) -> Scope:
        """The outermost level."""
        return self.env[()]

    def _scope(self, entity: Any) -> Scope:
        return Scope(entity, with_deleted=self.state.with_deleted)

    def _with(self, names: Names, scope: Scope) -> Context:
        """This place, inside of a relation."""
        made = object.__new__(Context)
        made.state, made.parent, made.plain = self.state, self.parent, False
        made.groups, made.filters_seen = (), self.filters_seen
        made.annotated, made.given = self.annotated, self.given
        made.env = {**self.env, names: scope}
        return made

    # -- Names -------------------------------------------------------------------------------------

    def outer(self, name: str) -> Context:
        """The query around, for ``OuterRef``."""
        if self.parent is None:
            raise FieldError(
                f"OuterRef({name!r}) stands in a query that is not inside of another\n"
                "  it names a column of the query around a Subquery(...) or Exists(...)"
            )
        return self.parent

    def column(self, name: str) -> ColumnElement[Any]:
        """The column, annotation or transformed column that a name stands for."""
        found, rest = self._start(name)
        for step in rest:
            found = self._stepped(found, step, name)
        return found

    def _start(self, name: str) -> tuple[ColumnElement[Any], Names]:
        """What a name begins with, and what follows it."""
        if annotation := self.annotation_in(name):
            rest = name[len(annotation.name) + 2 :]
            return self.annotation(annotation), tuple(rest.split("__")) if rest else ()
        path = path_of(self.state.model, name)
        found = self._of_path(path)
        if path.attribute is None and path.rest:
            step = path.rest[0]
            if not (find_lookup(step, found.type) or find_transform(step, found.type)):
                raise unknown_field(path.relations[-1].mapper, step, name)
        return found, path.rest

    def _stepped(self, found: ColumnElement[Any], step: str, name: str) -> ColumnElement[Any]:
        make = find_transform(step, found.type)
        if make is not None:
            return make(found)
        if _is_json(found):
            return json_part(found, step)
        raise _unknown_step(found, step, name)

    def annotation_in(self, name: str) -> Annotation | None:
        """The annotation that a name begins with."""
        best = None
        for each in self.state.annotations:
            if name == each.name:
                return each
            if name.startswith(each.name + "__") and (
                best is None or len(each.name) > len(best.name)
            ):
                best = each
        return best

    def annotation(self, annotation: Annotation) -> ColumnElement[Any]:
        """An annotation as SQL; the same element wherever it is used."""
        name = annotation.name
        if name in self.given:
            return self.given[name]
        found = self.annotated.get(name)
        if found is None:
            before = self.filters_seen, self.plain
            self.filters_seen = annotation.filters_before
            # an aggregate of an annotation is over its values, which are each row's own
            self.plain = self.plain and self.state.grouped is not None
            try:
                found = annotation.expression.resolve(self)
            finally:
                self.filters_seen, self.plain = before
            self.annotated[name] = found
        return found

    def _of_path(self, path: Path) -> ColumnElement[Any]:
        relations, attribute = path.relations, path.attribute
        if attribute is None:
            relations, attribute = _key_of_relation(relations)
        scope, used = self._nearest(relations)
        entity = scope.entity
        rest = relations[used:]
        for index, relation in enumerate(rest):
            condition = None
            if is_many(relation):
                names = tuple(each.key for each in relations[: used + index + 1])
                if names[used:] not in scope.joins:
                    child = aliased(relation.entity.entity)
                    condition = self._limits(names, child)
                    entity = scope.joined(rest[: index + 1], condition=condition, entity=child)
                    continue
            entity = scope.joined(rest[: index + 1])
        if attribute == "pk":
            mapper = mapper_of(entity)
            return tuple_(
                *(
                    getattr(entity, mapper.get_property_by_column(column).key)
                    for column in mapper.primary_key
                )
            )
        return _element(getattr(entity, attribute))

    def _nearest(self, relations: Sequence[RelationshipProperty[Any]]) -> tuple[Scope, int]:
        """The innermost level that a path passes through, and how many relations lead to it."""
        names = tuple(relation.key for relation in relations)
        for length in range(len(names), -1, -1):
            scope = self.env.get(names[:length])
            if scope is not None:
                return scope, length
        raise LookupError(names)

    def check(self, name: str) -> None:
        """Raises ``FieldError`` for a name that leads nowhere."""
        if self.annotation_in(name):
            return
        path = path_of(self.state.model, name)
        if path.attribute is None and path.rest and not is_known(path.rest[0]):
            raise unknown_field(path.relations[-1].mapper, path.rest[0], name)

    def open_root(self, name: str) -> Names | None:
        """The next relation to many on the way of a name, from where this context stands."""
        if self.annotation_in(name):
            return None
        path = path_of(self.state.model, name)
        _, used = self._nearest(path.relations)
        for index in range(used, len(path.relations)):
            if is_many(path.relations[index]):
                return path.names()[: index + 1]
        return None

    def roots(self, named: Any) -> list[Names]:
        """Those of everything that an expression or a condition names, each once."""
        found = (self.open_root(name) for name in named.paths())
        return list(dict.fromkeys(root for root in found if root is not None))

    def adapted(self, element: Any) -> ColumnElement[Any]:
        """An expression of SQLAlchemy's, in the alias that stands for its table here."""
        plain: ColumnElement[Any] = _element(element)
        if inspect(self.scope.entity).is_aliased_class:
            adapter = ClauseAdapter(selectable_of(self.scope.entity))
            return adapter.traverse(plain)
        return plain

    # -- Conditions --------------------------------------------------------------------------------

    def condition(self, node: Any) -> ColumnElement[bool]:
        """A condition as SQL."""
        if isinstance(node, Leaf):
            return self._and([node])
        if not isinstance(node, Q):
            return operand_of(node).resolve(self)
        found = self._joined(node)
        return _not(found) if node.negated else found

    def _joined(self, node: Q) -> ColumnElement[bool]:
        if not node.children:
            return true()
        if node.connector == OR:
            return or_(*(self.condition(child) for child in node.children))
        if node.connector == XOR:
            return _odd([self.condition(child) for child in node.children])
        return self._and(list(node.children))

    def _and(self, children: list[Any]) -> ColumnElement[bool]:
        """Conditions that hold together."""
        flat = list(_flattened(children))
        roots = [self._open(child) for child in flat]
        for index, child in enumerate(flat):
            if not isinstance(child, Q) or not roots[index]:
                continue
            others = set(chain.from_iterable(roots[:index] + roots[index + 1 :]))
            if others & set(roots[index]):
                # one of several alternatives speaks of the same row as another condition does
                rest = flat[:index] + flat[index + 1 :]
                return or_(*(self._and([branch, *rest]) for branch in child.children))
        found: list[ColumnElement[bool]] = []
        groups: dict[Names, list[Leaf]] = {}
        for child, open_roots in zip(flat, roots, strict=True):
            if isinstance(child, Leaf) and open_roots:
                groups.setdefault(open_roots[0], []).append(child)
            elif isinstance(child, Leaf):
                found.append(self._leaf(child))
            else:
                found.append(self.condition(child))
        found += [self._some(root, leaves) for root, leaves in groups.items()]
        return and_(*found) if len(found) != 1 else found[0]

    def _open(self, node: Any) -> list[Names]:
        """The relations to many that a condition shares with those beside it."""
        if isinstance(node, Leaf):
            return self.roots(node)
        if isinstance(node, Q) and node.connector == OR and not node.negated:
            return list(dict.fromkeys(chain.from_iterable(map(self._open, node.children))))
        if isinstance(node, Q) and not node.negated and node.connector != XOR:
            return list(dict.fromkeys(chain.from_iterable(map(self._open, node.children))))
        # what is turned around speaks of all rows on the other side, so it stands alone
        return []

    def _some(self, root: Names, leaves: list[Leaf]) -> ColumnElement[bool]:
        """Whether a row of a relation to many fits all of these."""
        absent = all(self._is_null(leaf, root) for leaf in leaves)
        if absent and all(self._is_bare(leaf, root) for leaf in leaves):
            return ~self._exists(root, [])
        if all(self._is_bare(leaf, root) and leaf.value is False for leaf in leaves):
            return self._exists(root, [])
        found = self._exists(root, leaves)
        # a row without any is one whose columns on the other side are all NULL
        return or_(found, ~self._exists(root, [])) if absent else found

    def _exists(self, root: Names, leaves: list[Leaf]) -> ColumnElement[bool]:
        inner, tied = self.opened(root)
        condition = inner._and(list(leaves)) if leaves else true()
        return inner.finished(select(literal(1)), root, and_(tied, condition)).exists()

    def opened(self, root: Names) -> tuple[Context, ColumnElement[bool]]:
        """A context among the rows of a relation to many, and what ties them to this one."""
        relation, parent = self._parent_of(root)
        child = aliased(relation.entity.entity)
        tied = link(parent, relation, child)
        if not self.state.with_deleted and (live := unmarked(relation, child)) is not None:
            tied = and_(tied, live)
        return self._with(root, self._scope(child)), tied

    def _parent_of(self, root: Names) -> tuple[RelationshipProperty[Any], Any]:
        """The last relation of a root, and the entity that it starts from, joined if need be."""
        relations = path_of(self.state.model, "__".join(root)).relations
        scope, used = self._nearest(relations[:-1])
        return relations[-1], scope.joined(relations[used:-1])

    def finished(
        self, statement: Select[Any], root: Names, condition: ColumnElement[bool]
    ) -> Select[Any]:
        """A subquery on one level, tied to those around it."""
        scope = self.env[root]
        statement = scope.apply(statement.select_from(scope.entity)).where(condition)
        return statement.correlate_except(*map(selectable_of, scope.entities()))

    def _is_null(self, leaf: Leaf, root: Names) -> bool:
        """Whether a leaf is true where there is no row on the other side."""
        if not self._is_below(leaf, root):
            return False
        path = path_of(self.state.model, leaf.name)
        if path.rest[-1:] == ("isnull",):
            return leaf.value is True
        return leaf.value is None and path.rest in ((), ("exact",))

    def _is_bare(self, leaf: Leaf, root: Names) -> bool:
        """Whether a leaf only asks whether there is a row on the other side."""
        path = path_of(self.state.model, leaf.name)
        return (path.attribute is None and path.names() == root and path.rest == ("isnull",)) or (
            path.attribute is None and path.names() == root and leaf.value is None
        )

    def _is_below(self, leaf: Leaf, root: Names) -> bool:
        if self.annotation_in(leaf.name):
            return False
        return path_of(self.state.model, leaf.name).names()[: len(root)] == root

    def _limits(self, names: Names, child: Any) -> ColumnElement[bool] | None:
        """What earlier filters say of the rows of a relation, for the rows that are joined."""
        leaves = self.filtered_on(names)
        if not leaves:
            return None
        return self._with(names, self._scope(child))._and(list(leaves))

    def filtered_on(self, names: Names) -> list[Leaf]:
        """The conditions of the filters before this place that speak of rows of a relation."""
        found: list[Leaf] = []
        for q in self.state.filters[: self.filters_seen]:
            if q.negated or q.connector in (OR, XOR):
                continue
            for child in _flattened(q.children):
                if isinstance(child, Leaf) and self._is_below(child, names):
                    path = path_of(self.state.model, child.name)
                    if not self._is_bare(child, names) and path.first_many() == len(names) - 1:
                        found.append(child)
        return found

    def _leaf(self, leaf: Leaf) -> ColumnElement[bool]:
        """One keyword of a filter, whose tables are all at hand."""
        column, rest = self._start(leaf.name)
        for index, step in enumerate(rest):
            last = index == len(rest) - 1
            if last and (found := find_lookup(step, column.type)) is not None:
                return self._compared(column, found, leaf)
            column = self._stepped(column, step, leaf.name)
        found = find_lookup("exact", column.type)
        if found is None:
            raise _unknown_step(column, "exact", leaf.name)
        return self._compared(column, found, leaf)

    def _compared(self, column: ColumnElement[Any], found: Any, leaf: Leaf) -> ColumnElement[bool]:
        value = leaf.value
        if isinstance(column.type, Encrypted) and found.name != "isnull" and value is not None:
            raise FieldError(
                f"{leaf.name}: the column is encrypted, each time differently, so nothing but NULL"
                " can be compared with it"
            )
        if hasattr(value, "_state"):
            return self._with_query(column, found.name, value, leaf)
        if isinstance(value, Expression) or hasattr(value, "__clause_element__"):
            return found.build(column, operand_of(value).resolve(self))  # type: ignore[no-any-return]  # a condition
        if isinstance(value, ColumnElement):
            return found.build(column, self.adapted(value))  # type: ignore[no-any-return]  # a condition
        if found.name in ("in", "range") and isinstance(value, list | tuple):
            if any(isinstance(each, Expression) for each in value):
                return _of_expressions(
                    column, found.name, [operand_of(v).resolve(self) for v in value]
                )
            value = [_key_if_instance(each) for each in value]
        else:
            value = _key_if_instance(value)
        if hasattr(column, "clauses") and column.__visit_name__ == "tuple":
            return _compared_keys(column, found.name, value, leaf.name)
        if value is None and found.takes not in ("any", "flag") and found.name not in _WITH_NULL:
            raise InvalidValue(
                f"{leaf.name}=None compares with NULL, which is neither true nor false\n"
                f"  written:  {leaf.name}=None\n"
                f"  instead:  {leaf.name.removesuffix('__' + found.name)}__isnull=True"
            )
        return found.build(column, right_side(found, value, column.type, leaf.name))  # type: ignore[no-any-return]  # a condition

    def _with_query(
        self, column: ColumnElement[Any], name: str, queryset: Any, leaf: Leaf
    ) -> ColumnElement[bool]:
        """``airline__in=Airline.objects.filter(...)`` and comparisons with one value of a query."""
        inner = self.subselect(queryset)
        if name == "in":
            return column.in_(inner)
        found = find_lookup(name, column.type)
        if found is None:
            raise _unknown_step(column, name, leaf.name)
        return found.build(column, inner.scalar_subquery())

    def subselect(self, queryset: Any, *, one: bool = False) -> Any:
        """Another query as part of this one; ``one`` selects a mere 1, for EXISTS."""
        from trivium.db.queries.compiler import compile_inner

        return compile_inner(queryset._state, self, one=one)

    # -- Aggregates --------------------------------------------------------------------------------

    def aggregated(self, aggregate: Aggregate) -> ColumnElement[Any]:
        """An aggregate at this place: over the rows at hand, or a subquery for each row."""
        roots = self.roots(aggregate)
        if self.plain and all(self._is_at_hand(root) for root in roots):
            return aggregate.plain(self)
        if self.plain:
            return self._of_copy(aggregate)
        if len(roots) == 1:
            root = roots[0]
            inner, tied = self.opened(root)
            conditions = [tied]
            if leaves := self.filtered_on(root):
                conditions.append(inner._and(list(leaves)))
        else:
            root = ()
            inner, tied = self._same_row()
            conditions = [tied]
        if aggregate.filter:
            conditions.append(inner.condition(aggregate.filter))
        element = aggregate.plain(inner, filtered=False)
        return inner.finished(select(element), root, and_(*conditions)).scalar_subquery()

    def _is_at_hand(self, root: Names) -> bool:
        return root in self.scope.joins

    def _same_row(self) -> tuple[Context, ColumnElement[bool]]:
        """The row itself once more, as a table of its own."""
        entity = self.scope.entity
        again = aliased(mapper_of(entity).class_)
        made = self._with((), self._scope(again))
        made.env = {(): made.env[()]}
        made.annotated = {}
        tied = and_(
            *(left == right for left, right in zip(_keys(again), _keys(entity), strict=True))
        )
        return made, tied

    def _of_copy(self, aggregate: Aggregate) -> ColumnElement[Any]:
        """An aggregate over a relation of the rows of a group, in a query of its own.

        Joined to the rows at hand it would multiply what the other aggregates see.
        """
        again = aliased(mapper_of(self.scope.entity).class_)
        made = Context(self.state, again, self.parent)
        made.filters_seen = self.filters_seen
        made.plain = True
        conditions = [
            made.condition(q) for q in self.state.filters if not _names_aggregate(self, q)
        ]
        grouped = self.state.grouped or ()
        for name, outer in zip(grouped, self.groups, strict=True):
            conditions.append(made.column(name).is_not_distinct_from(outer))
        for root in made.roots(aggregate):
            made.column("__".join((*root, "pk")))
        element = aggregate.plain(made)
        return made.finished(select(element), (), and_(true(), *conditions)).scalar_subquery()


_WITH_NULL = ("exact", "iexact", "isnull")


def _names_aggregate(context: Context, q: Q) -> bool:
    """Whether a filter is about a value of a group."""
    from trivium.db.queries.aggregates import Aggregate

    found = (context.annotation_in(name) for name in q.paths())
    return any(each is not None and each.expression.has(Aggregate) for each in found)


def _flattened(children: Iterable[Any]) -> Iterator[Any]:
    """The conditions that hold together, without the Qs around them."""
    for child in children:
        is_q = isinstance(child, Q) and not child.negated
        if is_q and (child.connector not in (OR, XOR) or len(child.children) == 1):
            yield from _flattened(child.children)
        else:
            yield child


def _not(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The rows for which a condition does not hold, those included for which it is NULL."""
    return ~condition if isinstance(condition, Exists) else condition.is_not(true())


def _odd(conditions: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    """An odd number of conditions, which is what ^ of several means."""
    found, *rest = conditions
    for each in rest:
        left, right = found, each
        found = or_(and_(left, _not(right)), and_(_not(left), right))
    return found


def _element(attribute: Any) -> ColumnElement[Any]:
    """The column behind a mapped attribute."""
    while not isinstance(attribute, ColumnElement) and hasattr(attribute, "__clause_element__"):
        attribute = attribute.__clause_element__()
    return attribute  # type: ignore[no-any-return]  # what mapped attributes lead to


def _key_of_relation(
    relations: tuple[RelationshipProperty[Any], ...],
) -> tuple[tuple[RelationshipProperty[Any], ...], str]:
    """What stands for a relation in a comparison: the key it is held by."""
    last = relations[-1]
    local = local_key(last)
    if local is not None:
        return relations[:-1], local[1]
    keys = last.mapper.primary_key
    if len(keys) != 1:
        return relations, "pk"
    return relations, last.mapper.get_property_by_column(keys[0]).key


def _keys(entity: Any) -> list[Any]:
    mapper = mapper_of(entity)
    names = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    return [getattr(entity, name) for name in names]


def _key_if_instance(value: Any) -> Any:
    """The key of an instance; any other value as it is."""
    state = inspect(value, raiseerr=False) if hasattr(value, "_sa_instance_state") else None
    if state is None:
        return value
    if state.key is None:
        raise InvalidValue(f"{value!r} is not stored yet, so no row can refer to it")
    keys = state.key[1]
    return keys[0] if len(keys) == 1 else tuple(keys)


def _compared_keys(column: Any, name: str, value: Any, where: str) -> ColumnElement[bool]:
    """A comparison of a key of several columns."""
    if name == "in":
        return column.in_([tuple(each) for each in value]) if value else false()
    if name == "exact" and isinstance(value, tuple | list) and len(value) == len(column.clauses):
        pairs = zip(column.clauses, value, strict=True)
        return and_(*(part == each for part, each in pairs))
    raise InvalidValue(f"{where}={value!r} is not a key of {len(column.clauses)} columns")


def _of_expressions(column: Any, name: str, values: list[Any]) -> ColumnElement[bool]:
    if name == "in":
        return or_(*(column == value for value in values))
    return column.between(*values)  # type: ignore[no-any-return]  # a condition


def _is_json(column: ColumnElement[Any]) -> bool:
    from sqlalchemy.types import JSON

    return isinstance(column.type, JSON)


def _unknown_step(column: ColumnElement[Any], step: str, name: str) -> FieldError:
    """The error for something that cannot follow a column."""
    prefix = name.split(f"__{step}")[0] if step != "exact" else name
    return FieldError(
        f"{step!r} (in {name!r}) is neither a lookup nor a transform of {prefix!r}",
        name=step,
        known=available(column.type),
    )
