"""The tables that one SELECT reads: its own, and those joined along relations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, inspect
from sqlalchemy.orm import RelationshipDirection, RelationshipProperty, aliased

from trivium.db.queries.paths import is_many, local_key

__all__ = ["MARKED_BY", "Scope", "link", "marked_by", "related", "selectable_of", "unmarked"]


def related(parent: Any, relation: RelationshipProperty[Any], child: Any) -> Any:
    """The relation as a target of ``join``, from one entity to another."""
    return getattr(parent, relation.key).of_type(child)


def link(parent: Any, relation: RelationshipProperty[Any], child: Any) -> ColumnElement[bool]:
    """The condition under which two entities belong together; a table between them included."""
    found: ColumnElement[bool] = related(parent, relation, child).__clause_element__()
    return found


def unmarked(relation: RelationshipProperty[Any], child: Any) -> ColumnElement[bool] | None:
    """That a row on the other side of a relation is not marked as deleted, where it can be.

    A reference leads to its row all the same: only rows that point here are left out.
    """
    name = marked_by(relation)
    return None if name is None else getattr(child, name).is_(None)


def marked_by(relation: RelationshipProperty[Any]) -> str | None:
    """The column that marks rows of the other side as deleted, if these can be left out."""
    if relation.direction is RelationshipDirection.MANYTOONE:
        return None
    return getattr(relation.mapper.class_, MARKED_BY, None)


MARKED_BY = "__trivium_marked_by__"
"""Where a model whose rows are marked rather than deleted names the column for it."""


def selectable_of(entity: Any) -> FromClause:
    """The table or alias behind an entity."""
    found: FromClause = inspect(entity).selectable
    return found


def may_miss(relation: RelationshipProperty[Any]) -> bool:
    """Whether a row can be without the other side, so that an inner join would lose it."""
    if relation.direction is not RelationshipDirection.MANYTOONE or local_key(relation) is None:
        return True
    return any(column.nullable for column in relation.local_columns)


@dataclass(slots=True)
class Joined:
    """A table that a scope joins."""

    entity: Any
    parent: Any
    relation: RelationshipProperty[Any]
    outer: bool
    condition: Any = None
    """For a relation to many: which of them take part."""
    with_deleted: bool = False

    def on(self) -> Any:
        """What the join is made of."""
        attribute = related(self.parent, self.relation, self.entity)
        if not self.with_deleted and (live := unmarked(self.relation, self.entity)) is not None:
            attribute = attribute.and_(live)
        return attribute if self.condition is None else attribute.and_(self.condition)


class Scope:
    """One level of a query. ``entity`` is a mapped class or an alias of one."""

    __slots__ = ("entity", "joins", "with_deleted")

    def __init__(self, entity: Any, *, with_deleted: bool) -> None:
        self.entity = entity
        self.with_deleted = with_deleted
        self.joins: dict[tuple[str, ...], Joined] = {}

    def joined(
        self,
        relations: tuple[RelationshipProperty[Any], ...],
        *,
        condition: Any = None,
        entity: Any = None,
    ) -> Any:
        """The entity at the end of relations, which are joined where they are not yet.

        ``condition`` limits the rows of the last relation when it is joined here first, as
        ``entity`` if that is given.
        """
        made = entity
        entity = self.entity
        names: tuple[str, ...] = ()
        outer = False
        for index, relation in enumerate(relations):
            names = (*names, relation.key)
            join = self.joins.get(names)
            if join is None:
                last = index == len(relations) - 1
                join = Joined(
                    (made if last else None) or aliased(relation.entity.entity),
                    entity,
                    relation,
                    outer or is_many(relation) or may_miss(relation),
                    condition if last else None,
                    self.with_deleted,
                )
                self.joins[names] = join
            outer = join.outer
            entity = join.entity
        return entity

    def entities(self) -> list[Any]:
        """Everything that this level reads."""
        return [self.entity, *(join.entity for join in self.joins.values())]

    def apply(self, statement: Select[Any]) -> Select[Any]:
        """The statement with the joins of this level."""
        for join in self.joins.values():
            statement = statement.join(join.on(), isouter=join.outer)
        return statement

    @property
    def multiplies(self) -> bool:
        """Whether a row can come out several times."""
        return any(is_many(join.relation) for join in self.joins.values())
