"""The rows that a relation leads to, for many instances in one statement."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BinaryExpression,
    BooleanClauseList,
    ColumnElement,
    Select,
    and_,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import RelationshipProperty, aliased
from sqlalchemy.sql import operators

from trivium.db.errors import NotSupported
from trivium.db.queries.compiler import Compiled, compile_state, default_order
from trivium.db.queries.context import Context
from trivium.db.queries.expressions import Expression, F
from trivium.db.queries.paths import key_pairs, mapper_of
from trivium.db.queries.q import Q, RowCondition
from trivium.db.queries.results import instances_of
from trivium.db.queries.scope import link, selectable_of
from trivium.db.queries.state import Annotation, State
from trivium.db.queries.windows import RowNumber, Window

__all__ = ["BelongsTo", "rows_of"]

ROW = "_row_number"
Key = tuple[Any, ...]


class BelongsTo(RowCondition, Expression):
    """Whether a row is on the other side of a relation of one instance."""

    __slots__ = ("_instance", "_relation")

    def __init__(self, instance: Any, relation: RelationshipProperty[Any]) -> None:
        self._instance = instance
        self._relation = relation

    def resolve(self, context: Context) -> ColumnElement[Any]:
        """A comparison of columns, or an EXISTS through the tables in between."""
        relation = self._relation
        mapper = relation.parent
        names = [mapper.get_property_by_column(local).key for local, _ in key_pairs(relation)]
        values = [getattr(self._instance, name) for name in names]
        if relation.secondary is None and is_plain(relation):
            columns = _remote_columns(relation, context.scope.entity)
            return and_(*(c == value for c, value in zip(columns, values, strict=True)))
        owner = aliased(mapper.class_)
        same = and_(*(getattr(owner, n) == v for n, v in zip(names, values, strict=True)))
        tied = link(owner, relation, context.scope.entity)
        statement = select(literal(1)).select_from(owner).where(same, tied)
        return statement.correlate(selectable_of(context.scope.entity)).exists()


async def rows_of(
    queryset: Any, relation: RelationshipProperty[Any], keys: list[Key]
) -> list[tuple[Key, Any]]:
    """Each row with the key of the instance that it belongs to, in the order of the query."""
    state: State = queryset._state.copy()
    if state.ordering is None and relation.order_by and not _has_own_order(state):
        state.ordering = tuple(relation.order_by)
    if state.is_sliced:
        state = _numbered(state, relation)
    compiled = compile_state(state)
    statement, owners = _tied(compiled, relation)
    statement = statement.add_columns(*owners).where(_among(owners, keys))
    width = len(owners)
    rows = await instances_of(state, statement, compiled.names, extra=width)
    return [(tuple(extra), instance) for instance, extra in rows]


def _has_own_order(state: State) -> bool:
    return bool(default_order(state.model))


def _tied(
    compiled: Compiled, relation: RelationshipProperty[Any]
) -> tuple[Select[Any], list[ColumnElement[Any]]]:
    """The statement with the tables in between, and the columns that say whose a row is."""
    entity = compiled.context.scope.entity
    statement = compiled.statement
    if relation.secondary is None and is_plain(relation):
        return statement, _remote_columns(relation, entity)
    owner = aliased(relation.parent.class_)
    names = [relation.parent.get_property_by_column(local).key for local, _ in key_pairs(relation)]
    tied = statement.where(link(owner, relation, entity))
    return tied, [getattr(owner, name) for name in names]


def _remote_columns(relation: RelationshipProperty[Any], entity: Any) -> list[Any]:
    mapper = mapper_of(entity)
    return [
        getattr(entity, mapper.get_property_by_column(remote).key)
        for _, remote in key_pairs(relation)
    ]


def is_plain(relation: RelationshipProperty[Any]) -> bool:
    """Whether a relation is nothing but equal columns, so that one side tells the other."""
    condition = relation.primaryjoin
    parts = (
        list(condition.clauses)
        if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_
        else [condition]
    )
    return len(parts) == len(key_pairs(relation)) and all(
        isinstance(part, BinaryExpression) and part.operator is operators.eq for part in parts
    )


def _among(columns: list[ColumnElement[Any]], keys: list[Key]) -> ColumnElement[bool]:
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return or_(*(and_(*(c == part for c, part in zip(columns, key, strict=True))) for key in keys))


def _numbered(state: State, relation: RelationshipProperty[Any]) -> State:
    """A slice for each instance: its rows are numbered, and the numbers compared."""
    if relation.secondary is not None or not is_plain(relation):
        raise NotSupported(
            f"a slice of {relation.key!r} for each instance: only relations by equal columns have"
            " one"
        )
    mapper = relation.mapper
    owners = [F(mapper.get_property_by_column(remote).key) for _, remote in key_pairs(relation)]
    order = (
        state.ordering or getattr(getattr(state.model, "_meta", None), "ordering", ()) or ("pk",)
    )
    numbered = state.copy()
    numbered.limit, numbered.offset = None, 0
    window = Window(RowNumber(), partition_by=owners, order_by=list(order))
    numbered.annotations = (
        *state.annotations,
        Annotation(ROW, window, len(state.filters), selected=False),
    )
    bounds = {f"{ROW}__gt": state.offset}
    if state.limit is not None:
        bounds[f"{ROW}__lte"] = state.offset + state.limit
    numbered.filters = (*state.filters, Q(**bounds))
    return numbered
