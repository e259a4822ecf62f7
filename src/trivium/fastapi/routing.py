"""``fastapi.routing``"""

from trivium.routing import (
    APIRoute,
    APIRouter,
    APIWebSocketRoute,
    Mount,
    RouteContext,
    get_request_handler,
    get_websocket_app,
    iter_route_contexts,
    request_response,
    run_endpoint_function,
    serialize_response,
    websocket_session,
)
from trivium.routing.solving import solve_dependencies

__all__ = [
    "APIRoute",
    "APIRouter",
    "APIWebSocketRoute",
    "Mount",
    "RouteContext",
    "get_request_handler",
    "get_websocket_app",
    "iter_route_contexts",
    "request_response",
    "run_endpoint_function",
    "serialize_response",
    "solve_dependencies",
    "websocket_session",
]
