"""SQLAlchemy's state of an object that was read without a session."""

from typing import Any

from sqlalchemy.orm.attributes import manager_of_class

from trivium.db.loose import IDENTITY, STATE
from trivium.db.units import unit_or_none

__all__ = ["LateState"]


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
        if values.setdefault(STATE, state) is state:
            _watched(state, instance)
        return values[STATE]


def _watched(state: Any, instance: Any) -> None:
    """Has the current unit of work know of changes, if it knows the object."""
    if (unit := unit_or_none()) is not None:
        for lane in unit.lanes:
            if lane.has_loose and lane.loose.get(state.key) is instance:
                lane.loose.watch(state)
