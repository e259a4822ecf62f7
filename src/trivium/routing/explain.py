"""The compiled plan of a route as data: what a request to it runs, in order.

Read from what requests run, not from what was declared.
"""

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from trivium.binding.callables import CallKind, name_of
from trivium.binding.defaults import DefaultPlaceholder
from trivium.binding.dependant import Dependant, parameter_model
from trivium.binding.fields import Field, model_fields
from trivium.binding.plan import Plan, endpoint_context
from trivium.binding.steps import Step
from trivium.responding.reply import allows_body
from trivium.routing.answering import Answer, answering
from trivium.routing.explanation import Body, Call, Explanation, Place, Reply, Status, Value
from trivium.routing.route import APIRoute
from trivium.routing.router import APIRouter
from trivium.routing.websocket import APIWebSocketRoute

__all__ = ["explain", "layers"]

_INJECTED = {
    "request_param_name": "Request",
    "websocket_param_name": "WebSocket",
    "http_connection_param_name": "HTTPConnection",
    "response_param_name": "Response",
    "background_tasks_param_name": "BackgroundTasks",
    "security_scopes_param_name": "SecurityScopes",
}
_CLOSED = {
    "function": "before the reply is sent",
    "request": "after the reply was sent and background tasks have run",
    "app": "at shutdown",
}


def explain(
    router: APIRouter, method: str, path: str, *, around: Sequence[str] = ()
) -> Explanation:
    """The plan of the route that answers `method` (WS for a WebSocket) at `path`.

    path: a path or a template. around: what the application puts around the router.

    Raises NoRoute where no handler answers, with what happens instead.
    """
    answer = answering(router, method, path)
    flat, route = answer.flat, _compiled_route(answer)
    plan = _plan_of(route)
    return Explanation(
        method=method.upper(),
        path=path,
        kind=flat.kind,
        route=flat.path,
        mounted_at=flat.mounted_at,
        name=flat.name,
        tags=[str(getattr(tag, "value", tag)) for tag in getattr(route, "tags", ())],
        methods=sorted(flat.methods),
        path_params={name: str(value) for name, value in answer.path_params.items()},
        around=[*around, *_around(router, answer)],
        custom_handler=isinstance(route, APIRoute)
        and route.operation.compiled().custom_handler is not None,
        body=_body(route, plan) if isinstance(route, APIRoute) and plan else None,
        steps=_steps(plan, answer) if plan else [_lone_call(answer)],
        reply=_reply(route) if isinstance(route, APIRoute) and answer.frontend is None else None,
        status_codes=sorted(_status_codes(route, plan), key=_by_code),
    )


def layers(middleware: Iterable[Middleware], max_body_size: int | None) -> list[str]:
    """What an application puts around its router, outermost first, for `around`."""
    names = ["replies to errors (500)"]
    if max_body_size is not None:
        names.append(f"body limit of {max_body_size} bytes")
    return names + [_middleware_name(layer) for layer in middleware]


def _middleware_name(layer: Middleware) -> str:
    function = layer.kwargs.get("dispatch")
    return name_of(function if callable(function) else layer.cls)


def _compiled_route(answer: Answer) -> BaseRoute:
    if answer.frontend is None:
        return answer.flat.route

    async def serve_file() -> None:
        """Stands for the frontend; the dependencies of the routers around it are a route's."""

    path = answer.flat.path.rstrip("/") + "/{path:path}"
    return APIRoute(path, serve_file, dependencies=list(answer.frontend.dependencies))


def _plan_of(route: BaseRoute) -> Plan | None:
    if isinstance(route, APIRoute | APIWebSocketRoute):
        return route.operation.compiled().plan
    return None


def _around(router: APIRouter, answer: Answer) -> Iterator[str]:
    for mount in router.routes_flat() if answer.flat.mounted_at else ():
        if mount.kind == "mount" and f"{answer.flat.mounted_at}/".startswith(f"{mount.path}/"):
            yield f"mount {mount.path}"
            mounted: Any = getattr(mount.route, "original_route", mount.route)
            mounted = mounted.app
            own = getattr(mounted, "user_middleware", None)
            yield from () if own is None else layers(own, getattr(mounted, "max_body_size", None))
    source = answer.flat.route if answer.frontend is None else answer.frontend
    for subtree in getattr(source, "subtrees", ()):
        for middleware in subtree.middleware:
            yield _middleware_name(middleware)
        if subtree.exception_handlers:
            handled = ", ".join(_key_name(key) for key in subtree.exception_handlers)
            yield f"replies to errors of the router ({handled})"


