"""Columns that point at another table, and what becomes of a row when its target is deleted.

::

    airline_code: Mapped[str] = foreign_key(Airline, on_delete=PROTECT)
    airline: Mapped[Airline] = relationship()

The rule is written on the column. ``delete()`` of an instance or a query follows it, tells how many
rows of which model went, and sends the signals. Where the database can follow it as well, it stands
in the schema too, so that a ``DELETE`` by another program leaves nothing dangling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Column, ForeignKey, inspect
from sqlalchemy.orm import MappedColumn, Mapper, mapped_column

from trivium.errors import DeclarationError

__all__ = [
    "CASCADE",
    "DO_NOTHING",
    "PROTECT",
    "RESTRICT",
    "SET",
    "SET_DEFAULT",
    "SET_NULL",
    "OnDelete",
    "foreign_key",
    "on_delete_of",
]


@dataclass(frozen=True, slots=True)
class OnDelete:
    """What happens to a row whose target is deleted."""

    name: str
    in_database: str | None = None
    """The same rule as SQL's ``ON DELETE`` says it, where it can."""
    value: Any = None
    """For ``SET``: the value, or a callable without parameters that gives it."""

    def __repr__(self) -> str:
        return self.name


CASCADE = OnDelete("CASCADE", "CASCADE")
"""The row is deleted as well."""
PROTECT = OnDelete("PROTECT", "RESTRICT")
"""The target cannot be deleted: ``ProtectedError``."""
RESTRICT = OnDelete("RESTRICT")
"""As ``PROTECT``, unless the row is deleted by the same call on another way."""
SET_NULL = OnDelete("SET_NULL", "SET NULL")
"""The column becomes NULL, so it must be nullable."""
SET_DEFAULT = OnDelete("SET_DEFAULT")
"""The column gets its default."""
DO_NOTHING = OnDelete("DO_NOTHING")
"""Nothing: the database's constraint refuses the deletion while rows point at the target."""

# The key of a column's `info` under which the rule stands.
INFO = "on_delete"


def SET(value: Any | Callable[[], Any]) -> OnDelete:  # it stands beside CASCADE
    """The column gets this value, or what this callable returns when the target is deleted."""
    return OnDelete("SET", None, value)


def foreign_key(
    target: type[Any] | str | Column[Any],
    *arguments: Any,
    on_delete: OnDelete,
    on_update: str | None = None,
    name: str | None = None,
    index: bool | None = None,
    **options: Any,
) -> MappedColumn[Any]:
    """A column that holds the key of a row of ``target``: a model, or ``"table.column"``.

    ``on_delete`` is one of ``CASCADE``, ``PROTECT``, ``RESTRICT``, ``SET_NULL``, ``SET_DEFAULT``,
    ``SET(value)`` and ``DO_NOTHING``. The column is indexed unless it is (part of) the primary key
    or unique. Other options are those of ``mapped_column``.

    Raises ``DeclarationError`` for a target whose key has several columns: such a reference is
    written with SQLAlchemy's ``ForeignKeyConstraint``.
    """
    if not isinstance(on_delete, OnDelete):
        raise DeclarationError(
            f"on_delete={on_delete!r} is not a rule",
            instead="foreign_key(Airline, on_delete=CASCADE)",
        )
    if on_delete is SET_NULL and options.get("nullable") is False:
        raise DeclarationError("SET_NULL needs a column that may be NULL", instead="nullable=True")
    if index is None:
        index = not (options.get("primary_key") or options.get("unique"))
    info = {**options.pop("info", {}), INFO: on_delete}
    key = ForeignKey(
        _column_of(target), ondelete=on_delete.in_database, onupdate=on_update, name=name
    )
    return mapped_column(*arguments, key, index=index or None, info=info, **options)


def on_delete_of(column: Column[Any]) -> OnDelete:
    """The rule of a column; for a plain SQLAlchemy column what its ``ON DELETE`` says."""
    rule = column.info.get(INFO)
    if isinstance(rule, OnDelete):
        return rule
    for key in column.foreign_keys:
        said = (key.ondelete or "").upper()
        if said:
            return {"CASCADE": CASCADE, "SET NULL": SET_NULL, "SET DEFAULT": SET_DEFAULT}.get(
                said, PROTECT
            )
    return DO_NOTHING


def _column_of(target: type[Any] | str | Column[Any]) -> str | Column[Any]:
    if isinstance(target, str):
        if "." not in target:
            raise DeclarationError(
                f"foreign_key({target!r}) does not say which column it points at",
                instead=f'foreign_key("{target.lower()}.id", on_delete=...)',
            )
        return target
    if isinstance(target, Column):
        return target
    mapper = inspect(target, raiseerr=False)
    if not isinstance(mapper, Mapper):
        raise DeclarationError(
            f"{target!r} is not a model", instead='foreign_key("airline.id", ...)'
        )
    if len(mapper.primary_key) != 1:
        raise DeclarationError(
            f"The key of {target.__qualname__} has {len(mapper.primary_key)} columns",
            instead="__table_args__ = (ForeignKeyConstraint([...], [...]),)",
        )
    return cast("Column[Any]", mapper.primary_key[0])
