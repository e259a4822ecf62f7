"""The decorators that declare routes, written once for applications and routers."""

import inspect
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, overload

from typing_extensions import Unpack

from trivium.routing.options import AddOptions, VerbOptions

__all__ = ["BoundVerb", "Declares", "Decorator", "Verb"]

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Decorator(Protocol):
    """Declares a function as the handler of a route and returns it unchanged."""

    def __call__(self, handler: Handler, /) -> Handler: ...


class Declares(Protocol):
    """An application or a router: something that routes are added to."""

    def add_api_route(
        self, path: str, endpoint: Callable[..., Any], **options: Unpack[AddOptions]
    ) -> None: ...


Owner = TypeVar("Owner", bound=Declares)


class BoundVerb(Generic[Owner]):
    """``app.get``, ``router.post``: declares handlers of one method. See ``VerbOptions``."""

    __slots__ = ("method", "owner")

    def __init__(self, owner: Owner, method: str) -> None:
        self.owner = owner
        self.method = method

    def __call__(self, path: str, **options: Unpack[VerbOptions]) -> Decorator:
        def declare(handler: Handler) -> Handler:
            self.owner.add_api_route(path, handler, methods=[self.method], **options)
            return handler

        return declare


class Verb:
    """An HTTP method as an attribute of everything that declares routes."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.__doc__ = f"Declares handlers of {method} requests."
        # what has a __get__ is taken for a builtin otherwise
        self.__signature__ = inspect.signature(self.__call__)

    def __call__(self, owner: Declares, path: str, **options: Unpack[VerbOptions]) -> Decorator:
        return BoundVerb(owner, self.method)(path, **options)

    @overload
    def __get__(self, owner: None, kind: type[Any]) -> "Verb": ...

    @overload
    def __get__(self, owner: Owner, kind: type[Any]) -> BoundVerb[Owner]: ...

    def __get__(self, owner: Any, kind: type[Any]) -> Any:
        return self if owner is None else BoundVerb(owner, self.method)
