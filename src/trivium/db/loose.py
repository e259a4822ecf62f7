"""Objects that were read without a session, by what they are in the database."""

from collections.abc import Iterator
from typing import Any
from weakref import ref

from sqlalchemy.orm.attributes import manager_of_class

__all__ = ["IDENTITY", "STATE", "LateState", "Loose"]

IDENTITY = "_sa_identity"
"""Where an object that was read without a session has what it is in the database."""

STATE = "_sa_instance_state"
"""Where SQLAlchemy has what it knows of an object."""


class LateState:
    """SQLAlchemy's state of an object, made when it is first asked for.

    Reading columns does not ask, and most of what is read is never changed. Making the state takes
    about as long as the rest of reading a row.
    """

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        values = {} if instance is None else instance.__dict__
        if (identity := values.get(IDENTITY)) is None:
            raise AttributeError(f"{owner.__name__!r} has no attribute {STATE!r}")
        manager: Any = manager_of_class(owner)
        state = manager._state_constructor(instance, manager)
        state.key = identity
        # of two threads that ask at once one is the first
        return values.setdefault(STATE, state)


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
