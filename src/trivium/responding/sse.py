"""Server-Sent Events: the event, its bytes, and a stream of them that never falls silent.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

from anyio import CapacityLimiter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from trivium.responding.plain import encode_json_stream_item
from trivium.responding.relay import Chunks, Encode, Items, Wait, relay, wait_at_most
from trivium.responding.responses import EventSourceResponse
from trivium.shutdown import ShutdownSignal

__all__ = [
    "EVENT_SCHEMA",
    "KEEPALIVE_COMMENT",
    "PING_INTERVAL",
    "STREAM_HEADERS",
    "EventSourceResponse",
    "ServerSentEvent",
    "encode_sse_item",
    "format_sse_event",
    "sse_stream",
]

KEEPALIVE_COMMENT = b": ping\n\n"
"""What a stream says when it has nothing to say: a comment, which clients ignore."""

PING_INTERVAL = 15.0
"""Seconds of silence before ``KEEPALIVE_COMMENT``, as the specification advises: proxies drop
connections on which nothing happens."""

STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""What every event stream is sent with. The second keeps nginx from collecting events."""

EVENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "data": {"type": "string"},
        "event": {"type": "string"},
        "id": {"type": "string"},
        "retry": {"type": "integer", "minimum": 0},
    },
}
"""``itemSchema`` of an event stream in an OpenAPI document; copy it before changing it.

https://spec.openapis.org/oas/v3.2.0#special-considerations-for-server-sent-events
"""


def _single_line(value: str, field: str) -> str:
    # A line break would end the field, and what follows it would be a field of its own.
    if "\n" in value or "\r" in value:
        raise ValueError(f"SSE '{field}' must be a single line")
    return value


def _valid_event(value: str) -> str:
    return _single_line(value, "event")


def _valid_id(value: str) -> str:
    # A client ignores an id that has a null character in it.
    if "\0" in value:
        raise ValueError("SSE 'id' must not contain null characters")
    return _single_line(value, "id")


class ServerSentEvent(BaseModel):
    """One event, for a handler that wants to set more than the data.

    An item that is not a ``ServerSentEvent`` is sent as the ``data`` of an event without a name.
    """

    # Every application has the class, and few make an event.
    model_config = ConfigDict(defer_build=True)

    data: Any = None
    """The payload. It is always written as JSON, so a string arrives in quotes."""
    raw_data: str | None = None
    """The payload, sent as it is: HTML, CSV, a marker such as ``[DONE]``. Instead of ``data``."""
    event: Annotated[str, AfterValidator(_valid_event)] | None = None
    """Name of the event, which ``addEventListener`` takes; without one it is ``message``."""
    id: Annotated[str, AfterValidator(_valid_id)] | None = None
    """Comes back in the ``Last-Event-ID`` header when the client reconnects."""
    retry: Annotated[int, Field(ge=0)] | None = None
    """Milliseconds that the client shall wait before it reconnects."""
    comment: str | None = None
    """Sent as comment lines, which clients ignore."""

    @model_validator(mode="after")
    def _one_payload(self) -> "ServerSentEvent":
        if self.data is not None and self.raw_data is not None:
            raise ValueError(
                "Cannot set both 'data' and 'raw_data': the first is written as JSON, the second "
                "is sent as it is"
            )
        return self


def format_sse_event(
    *,
    data_str: str | None = None,
    event: str | None = None,
    id: str | None = None,
    retry: int | None = None,
    comment: str | None = None,
) -> bytes:
    """The bytes of one event in UTF-8, with the empty line that ends it.

    ``data_str`` and ``comment`` may have line breaks of any of the three kinds and become one line
    of the stream each. ``retry`` is in milliseconds.

    Raises ``ValueError`` for an ``event`` or ``id`` with a line break, or an ``id`` with a null
    character: such a value could forge fields and events.
    """
    lines: list[str] = []
    if comment is not None:
        lines += [f": {line}" for line in _lines(comment)]
    if event is not None:
        lines.append(f"event: {_valid_event(event)}")
    if data_str is not None:
        lines += [f"data: {line}" for line in _lines(data_str)]
    if id is not None:
        lines.append(f"id: {_valid_id(id)}")
    if retry is not None:
        lines.append(f"retry: {retry}")
    return "".join([*(f"{line}\n" for line in lines), "\n"]).encode()


def _lines(text: str) -> list[str]:
    # Not ``str.splitlines``, which breaks at characters that are no line breaks to a client.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def encode_sse_item(item: Any, encode: Encode = encode_json_stream_item) -> bytes:
    """The event that an item of a handler becomes; ``encode`` writes the data of a plain item.

    Raises what ``format_sse_event`` and ``encode`` raise.
    """
    if not isinstance(item, ServerSentEvent):
        data = encode(item)
        if b"\n" not in data and b"\r" not in data:
            return b"data: " + data + b"\n\n"
        return format_sse_event(data_str=data.decode())
    return format_sse_event(
        data_str=_payload(item),
        event=item.event,
        id=item.id,
        retry=item.retry,
        comment=item.comment,
    )


def _payload(event: ServerSentEvent) -> str | None:
    if event.raw_data is not None:
        return event.raw_data
    if event.data is None:
        return None
    if hasattr(event.data, "model_dump_json"):
        text: str = event.data.model_dump_json()
        return text
    return encode_json_stream_item(event.data).decode()


def sse_stream(
    items: Items,
    encode: Encode = encode_json_stream_item,
    *,
    interval: float = PING_INTERVAL,
    wait: Wait = wait_at_most,
    limiter: CapacityLimiter | None = None,
    shutdown: ShutdownSignal | None = None,
) -> AbstractAsyncContextManager[Chunks]:
    """``relay`` for Server-Sent Events: each item is one event, and silence is filled with pings.

    ``encode`` writes the data of items that are no ``ServerSentEvent``. A ping follows every
    ``interval`` seconds without a chunk, before the first item too; ``wait`` is the clock.
    """
    return relay(
        items,
        lambda item: encode_sse_item(item, encode),
        filler=KEEPALIVE_COMMENT,
        silence=interval,
        wait=wait,
        limiter=limiter,
        shutdown=shutdown,
    )
