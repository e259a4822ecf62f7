"""The way out through the middleware, for the reply to an error that nothing has handled.

The reply is made outside of all middleware, when the error has passed them. It is sent from the
innermost place that is still connected, so that it carries what they add to every reply.
"""

from collections.abc import Iterable

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["begin_way_out", "has_way_out", "way_out", "with_way_out"]

_SEND = "trivium.way_out"
_OWNER = "trivium.way_out_of"
_IS_CUT = "trivium.way_out_is_cut"


def begin_way_out(scope: Scope, send: Send) -> None:
    """Says where an application begins."""
    scope[_SEND] = send
    scope[_OWNER] = scope.get("app")
    scope[_IS_CUT] = False


def has_way_out(scope: Scope) -> bool:
    """Whether a way out of this application is noted, and not that of one around it.

    An application that is mounted shares the scope of the other.
    """
    return _SEND in scope and scope[_OWNER] is scope.get("app")


def way_out(scope: Scope) -> Send:
    """Where to send the reply to an error that has come out."""
    send: Send = scope[_SEND]
    return send


def with_way_out(layers: Iterable[Middleware]) -> list[Middleware]:
    """The layers, with the way out noted inside of them."""
    layers = list(layers)
    for index, layer in enumerate(layers):
        if _is_base_http(layer):
            # It is over when an error has passed, and nothing gets through it any more.
            return [*layers[:index], Middleware(_Mark, cuts=True), *layers[index:]]
    return [*layers, Middleware(_Mark, cuts=False)]


class _Mark:
    def __init__(self, app: ASGIApp, cuts: bool) -> None:
        self.app = app
        self.cuts = cuts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope.get(_IS_CUT, False):
            scope[_SEND] = send
            scope[_IS_CUT] = self.cuts
        await self.app(scope, receive, send)


def _is_base_http(layer: Middleware) -> bool:
    from starlette.middleware.base import BaseHTTPMiddleware

    return isinstance(layer.cls, type) and issubclass(layer.cls, BaseHTTPMiddleware)
