"""A router: routes in order of declaration, other routers among them, and the way to each."""

import os
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Required, TypeVar

from starlette import routing as starlette_routing
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute, Host, Match, Mount, NoMatchFound, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import TypedDict, Unpack, deprecated

from trivium.binding.defaults import DefaultPlaceholder, value_or_default
from trivium.binding.limits import (
    FormLimits,
    checked_body_size,
    checked_form_limits,
    first_given,
)
from trivium.binding.params import Depends
from trivium.errors import DeclarationError, place_of
from trivium.exchange import Exchange
from trivium.routing.dispatch import Dispatcher, not_found
from trivium.routing.failures import failures_answered, handlers_in
from trivium.routing.flat import FlatRoute, Included, best_match, described, flattened
from trivium.routing.frontends import Frontends
from trivium.routing.inclusion import Inclusion
from trivium.routing.lifespan import Lifespan, StartAndStop, merged, wrapped
from trivium.routing.options import (
    DEFAULT_RESPONSE_CLASS,
    DEFAULT_STRICTNESS,
    DEFAULT_UNIQUE_ID,
    AddOptions,
    MountedOptions,
    RouteOptions,
    VerbOptions,
    refuse_unknown,
)
from trivium.routing.route import APIRoute
from trivium.routing.route_list import RouteList
from trivium.routing.subtree import Subtree
from trivium.routing.template import parsed
from trivium.routing.verbs import Decorator, Verb
from trivium.routing.websocket import APIWebSocketRoute

if TYPE_CHECKING:
    from trivium.routing.frontend import Frontend

__all__ = [
    "APIRouter",
    "FrontendOptions",
    "IncludeOptions",
    "RouterOptions",
    "refuse_relative",
]

Handler = TypeVar("Handler", bound=Callable[..., Any])


View = TypeVar("View", bound=type[Any])


class IncludeOptions(MountedOptions, total=False):
    """The options of ``include_router``."""

    prefix: str
    """Comes before the path of every route: starts with a slash and does not end with one."""
    default_response_class: type[Response]
    """The response class of routes that choose none."""


class FrontendOptions(TypedDict, total=False):
    """The options of ``frontend``."""

    directory: Required[str | os.PathLike[str]]
    """Where the built files are."""
    fallback: Literal["auto", "index.html", "404.html"] | None
    """What answers a path without a file."""
    check_dir: bool | Literal["auto"]
    """Whether a missing directory is refused at once."""


class RouterOptions(IncludeOptions, total=False):
    """The options of ``APIRouter``."""

    routes: list[BaseRoute] | None
    redirect_slashes: bool
    """Whether a path that exists only with, or only without, its last slash is redirected to."""
    default: ASGIApp | None
    """Answers what no route answers."""
    dependency_overrides_provider: Any | None
    route_class: type[APIRoute]
    """The class of the routes declared here."""
    on_startup: Sequence[Callable[[], Any]] | None
    on_shutdown: Sequence[Callable[[], Any]] | None
    lifespan: Any
    strict_content_type: bool
    """Whether a JSON body needs a JSON content type."""
    middleware: Sequence[Middleware] | None
    """ASGI middleware for the routes of this router and those below, first one outermost."""
    exception_handlers: Mapping[Any, Callable[..., Any]] | None
    """Exception handlers for the routes of this router and those below."""


