"""``QuerySet``: a query of the rows of a model, made step by step and asked by ``await``."""

from __future__ import annotations

from typing import Any, Generic

from trivium.db.queries.chain import M, R
from trivium.db.queries.state import State
from trivium.db.queries.writing import Writing

__all__ = ["QuerySet"]


class QuerySet(Writing[M, R], Generic[M, R]):
    """The rows of a model that fit, in an order, with what is to be loaded along.

    ::

        late = Flight.objects.filter(delay__gt=60).select_related("airline").order_by("-delay")
        rows = await late[:20]          # a list
        count = await late.count()
        async for flight in late: ...

    Each verb returns another query and leaves this one as it is. Nothing is asked before ``await``,
    ``async for`` or a verb that is awaited itself; each of those asks once, and keeps no result.
    ``QuerySet[Flight]`` gives instances, ``values()`` and ``values_list()`` make rows of others.

    Any mapped class can be queried, ``QuerySet(Plane)``, also plain SQLAlchemy ones.
    """

    __slots__ = ()

    def __init__(self, model: type[M]) -> None:
        self._state: State = State(model)


def of_state(state: State) -> QuerySet[Any, Any]:
    """The query of a state."""
    made = object.__new__(QuerySet)
    made._state = state
    return made
