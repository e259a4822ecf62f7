"""The tables that one SELECT reads: its own, and those joined along relations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, inspect
from sqlalchemy.orm import RelationshipDirection, RelationshipProperty, aliased

from trivium.db.queries.paths import is_many, local_key

__all__ = ["Scope", "related", "selectable_of"]


def related(parent: Any, relation: RelationshipProperty[Any], child: Any) -> Any:
    """The relation as a target of ``join``, from one entity to another."""
    return getattr(parent, relation.key).of_type(child)


def link(parent: Any, relation: RelationshipProperty[Any], child: Any) -> ColumnElement[bool]:
    """The condition under which two entities belong together; a table between them included."""
    found: ColumnElement[bool] = related(parent, relation, child).__clause_element__()
    return found


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

    def on(self) -> Any:
        """What the join is made of."""
        attribute = related(self.parent, self.relation, self.entity)
        return attribute if self.condition is None else attribute.and_(self.condition)


class Scope:
    """One level of a query. ``entity`` is a mapped class or an alias of one."""

    __slots__ = ("entity", "joins")

    def __init__(self, entity: Any) -> None:
        self.entity = entity
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
