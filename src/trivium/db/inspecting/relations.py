"""The relations of tables that were found, with a name on both sides."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKeyConstraint, Index, MetaData, Table, UniqueConstraint

from trivium.db.models.base import Model
from trivium.db.models.meta import snake_case

__all__ = ["Relation", "relations_of", "single_keys"]


@dataclass(frozen=True, slots=True)
class Relation:
    """A reference of one column, as both tables see it.

    name: on the side of the reference. back: on the other one; None where every name is taken.
    to_one: at most one row refers to another. alone: no other reference is between the tables.
    """

    column: Column[Any]
    target: Column[Any]
    name: str
    back: str | None
    to_one: bool
    alone: bool

    @property
    def is_own(self) -> bool:
        """Whether a table refers to itself."""
        return self.column.table is self.target.table


def relations_of(
    metadata: MetaData, classes: Mapping[str, str], taken: Mapping[str, Collection[str]]
) -> list[Relation]:
    """The relations between tables that have a primary key, which are models.

    classes: by the name of a table. taken: the attributes that its class has already.
    """
    names = {table: {*each, *dir(Model)} for table, each in taken.items()}
    keys = [
        (column, target, name)
        for table in metadata.tables.values()
        if table.primary_key.columns
        for column in table.columns
        for constraint in single_keys(column)
        if (target := _target(metadata, constraint)) is not None
        and (name := _free(names[table.name], _forward(column)))
    ]
    found = []
    for column, target, name in keys:
        table, other = column.table, target.table
        between = sum(_refers(one, two) for one, two in {(table, other), (other, table)})
        to_one = _is_unique(column)
        back = _free(
            names[other.name],
            *_backward(column, target, classes[table.name], name, between == 1, to_one),
        )
        found.append(Relation(column, target, name, back, to_one, between == 1))
    return found


def single_keys(column: Column[Any]) -> list[ForeignKeyConstraint]:
    """The references of a column that are of no other column too."""
    found = [key.constraint for key in column.foreign_keys]
    return [each for each in found if each is not None and len(each.elements) == 1]


def _target(metadata: MetaData, constraint: ForeignKeyConstraint) -> Column[Any] | None:
    table_name, _, column = constraint.elements[0].target_fullname.rpartition(".")
    table = metadata.tables.get(table_name)
    if table is None or not table.primary_key.columns:
        return None
    return table.columns.get(column)


def _free(taken: set[str], *names: str) -> str | None:
    for name in names:
        if name not in taken:
            taken.add(name)
            return name
    return None


def _forward(column: Column[Any]) -> str:
    stem = re.sub(r"\W", "_", column.name.removesuffix("_id").removesuffix("_fk"))
    return stem if stem != column.name and stem.isidentifier() else f"{stem}_row"


def _backward(
    column: Column[Any], target: Column[Any], cls: str, name: str, alone: bool, to_one: bool
) -> Iterable[str]:
    if column.table is target.table:
        yield f"{name}_of"
        return
    one = snake_case(cls)
    rows = one if to_one else plural(one)
    if alone:
        yield rows
    yield f"{name}_{rows}"


def plural(word: str) -> str:
    """One word for many rows; one that looks as if it said many stays."""
    if re.search(r"[^aious]s\Z", word):
        return word
    if re.search(r"[^aeiou]y\Z", word):
        return f"{word[:-1]}ies"
    return f"{word}es" if re.search(r"(s|x|z|ch|sh)\Z", word) else f"{word}s"


def _refers(table: Table, other: Table) -> int:
    return sum(
        key.elements[0].target_fullname.rpartition(".")[0] == other.name
        for key in table.foreign_key_constraints
    )


def _is_unique(column: Column[Any]) -> bool:
    """Whether no two rows have the same value."""
    table: Any = column.table
    sets = [list(table.primary_key.columns)]
    sets += [list(each.columns) for each in table.constraints if isinstance(each, UniqueConstraint)]
    sets += [
        list(each.expressions) for each in table.indexes if each.unique and not _is_partial(each)
    ]
    return any(len(each) == 1 and each[0] is column for each in sets)


def _is_partial(index: Index) -> bool:
    options = index.dialect_kwargs.items()
    return any(name.endswith("_where") and value is not None for name, value in options)
