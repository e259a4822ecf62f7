"""The routes of an application as a flat list, which is what other packages expect it to be.

FastAPI had such a list until its routers became a tree in 0.137. Libraries that walk it (for
metrics, traces, rate limits) ask each route whether it matches, and read its path and handler.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar

from starlette.routing import BaseRoute

from trivium.errors import DeclarationError
from trivium.routing.flat import Included, flattened

if TYPE_CHECKING:
    from trivium.routing.router import APIRouter

__all__ = ["ServedRoutes"]

T = TypeVar("T")


class ServedRoutes(list[BaseRoute]):
    """The routes as they are served, those of included routers in their place.

    A change is made in the router, where a router that is included is one entry. Raises
    DeclarationError for a change inside of one: it belongs to that router.
    """

    def __init__(self, router: "APIRouter") -> None:
        super().__init__(router.dispatcher.routes)
        self._router = router

    def append(self, route: BaseRoute) -> None:
        self._router.routes.append(route)
        super().extend(flattened([route]))

    def extend(self, routes: Iterable[BaseRoute]) -> None:
        for route in list(routes):
            self.append(route)

    def insert(self, index: SupportsIndex, route: BaseRoute) -> None:
        self._change(lambda routes: routes.insert(index, route))

    def remove(self, route: BaseRoute) -> None:
        self._change(lambda routes: routes.remove(route))

    def pop(self, index: SupportsIndex = -1) -> BaseRoute:
        return self._change(lambda routes: routes.pop(index))

    def clear(self) -> None:
        self._change(lambda routes: routes.clear())

    def reverse(self) -> None:
        self._change(lambda routes: routes.reverse())

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        self._change(lambda routes: routes.sort(key=key, reverse=reverse))

    def __setitem__(self, index: Any, value: Any) -> None:
        self._change(lambda routes: routes.__setitem__(index, value))

    def __delitem__(self, index: SupportsIndex | slice) -> None:
        self._change(lambda routes: routes.__delitem__(index))

    def __iadd__(self, routes: Iterable[BaseRoute]) -> "ServedRoutes":  # type: ignore[override,misc]  # in place, as for any list
        self.extend(routes)
        return self

    def _change(self, change: Callable[[list[BaseRoute]], T]) -> T:
        wanted = list(self)
        result = change(wanted)
        self._router.routes[:] = self._tree_of(wanted)
        super().__setitem__(slice(None), self._router.dispatcher.routes)
        return result

    def _tree_of(self, wanted: list[BaseRoute]) -> list[BaseRoute]:
        """The entries of the router that are served as ``wanted``."""
        groups: dict[int, tuple[Included, list[BaseRoute]]] = {}
        served = iter(self)
        for entry in self._router.routes:
            group = [next(served) for _ in flattened([entry])]
            if isinstance(entry, Included):
                groups.update((id(route), (entry, group)) for route in group)
        tree: list[BaseRoute] = []
        place = 0
        while place < len(wanted):
            included, group = groups.get(id(wanted[place]), (wanted[place], [wanted[place]]))
            if list(map(id, wanted[place : place + len(group)])) != list(map(id, group)):
                raise DeclarationError(
                    f"The route {getattr(wanted[place], 'path', wanted[place])!r} is one of an"
                    " included router, and is served as long as that router has it",
                    written="a change of app.routes",
                    instead="the same change of the router's own routes",
                )
            tree.append(included)
            place += len(group)
        return tree
