"""The last resort: an error that nothing handled becomes a 500, and is raised for the server's log.

The reply leaves through the middleware inside of this one, so that it carries what they add to
every reply: a browser shows the error of a request from another origin only with its CORS headers.
"""

from collections.abc import Callable
from typing import Any

from starlette._utils import is_async_callable
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trivium.binding.limits import BodyTooLarge, limit_error
from trivium.routing.failures import http_exception_handler
from trivium.routing.way_out import begin_way_out, way_out

__all__ = ["ServerErrors"]


class ServerErrors(ServerErrorMiddleware):
    """Answers 500 with the handler of 500 or ``Exception``, a traceback page in debug mode."""

    def __init__(
        self,
        app: ASGIApp,
        handler: Callable[[], Callable[..., Any] | None],
        debug: Callable[[], bool],
    ) -> None:
        self.app = app
        self._find_handler = handler
        self._is_debug = debug

    # Instrumentation takes the stack apart by these, and builds one of its own from them.

    @property
    def handler(self) -> Callable[..., Any] | None:  # type: ignore[override]  # Starlette sets it
        """The handler of 500 or ``Exception``, as it is now."""
        return self._find_handler()

    @property
    def debug(self) -> bool:  # type: ignore[override]  # Starlette sets it
        """Whether a client is shown the traceback, as it is now."""
        return self._is_debug()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
            await send(message)

        begin_way_out(scope, noting_send)
        try:
            await self.app(scope, receive, noting_send)
        except Exception as error:
            over_limit = limit_error(scope, error)
            if isinstance(error, BodyTooLarge):
                # a middleware has read more than the stage allows
                over_limit = error
            if isinstance(over_limit, HTTPException) and not started:
                # a mounted application answers for the limit of the one around it
                refusal = await http_exception_handler(Request(scope, receive), over_limit)
                await refusal(scope, receive, noting_send)
                return
            response = await self.response_to(Request(scope, receive), error)
            if not started:
                await response(scope, receive, way_out(scope))
                if not started:
                    # a middleware kept the reply to itself
                    await response(scope, receive, send)
            raise

    async def response_to(self, request: Request, error: Exception) -> Response:
        """The reply to an error that nothing handled."""
        handler = self.handler
        response: Response
        if self.debug:
            response = await run_in_threadpool(self.debug_response, request, error)
        elif handler is None:
            response = self.error_response(request, error)
        elif is_async_callable(handler):
            response = await handler(request, error)
        else:
            response = await run_in_threadpool(handler, request, error)
        return response
