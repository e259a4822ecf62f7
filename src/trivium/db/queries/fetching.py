"""Loading relations of instances that are there already: one query for all of them.

``prefetch_related`` does it for the rows of a result, ``await obj.fetch("airline")`` for an
instance and all its peers, those that came out of the same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from weakref import ref

from sqlalchemy.orm import Mapper, RelationshipProperty
from sqlalchemy.orm.attributes import instance_dict, instance_state, set_committed_value

from trivium.db.errors import FieldError
from trivium.db.queries.paths import is_many, key_pairs, mapper_of
from trivium.db.queries.scope import marked_by

__all__ = ["Prefetch", "fetch_for_peers", "load_relations", "remember_peers"]

# Parameters of one statement: the least that a database takes (SQLite before 3.32: 999).
BATCH = 900
PEERS = "_trivium_peers"


class Prefetch:
    """A relation to load, with the query that says which of its rows and in which order.

    ``queryset`` may filter, order, slice and prefetch further. With ``to_attr`` the rows become a
    list of that name, and the relation itself stays unloaded: it would not be all of them.
    """

    __slots__ = ("lookup", "queryset", "to_attr")

    def __init__(self, lookup: str, queryset: Any = None, to_attr: str | None = None) -> None:
        self.lookup = lookup
        self.queryset = queryset
        self.to_attr = to_attr
        if queryset is not None and not hasattr(queryset, "_state"):
            raise FieldError(f"Prefetch({lookup!r}, {queryset!r}) needs a query")
        if queryset is not None and queryset._state.output != "instance":
            raise FieldError(f"Prefetch({lookup!r}) needs a query of instances, not of values")
        if to_attr is not None and not to_attr.isidentifier():
            raise FieldError(f"to_attr={to_attr!r} is not a name")

    def check(self, model: type[Any]) -> None:
        """Raises ``FieldError`` where the relation does not exist."""
        relations = relations_of(model, self.lookup)
        target = relations[-1].mapper.class_
        asked = self.queryset._state.model if self.queryset is not None else target
        if not issubclass(asked, target) and not issubclass(target, asked):
            raise FieldError(
                f"Prefetch({self.lookup!r}) leads to {target.__name__}, and the query is of"
                f" {asked.__name__}"
            )

    def __repr__(self) -> str:
        return f"Prefetch({self.lookup!r})"


def relations_of(model: type[Any], name: str) -> tuple[RelationshipProperty[Any], ...]:
    """The relations of a name that is nothing but relations; ``FieldError`` otherwise."""
    mapper = mapper_of(model)
    found: list[RelationshipProperty[Any]] = []
    for step in name.split("__"):
        relation = mapper.relationships.get(step)
        if relation is None:
            asked = f"{step!r} (in {name!r})" if step != name else repr(step)
            raise FieldError(
                f"{mapper.class_.__name__} has no relation {asked}",
                name=step,
                known=mapper.relationships.keys(),
            )
        found.append(relation)
        mapper = relation.mapper
    return tuple(found)


class _Peers(list[Any]):
    """Instances of the same result, none of which is kept alive; a copy of one has none."""

    def __reduce__(self) -> Any:
        return _Peers, ()


def remember_peers(instances: Sequence[Any]) -> None:
    """Lets each instance find those of the same result."""
    peers = _Peers(map(ref, instances))
    for each in instances:
        instance_dict(each)[PEERS] = peers


def peers_of(instance: Any) -> list[Any]:
    """The instances of the same result that are still there; at least the instance itself."""
    found = (peer() for peer in instance_dict(instance).get(PEERS, ()))
    return [each for each in found if each is not None] or [instance]


async def fetch_for_peers(instance: Any, relations: Iterable[str], *, using: Any) -> None:
    """Loads relations of an instance and its peers, where they are not loaded yet."""
    for name in relations:
        relations_of(type(instance), name)
    await load_relations(peers_of(instance), [Prefetch(name) for name in relations], using)


async def load_relations(
    instances: Sequence[Any],
    prefetches: Sequence[Prefetch],
    using: Any,
    *,
    with_deleted: bool = False,
) -> None:
    """Loads relations of instances, step by step and each step once."""
    if not instances:
        return
    done: dict[tuple[str, ...], list[Any]] = {(): list(instances)}
    given = {tuple(each.lookup.split("__")): each for each in prefetches}
    for prefetch in prefetches:
        parents = done[()]
        names: tuple[str, ...] = ()
        for relation in relations_of(_class_of(instances), prefetch.lookup):
            names = (*names, relation.key)
            if names in done and given.get(names) is not prefetch:
                parents = done[names]
                continue
            own = given.get(names)
            parents = await _load(parents, relation, own, using, with_deleted)
            done[names] = parents
            if not parents:
                break


def _class_of(instances: Sequence[Any]) -> type[Any]:
    return type(instances[0])


async def _load(
    parents: Sequence[Any],
    relation: RelationshipProperty[Any],
    prefetch: Prefetch | None,
    using: Any,
    with_deleted: bool,
) -> list[Any]:
    """Loads one relation of some instances; what it leads to."""
    queryset = None if prefetch is None else prefetch.queryset
    to_attr = None if prefetch is None else prefetch.to_attr
    unique = {id(each): each for each in parents}.values()
    missing = [
        each for each in unique if queryset is not None or to_attr or not _has(each, relation)
    ]
    if missing:
        if queryset is None:
            queryset = _query(relation, with_deleted)
        found = await _rows(missing, relation, queryset, using)
        for parent in missing:
            rows = found.get(_local_key(parent, relation), [])
            _put(parent, relation, rows, to_attr)
    children: dict[int, Any] = {}
    for parent in unique:
        value = instance_dict(parent).get(to_attr or relation.key)
        for child in value if isinstance(value, list | set) else [value]:
            if child is not None:
                children[id(child)] = child
    loaded = list(children.values())
    remember_peers(loaded)
    return loaded


def _has(instance: Any, relation: RelationshipProperty[Any]) -> bool:
    return relation.key in instance_dict(instance)


def _put(
    parent: Any, relation: RelationshipProperty[Any], rows: list[Any], to_attr: str | None
) -> None:
    value: Any = rows if is_many(relation) else (rows[0] if rows else None)
    if to_attr is not None:
        instance_dict(parent)[to_attr] = value
        return
    set_committed_value(parent, relation.key, value)
    back = relation.back_populates
    if back and is_many(relation) and relation.secondary is None:
        for row in rows:
            if back not in instance_dict(row):
                set_committed_value(row, back, parent)


def _local_key(parent: Any, relation: RelationshipProperty[Any]) -> tuple[Any, ...]:
    mapper: Mapper[Any] = instance_state(parent).mapper
    return tuple(
        getattr(parent, mapper.get_property_by_column(local).key)
        for local, _ in key_pairs(relation)
    )


def _query(relation: RelationshipProperty[Any], with_deleted: bool) -> Any:
    """The rows that a relation can lead to."""
    from trivium.db.queries.manager import objects
    from trivium.db.queries.queryset import QuerySet

    target = relation.mapper.class_
    # what a manager leaves out is no member of a list; a reference leads to its row all the same
    own: Any = objects(target) if is_many(relation) or marked_by(relation) else QuerySet(target)
    return own.with_deleted() if with_deleted else own


async def _rows(
    parents: Sequence[Any], relation: RelationshipProperty[Any], base: Any, using: Any
) -> dict[tuple[Any, ...], list[Any]]:
    """What a relation leads to, for each key of the instances."""
    from trivium.db.queries.related_rows import rows_of

    if base._state.using is None and using is not None:
        base = base.using(using)
    keys = list(dict.fromkeys(_local_key(parent, relation) for parent in parents))
    keys = [key for key in keys if None not in key]
    found: dict[tuple[Any, ...], list[Any]] = {}
    width = max(len(key_pairs(relation)), 1)
    size = max(BATCH // width, 1)
    for start in range(0, len(keys), size):
        for key, row in await rows_of(base, relation, keys[start : start + size]):
            found.setdefault(key, []).append(row)
    return found
