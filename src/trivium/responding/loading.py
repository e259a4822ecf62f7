"""Results that have to be waited for once it is known what the response needs of them.

A type says so by a static ``__trivium_load__(value, annotation)``, a coroutine function that is
given the value and the response type and returns the value to send. A query does, and so does a
model whose relations are loaded on demand.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from trivium.exchange import Exchange

__all__ = ["MustLoad", "Unfinished", "is_loaded", "loader_of"]

_LOAD = "__trivium_load__"
# Asking a class for what it does not have costs as much as the rest of many a reply.
_PLAIN = frozenset({dict, list, tuple, str, int, float, bool, type(None)})

Load: TypeAlias = Callable[[Any, Any], Awaitable[Any]]


def is_loaded(kind: type[Any]) -> bool:
    """Whether there is nothing to load for a value of this type itself."""
    return _load_of(kind) is None


def loader_of(value: Any) -> Load | None:
    """What loads a value, or the values in a list of them; ``None`` where nothing has to."""
    kind = type(value)
    return _load_of(type(value[0]) if kind in (list, tuple) and value else kind)


def _load_of(kind: type[Any]) -> Load | None:
    return None if kind in _PLAIN else getattr(kind, _LOAD, None)


class MustLoad(Exception):  # it is no error, and never leaves the room
    """The result cannot be written before it is loaded."""


class Unfinished:
    """A result whose reply is made after waiting."""

    __slots__ = ("_annotation", "_finish", "_value")

    def __init__(self, value: Any, annotation: Any, finish: Callable[[Any, Exchange], Any]) -> None:
        self._value = value
        self._annotation = annotation
        self._finish = finish

    async def finished(self, ex: Exchange) -> Any:
        """The reply."""
        load = loader_of(self._value)
        value = self._value if load is None else await load(self._value, self._annotation)
        return self._finish(value, ex)
