"""Classes as groups of handlers that share a constructor.

The constructor's parameters are injected like a handler's, and an instance is made for every
request::

    @router.view("/flights")
    class Flights:
        def __init__(self, session: Annotated[AsyncSession, Depends(session)]) -> None:
            self.session = session

        async def get(self, limit: int = 20) -> list[FlightOut]: ...

        async def post(self, flight: FlightIn) -> FlightOut: ...

        @action.get("/{flight_id}", response_model_exclude_none=True)
        async def read(self, flight_id: int) -> FlightOut: ...

A method with the name of an HTTP method answers it at the view's own path; ``action`` marks
others, at a path below, or gives options to either.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any, TypeVar

from typing_extensions import Unpack

from trivium.binding.callables import signature_of
from trivium.binding.params import Depends
from trivium.errors import DeclarationError, place_of
from trivium.routing.options import VerbOptions
from trivium.routing.verbs import Declares

__all__ = ["Action", "action", "add_view"]

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_MARK = "__trivium_actions__"

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class _Mark:
    method: str
    path: str
    options: dict[str, Any]


class Action:
    """Marks a method of a view as the handler of one HTTP method."""

    def __init__(self, method: str) -> None:
        self._method = method.upper()

    def __call__(
        self, path: str = "", **options: Unpack[VerbOptions]
    ) -> Callable[[Handler], Handler]:
        def mark(handler: Handler) -> Handler:
            marks = [*getattr(handler, _MARK, ()), _Mark(self._method, path, dict(options))]
            setattr(handler, _MARK, marks)
            return handler

        return mark


class action:  # read as a namespace: action.get(...)
    """The decorators for the methods of a view."""

    get = Action("get")
    post = Action("post")
    put = Action("put")
    patch = Action("patch")
    delete = Action("delete")
    head = Action("head")
    options = Action("options")
    trace = Action("trace")


def add_view(owner: Declares, path: str, view: type[Any], options: VerbOptions) -> None:
    """Declares the handlers of a view. Raises DeclarationError for a class without any."""
    found = list(_handlers(view))
    if not found:
        raise DeclarationError(
            f"The view {view.__name__} has no handler",
            where=place_of(view),
            written=f"class {view.__name__}: ...",
            instead="a method named get, post, ..., or one marked with @action.get(...)",
        )
    for function, mark in found:
        merged = {"tags": [view.__name__], **options, **mark.options}
        owner.add_api_route(
            path + mark.path, _endpoint(view, function), methods=[mark.method], **merged
        )


def _handlers(view: type[Any]) -> Iterator[tuple[FunctionType, _Mark]]:
    seen: set[str] = set()
    for cls in view.__mro__:
        for name, member in vars(cls).items():
            if name in seen or not isinstance(member, FunctionType):
                continue
            seen.add(name)
            for mark in getattr(member, _MARK, ()):
                yield member, mark
            if name in _METHODS and not hasattr(member, _MARK):
                yield member, _Mark(name.upper(), "", {})


def _endpoint(view: type[Any], method: FunctionType) -> Callable[..., Any]:
    """The method as a handler whose first parameter is an injected instance of the view."""
    endpoint = FunctionType(
        method.__code__,
        method.__globals__,
        method.__name__,
        method.__defaults__,
        method.__closure__,
    )
    functools.update_wrapper(endpoint, method)
    endpoint.__kwdefaults__ = method.__kwdefaults__
    # a copy, and no wrapper: what it wraps must not be looked through
    del endpoint.__dict__["__wrapped__"]
    signature = signature_of(method)
    first, *others = signature.parameters.values()
    instance = first.replace(annotation=view, default=Depends(_constructor(view)))
    if instance.kind is inspect.Parameter.POSITIONAL_ONLY:
        instance = instance.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
    # the instance has a default now, and what follows may have none
    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (instance, *others)
    ]
    endpoint.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # how inspect is told
    return endpoint


def _constructor(view: type[Any]) -> Callable[..., Any]:
    """The class as a dependency that is called on the event loop, not in a worker thread."""

    async def construct(**arguments: Any) -> Any:
        return view(**arguments)

    construct.__name__ = view.__name__
    construct.__signature__ = signature_of(view)  # type: ignore[attr-defined]  # how inspect is told
    return construct
