"""Routes: how they are declared, included, found and served.

``route`` and ``websocket`` are one operation each, ``router`` holds many in order; ``options`` is
what can be said of one, ``inclusion`` what a router adds to another's. ``flat`` is the tree as a
list, ``table`` finds a path in it, ``dispatch`` serves what was found.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from starlette.routing import Mount

from trivium.routing.flat import FlatRoute, RouteContext, iter_route_contexts
from trivium.routing.route import APIRoute
from trivium.routing.router import APIRouter
from trivium.routing.websocket import APIWebSocketRoute

if TYPE_CHECKING:
    from trivium.routing.handlers import (
        get_request_handler,
        get_websocket_app,
        request_response,
        run_endpoint_function,
        serialize_response,
        websocket_session,
    )
    from trivium.routing.views import action

__all__ = [
    "APIRoute",
    "APIRouter",
    "APIWebSocketRoute",
    "FlatRoute",
    "Mount",
    "RouteContext",
    "action",
    "get_request_handler",
    "get_websocket_app",
    "iter_route_contexts",
    "request_response",
    "run_endpoint_function",
    "serialize_response",
    "websocket_session",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        # the handlers are for code that builds on FastAPI's; an application itself needs none
        home = "views" if name == "action" else "handlers"
        return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
