"""What a queryset has been told so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from trivium.db.queries.expressions import Expression
from trivium.db.queries.q import Q

__all__ = ["Annotation", "Lock", "State"]


@dataclass(frozen=True, slots=True)
class Annotation:
    """A value with a name that is computed for each row."""

    name: str
    expression: Expression
    filters_before: int
    """How many filters stood before it: those on the same relation limit what it counts."""
    selected: bool = True
    """Whether it is part of the result; ``alias()`` only gives a name."""


@dataclass(frozen=True, slots=True)
class Lock:
    """``select_for_update``."""

    nowait: bool = False
    skip_locked: bool = False
    of: tuple[str, ...] = ()
    no_key: bool = False


class State:
    """Everything that a query is made of. Querysets copy it and change the copy."""

    def __init__(self, model: type[Any]) -> None:
        self.model = model
        self.filters: tuple[Q, ...] = ()
        self.annotations: tuple[Annotation, ...] = ()
        self.ordering: tuple[Any, ...] | None = None
        """``None`` is the order of ``Meta``."""
        self.reverse = False
        self.limit: int | None = None
        self.offset = 0
        self.distinct = False
        self.distinct_on: tuple[str, ...] = ()
        self.values: tuple[str, ...] | None = None
        """The names of a result without instances; empty means all columns."""
        self.output = "instance"
        """``instance``, ``dict``, ``tuple``, ``flat`` or ``named``."""
        self.grouped: tuple[str, ...] | None = None
        """What the rows are grouped by."""
        self.related: tuple[str, ...] = ()
        self.prefetches: tuple[Any, ...] = ()
        self.only: tuple[str, ...] | None = None
        self.deferred: tuple[str, ...] = ()
        self.combined: tuple[str, bool, tuple[State, ...]] | None = None
        """The operator of a union, whether duplicates stay, and the queries."""
        self.lock: Lock | None = None
        self.empty = False
        self.with_deleted = False
        """Whether rows that are marked as deleted are on the other side of relations, too."""
        self.using: Any = None
        self.extra: tuple[Any, ...] = ()
        """Loader options of SQLAlchemy's."""

    def copy(self) -> Self:
        """The same again."""
        made = object.__new__(type(self))
        # as one step: every verb of a queryset copies
        made.__dict__.update(self.__dict__)
        return made

    def annotation(self, name: str) -> Annotation | None:
        """The annotation of that name, if there is one."""
        for each in self.annotations:
            if each.name == name:
                return each
        return None

    @property
    def is_sliced(self) -> bool:
        """Whether only a part of the rows is asked for."""
        return self.limit is not None or bool(self.offset)
