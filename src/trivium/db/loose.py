"""Objects that were read without a session, by what they are in the database."""

from collections.abc import Iterator
from typing import Any
from weakref import ref

__all__ = ["Loose"]

_SWEEP = 1000


class Loose:
    """Finds the object of a row again, as long as anybody else holds it."""

    __slots__ = ("_references", "_sweep_at")

    def __init__(self) -> None:
        self._references: dict[Any, ref[Any]] = {}
        self._sweep_at = _SWEEP

    def get(self, key: Any) -> Any:
        """The object; None where there is none any more."""
        reference = self._references.get(key)
        return None if reference is None else reference()

    def keep(self, key: Any, instance: Any) -> None:
        """Notes an object, which lives no longer for it."""
        self._references[key] = ref(instance)
        if len(self._references) > self._sweep_at:
            self._references = {
                key: each for key, each in self._references.items() if each() is not None
            }
            self._sweep_at = 2 * len(self._references) + _SWEEP

    def living(self) -> Iterator[Any]:
        """Those that are still there."""
        for reference in list(self._references.values()):
            if (instance := reference()) is not None:
                yield instance
