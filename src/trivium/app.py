"""The application: it composes the routes, the middleware, the lifespan and the documentation."""

import warnings
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from starlette.applications import Starlette
from starlette.datastructures import State
from starlette.middleware import Middleware
from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import Unpack, deprecated

from trivium import openapi as documents
from trivium.binding.container import Container, Resolver
from trivium.binding.limits import limited
from trivium.binding.params import Depends
from trivium.errors import (
    DeclarationError,
    RequestValidationError,
    TriviumDeprecationWarning,
    stack_level_of_caller,
)
from trivium.exchange import Exchange
from trivium.openapi.refusal import UNPROCESSABLE, Refusal
from trivium.openapi.site import cdn_docs_routes, docs_routes, document_route
from trivium.routing.failures import DEFAULT_HANDLERS, failure_answered, failures_answered
from trivium.routing.flat import FlatRoute, flattened
from trivium.routing.lifespan import mounted_lifespans, serve_lifespan
from trivium.routing.options import (
    AddOptions,
    MountedOptions,
    RouteOptions,
    VerbOptions,
    refuse_unknown,
)
from trivium.routing.router import (
    APIRouter,
    FrontendOptions,
    IncludeOptions,
    refuse_relative,
)
from trivium.routing.served import ServedRoutes
from trivium.routing.verbs import Decorator, Verb
from trivium.routing.way_out import has_way_out, way_out, with_way_out
from trivium.shutdown import SHUTDOWN_KEY, ShutdownSignal
from trivium.stages.server_error import ServerErrors
from trivium.stages.telemetry.entry import Undecided, server_for, with_error_notes
from trivium.stages.telemetry.settings import TelemetryConfig, settings_of

# What an application rarely needs is imported where it is.
if TYPE_CHECKING:
    from trivium.checks import Check, Checker
    from trivium.routing.explanation import Explanation
    from trivium.stages.health import Readiness, ReadinessCheck
    from trivium.stages.production import ProductionOptions, ProductionSettings
    from trivium.stages.stage import Stage, Stages

__all__ = ["App", "AppOptions", "Battery", "FastAPI"]

Handler = TypeVar("Handler", bound=Callable[..., Any])
View = TypeVar("View", bound=type[Any])


class Battery(Protocol):
    """Something that ``App.install`` puts into an application: a database, auth, an admin."""

    def install(self, app: "App", /) -> None:
        """Adds what it brings: routes, middleware, a lifespan, checks."""


class AppOptions(MountedOptions, total=False):
    """The options of ``App``."""

    debug: bool
    """Shows tracebacks to the client. Never in production."""
    title: str
    summary: str | None
    description: str
    version: str
    openapi_url: str | None
    """Where the document is served; None turns it off, and the pages with it."""
    openapi_tags: list[dict[str, Any]] | None
    openapi_external_docs: dict[str, Any] | None
    servers: list[dict[str, str | Any]] | None
    terms_of_service: str | None
    contact: dict[str, str | Any] | None
    license_info: dict[str, str | Any] | None
    webhooks: APIRouter | None
    separate_input_output_schemas: bool
    docs_url: str | None
    redoc_url: str | None
    swagger_ui_oauth2_redirect_url: str | None
    swagger_ui_init_oauth: dict[str, Any] | None
    swagger_ui_parameters: dict[str, Any] | None
    root_path: str
    root_path_in_servers: bool
    routes: list[BaseRoute] | None
    redirect_slashes: bool
    default_response_class: type[Response]
    middleware: Sequence[Middleware] | None
    exception_handlers: Mapping[Any, Callable[..., Any]] | None
    on_startup: Sequence[Callable[[], Any]] | None
    on_shutdown: Sequence[Callable[[], Any]] | None
    lifespan: Any
    strict_content_type: bool
    refusal: Refusal
    """The answer to a request that does not validate, made and described: ``Refusal.answering``."""
    telemetry: TelemetryConfig | None
    """What OpenTelemetry is told. Without it, everything, wherever a provider has been set."""


_ROUTER_OPTIONS = (
    "routes",
    "redirect_slashes",
    "on_startup",
    "on_shutdown",
    "lifespan",
    "default_response_class",
    "dependencies",
    "callbacks",
    "deprecated",
    "include_in_schema",
    "responses",
    "generate_unique_id_function",
    "strict_content_type",
    "max_body_size",
    "form_limits",
    "tags",
)


