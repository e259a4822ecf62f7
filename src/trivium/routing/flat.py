"""The tree of routers as one list of routes with full paths."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from starlette.routing import (
    BaseRoute,
    Host,
    Match,
    Mount,
    NoMatchFound,
    Route,
    Router,
    WebSocketRoute,
    compile_path,
)
from starlette.types import Receive, Scope, Send

from trivium.binding.limits import limited
from trivium.routing.inclusion import Inclusion
from trivium.routing.route import APIRoute
from trivium.routing.subtree import Subtree
from trivium.routing.websocket import APIWebSocketRoute

__all__ = [
    "FlatRoute",
    "Included",
    "Kind",
    "RouteContext",
    "best_match",
    "flattened",
    "iter_route_contexts",
]

Kind: TypeAlias = Literal["http", "websocket", "mount", "host", "frontend", "other"]


@dataclass(frozen=True)
class FlatRoute:
    """One line of the route table: a stable description, whatever the tree behind it looks like."""

    path: str
    """The full path template, prefixes and mount points included, convertors left out."""
    methods: frozenset[str]
    """The HTTP methods, upper case; empty for what has none (WebSockets, mounts)."""
    name: str | None
    endpoint: Callable[..., Any] | None
    """The handler; for a mount the application."""
    kind: Kind
    route: BaseRoute
    """The route that serves it."""
    mounted_at: str = ""
    """The full path of the mount that it is below, empty at the top."""


class Tree(Protocol):
    """A router, seen from here: routes, among them included routers."""

    @property
    def routes(self) -> list[BaseRoute]: ...


class Included(BaseRoute):
    """A router that another one includes. The routes in it stay live: later ones count too."""

    def __init__(self, router: Tree, inclusion: Inclusion) -> None:
        self.original_router: Any = router
        self.inclusion = inclusion

    def routes(self) -> Iterator[BaseRoute]:
        """Its routes as they are served."""
        return flattened(self.original_router.routes, self.inclusion)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return best_match(self.routes(), scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Router(list(self.routes()))(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        for route in self.routes():
            try:
                return route.url_path_for(name, **path_params)
            except NoMatchFound:
                continue
        raise NoMatchFound(name, path_params)


@dataclass(frozen=True)
class RouteContext:
    """A route as it is served, beside the one that was declared."""

    route: BaseRoute

    @property
    def original_route(self) -> BaseRoute:
        """The route as it was declared."""
        original: BaseRoute = getattr(self.route, "original_route", None) or self.route
        return original

    @property
    def path(self) -> str | None:
        return getattr(self.route, "path", None)

    @property
    def path_format(self) -> str | None:
        return getattr(self.route, "path_format", None)

    @property
    def name(self) -> str | None:
        return getattr(self.route, "name", None)

    @property
    def methods(self) -> set[str] | None:
        return getattr(self.route, "methods", None)

    @property
    def endpoint(self) -> Callable[..., Any] | None:
        return getattr(self.route, "endpoint", None)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the route fits; for an included one by path and method alone.

        Tools ask before any middleware has run, and a ``matches`` of a class of the author's own
        may depend on what middleware leaves in the scope.
        """
        if isinstance(self.route, APIRoute) and self.route is not self.original_route:
            return APIRoute.matches(self.route, scope)
        return self.route.matches(scope)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.route, name)


def iter_route_contexts(routes: Iterable[BaseRoute | RouteContext]) -> Iterator[RouteContext]:
    """The routes, those of included routers in their place, each as it is served."""
    for route in routes:
        if isinstance(route, RouteContext):
            yield route
        else:
            yield from map(RouteContext, flattened([route]))


def flattened(
    routes: Iterable[BaseRoute], inclusion: Inclusion | None = None
) -> Iterator[BaseRoute]:
    """The routes as they are served, in order of declaration."""
    for route in routes:
        if isinstance(route, Included):
            inner = route.inclusion if inclusion is None else route.inclusion.within(inclusion)
            yield from flattened(route.original_router.routes, inner)
        elif inclusion is None:
            yield route
        elif isinstance(route, APIRoute | APIWebSocketRoute):
            yield route.included(inclusion)
        else:
            yield _prefixed(route, inclusion)


def best_match(routes: Iterable[BaseRoute], scope: Scope) -> tuple[Match, Scope]:
    """The match of the first route that takes path and method, else of the first for its path."""
    partial: tuple[Match, Scope] = (Match.NONE, {})
    for route in routes:
        match, child_scope = route.matches(scope)
        if match is Match.FULL:
            return match, child_scope
        if match is Match.PARTIAL and partial[0] is Match.NONE:
            partial = match, child_scope
    return partial


def described(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[FlatRoute]:
    """The lines of the route table, those of mounted applications after their mount."""
    for route in routes:
        path = prefix + (getattr(route, "path_format", None) or getattr(route, "path", None) or "")
        mounted: Any = None
        if isinstance(route, Mount | Host):
            mounted = getattr(route, "_base_app", route.app)
        if isinstance(route, Mount):
            path = prefix + route.path
        yield FlatRoute(
            path=path,
            methods=frozenset(getattr(route, "methods", None) or ()),
            name=getattr(route, "name", None),
            endpoint=getattr(route, "endpoint", None) or mounted,
            kind=_kind(route),
            route=route,
            mounted_at=prefix,
        )
        if isinstance(route, Mount | Host):
            below: Sequence[BaseRoute] = route.routes or ()
            yield from described(flattened(below), path if isinstance(route, Mount) else prefix)


def _kind(route: BaseRoute) -> Kind:
    if isinstance(route, Route):
        return "http"
    if isinstance(route, WebSocketRoute):
        return "websocket"
    if isinstance(route, Mount):
        return "mount"
    return "host" if isinstance(route, Host) else "other"


def _prefixed(route: BaseRoute, inclusion: Inclusion) -> BaseRoute:
    """A route of Starlette's, or of a class of its own, below a prefix."""
    served = copy.copy(route)
    extra: dict[str, Any] = {
        "original_route": route,
        "subtrees": (*inclusion.subtrees, *_subtrees(route)),
        "form_limits": {**inclusion.form_limits, **getattr(route, "form_limits", {})},
    }
    if isinstance(served, Route | WebSocketRoute | Mount):
        path = inclusion.prefix + served.path
        is_mount = isinstance(served, Mount)
        served.path = path.rstrip("/") if is_mount else path
        served.path_regex, served.path_format, served.param_convertors = compile_path(
            served.path + "/{path:path}" if is_mount else path
        )
        served.app = limited(served.app, inclusion.max_body_size)
    elif isinstance(served, Host) and inclusion.prefix:
        served.app = Router([Mount(inclusion.prefix, app=served.app)])
    vars(served).update(extra)
    return served


def _subtrees(route: BaseRoute) -> tuple[Subtree, ...]:
    return getattr(route, "subtrees", ())