class APIRouter(starlette_routing.Router):
    """Routes that are declared together and included together, or served as they are.

    Included routers stay live: a route added later is served too. As an ASGI application a router
    serves its routes alone.
    """

    get = Verb("GET")
    put = Verb("PUT")
    post = Verb("POST")
    delete = Verb("DELETE")
    options = Verb("OPTIONS")
    head = Verb("HEAD")
    patch = Verb("PATCH")
    trace = Verb("TRACE")

    # Starlette's routers are equal when their routes are; two empty ones must not be the same here
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]  # Starlette's have none
        return id(self)

    _dispatcher_class: type[Dispatcher] = Dispatcher

    def __init__(self, **options: Unpack[RouterOptions]) -> None:
        refuse_unknown(type(self).__name__, options, RouterOptions)
        given: dict[str, Any] = dict(options)
        self.prefix: str = _checked_prefix(given.get("prefix") or "")
        self.tags: list[Any] = given.get("tags") or []
        self.dependencies = list(given.get("dependencies") or ())
        self.default_response_class: Any = given.get(
            "default_response_class", DEFAULT_RESPONSE_CLASS
        )
        self.responses: dict[int | str, dict[str, Any]] = given.get("responses") or {}
        self.callbacks: list[BaseRoute] = given.get("callbacks") or []
        self.redirect_slashes: bool = given.get("redirect_slashes", True)
        self.default: ASGIApp = given.get("default") or not_found
        self.dependency_overrides_provider = given.get("dependency_overrides_provider")
        self.route_class: type[APIRoute] = given.get("route_class", APIRoute)
        self.on_startup: list[Callable[[], Any]] = list(given.get("on_startup") or ())
        self.on_shutdown: list[Callable[[], Any]] = list(given.get("on_shutdown") or ())
        lifespan = given.get("lifespan")
        own: Lifespan = StartAndStop(self.on_startup, self.on_shutdown)
        # Starlette's annotation has a lifespan yield state always or never
        self.lifespan_context: Any = own if lifespan is None else wrapped(lifespan)
        self.deprecated: bool | None = given.get("deprecated")
        self.include_in_schema: bool = given.get("include_in_schema", True)
        self.generate_unique_id_function: Any = given.get(
            "generate_unique_id_function", DEFAULT_UNIQUE_ID
        )
        self.strict_content_type: bool | DefaultPlaceholder = given.get(
            "strict_content_type", DEFAULT_STRICTNESS
        )
        self.max_body_size = checked_body_size(given.get("max_body_size"))
        self.form_limits: FormLimits = checked_form_limits(given.get("form_limits"))
        self.subtree = Subtree(
            list(given.get("middleware") or ()), dict(given.get("exception_handlers") or {})
        )
        self.refuses_several_bodies = False
        self.frontends: list[tuple[Frontend, Sequence[Depends]]] = []
        self.version = 0
        self._parents: weakref.WeakSet[APIRouter] = weakref.WeakSet()
        self._routes = RouteList(given.get("routes") or (), self.changed)

    # The tree

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes as they were declared; an included router is one entry."""
        return self._routes

    @routes.setter
    def routes(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = RouteList(routes, self.changed)
        self.changed()

    def changed(self) -> None:
        """Has the table compiled anew, here and in the routers that include this one."""
        self.version += 1
        self.__dict__.pop("dispatcher", None)
        for parent in self._parents:
            parent.changed()

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """The compiled table; an attribute once it is made, until the routes change."""
        own = self._own_inclusion()
        routes = [_within(route, own) for route in flattened(self._routes)]
        return self._dispatcher_class(routes, Frontends(self), self)

    def dispatch_with(self, dispatcher_class: type[Dispatcher]) -> None:
        """Has the table compiled with a class of its own, which observes its requests."""
        if self._dispatcher_class is not dispatcher_class:
            self._dispatcher_class = dispatcher_class
            self.changed()

    def routes_flat(self) -> Iterator[FlatRoute]:
        """Every route with its full path, in order of declaration.

        Included routers and mounted applications are followed. This is the stable way to see what
        is served, for tools and for other packages.
        """
        yield from described(self.dispatcher.routes)
        for one in self.dispatcher.frontends.placed:
            yield FlatRoute(
                path=one.frontend.full_path(one.prefix),
                methods=frozenset({"GET", "HEAD"}),
                name=None,
                endpoint=one.frontend.respond,
                kind="frontend",
                route=BaseRoute(),
            )

    def include_router(self, router: "APIRouter", **options: Unpack[IncludeOptions]) -> None:
        """Serves the routes of another router below this one, now and as they will be added.

        Raises DeclarationError for a router that includes itself, and where neither the prefix
        nor a route has a path.
        """
        refuse_unknown("include_router", options, IncludeOptions)
        self._refuse_circle(router)
        prefix = _checked_prefix(options.get("prefix") or "")
        for route, path in _paths(router.routes, prefix):
            _refuse_path(route, path)
            if "{" in prefix:
                # a parameter of the prefix may be one of the route's as well
                parsed(self.prefix + path)
            if isinstance(route, APIRoute) and self._refuses_several_bodies():
                route.refuse_several_bodies()
        self._routes.append(Included(router, self._inclusion(router, prefix, options)))
        router._parents.add(self)
        self.lifespan_context = merged(self.lifespan_context, router.lifespan_context)

    def _inclusion(self, router: "APIRouter", prefix: str, options: IncludeOptions) -> Inclusion:
        given: dict[str, Any] = dict(options)
        return Inclusion(
            prefix=self.prefix + prefix,
            tags=[*self.tags, *(given.get("tags") or ())],
            dependencies=(*self.dependencies, *(given.get("dependencies") or ())),
            default_response_class=value_or_default(
                router.default_response_class,
                given.get("default_response_class", DEFAULT_RESPONSE_CLASS),
                self.default_response_class,
            ),
            responses={**self.responses, **(given.get("responses") or {})},
            callbacks=(*self.callbacks, *(given.get("callbacks") or ())),
            deprecated=given.get("deprecated") or self.deprecated,
            include_in_schema=self.include_in_schema and given.get("include_in_schema", True),
            generate_unique_id_function=value_or_default(
                router.generate_unique_id_function,
                given.get("generate_unique_id_function", DEFAULT_UNIQUE_ID),
                self.generate_unique_id_function,
            ),
            strict_content_type=value_or_default(
                router.strict_content_type, self.strict_content_type
            ),
            max_body_size=first_given(
                router.max_body_size,
                checked_body_size(given.get("max_body_size")),
                self.max_body_size,
            ),
            form_limits=_merged_limits(
                checked_form_limits(given.get("form_limits")), router.form_limits
            ),
            subtrees=(router.subtree,) if router.subtree else (),
            overrides_provider=self.dependency_overrides_provider,
        )

    def _own_inclusion(self) -> Inclusion | None:
        """What this router adds to its routes when it is the outermost one."""
        if not (self.subtree or self.form_limits or self.max_body_size is not None):
            return None
        return Inclusion(
            form_limits=self.form_limits,
            max_body_size=self.max_body_size,
            subtrees=(self.subtree,) if self.subtree else (),
            overrides_provider=self.dependency_overrides_provider,
        )

    def _refuse_circle(self, router: "APIRouter") -> None:
        if router is self:
            raise DeclarationError(
                "Cannot include the same APIRouter instance into itself. Did you mean to include a"
                " different router?"
            )
        if self in router._below():
            raise DeclarationError(
                "Cannot include an APIRouter instance that already includes this router. Did you"
                " mean to include a different router?"
            )

    def _refuses_several_bodies(self) -> bool:
        return self.refuses_several_bodies or any(
            parent._refuses_several_bodies() for parent in self._parents
        )

    def _below(self) -> Iterator["APIRouter"]:
        for route in self._routes:
            if isinstance(route, Included):
                yield route.original_router
                yield from route.original_router._below()

    # Declaring

    def add_api_route(
        self, path: str, endpoint: Callable[..., Any], **options: Unpack[AddOptions]
    ) -> None:
        """Declares ``endpoint`` as the handler of ``path``."""
        refuse_unknown("add_api_route", options, AddOptions)
        given: dict[str, Any] = dict(options)
        route_class = given.pop("route_class_override", None) or self.route_class
        merged_options: dict[str, Any] = {
            **given,
            "tags": [*self.tags, *(given.get("tags") or ())],
            "dependencies": [*self.dependencies, *(given.get("dependencies") or ())],
            "responses": {**self.responses, **(given.get("responses") or {})},
            "callbacks": [*self.callbacks, *(given.get("callbacks") or ())],
            "deprecated": given.get("deprecated") or self.deprecated,
            "include_in_schema": given.get("include_in_schema", True) and self.include_in_schema,
            "response_class": value_or_default(
                given.get("response_class", DEFAULT_RESPONSE_CLASS), self.default_response_class
            ),
            "generate_unique_id_function": value_or_default(
                given.get("generate_unique_id_function", DEFAULT_UNIQUE_ID),
                self.generate_unique_id_function,
            ),
            "strict_content_type": value_or_default(
                given.get("strict_content_type", DEFAULT_STRICTNESS), self.strict_content_type
            ),
            "dependency_overrides_provider": self.dependency_overrides_provider,
        }
        route = route_class(self.prefix + path, endpoint, **merged_options)
        if self._refuses_several_bodies():
            route.refuse_several_bodies()
        self._routes.append(route)

    def api_route(self, path: str, **options: Unpack[RouteOptions]) -> Decorator:
        """Declares the handler of several methods: ``methods=["GET", "POST"]``."""

        def declare(handler: Handler) -> Handler:
            self.add_api_route(path, handler, **options)
            return handler

        return declare

    def add_api_websocket_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        name: str | None = None,
        *,
        dependencies: Sequence[Depends] | None = None,
    ) -> None:
        """Declares ``endpoint`` as the handler of the WebSocket at ``path``."""
        self._routes.append(
            APIWebSocketRoute(
                self.prefix + path,
                endpoint,
                name=name,
                dependencies=[*self.dependencies, *(dependencies or ())],
                dependency_overrides_provider=self.dependency_overrides_provider,
            )
        )

    def websocket(
        self,
        path: str,
        name: str | None = None,
        *,
        dependencies: Sequence[Depends] | None = None,
    ) -> Decorator:
        """Declares the handler of a WebSocket."""

        def declare(handler: Handler) -> Handler:
            self.add_api_websocket_route(path, handler, name=name, dependencies=dependencies)
            return handler

        return declare

    def view(self, path: str, **options: Unpack[VerbOptions]) -> Callable[[View], View]:
        """Declares the methods of a class as handlers. See ``trivium.routing.views``."""

        from trivium.routing.views import add_view

        def declare(view: View) -> View:
            add_view(self, path, view, options)
            return view

        return declare

    def frontend(
        self,
        path: str,
        **options: Unpack[FrontendOptions],
    ) -> None:
        """Serves the files of a built frontend where no route answers. See ``Frontend``."""
        from trivium.routing.frontend import Frontend

        frontend = Frontend(path, **options)
        self.frontends.append((frontend, tuple(self.dependencies)))
        self.changed()

    # Starlette's ways to declare

    def add_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
    ) -> None:
        """Declares a handler of Starlette's kind: it takes a Request and returns a Response."""
        self._routes.append(
            Route(path, endpoint, methods=methods, name=name, include_in_schema=include_in_schema)
        )

    def route(
        self,
        path: str,
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
    ) -> Decorator:
        """``add_route`` as a decorator."""

        def declare(handler: Handler) -> Handler:
            self.add_route(path, handler, methods, name, include_in_schema)
            return handler

        return declare

    def add_websocket_route(
        self, path: str, endpoint: Callable[..., Any], name: str | None = None
    ) -> None:
        """Declares a WebSocket handler of Starlette's kind: it takes the WebSocket alone."""
        self._routes.append(WebSocketRoute(path, endpoint, name=name))

    def websocket_route(self, path: str, name: str | None = None) -> Decorator:
        """``add_websocket_route`` as a decorator."""

        def declare(handler: Handler) -> Handler:
            self.add_websocket_route(path, handler, name)
            return handler

        return declare

    def mount(self, path: str, app: ASGIApp, name: str | None = None) -> None:
        """Hands everything below a path, and below this router's prefix, to an application."""
        self._routes.append(Mount(self.prefix + path, app=app, name=name))

    def host(self, host: str, app: ASGIApp, name: str | None = None) -> None:
        """Hands everything that is sent to a host name to an application."""
        self._routes.append(Host(host, app=app, name=name))

    def add_event_handler(self, event_type: str, func: Callable[[], Any]) -> None:
        """Calls ``func`` at "startup" or "shutdown", if the router has no lifespan."""
        events: dict[str, list[Callable[[], Any]]] = {
            "startup": self.on_startup,
            "shutdown": self.on_shutdown,
        }
        handlers = events.get(event_type)
        if handlers is None:
            raise DeclarationError(
                f"There is no event {event_type!r}",
                instead='add_event_handler("startup", ...) or add_event_handler("shutdown", ...)',
            )
        handlers.append(func)

    @deprecated("on_event is deprecated, use lifespan event handlers instead.")
    def on_event(self, event_type: str) -> Decorator:
        """``add_event_handler`` as a decorator."""

        def declare(handler: Handler) -> Handler:
            self.add_event_handler(event_type, handler)
            return handler

        return declare

    # Serving

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        """The path of a route by its name. Raises NoMatchFound."""
        for route in self.dispatcher.routes:
            try:
                return route.url_path_for(name, **path_params)
            except NoMatchFound:
                continue
        raise NoMatchFound(name, path_params)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(scope, receive, send)
            return
        scope.setdefault("router", self)
        provider = self.dependency_overrides_provider
        overrides = getattr(provider, "dependency_overrides", None) or None
        ex = Exchange(scope, receive, send, overrides=overrides, handlers=handlers_in(scope))
        try:
            await failures_answered(self.serve, ex, ex.handlers)
        finally:
            await ex.release()

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The router as an ASGI application, under Starlette's name for it."""
        await self(scope, receive, send)

    @property
    def middleware_stack(self) -> ASGIApp:  # type: ignore[override]  # Starlette sets an attribute
        """The router as an ASGI application. Its middleware is compiled into its routes."""
        return self.app

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The router as an ASGI application, for one that is listed among another's routes."""
        await self(scope, receive, send)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a route of this router takes the request, and what it adds to the scope."""
        return best_match(self.dispatcher.routes, scope)

    async def serve(self, ex: Exchange) -> None:
        """Serves one request or connection with the route that answers it."""
        await self.dispatcher.serve(ex)


def _within(route: BaseRoute, inclusion: Inclusion | None) -> BaseRoute:
    """A route inside the outermost router, which has no prefix to add and yet limits."""
    return route if inclusion is None else next(flattened([route], inclusion))


def _checked_prefix(prefix: str) -> str:
    if prefix and not prefix.startswith("/"):
        raise DeclarationError(
            "A path prefix must start with '/'",
            written=f"prefix={prefix!r}",
            instead=f"prefix={'/' + prefix.rstrip('/')!r}",
        )
    if prefix.endswith("/"):
        raise DeclarationError(
            "A path prefix must not end with '/', as the routes will start with '/'",
            written=f"prefix={prefix!r}",
            instead=f"prefix={prefix.rstrip('/')!r}",
        )
    return prefix


def refuse_relative(path: str, endpoint: Callable[..., Any] | None) -> None:
    """Raises DeclarationError for the path of a served route that does not start with a slash."""
    if path and not path.startswith("/"):
        raise DeclarationError(
            "Routed paths must start with '/'",
            where=place_of(endpoint),
            written=f"{path!r}",
            instead=f"{'/' + path!r}",
        )


def _paths(routes: Iterable[BaseRoute], prefix: str) -> Iterator[tuple[BaseRoute, str]]:
    """The routes that have a path, each with its path below ``prefix``."""
    for route in routes:
        if isinstance(route, Included):
            yield from _paths(route.original_router.routes, prefix + route.inclusion.prefix)
        elif (path := getattr(route, "path", None)) is not None:
            yield route, prefix + path


def _refuse_path(route: BaseRoute, path: str) -> None:
    endpoint = getattr(route, "endpoint", None)
    refuse_relative(path, endpoint)
    refuse_relative(getattr(route, "path", ""), endpoint)
    if not path and not isinstance(route, Mount):
        name = getattr(route, "name", "unknown")
        raise DeclarationError(
            f"Prefix and path cannot be both empty (path operation: {name})",
            where=place_of(endpoint),
            written="include_router(router)",
            instead='include_router(router, prefix="/items")',
        )


def _merged_limits(outer: FormLimits, inner: FormLimits) -> FormLimits:
    merged_limits: FormLimits = {**outer, **inner}
    return merged_limits
