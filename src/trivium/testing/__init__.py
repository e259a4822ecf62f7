"""Clients for tests of an app, with what a real client does to it.

    TestClient          synchronous, Starlette's; the app runs in a thread
    AsyncTestClient     asynchronous, in the test's own event loop, under asyncio or Trio
    StreamingTransport  the second one's transport, for an `httpx2.AsyncClient` of your own

Both take `overrides={dependency: replacement}` and override for themselves alone; both can leave in
the middle of a request (`response.disconnect()`, `client.disconnect_after(...)`) and of a WebSocket
(`session.disconnect()`), and return from that when the app has cleaned up.

They need an HTTP client library (`pip install httpx2`), which an app in production does not: it is
imported when a client is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trivium.testing.errors import AppStillRunning, DisconnectNotReached, NoResponse

if TYPE_CHECKING:
    from trivium.testing.async_client import AsyncTestClient
    from trivium.testing.client import TestClient, WebSocketSession
    from trivium.testing.responses import AsyncLiveResponse, Disconnected, LiveResponse
    from trivium.testing.transport import StreamingTransport
    from trivium.testing.websocket import AsyncWebSocketSession

__all__ = [
    "AppStillRunning",
    "AsyncLiveResponse",
    "AsyncTestClient",
    "AsyncWebSocketSession",
    "DisconnectNotReached",
    "Disconnected",
    "LiveResponse",
    "NoResponse",
    "StreamingTransport",
    "TestClient",
    "WebSocketSession",
]

_HOMES = {
    "AsyncLiveResponse": "responses",
    "AsyncTestClient": "async_client",
    "AsyncWebSocketSession": "websocket",
    "Disconnected": "responses",
    "LiveResponse": "responses",
    "StreamingTransport": "transport",
    "TestClient": "client",
    "WebSocketSession": "client",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import_module("trivium.testing._httpx")  # says what is missing, where that is missing
    return getattr(import_module(f"trivium.testing.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
