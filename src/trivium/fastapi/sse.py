"""``fastapi.sse``"""

from trivium.responding.sse import (
    KEEPALIVE_COMMENT,
    EventSourceResponse,
    ServerSentEvent,
    format_sse_event,
)

__all__ = ["EventSourceResponse", "KEEPALIVE_COMMENT", "ServerSentEvent", "format_sse_event"]
