"""The limit of an application on the bodies of all its requests."""

from starlette.middleware.body_limit import MAX_BODY_SIZE_SCOPE_KEY
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trivium.binding.limits import limit_error, limited
from trivium.errors import StarletteHTTPException
from trivium.routing.failures import http_exception_handler

__all__ = ["AppBodyLimit"]


class AppBodyLimit:
    """Answers 413 to a body over the limit, wherever it is read.

    A mounted application shares the count of the one around it, and yet answers by itself.
    """

    def __init__(self, app: ASGIApp, size: int | None) -> None:
        self.app = limited(app, size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if MAX_BODY_SIZE_SCOPE_KEY not in scope:
            await self.app(scope, receive, send)
            return
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
            await send(message)

        try:
            await self.app(scope, receive, noting_send)
        except Exception as error:
            over_limit = limit_error(scope, error)
            if started or not isinstance(over_limit, StarletteHTTPException):
                raise
            response = await http_exception_handler(Request(scope, receive), over_limit)
            await response(scope, receive, send)
