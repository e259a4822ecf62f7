"""Handlers that yield: their items as Server-Sent Events, JSON Lines, or chunks of any class."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

from anyio import CapacityLimiter
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from trivium.binding.fields import DumpOptions, Field
from trivium.exchange import Exchange
from trivium.responding.plain import encode_json_stream_item
from trivium.responding.relay import Chunks, Encode, jsonl_stream, raw_stream
from trivium.responding.reply import Context, Finish, add_headers, model_writer, response_arguments
from trivium.responding.sse import STREAM_HEADERS, sse_stream
from trivium.shutdown import shutdown_of

__all__ = ["StreamReply", "stream_finisher"]

Open: TypeAlias = Callable[[], AbstractAsyncContextManager[Chunks]]


class StreamReply(StreamingResponse):
    """A streaming response whose chunks come from a relay.

    The relay is opened when the reply is sent and closed before the response returns, so the
    generator has run its ``finally`` by then, whatever became of the client.
    """

    def __init__(self, open_chunks: Open, ex: Exchange, **options: Any) -> None:
        super().__init__(content=(), **options)
        self._open_chunks = open_chunks
        self._exchange = ex

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ex = self._exchange
        if not ex.is_direct or receive != ex.receive:
            await super().__call__(scope, receive, send)
            return
        # The connection tells of the client's absence: no task has to ask for it.
        try:
            await _relay_to(self, self._open_chunks, send, ex)
        finally:
            # it holds the chunks, and what they are made by holds the exchange
            ex.when_lost(None)
        if self.background is not None:
            await self.background()

    async def stream_response(self, send: Send) -> None:
        await _relay_to(self, self._open_chunks, send)


def stream_finisher(
    *,
    field: Field | None,
    status_code: int | None,
    response_class: type[Response],
    is_sse: bool,
    is_json: bool,
    dump: DumpOptions,
    context: Context,
) -> Finish:
    """The function that turns the generator of a handler into a reply."""

    write = _write_untyped if field is None else model_writer(field, dump, context)

    def encoder(ex: Exchange) -> Encode:
        return lambda item: write(item, ex)

    def finish_events(items: Any, ex: Exchange) -> Response:
        encode = encoder(ex)
        response = StreamReply(
            lambda: sse_stream(items, encode, limiter=_limiter(ex), shutdown=shutdown_of(ex.scope)),
            ex,
            media_type="text/event-stream",
            headers=STREAM_HEADERS,
            **response_arguments(ex, status_code),
        )
        add_headers(response, ex)
        return response

    def finish_lines(items: Any, ex: Exchange) -> Response:
        encode = encoder(ex)
        response = StreamReply(
            lambda: jsonl_stream(items, encode, limiter=_limiter(ex)),
            ex,
            media_type="application/jsonl",
            **response_arguments(ex, status_code),
        )
        add_headers(response, ex)
        return response

    def finish_chunks(items: Any, ex: Exchange) -> Response:
        response = response_class(items, **response_arguments(ex, status_code))
        if isinstance(response, StreamingResponse):
            streaming = response

            async def relayed(send: Send) -> None:
                await _relay_to(
                    streaming,
                    lambda: raw_stream(items, charset=streaming.charset, limiter=_limiter(ex)),
                    send,
                )

            if type(response).stream_response is StreamingResponse.stream_response:
                response.stream_response = relayed  # type: ignore[method-assign]  # this one only
        add_headers(response, ex)
        return response

    if is_sse:
        return finish_events
    return finish_lines if is_json else finish_chunks


def _write_untyped(item: Any, ex: Exchange) -> bytes:
    return encode_json_stream_item(item)


def _limiter(ex: Exchange) -> CapacityLimiter | None:
    """What limits the steps of a synchronous generator: see ``trivium.threads``."""
    return CapacityLimiter(1) if ex.is_holding else None


async def _relay_to(
    response: StreamingResponse, open_chunks: Open, send: Send, direct: Exchange | None = None
) -> None:
    async with open_chunks() as chunks:
        if direct is not None:
            direct.when_lost(chunks.leave)
        await send(
            {
                "type": "http.response.start",
                "status": response.status_code,
                "headers": response.raw_headers,
            }
        )
        await chunks.pour(
            lambda chunk: send({"type": "http.response.body", "body": chunk, "more_body": True})
        )
    if direct is None or not direct.is_lost:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
