"""Names as queries write them: ``airline__name__icontains`` is two steps, a column and a lookup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

from sqlalchemy import Column, inspect
from sqlalchemy.ext.hybrid import HybridExtensionType
from sqlalchemy.orm import (
    CompositeProperty,
    Mapper,
    RelationshipDirection,
    RelationshipProperty,
    SynonymProperty,
)

from trivium.db.errors import FieldError

__all__ = [
    "Path",
    "column_names",
    "field_names",
    "is_many",
    "key_pairs",
    "local_key",
    "mapper_of",
    "path_of",
    "unknown_field",
]

SEPARATOR = "__"


@dataclass(frozen=True, slots=True)
class Path:
    """A name that has been followed through the models."""

    text: str
    """As it was written."""
    relations: tuple[RelationshipProperty[Any], ...]
    """The relations that are followed, in order."""
    attribute: str | None
    """The column, hybrid or synonym at the end; ``None`` where a relation itself is meant."""
    rest: tuple[str, ...]
    """What follows: transforms, keys of JSON, a lookup."""

    def names(self) -> tuple[str, ...]:
        """The relations by name."""
        return tuple(relation.key for relation in self.relations)

    def first_many(self) -> int | None:
        """Number of the first relation that leads to several rows."""
        for index, relation in enumerate(self.relations):
            if is_many(relation):
                return index
        return None


def is_many(relation: RelationshipProperty[Any]) -> bool:
    """Whether a relation leads to any number of rows."""
    return bool(relation.uselist)


def mapper_of(model: Any) -> Mapper[Any]:
    """The mapper of a mapped class or of an alias of one. ``FieldError`` for anything else."""
    found = inspect(model, raiseerr=False)
    mapper = getattr(found, "mapper", None)
    if not isinstance(mapper, Mapper):
        raise FieldError(f"{model!r} is not a mapped class: it has no table to query")
    return mapper


_PATHS: WeakKeyDictionary[type[Any], dict[str, Path]] = WeakKeyDictionary()


def path_of(model: type[Any], text: str) -> Path:
    """Follows a name from a model; what is not a field of the last one stays in ``rest``.

    Raises ``FieldError`` when the name begins with something that the model does not have.
    """
    known = _PATHS.get(model)
    if known is None:
        known = _PATHS.setdefault(model, {})
    found = known.get(text)
    if found is None:
        # An unknown name raises, so the cache holds only names that a program could write; rest is
        # checked by who uses the path, and a bound keeps names of strangers from filling memory.
        if len(known) > 2000:
            known.clear()
        found = known[text] = _follow(model, text)
    return found


def _follow(model: type[Any], text: str) -> Path:
    mapper = mapper_of(model)
    relations: list[RelationshipProperty[Any]] = []
    parts = text.split(SEPARATOR)
    for index, name in enumerate(parts):
        if name == "pk":
            keys = mapper.primary_key
            key = mapper.get_property_by_column(keys[0]).key if len(keys) == 1 else "pk"
            return Path(text, *_shortened(relations, key), tuple(parts[index + 1 :]))
        relation = mapper.relationships.get(name)
        if relation is not None:
            relations.append(relation)
            mapper = relation.mapper
            continue
        if _is_attribute(mapper, name):
            return Path(text, *_shortened(relations, name), tuple(parts[index + 1 :]))
        if index and name:
            # a lookup on the relation itself, or a mistake: whoever knows the lookups decides
            return Path(text, tuple(relations), None, tuple(parts[index:]))
        raise unknown_field(mapper, name, text)
    return Path(text, tuple(relations), None, ())


def _shortened(
    relations: list[RelationshipProperty[Any]], attribute: str
) -> tuple[tuple[RelationshipProperty[Any], ...], str]:
    """Without the last join where the row itself holds the value: ``airline__code``."""
    if relations and (local := local_key(relations[-1])) is not None:
        remote, name = local
        if remote == attribute:
            return tuple(relations[:-1]), name
    return tuple(relations), attribute


def local_key(relation: RelationshipProperty[Any]) -> tuple[str, str] | None:
    """For a reference by one column: the attribute it refers to, and the attribute that holds it.

    ``None`` for every other kind of relation.
    """
    if relation.direction is not RelationshipDirection.MANYTOONE or relation.secondary is not None:
        return None
    if len(relation.local_remote_pairs or ()) != 1:
        return None
    local, remote = cast("list[tuple[Column[Any], Column[Any]]]", relation.local_remote_pairs)[0]
    if not any(key.column is remote for key in local.foreign_keys):
        return None
    return (
        relation.mapper.get_property_by_column(remote).key,
        relation.parent.get_property_by_column(local).key,
    )


def key_pairs(relation: RelationshipProperty[Any]) -> list[tuple[Any, Any]]:
    """The columns on this side, each with the one over there, or in between, that is equal."""
    if relation.direction is RelationshipDirection.MANYTOONE:
        return [(local, remote) for remote, local in relation.synchronize_pairs]
    return list(relation.synchronize_pairs)


def _is_attribute(mapper: Mapper[Any], name: str) -> bool:
    if name in mapper.column_attrs:
        return True
    found = mapper.all_orm_descriptors.get(name)
    if found is None:
        return False
    if found.extension_type is HybridExtensionType.HYBRID_PROPERTY:
        return True
    return isinstance(mapper.attrs.get(name), SynonymProperty | CompositeProperty)


def column_names(mapper: Mapper[Any]) -> list[str]:
    """The columns of a model in the order of declaration."""
    return [prop.key for prop in mapper.column_attrs]


def field_names(mapper: Mapper[Any]) -> list[str]:
    """Everything that a query can name: columns, then relations."""
    return [*column_names(mapper), *mapper.relationships.keys()]


def unknown_field(mapper: Mapper[Any], name: str, text: str, *extra: str) -> FieldError:
    """The error for a name that a model does not have, with the names there are."""
    asked = f"{name!r} (in {text!r})" if name != text else repr(name)
    return FieldError(
        f"{mapper.class_.__name__} has no field {asked}",
        name=name,
        known=[*field_names(mapper), *extra],
    )
