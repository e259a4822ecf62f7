"""Objects that were read without a session, by what they are in the database."""

from collections.abc import Iterator
from typing import Any
from weakref import WeakSet, ref

__all__ = ["IDENTITY", "STATE", "Loose"]

IDENTITY = "_sa_identity"
"""Where an object that was read without a session has what it is in the database."""

STATE = "_sa_instance_state"
"""Where SQLAlchemy has what it knows of an object."""


_SWEEP = 1000


class _Changed(set[Any]):
    """States of objects with changes, which live on until these are written."""

    def add(self, state: Any) -> None:
        super().add(state)
        state._strong_obj = state.obj()


class Loose:
    """Finds the object of a row again, as long as anybody else holds it.

    To the states of its objects it is what the identity map of a session is to those of others.
    """

    __slots__ = ("__weakref__", "_sweep_at", "changed", "created", "known")

    def __init__(self) -> None:
        self.known: dict[Any, ref[Any]] = {}
        """The objects, which live no longer for it, by their identity."""
        self.changed = _Changed()
        self.created: WeakSet[Any] = WeakSet()
        """States of objects that were stored in the transaction."""
        self._sweep_at = _SWEEP

    def get(self, key: Any) -> Any:
        """The object; None where there is none any more."""
        reference = self.known.get(key)
        return None if reference is None else reference()

    def keep(self, key: Any, instance: Any) -> None:
        """Notes an object."""
        self.known[key] = ref(instance)
        self.sweep()

    def watch(self, state: Any) -> None:
        """Has changes of an object noted, which has to be one of these."""
        state._instance_dict = ref(self)

    @property
    def _modified(self) -> _Changed:
        """Where SQLAlchemy notes that an object was changed."""
        return self.changed

    def _fast_discard(self, state: Any) -> None:
        """Called by SQLAlchemy when an object is gone."""
        self.known.pop(state.key, None)

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