class App(Starlette):
    """An application.

    It is an ASGI application, and everything that can be declared on a router can be declared on
    it. Any number of them may live in one process; they share nothing.
    """

    get = Verb("GET")
    put = Verb("PUT")
    post = Verb("POST")
    delete = Verb("DELETE")
    options = Verb("OPTIONS")
    head = Verb("HEAD")
    patch = Verb("PATCH")
    trace = Verb("TRACE")

    default_title = "Trivium"
    runs_mounted_lifespans = True
    """Whether the lifespans of mounted applications are run with this one's."""
    documents_mounted = True
    """Whether the document shows the paths of mounted applications."""
    pages_load_from_cdn = False
    """Whether the documentation loads its scripts from elsewhere."""
    refuses_several_bodies = True
    """Whether a GET or HEAD route that reads several bodies is refused when it is declared."""

    def __init__(self, **options: Unpack[AppOptions]) -> None:
        refuse_unknown(type(self).__name__, options, AppOptions)
        given: dict[str, Any] = dict(options)
        self.debug: bool = given.get("debug", False)
        self.title: str = given.get("title", self.default_title)
        self.summary: str | None = given.get("summary")
        self.description: str = given.get("description", "")
        self.version: str = given.get("version", "0.1.0")
        self.terms_of_service: str | None = given.get("terms_of_service")
        self.contact: dict[str, Any] | None = given.get("contact")
        self.license_info: dict[str, Any] | None = given.get("license_info")
        self.openapi_url: str | None = given.get("openapi_url", "/openapi.json")
        self.openapi_tags: list[dict[str, Any]] | None = given.get("openapi_tags")
        self.openapi_external_docs: dict[str, Any] | None = given.get("openapi_external_docs")
        self.openapi_version = "3.1.0"
        self.openapi_schema: dict[str, Any] | None = None
        self.servers: list[dict[str, Any]] = given.get("servers") or []
        self.webhooks: APIRouter = given.get("webhooks") or APIRouter()
        self.separate_input_output_schemas: bool = given.get("separate_input_output_schemas", True)
        self.docs_url: str | None = given.get("docs_url", "/docs")
        self.redoc_url: str | None = given.get("redoc_url", "/redoc")
        self.swagger_ui_oauth2_redirect_url: str | None = given.get(
            "swagger_ui_oauth2_redirect_url", "/docs/oauth2-redirect"
        )
        self.swagger_ui_init_oauth: dict[str, Any] | None = given.get("swagger_ui_init_oauth")
        self.swagger_ui_parameters: dict[str, Any] | None = given.get("swagger_ui_parameters")
        self.root_path: str = given.get("root_path") or ""
        self.root_path_in_servers: bool = given.get("root_path_in_servers", True)
        self.max_body_size: int | None = given.get("max_body_size")
        self.refusal: Refusal = given.get("refusal", UNPROCESSABLE)
        self.telemetry = settings_of(given.get("telemetry"))
        self._refuse_nameless()
        if self.root_path:
            warnings.warn(
                "The `root_path` parameter is deprecated: the root path is the server's to know."
                " Set it there, as `uvicorn --root-path` and `fastapi run --root-path` do.",
                category=TriviumDeprecationWarning,
                stacklevel=stack_level_of_caller(),
            )
        self.state = State()
        self.shutdown = ShutdownSignal()
        """Set when the server is about to stop. See ``trivium.Shutdown``."""
        self.dependency_overrides: dict[Callable[..., Any], Callable[..., Any]] = {}
        self.container = Container(lambda: self.dependency_overrides)
        self.router: APIRouter = APIRouter(
            **{name: given[name] for name in _ROUTER_OPTIONS if name in given},
            dependency_overrides_provider=self,
        )
        self.router.refuses_several_bodies = self.refuses_several_bodies
        self.exception_handlers: dict[Any, Callable[..., Any]] = {
            **DEFAULT_HANDLERS,
            **({RequestValidationError: self.refusal.answer} if self.refusal.answer else {}),
            **(given.get("exception_handlers") or {}),
        }
        self.user_middleware: list[Middleware] = list(given.get("middleware") or ())
        self.middleware_stack: ASGIApp | None = None
        # the stack without any middleware, for which there is a shorter way
        self._plain_stack: ASGIApp | None = None
        self._is_observed = False
        self.batteries: list[Battery] = []
        self._checkers: list[Checker] = []
        self._lifespans: list[Callable[[App], AbstractAsyncContextManager[Any]]] = []
        self._stages: Stages | None = None
        self.production_settings: ProductionSettings | None = None
        self.readiness: list[Readiness] = []
        self._openapi_version_of_routes: int | None = None
        self.setup()

    def setup(self) -> None:
        """Adds the routes of the document and its pages; called once, by the constructor."""
        self.router.routes.extend([*document_route(self), *self._docs_routes()])

    def _docs_routes(self) -> list[Route]:
        return docs_routes(self)

    def _refuse_nameless(self) -> None:
        for option, example in (("title", "My API"), ("version", "2.1.0")):
            if self.openapi_url and not getattr(self, option):
                raise DeclarationError(
                    f"A {option} must be provided for OpenAPI, e.g.: '{example}'",
                    written=f"{option}={getattr(self, option)!r}",
                    instead=f"{option}={example!r}",
                )

    # Composition

    def install(self, battery: Battery) -> None:
        """Puts a battery into the application, once. Raises DeclarationError the second time."""
        if any(type(battery) is type(installed) for installed in self.batteries):
            raise DeclarationError(
                f"{type(battery).__name__} is installed in this application already",
                written=f"app.install({type(battery).__name__}(...))",
                instead="one call for each application",
            )
        battery.install(self)
        self.batteries.append(battery)

    def add_stage(self, *stages: "Stage") -> None:
        """Puts stages around everything, middleware included; see ``trivium.stages.stage``.

        They take their places by ``Stage.place``; of equal ones the first added is outermost.
        """
        self._compile_stages((*self.stages, *stages))
        self._lifespans += [stage.lifespan for stage in stages if stage.has_lifespan]

    def remove_stage(self, stage: "Stage") -> None:
        """Takes a stage away again; what it has opened is closed with the application.

        Raises ValueError where it is none of ``stages``.
        """
        stages = list(self.stages)
        stages.remove(stage)
        self._compile_stages(tuple(stages))

    def _compile_stages(self, stages: "tuple[Stage, ...]") -> None:
        from trivium.stages.stage import Stages

        self._stages = Stages(stages) if stages else None

    @property
    def stages(self) -> "tuple[Stage, ...]":
        """The stages of the application, outermost first."""
        return self._stages.stages if self._stages else ()

    def production(self, **options: "Unpack[ProductionOptions]") -> "ProductionSettings":
        """Switches on what an application in production needs; see ``ProductionSettings``.

        A stage that has been added before stays as it is. Returns the settings, which are read from
        the environment where they are not given.

        Raises DeclarationError for a value that is wrong or missing, and the second time.
        """
        from trivium.stages.production import ProductionOptions, production_settings, stages_for

        if self.production_settings is not None:
            raise DeclarationError(
                "production() has been called for this application already",
                written="app.production(...)",
                instead="one call for each application",
            )
        refuse_unknown("production", options, ProductionOptions)
        settings = production_settings(options)
        present = self.stages
        wanted = [
            stage
            for stage in stages_for(self, settings)
            if not any(isinstance(one, type(stage)) for one in present)
        ]
        self.add_stage(*wanted)
        self.production_settings = settings
        return settings

    def add_readiness(self, name: str, check: "ReadinessCheck", *, timeout: float = 2.0) -> None:
        """Has ``/ready`` answer 503 while ``check`` raises, or takes over ``timeout`` seconds.

        For batteries, and for whatever else requests cannot be answered without. Where the
        application has no ``Health`` stage nobody asks.
        """
        from trivium.stages.health import Readiness

        self.readiness.append(Readiness(name, check, timeout))

    def add_lifespan(self, lifespan: "Callable[[App], AbstractAsyncContextManager[Any]]") -> None:
        """Has a context entered at start-up, around the application's own lifespan."""
        self._lifespans.append(lifespan)

    def include_router(self, router: APIRouter, **options: Unpack[IncludeOptions]) -> None:
        """Serves the routes of a router, now and as they will be added."""
        self.router.include_router(router, **options)

    def add_api_route(
        self, path: str, endpoint: Callable[..., Any], **options: Unpack[AddOptions]
    ) -> None:
        """Declares ``endpoint`` as the handler of ``path``."""
        refuse_relative(path, endpoint)
        self.router.add_api_route(path, endpoint, **options)

    def api_route(self, path: str, **options: Unpack[RouteOptions]) -> Decorator:
        """Declares the handler of several methods: ``methods=["GET", "POST"]``."""
        refuse_relative(path, None)
        return self.router.api_route(path, **options)

    def view(self, path: str, **options: Unpack[VerbOptions]) -> Callable[[View], View]:
        """Declares the methods of a class as handlers. See ``trivium.routing.views``."""
        return self.router.view(path, **options)

    def add_api_websocket_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        name: str | None = None,
        *,
        dependencies: Sequence[Depends] | None = None,
    ) -> None:
        """Declares ``endpoint`` as the handler of the WebSocket at ``path``."""
        refuse_relative(path, endpoint)
        self.router.add_api_websocket_route(path, endpoint, name, dependencies=dependencies)

    def websocket(
        self,
        path: str,
        name: str | None = None,
        *,
        dependencies: Sequence[Depends] | None = None,
    ) -> Decorator:
        """Declares the handler of a WebSocket."""
        refuse_relative(path, None)
        return self.router.websocket(path, name, dependencies=dependencies)

    def frontend(self, path: str, **options: Unpack[FrontendOptions]) -> None:
        """Serves the files of a built frontend where no route answers. See ``Frontend``."""
        self.router.frontend(path, **options)

    def route(
        self,
        path: str,
        methods: list[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
    ) -> Decorator:
        """Declares a handler of Starlette's kind: it takes a Request and returns a Response."""
        return self.router.route(path, methods, name, include_in_schema)

    def add_websocket_route(
        self, path: str, route: Callable[..., Any], name: str | None = None
    ) -> None:
        """Declares a WebSocket handler of Starlette's kind: it takes the WebSocket alone."""
        self.router.add_websocket_route(path, route, name)

    def websocket_route(self, path: str, name: str | None = None) -> Decorator:
        """``add_websocket_route`` as a decorator."""
        return self.router.websocket_route(path, name)

    def add_event_handler(self, event_type: str, func: Callable[[], Any]) -> None:
        """Calls ``func`` at "startup" or "shutdown", if the application has no lifespan."""
        self.router.add_event_handler(event_type, func)

    @deprecated("on_event is deprecated, use lifespan event handlers instead.")
    def on_event(self, event_type: str) -> Decorator:
        """``add_event_handler`` as a decorator."""

        def declare(handler: Handler) -> Handler:
            self.router.add_event_handler(event_type, handler)
            return handler

        return declare

    def middleware(self, middleware_type: str) -> Decorator:
        """Declares a function as middleware: ``@app.middleware("http")``.

        The function takes the request and ``call_next`` and returns a response.
        """
        if middleware_type != "http":
            raise DeclarationError(
                'Currently only middleware("http") is supported',
                written=f"@app.middleware({middleware_type!r})",
                instead='@app.middleware("http"), or add_middleware() with an ASGI middleware',
            )

        from trivium.stages.function_middleware import FunctionMiddleware

        def declare(function: Handler) -> Handler:
            self.add_middleware(FunctionMiddleware, dispatch=function)
            return function

        return declare

    def exception_handler(self, exc_class_or_status_code: int | type[Exception]) -> Decorator:
        """Declares what answers an exception, or a status code that an HTTPException carries."""

        def declare(handler: Handler) -> Handler:
            self.add_exception_handler(exc_class_or_status_code, handler)
            return handler

        return declare

    def add_check(self, checker: "Checker") -> None:
        """Has ``checks`` ask this too; stages and batteries are asked anyway."""
        self._checkers.append(checker)

    def checks(self, *, deploy: bool = False) -> "list[Check]":
        """What may be wrong, the gravest first; see ``trivium check``.

        deploy: also what matters only where strangers are served.
        """
        from trivium.checks import gathered

        checkers = (*self.stages, *self.batteries, *self._checkers)
        return gathered(self, checkers, deploy=deploy)

    # What is served

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes as they are served, in one flat list; a change of it is one of the router.

        ``app.router.routes`` has them as they were declared: an included router is one entry.
        """
        return ServedRoutes(self.router)

    def routes_flat(self) -> Iterator[FlatRoute]:
        """Every route with its full path; the stable way to see what is served."""
        return self.router.routes_flat()

    def explain(self, method: str, path: str) -> "Explanation":
        """The compiled plan of the route that would answer, for tools; see ``trivium explain``."""
        from trivium.routing.explain import explain, layers

        stages = [stage.described() for stage in self.stages]
        around = [*stages, *layers(self.user_middleware, self.max_body_size)]
        return explain(self.router, method, path, around=around)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document; made anew when the routes have changed."""
        version = self.router.version
        if not self.openapi_schema or self._openapi_version_of_routes != version:
            self.openapi_schema = self._document()
            self._openapi_version_of_routes = version
        return self.openapi_schema

    def _document(self) -> dict[str, Any]:
        routes = self.router.dispatcher.routes
        document = documents.get_openapi(
            title=self.title,
            version=self.version,
            openapi_version=self.openapi_version,
            summary=self.summary,
            description=self.description,
            terms_of_service=self.terms_of_service,
            contact=self.contact,
            license_info=self.license_info,
            routes=routes,
            webhooks=self.webhooks.routes,
            tags=self.openapi_tags,
            servers=self.servers,
            separate_input_output_schemas=self.separate_input_output_schemas,
            external_docs=self.openapi_external_docs,
            refusal=self.refusal,
        )
        return documents.with_mounted(document, routes) if self.documents_mounted else document

    # Serving

    def build_middleware_stack(self) -> ASGIApp:
        """The way of a request from the outermost middleware to the routes."""
        layers: list[Middleware] = []
        if self.max_body_size is not None:
            layers.append(Middleware(limited, size=self.max_body_size))
        layers += self.user_middleware
        if not layers:
            self._plain_stack = self._server_errors(self._serve)
            return self._plain_stack
        app: ASGIApp = self._serve
        for cls, args, kwargs in reversed(with_way_out(layers)):
            app = cls(app, *args, **kwargs)
        return self._server_errors(app)

    def _server_errors(self, app: ASGIApp) -> ServerErrors:
        return ServerErrors(app, self._last_handler, lambda: self.debug)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        if self.root_path:
            scope["root_path"] = self.root_path
        if scope["type"] == "lifespan":
            await self._stack()(scope, receive, send)
        elif self._stages is None:
            stack = self.middleware_stack or self._stack()
            if stack is self._plain_stack:
                await self._serve_alone(self._exchange(scope, receive, send))
            else:
                await stack(scope, receive, send)
        else:
            await self._stages.serve(self._exchange(scope, receive, send), self._serve_staged)

    def serve_exchange(self, ex: Exchange) -> Coroutine[Any, Any, None]:
        """The entry for servers that bring an exchange of their own, with ``scope`` made on demand.

        The same request through ``__call__`` gets the same answer.
        """
        # which has the handlers and the container too
        ex.app = self
        if self.dependency_overrides:
            ex.overrides = self.dependency_overrides
            ex.is_simple = False
        if self.root_path:
            scope = ex.scope
            scope["root_path"] = self.root_path
            ex.replace_scope(scope)  # what is the path below depends on it
        stages, stack = self._stages, self.middleware_stack
        if stack is None or stack is not self._plain_stack:
            serve = self._serve_staged
            return serve(ex) if stages is None else stages.serve(ex, serve)
        if stages is None:
            return self._serve_alone(ex)
        if stages.have_wraps:
            return stages.serve(ex, self._serve_staged)
        return stages.serve(ex, self._routed, self._answer)

    def _serve_staged(self, ex: Exchange) -> Coroutine[Any, Any, None]:
        stack = self.middleware_stack or self._stack()
        if stack is self._plain_stack:
            return self._serve_alone(ex)
        return self._serve_through(stack, ex)

    async def _serve_through(self, stack: ASGIApp, ex: Exchange) -> None:
        await stack(ex.handed_on(), ex.receive, ex.send)
        await ex.settle()

    def _stack(self) -> ASGIApp:
        if self.middleware_stack is None:
            self.middleware_stack = self._observable(self.build_middleware_stack())
        return self.middleware_stack

    def _observable(self, stack: ASGIApp) -> ASGIApp:
        if self._is_observed:
            stack = with_error_notes(stack)
            self._plain_stack = None
        return Undecided(stack, self._decided) if self.telemetry.is_on else stack

    def _decided(self, stack: ASGIApp) -> ASGIApp:
        server = server_for(stack, self.telemetry)
        if server is not None:
            self.observe()
        self.middleware_stack = stack = server or stack
        return stack

    def observe(self) -> None:
        """Has the routes tell OpenTelemetry what they do for a request that is observed.

        An application that is observed calls it for those that are mounted in it.
        """
        if self._is_observed:
            return
        from trivium.stages.telemetry.compiled import ObservedDispatcher

        self._is_observed = True
        self._plain_stack = None
        if self.middleware_stack is not None:
            self.middleware_stack = with_error_notes(self.middleware_stack)
        self.router.dispatch_with(ObservedDispatcher)

    def _routed(self, ex: Exchange) -> Awaitable[None]:
        return self.router.dispatcher.way_of(ex)(ex)

    async def _serve_alone(self, ex: Exchange) -> None:
        """The whole way of a request where no middleware is installed."""
        if ex.must_be_released and ex.has_scope and MAX_BODY_SIZE_SCOPE_KEY in ex.scope:
            # mounted in an application with a limit, which is answered for here
            await self._server_errors(self._serve)(ex.handed_on(), ex.receive, ex.send)
            return
        try:
            await self.router.dispatcher.way_of(ex)(ex)
        except Exception as error:
            await self._answer(ex, error)
        finally:
            if ex.must_be_released:
                await ex.release()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The innermost ASGI application: the routes, and the replies to handled errors."""
        if scope["type"] == "lifespan":
            # A server that knows earlier than the lifespan has a signal of its own.
            self.shutdown = scope.get("state", {}).get(SHUTDOWN_KEY) or ShutdownSignal()
            await serve_lifespan(self, self.full_lifespan, scope, receive, send)
            return
        ex = self._exchange(scope, receive, send)
        try:
            await failures_answered(self.router.serve, ex, ex.handlers)
        finally:
            await ex.release()

    def _exchange(self, scope: Scope, receive: Receive, send: Send) -> Exchange:
        # url_for() starts from the outermost application
        scope.setdefault("router", self.router)
        overrides = self.dependency_overrides or None
        if "trivium.overrides" in scope:
            # those of the client, or of the application around a mount, come first
            overrides = {**self.dependency_overrides, **scope["trivium.overrides"]}
        return Exchange(
            scope,
            receive,
            send,
            app=self,
            container=self.container,
            overrides=overrides,
            handlers=self.exception_handlers,
        )

    async def _answer(self, ex: Exchange, error: Exception) -> None:
        try:
            if await failure_answered(ex, error, ex.handlers):
                return
        except Exception as other:
            # the handler itself failed, or the reply had begun
            await self._answer_last(ex, other)
            raise
        await self._answer_last(ex, error)
        raise error

    async def _answer_last(self, ex: Exchange, error: Exception) -> None:
        ex.error = error
        if ex.is_websocket:
            return
        response = await self._server_errors(self._serve).response_to(ex.request, error)
        if not ex.reply_started and ex.has_scope and has_way_out(ex.scope):
            # through the middleware of the routers
            await response(ex.scope, ex.receive, way_out(ex.scope))
        if not ex.reply_started:
            await response(ex.scope, ex.receive, ex.send)

    def _last_handler(self) -> Callable[..., Any] | None:
        """The handler of 500 or of ``Exception``: of both, the one that was declared last."""
        found = [
            handler for key, handler in self.exception_handlers.items() if key in (500, Exception)
        ]
        return found[-1] if found else None

    # Lifespan

    @asynccontextmanager
    async def full_lifespan(self, app: Any) -> AsyncIterator[Mapping[str, Any] | None]:
        """Everything that lives as long as the application, in order: the container of
        application-scoped dependencies, the batteries, its own lifespan, the mounted applications.

        So what the application opens is there when a mounted one starts, and until it has stopped.
        """
        async with AsyncExitStack() as stack:
            if self.telemetry.auto_configure and self.telemetry.is_on:
                from trivium.stages.telemetry.exporting import exporting

                await stack.enter_async_context(exporting(self.telemetry))
            await stack.enter_async_context(self.container)
            for lifespan in self._lifespans:
                await stack.enter_async_context(lifespan(self))
            own = await stack.enter_async_context(self.router.lifespan_context(app))
            state: dict[str, Any] = {}
            if self.runs_mounted_lifespans:
                mounted = mounted_lifespans(flattened(self.router.routes))
                state.update(await stack.enter_async_context(mounted))
            # Before anything is closed, whatever server this is.
            stack.callback(self.shutdown.set)
            if own is None and not state:
                yield None
            else:
                yield {**state, **(own or {})}

    def resolver(self) -> AbstractAsyncContextManager[Resolver]:
        """Dependencies outside of requests::

            async with app.resolver() as resolver:
                session = await resolver.get(get_session)

        Generators are left at the end of the block; overrides count as in requests.
        """
        return self.container.resolver()


class FastAPI(App):
    """The application with FastAPI's defaults.

    Its pages load their scripts from a CDN, mounted applications keep their lifespan and their
    document to themselves, and a GET route may read several bodies.
    """

    default_title = "FastAPI"
    runs_mounted_lifespans = False
    documents_mounted = False
    pages_load_from_cdn = True
    refuses_several_bodies = False

    def _docs_routes(self) -> list[Route]:
        return cdn_docs_routes(self)
