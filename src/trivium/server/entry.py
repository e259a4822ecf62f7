"""The way from a direct connection into the application."""

from collections.abc import Callable, Coroutine
from copy import copy
from typing import Any, TypeAlias

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from trivium.app import App
from trivium.server.direct import DirectExchange

__all__ = ["Serve", "entry_of"]

Serve: TypeAlias = Callable[[DirectExchange], Coroutine[Any, Any, None]]


def entry_of(app: Any) -> tuple[ProxyHeadersMiddleware | None, Serve | None]:
    """The way into the application that needs no ASGI, if it has one, and who speaks for proxies.

    uvicorn wraps the application when it trusts proxies. What that wrapper does to the scope is
    done when a scope is made.
    """
    forwarded: ProxyHeadersMiddleware | None = None
    if type(app) is ProxyHeadersMiddleware:
        forwarded = copy(app)
        app, forwarded.app = app.app, _nothing
    if isinstance(app, App) and type(app).__call__ is App.__call__:
        if any(stage.decides_clients for stage in app.stages):
            forwarded = None
        return forwarded, app.serve_exchange
    return None, None


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    """The application inside of what only changes the scope."""
