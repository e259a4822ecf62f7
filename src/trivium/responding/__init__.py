"""A returned value becomes bytes.

``reply`` chooses the road of a handler's result, ``plain`` writes ordinary values as JSON and
``encoders`` all others, ``stream`` sends what a handler yields, over ``relay`` and ``sse``.
``responses`` are the classes that a handler may return or name.
"""

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
