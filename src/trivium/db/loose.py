"""Objects that were read without a session, by what they are in the database."""

from collections.abc import Iterator
from typing import Any
from weakref import ref

__all__ = ["Loose"]

_SWEEP = 1000


class Loose:
    """Finds the object of a row again, as long as anybody else holds it."""

    __slots__ = ("_sweep_at", "known")

    def __init__(self) -> None:
        self.known: dict[Any, ref[Any]] = {}
        """The objects, which live no longer for it, by their identity."""
        self._sweep_at = _SWEEP

    def get(self, key: Any) -> Any:
        """The object; None where there is none any more."""
        reference = self.known.get(key)
        return None if reference is None else reference()

    def keep(self, key: Any, instance: Any) -> None:
        """Notes an object."""
        self.known[key] = ref(instance)
        self.sweep()

    def sweep(self) -> None:
        """Forgets those that are gone, where there may be many."""
        if len(self.known) > self._sweep_at:
            self.known = {key: each for key, each in self.known.items() if each() is not None}
            self._sweep_at = 2 * len(self.known) + _SWEEP

    def living(self) -> Iterator[Any]:
        """Those that are still there."""
        for reference in list(self.known.values()):
            if (instance := reference()) is not None:
                yield instance