def _key_name(key: Any) -> str:
    return key.__name__ if isinstance(key, type) else str(key)


# Calls


def _steps(plan: Plan, answer: Answer) -> list[Call]:
    visits = _visits(plan)
    calls = [_call(step, visits[step.index], plan) for step in (*plan.steps, plan.handler)]
    if answer.frontend is not None:
        calls[-1]["function"] = _place(answer.frontend.frontend.respond)
    return calls


def _visits(plan: Plan) -> dict[int, str]:
    """Where each step runs. Neighbouring `def` steps share a visit to a worker thread, the handler
    among them when it is `def`. One that is limited, or reads a form, has a visit of its own."""
    places: dict[int, str] = {}
    visit = 0
    is_open = False
    for step in plan.steps:
        if step.reuses is not None:
            places[step.index] = "not called"
        elif step.runs_in_thread:
            alone = step.dependant.limit is not None or step.arguments.reads_form
            visit += alone or not is_open
            places[step.index] = f"worker thread {visit}"
            is_open = not alone
        else:
            places[step.index] = "event loop"
            is_open = False
    if plan.is_threaded:
        visit += plan.handler.arguments.reads_form or not is_open
        places[plan.handler.index] = f"worker thread {visit}"
    else:
        places[plan.handler.index] = "event loop"
    return places


def _call(step: Step, runs_in: str, plan: Plan) -> Call:
    dependant = step.dependant
    is_handler = step is plan.handler
    scope = None if is_handler else dependant.computed_scope
    scheme = dependant.security_scheme
    closes = step.make_context is not None and step.reuses is None
    return Call(
        step=step.index + 1,
        function=_place(step.call),
        parameter=dependant.name,
        call=step.kind.value,
        runs_in=runs_in,
        reuses=None if step.reuses is None else step.reuses + 1,
        caches=not is_handler and dependant.use_cache,
        scope=scope,
        closed=_CLOSED[scope or "request"] if closes and not is_handler else None,
        max_concurrency=None if dependant.limit is None else dependant.limit.max_concurrency,
        security=None if scheme is None else type(scheme).__name__,
        oauth_scopes=dependant.oauth_scopes,
        uses={name: index + 1 for name, index in step.arguments.inputs},
        given={
            name: kind
            for attribute, kind in _INJECTED.items()
            if (name := getattr(dependant, attribute)) is not None
        },
        values=list(_values(dependant)),
    )


def _lone_call(answer: Answer) -> Call:
    """A handler of Starlette's kind, or a mounted application: called with what ASGI gives."""
    endpoint: Any = answer.flat.endpoint
    is_handler = answer.flat.kind in ("http", "websocket")
    dependant = Dependant(call=endpoint if callable(endpoint) else None).classify()
    in_thread = answer.flat.kind == "http" and dependant.kind is CallKind.SYNC
    return Call(
        step=1,
        function=_place(endpoint),
        parameter=None,
        call=dependant.kind.value if is_handler else "ASGI application",
        runs_in="worker thread 1" if in_thread and not isinstance(endpoint, type) else "event loop",
        reuses=None,
        caches=False,
        scope=None,
        closed=None,
        max_concurrency=None,
        security=None,
        oauth_scopes=[],
        uses={},
        given={},
        values=[],
    )


def _place(call: Any) -> Place:
    if not callable(call):
        return Place(name=type(call).__name__, file=None, line=None)
    context = endpoint_context(call)
    return Place(
        name=context.get("function") or name_of(call),
        file=context.get("file"),
        line=context.get("line"),
    )


# Values


def _values(dependant: Dependant) -> Iterator[Value]:
    for place, params in (
        ("path", dependant.path_params),
        ("query", dependant.query_params),
        ("header", dependant.header_params),
        ("cookie", dependant.cookie_params),
        ("body", dependant.body_params),
    ):
        for field in params:
            yield _value(field, place)


