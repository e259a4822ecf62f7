"""The key under which an instance stands in the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm.attributes import instance_state

from trivium.db.errors import FieldError

__all__ = ["key_of"]


def key_of(instance: Any) -> tuple[Any, ...]:
    """The values of the key columns. ``FieldError`` for an instance that is not stored."""
    key = instance_state(instance).key
    if key is None:
        raise FieldError(f"{instance!r} is not stored yet")
    return tuple(key[1])
