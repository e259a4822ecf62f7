"""The parts of serving a route as functions, for code that builds on them as on FastAPI's."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from starlette._utils import is_async_callable
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from typing_extensions import Unpack

from trivium.binding.defaults import Default, DefaultPlaceholder
from trivium.binding.dependant import Dependant
from trivium.binding.fields import DumpOptions, Field
from trivium.binding.limits import FormLimits
from trivium.binding.params import Form
from trivium.binding.plan import Plan
from trivium.errors import EndpointContext, ResponseValidationError
from trivium.exchange import Exchange
from trivium.responding.encoders import jsonable_encoder
from trivium.responding.reply import finisher
from trivium.routing.failures import failures_answered, handlers_in
from trivium.routing.operation import RequestHandler, as_response, conclude, exchange_of, waited_for

__all__ = [
    "get_request_handler",
    "get_websocket_app",
    "request_response",
    "run_endpoint_function",
    "serialize_response",
    "websocket_session",
]


def request_response(func: Callable[[Request], Awaitable[Response] | Response]) -> ASGIApp:
    """An ASGI application of a function that takes a request and returns a response."""
    call = cast(
        Callable[[Request], Awaitable[Response]],
        func if is_async_callable(func) else lambda request: run_in_threadpool(func, request),
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        ex = Exchange(scope, receive, send)
        scope["trivium.exchange"] = ex

        async def produce(ex: Exchange) -> Response:
            return await call(ex.request)

        async def serve(ex: Exchange) -> None:
            await conclude(ex, produce)

        try:
            await failures_answered(serve, ex, handlers_in(scope))
        finally:
            await ex.release()

    return app


def websocket_session(func: Callable[[WebSocket], Awaitable[None]]) -> ASGIApp:
    """An ASGI application of a function that takes a WebSocket."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        ex = Exchange(scope, receive, send)
        scope["trivium.exchange"] = ex

        async def serve(ex: Exchange) -> None:
            try:
                await func(ex.websocket)
            except BaseException as error:
                if not await ex.close_request(error):
                    raise
            else:
                await ex.close_request()

        try:
            await failures_answered(serve, ex, handlers_in(scope))
        finally:
            await ex.release()

    return app


def get_request_handler(
    dependant: Dependant,
    body_field: Field | None = None,
    status_code: int | None = None,
    response_class: type[Response] | DefaultPlaceholder = Default(JSONResponse),  # a constant
    response_field: Field | None = None,
    dependency_overrides_provider: Any | None = None,
    embed_body_fields: bool = False,
    strict_content_type: bool | DefaultPlaceholder = True,
    form_limits: FormLimits | None = None,
    **dump: Any,
) -> RequestHandler:
    """What answers the requests of one handler; ``request_response`` makes it an application.

    The ``response_model_*`` options are taken as well.
    """
    body = None
    if body_field is not None:
        body = "form" if isinstance(body_field.field_info, Form) else "json"
    plan = Plan(
        dependant,
        body=cast(Any, body),
        embed_body_fields=embed_body_fields,
        strict_content_type=bool(strict_content_type),
        form_limits=form_limits,
    )
    is_default = isinstance(response_class, DefaultPlaceholder)
    finish = finisher(
        field=response_field,
        status_code=status_code,
        response_class=response_class.value
        if isinstance(response_class, DefaultPlaceholder)
        else response_class,
        is_default_class=is_default,
        dump=cast(DumpOptions, {k.removeprefix("response_model_"): v for k, v in dump.items()}),
        context=plan.context,
    )

    async def handle(request: Request) -> Response:
        ex = exchange_of(request)
        if ex.overrides is None:
            ex.overrides = getattr(dependency_overrides_provider, "dependency_overrides", None)
        return as_response(await waited_for(await plan.call(ex, finish), ex), ex)

    return handle


def get_websocket_app(
    dependant: Dependant,
    dependency_overrides_provider: Any | None = None,
    embed_body_fields: bool = False,
) -> Callable[[WebSocket], Coroutine[Any, Any, Any]]:
    """What serves the connections of one handler; ``websocket_session`` makes it an application."""
    overrides = getattr(dependency_overrides_provider, "dependency_overrides", None)
    plan = Plan(dependant, embed_body_fields=embed_body_fields, overrides=overrides)

    async def serve(websocket: WebSocket) -> None:
        await plan.call(exchange_of(websocket), lambda result, ex: None)

    return serve


async def run_endpoint_function(
    *, dependant: Dependant, values: dict[str, Any], is_coroutine: bool
) -> Any:
    """Calls a handler with its arguments; a ``def`` one in a worker thread."""
    call = cast(Callable[..., Any], dependant.call)
    if is_coroutine:
        return await call(**values)
    return await run_in_threadpool(call, **values)


async def serialize_response(
    *,
    field: Field | None = None,
    response_content: Any,
    is_coroutine: bool = True,
    endpoint_ctx: EndpointContext | None = None,
    dump_json: bool = False,
    **dump: Unpack[DumpOptions],
) -> Any:
    """A handler's result validated against its response model and written as plain values.

    Raises ResponseValidationError. With ``dump_json`` the result is JSON in bytes.
    """
    if field is None:
        return jsonable_encoder(response_content)
    if is_coroutine:
        value, errors = field.validate(response_content, loc=("response",))
    else:
        value, errors = await run_in_threadpool(field.validate, response_content, loc=("response",))
    if errors:
        raise ResponseValidationError(errors, body=response_content, endpoint_ctx=endpoint_ctx)
    return field.serialize_json(value, **dump) if dump_json else field.serialize(value, **dump)