def _value(field: Field, place: str) -> Value:
    info = field.field_info
    model = None if place == "body" else parameter_model(field)
    return Value(
        name=field.name,
        place=place,
        keys=[key for _, key in field.names()],
        type=_type_name(info.annotation),
        required=field.required,
        default=None if field.required else _default(field),
        constraints=[str(item) for item in info.metadata],
        fields=list(_model_keys(field, model, place)) if model else [],
    )


def _model_keys(field: Field, model: type[BaseModel], place: str) -> Iterator[str]:
    """The name by which each field of a parameter model is read, the preferred one."""
    hyphens = place == "header" and getattr(field.field_info, "convert_underscores", True)
    for inner in model_fields(model):
        yield inner.names(convert_underscores=hyphens)[0][1]


def _default(field: Field) -> str:
    factory = field.field_info.default_factory
    return f"{name_of(factory)}()" if factory is not None else repr(field.field_info.default)


def _type_name(annotation: Any) -> str:
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__qualname__
    return repr(annotation).replace("typing.", "").replace("NoneType", "None")


# The body and the reply


def _body(route: APIRoute, plan: Plan) -> Body:
    return Body(
        kind=plan.body,
        keys=bool(plan.body) and route._embed_body_fields,
        strict_content_type=plan.strict_content_type,
        max_bytes=route.max_body_size,
        form_limits={name: int(str(value)) for name, value in plan.form_limits.items()},
    )


def _reply(route: APIRoute) -> Reply:
    chosen = route.response_class
    cls = chosen.value if isinstance(chosen, DefaultPlaceholder) else chosen
    streams = route.dependant.kind.is_generator
    field = route.stream_item_field if streams else route.response_field
    return Reply(
        status_code=route.status_code,
        written_by=_writer(route, field),
        response_class=cls.__name__,
        model=None if field is None else _type_name(field.field_info.annotation),
        validated=_validation(field, streams=streams, is_default=cls is not chosen),
        options={
            name: _plain(value)
            for name in ("include", "exclude", "exclude_unset", "exclude_defaults", "exclude_none")
            if (value := getattr(route, f"response_model_{name}"))
        },
    )


def _writer(route: APIRoute, field: Field | None) -> str:
    if route.dependant.kind.is_generator:
        if route.is_sse_stream:
            return "Server-Sent Events, each item as it is yielded"
        return "JSON Lines, each item as it is yielded" if route.is_json_stream else "chunks"
    if field is None:
        return "jsonable_encoder, then the response class"
    if isinstance(route.response_class, DefaultPlaceholder):
        return "Pydantic, straight to JSON"
    return "Pydantic to Python values, then the response class"


def _validation(field: Field | None, *, streams: bool, is_default: bool) -> str:
    if field is None:
        return "never"
    annotation = field.field_info.annotation
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    if is_model and not streams and is_default:
        return f"not again where it is an instance of {_type_name(annotation)}"
    return "each item" if streams else "always"


def _plain(value: Any) -> Any:
    """A `response_model_include` and the like, whose sets JSON does not have."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else value


def _by_code(status: Status) -> tuple[bool, str]:
    """Success first, then the others by number."""
    code = str(status["status_code"])
    return not code.startswith("2"), code


def _status_codes(route: BaseRoute, plan: Plan | None) -> Iterator[Status]:
    if not isinstance(route, APIRoute) or plan is None:
        return
    success = route.status_code or 200
    phrase = HTTPStatus(success).phrase if success in HTTPStatus._value2member_map_ else "success"
    yield Status(status_code=success, when=f"the handler returns ({phrase})")
    if plan.body is not None:
        yield Status(status_code=400, when="the body cannot be parsed")
    if route.max_body_size is not None:
        yield Status(status_code=413, when=f"the body is over {route.max_body_size} bytes")
    if any(True for step in (*plan.steps, plan.handler) for _ in _values(step.dependant)):
        yield Status(status_code=422, when="a value is missing or does not validate")
    for step in plan.steps:
        if step.dependant.security_scheme is not None and step.reuses is None:
            yield Status(status_code=401, when=f"{name_of(step.call)} finds no credentials")
    if route.response_field is not None and allows_body(success):
        yield Status(status_code=500, when="the result does not fit the response model")
    for declared, response in route.responses.items():
        yield Status(status_code=declared, when=str(response.get("description") or "declared"))
