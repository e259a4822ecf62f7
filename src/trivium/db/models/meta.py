"""``class Meta`` of a model: what is said of the table and of its rows as a whole."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any

from trivium.errors import DeclarationError

__all__ = ["Options", "options_of"]


@dataclass(frozen=True, slots=True)
class Options:
    """What a model's ``class Meta`` says, with the defaults filled in."""

    ordering: tuple[Any, ...] = ()
    """Order of a query that names none: names as for ``order_by``, or expressions."""
    table_name: str | None = None
    """Name of the table; the class name in snake_case where nothing is said."""
    abstract: bool = False
    """A parent of models, without a table of its own."""
    verbose_name: str = ""
    """What one row is called in a sentence."""
    verbose_name_plural: str = ""
    using: str | None = None
    """Name of the database that holds the table; ``None`` is the default one."""


# Said of one class, and not of those that inherit from it.
OWN = frozenset({"abstract", "table_name", "verbose_name", "verbose_name_plural"})


def options_of(cls: type) -> Options:
    """The options of a class from its own ``Meta`` and those of its parents.

    Raises ``DeclarationError`` for an option that does not exist.
    """
    said: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        meta = base.__dict__.get("Meta")
        if meta is None:
            continue
        for name, value in vars(meta).items():
            if name.startswith("__") or (name in OWN and base is not cls):
                continue
            said[name] = _checked(cls, name, value)
    words = snake_case(cls.__name__).replace("_", " ")
    said.setdefault("verbose_name", words)
    said.setdefault("verbose_name_plural", said["verbose_name"] + "s")
    return Options(**said)


def _checked(cls: type, name: str, value: Any) -> Any:
    known = Options.__dataclass_fields__
    if name not in known:
        near = difflib.get_close_matches(name, known, 1) or sorted(known)
        raise DeclarationError(
            f"Meta of {cls.__qualname__} has no option {name!r}",
            instead=f"{near[0]} = ...",
        )
    if name == "ordering":
        if isinstance(value, str) or not isinstance(value, list | tuple):
            raise DeclarationError(
                f"Meta.ordering of {cls.__qualname__} is not a list",
                written=f"ordering = {value!r}",
                instead=f"ordering = [{value!r}]",
            )
        return tuple(value)
    return value


def snake_case(name: str) -> str:
    """``"FlightPlan"`` becomes ``"flight_plan"``, ``"HTTPRoute"`` ``"http_route"``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
