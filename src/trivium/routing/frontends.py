"""The frontends of a router and of those that it includes: asked when no route answers."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from starlette._utils import get_route_path
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from trivium.binding.limits import first_given
from trivium.binding.params import Depends
from trivium.exchange import Exchange
from trivium.routing.flat import Included
from trivium.routing.inclusion import Inclusion
from trivium.routing.limiting import within_limit
from trivium.routing.route import APIRoute
from trivium.routing.subtree import Subtree, surrounded

if TYPE_CHECKING:
    from trivium.routing.frontend import Frontend

__all__ = ["Frontends", "Placed"]

Serve: TypeAlias = Callable[[Exchange], Awaitable[None]]
_READS = frozenset({"GET", "HEAD"})


class HasFrontends(Protocol):
    """A router, seen from here."""

    prefix: str
    max_body_size: int | None
    frontends: "list[tuple[Frontend, Sequence[Depends]]]"
    dependency_overrides_provider: Any

    @property
    def routes(self) -> list[BaseRoute]: ...


@dataclass(frozen=True, eq=False)
class Placed:
    """A frontend at its place in the tree of routers."""

    frontend: "Frontend"
    prefix: str
    dependencies: Sequence[Depends]
    subtrees: tuple[Subtree, ...]
    overrides_provider: object
    max_body_size: int | None


class Frontends:
    """All frontends; the one with the longest path that claims a request serves it."""

    def __init__(self, router: HasFrontends) -> None:
        placed = list(_placed(router, None))
        # sorted() keeps the order of declaration among equals
        placed.sort(key=lambda one: -one.frontend.specificity(one.prefix))
        self.placed = placed
        self._servers = [(one, _server(one), _refuser(one)) for one in placed]

    def find(self, path: str, method: str) -> Serve | None:
        """What serves the path, if any frontend claims it."""
        for one, serve, refuse in self._servers:
            if one.frontend.relative_path(one.prefix, path) is not None:
                return serve if method in _READS else refuse
        return None


def _placed(router: HasFrontends, inclusion: Inclusion | None) -> Iterator[Placed]:
    outer = inclusion or Inclusion(overrides_provider=router.dependency_overrides_provider)
    for frontend, dependencies in router.frontends:
        yield Placed(
            frontend,
            outer.prefix + router.prefix,
            (*outer.dependencies, *dependencies),
            outer.subtrees,
            outer.overrides_provider,
            first_given(outer.max_body_size, router.max_body_size),
        )
    yield from _below(router.routes, inclusion)


def _below(routes: Iterable[BaseRoute], inclusion: Inclusion | None) -> Iterator[Placed]:
    for route in routes:
        if isinstance(route, Included):
            inner = route.inclusion if inclusion is None else route.inclusion.within(inclusion)
            yield from _placed(route.original_router, inner)


def _server(one: Placed) -> Serve:
    """Serves a file within the dependencies of the routers around."""

    async def serve_file(request: Request, response: Response) -> Response:
        served = await _respond(one, request)
        served.raw_headers.extend(response.raw_headers)
        return served

    route = APIRoute(
        one.frontend.full_path(one.prefix).rstrip("/") + "/{path:path}",
        serve_file,
        dependencies=one.dependencies,
        dependency_overrides_provider=one.overrides_provider,
        include_in_schema=False,
    )
    return surrounded(within_limit(route.operation.serve, one.max_body_size), one.subtrees)


def _refuser(one: Placed) -> Serve:
    """Answers the methods that a file does not take; no dependency is called for that."""

    async def refuse(ex: Exchange) -> None:
        response = await _respond(one, ex.request)
        await response(ex.scope, ex.receive, ex.send)

    return surrounded(within_limit(refuse, one.max_body_size), one.subtrees)


async def _respond(one: Placed, request: Request) -> Response:
    path = get_route_path(request.scope)
    relative = one.frontend.relative_path(one.prefix, path) or ""
    return await one.frontend.respond(relative, request.scope)
