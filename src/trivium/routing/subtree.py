"""Middleware and exception handlers of one router, for its own routes and those below.

Each request goes through the router's middleware instance, whichever of the routes answers it, so
that a counter or a cache in it is shared, as it would be at the application.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, cast

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from trivium.exchange import Exchange
from trivium.routing.failures import Handlers, failures_answered
from trivium.routing.way_out import begin_way_out, has_way_out, with_way_out

__all__ = ["Subtree", "surrounded"]

Serve: TypeAlias = Callable[[Exchange], Awaitable[None]]

_INNER = "trivium.inner"


class Subtree:
    """What a router puts around its routes."""

    def __init__(
        self,
        middleware: Sequence[Middleware],
        exception_handlers: dict[Any, Callable[..., Any]],
    ) -> None:
        self.middleware = middleware
        self.exception_handlers = exception_handlers
        self._stack: ASGIApp | None = None

    def __bool__(self) -> bool:
        return bool(self.middleware or self.exception_handlers)

    async def serve(self, serve: Serve, ex: Exchange) -> None:
        """Serves within the router's handlers and, around them, its middleware."""
        if not self.middleware:
            outer = ex.router_handlers
            ex.router_handlers = (self.exception_handlers, *outer)
            try:
                await failures_answered(serve, ex, self.exception_handlers)
            finally:
                ex.router_handlers = outer
            return
        if not has_way_out(ex.scope):
            begin_way_out(ex.scope, ex.send)
        ex.scope.setdefault(_INNER, {})[self] = (serve, ex)
        await self.stack(ex.scope, ex.receive, ex.send)

    @property
    def stack(self) -> ASGIApp:
        if self._stack is None:
            app: ASGIApp = self._serve_inner
            for cls, args, kwargs in reversed(with_way_out(self.middleware)):
                app = cls(app, *args, **kwargs)
            self._stack = app
        return self._stack

    async def _serve_inner(self, scope: Scope, receive: Receive, send: Send) -> None:
        serve, outer = cast(tuple[Serve, Exchange], scope[_INNER][self])
        ex = outer.moved(receive, send)
        ex.replace_scope(scope)
        ex.router_handlers = (self.exception_handlers, *outer.router_handlers)
        # Those outside are asked in here too: their reply passes the middleware like any other.
        for handlers in (*ex.router_handlers, ex.handlers):
            serve = _answered(serve, handlers)
        await serve(ex)


def _answered(serve: Serve, handlers: Handlers) -> Serve:
    async def answer(ex: Exchange) -> None:
        await failures_answered(serve, ex, handlers)

    return answer


def surrounded(serve: Serve, subtrees: Sequence[Subtree]) -> Serve:
    """The way to a route through the routers around it, outermost first."""
    for subtree in reversed(subtrees):
        serve = _within(subtree, serve)
    return serve


def _within(subtree: Subtree, serve: Serve) -> Serve:
    async def inside(ex: Exchange) -> None:
        await subtree.serve(serve, ex)

    return inside
