"""``Flight.objects``: the rows of a model, and where a program adds verbs of its own."""

from __future__ import annotations

from typing import Any, Generic, Self, cast

from trivium.db.queries.chain import M
from trivium.db.queries.queryset import QuerySet
from trivium.db.queries.state import State

__all__ = ["Manager", "Objects", "objects"]


class Objects:
    """``objects`` of ``Model``: gives each class the manager of its rows."""

    def __get__(self, instance: object, owner: type[M]) -> Manager[M]:
        return Manager(owner)


class Manager(QuerySet[M, M], Objects, Generic[M]):
    """The rows of a model, as a query from which all others are made.

    A program writes a subclass for conditions that it needs often, and sets it on the model. What
    it defines can be used after every verb that gives instances::

        class FlightManager(Manager["Flight"]):
            def long(self) -> Self:
                return self.filter(distance__gt=1000)

        class Flight(Model):
            objects = FlightManager()

        await Flight.objects.long().filter(origin="JFK")

    ``initial()`` may be overridden to leave rows out of everything that goes through the manager.
    """

    __slots__ = ("__weakref__",)

    def __init__(self, model: type[M] | None = None) -> None:
        if model is not None:
            super().__init__(model)

    def __get__(self, instance: object, owner: type[Any]) -> Self:  # type: ignore[override]  # a manager is its own type
        if instance is not None:
            raise AttributeError(
                f"objects is of the class: {owner.__name__}.objects, not of one instance"
            )
        made = object.__new__(type(self))
        made._state = _state_of(owner)
        return made.initial()

    def initial(self) -> Self:
        """The rows that there are for this manager: all of them."""
        return self


def _state_of(model: type[Any]) -> State:
    state = State(model)
    meta = getattr(model, "_meta", None)
    state.using = getattr(meta, "using", None)
    return state


def objects(model: type[M]) -> Manager[M]:
    """The manager of any mapped class: ``objects(Plane).filter(...)`` for plain SQLAlchemy."""
    found = getattr(model, "objects", None)
    if isinstance(found, Manager):
        return cast("Manager[M]", found)
    return Manager(model)
