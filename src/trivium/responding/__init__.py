"""A returned value becomes bytes.

``reply`` chooses the road of a handler's result, ``plain`` writes ordinary values as JSON and
``encoders`` all others, ``stream`` sends what a handler yields, over ``relay`` and ``sse``.
``responses`` are the classes that a handler may return or name.
"""

from typing import TYPE_CHECKING, Any

from trivium.responding.encoders import jsonable_encoder
from trivium.responding.responses import (
    EventSourceResponse,
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)

if TYPE_CHECKING:
    from trivium.responding.sse import ServerSentEvent

__all__ = [
    "EventSourceResponse",
    "FileResponse",
    "HTMLResponse",
    "JSONResponse",
    "PlainTextResponse",
    "RedirectResponse",
    "Response",
    "ServerSentEvent",
    "StreamingResponse",
    "jsonable_encoder",
]


def __getattr__(name: str) -> Any:
    # its model takes time to make, and few applications send events
    if name == "ServerSentEvent":
        from trivium.responding.sse import ServerSentEvent

        return ServerSentEvent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
