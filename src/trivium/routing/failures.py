"""Errors on their way out: the handler that was registered for one makes the reply."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

from starlette._utils import is_async_callable
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.status import WS_1008_POLICY_VIOLATION
from starlette.types import Scope
from starlette.websockets import WebSocket

from trivium.errors import HTTPException as OwnHTTPException
from trivium.errors import RequestValidationError, WebSocketRequestValidationError
from trivium.exchange import JSON_TYPE, Exchange, Reply
from trivium.responding.delivery import handed_over, run_promised
from trivium.responding.encoders import jsonable_encoder
from trivium.responding.plain import encode_json
from trivium.responding.refusal import writable_errors
from trivium.responding.reply import allows_body

__all__ = [
    "DEFAULT_HANDLERS",
    "Handlers",
    "failure_answered",
    "failures_answered",
    "handlers_in",
    "http_exception_handler",
    "request_validation_exception_handler",
    "websocket_exception_handler",
    "websocket_request_validation_exception_handler",
]

Handlers: TypeAlias = Mapping[Any, Callable[..., Any]]
"""Handlers by exception class or by status code of an HTTPException."""


async def failures_answered(
    serve: Callable[[Exchange], Awaitable[None]], ex: Exchange, handlers: Handlers
) -> None:
    """Serves; an error with a handler among ``handlers`` is answered, any other one is raised.

    Handlers of 500 and of ``Exception`` are the application's last resort and not asked here.
    """
    try:
        await serve(ex)
    except Exception as error:
        if not await failure_answered(ex, error, handlers):
            raise


async def failure_answered(ex: Exchange, error: Exception, handlers: Handlers) -> bool:
    """Answers an error that has a handler, and tells whether it had one.

    A handler may raise an error for another handler, as one does that makes an HTTPException of
    an error of its domain; what the second one raises is raised. Raises RuntimeError where a reply
    has begun already: there cannot be a second one.
    """
    handler = _handler_of(error, handlers)
    if handler is None:
        return False
    _refuse_second_reply(ex, error)
    try:
        await _answer(ex, handler, error)
    except Exception as raised:
        handler = _handler_of(raised, handlers)
        if handler is None:
            raise
        _refuse_second_reply(ex, raised)
        await _answer(ex, handler, raised)
    return True


def _refuse_second_reply(ex: Exchange, error: Exception) -> None:
    if ex.reply_started:
        raise RuntimeError("Caught handled exception, but response already started.") from error


def handlers_in(scope: Scope) -> Handlers:
    """The handlers that a surrounding Starlette application left in the scope."""
    by_class, by_status = scope.get("starlette.exception_handlers") or ({}, {})
    return {**by_class, **by_status}


async def http_exception_handler(request: Request, exc: HTTPException) -> Response:
    """The reply to an HTTPException: its status and headers, ``{"detail": ...}`` as the body."""
    headers = getattr(exc, "headers", None)
    if not allows_body(exc.status_code):
        return Response(status_code=exc.status_code, headers=headers)
    return JSONResponse({"detail": exc.detail}, status_code=exc.status_code, headers=headers)


async def request_validation_exception_handler(
    request: Request, exc: RequestValidationError
) -> JSONResponse:
    """The reply to a request that does not validate: 422 with the list of errors."""
    errors = exc.errors()
    try:
        return _EncodedResponse({"detail": errors}, status_code=422)
    except (ValueError, RecursionError):
        # an error quotes what the client sent, which need not be anything that JSON can hold
        return JSONResponse({"detail": writable_errors(errors)}, status_code=422)


async def websocket_request_validation_exception_handler(
    websocket: WebSocket, exc: WebSocketRequestValidationError
) -> None:
    """Closes a WebSocket whose handshake does not validate with code 1008."""
    await websocket.close(code=WS_1008_POLICY_VIOLATION, reason=jsonable_encoder(exc.errors()))


async def websocket_exception_handler(websocket: WebSocket, exc: WebSocketException) -> None:
    """Closes a WebSocket with the code and reason of the exception."""
    await websocket.close(code=exc.code, reason=exc.reason)


class _EncodedResponse(JSONResponse):
    """JSON of what may hold more than JSON does, mostly does not, and so need not be walked."""

    def render(self, content: Any) -> bytes:
        return encode_json(content)


DEFAULT_HANDLERS: Handlers = {
    HTTPException: http_exception_handler,
    WebSocketException: websocket_exception_handler,
    RequestValidationError: request_validation_exception_handler,
    WebSocketRequestValidationError: websocket_request_validation_exception_handler,
}


def _handler_of(error: Exception, handlers: Handlers) -> Callable[..., Any] | None:
    if isinstance(error, HTTPException) and error.status_code != 500:
        by_status = handlers.get(error.status_code)
        if by_status is not None:
            return by_status
    for cls in type(error).__mro__:
        if cls is not Exception and cls in handlers:
            return handlers[cls]
    return None


def _reply_of(ex: Exchange, handler: Callable[..., Any], error: Exception) -> Reply | None:
    """What Trivium's own handlers answer, where no request has to be made for them to see."""
    if ex.is_websocket:
        return None
    if handler is request_validation_exception_handler:
        status = 422
        try:
            body = encode_json({"detail": cast(RequestValidationError, error).errors()})
        except (ValueError, RecursionError):
            return None
    elif (
        handler is http_exception_handler
        and isinstance(error, HTTPException)
        and type(error) in _PLAIN
    ):
        status, detail = error.status_code, error.detail
        if error.headers is not None or type(detail) is not str or not allows_body(status):
            return None
        body = encode_json({"detail": detail})
    else:
        return None
    return Reply(status, [(b"content-length", b"%d" % len(body)), JSON_TYPE], body)


# what a program derives from them may have more to say
_PLAIN = (HTTPException, OwnHTTPException)


async def _answer(ex: Exchange, handler: Callable[..., Any], error: Exception) -> None:
    reply = _reply_of(ex, handler, error)
    if reply is not None:
        gone = await handed_over(ex, reply)
        error.__traceback__ = None
        if gone is not None:
            raise gone
        return
    if is_async_callable(handler):
        response = await handler(ex.connection, error)
    else:
        response = await run_in_threadpool(handler, ex.connection, error)
    if response is not None:
        gone = await handed_over(ex, response)
        # the tasks of the request are not run: it has failed, and promised nothing
        await run_promised(None, response.background)
        if gone is not None:
            raise gone
    # an instance that is raised again and again would otherwise gather tracebacks
    error.__traceback__ = None
