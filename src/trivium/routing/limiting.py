"""A limit on the body of the requests to some routes."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.types import Receive, Scope, Send

from trivium.binding.limits import limited
from trivium.exchange import Exchange
from trivium.routing.failures import failures_answered

__all__ = ["within_limit"]

Serve: TypeAlias = Callable[[Exchange], Awaitable[None]]

_OUTER = "trivium.limited"


def within_limit(serve: Serve, size: int | None) -> Serve:
    """Serves with at most ``size`` bytes of body; None sets no limit.

    The application's handlers are asked within the limit: they make the reply to the body that
    was too large, as to any other error.
    """
    if size is None:
        return serve

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        outer: Exchange = scope[_OUTER]
        ex = outer.moved(receive, send)
        await failures_answered(serve, ex, ex.handlers)

    app = limited(inner, size)

    async def serve_limited(ex: Exchange) -> None:
        ex.scope[_OUTER] = ex
        await app(ex.scope, ex.receive, ex.send)

    return serve_limited
