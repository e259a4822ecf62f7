"""An HTTP transport that calls an ASGI app in the caller's own event loop, and streams."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Self, cast
from urllib.parse import unquote

import anyio
import anyio.abc
from starlette.types import ASGIApp, Message, Scope

from trivium.testing._httpx import httpx
from trivium.testing.errors import NoResponse
from trivium.testing.host import TaskHost
from trivium.testing.line import POINT_KEY, Line
from trivium.testing.responses import AsyncLiveResponse

UPGRADE_KEY = "trivium.websocket"
"""The key of a request's extensions that says that its caller wants a WebSocket's scope."""


class Upgrade(Exception):
    """Carries the scope of a WebSocket from the transport to the client that asked for it."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope


class LeftEarly(Exception):
    """The client left before the app had started a response."""

    def __init__(self, line: Line) -> None:
        self.line = line


class StreamingTransport(httpx.AsyncBaseTransport):
    """Calls `app` in tasks of the running event loop (asyncio or Trio) and gives what it sends as
    it is sent.

    A request returns when the app has started its response. Its body ends when the app's call has
    ended, background tasks included. It is open between `__aenter__` and `__aexit__`; calls that
    still run on exit see a disconnect and have `patience` seconds to end.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        raise_server_exceptions: bool = True,
        root_path: str = "",
        client: tuple[str, int] = ("testclient", 50000),
        patience: float = 5.0,
    ) -> None:
        self.app = app
        self.raise_server_exceptions = raise_server_exceptions
        self.patience = patience
        self.host = TaskHost()
        self.state: dict[str, Any] = {}
        self._root_path = root_path
        self._client = client
        self._open: set[_Call] = set()

    async def __aenter__(self) -> Self:
        await self.host.open()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the calls that still run, then free the tasks."""
        await self.end_calls()
        await self.host.close()

    async def end_calls(self) -> None:
        """Disconnect from every call that still runs, and wait until each has ended."""
        with anyio.CancelScope(shield=True):
            for call in list(self._open):
                await call.leave()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Start the app's call for `request`; return when its response has started."""
        scope = self._scope(request)
        if scope["type"] == "websocket":
            if UPGRADE_KEY in request.extensions:
                raise Upgrade(scope)
            raise RuntimeError(
                "A test client opens a WebSocket with: "
                f'async with client.websocket_connect("{request.url.path}") as session: ...'
            )
        tasks = self.host.tasks
        call = _Call(self, request, scope)
        tasks.start_soon(call.run)
        self._open.add(call)
        try:
            await call.started.wait()
        except BaseException:
            # Whoever waited was cancelled: a client that went away.
            with anyio.CancelScope(shield=True):
                await call.leave()
            raise
        return call.response()

    def _scope(self, request: httpx.Request) -> Scope:
        url = request.url
        raw_path, _, query = url.raw_path.partition(b"?")
        kind = "websocket" if url.scheme in ("ws", "wss") else "http"
        default_port = 443 if url.scheme in ("https", "wss") else 80
        scope: Scope = {
            "type": kind,
            # As uvicorn says it: 2.3 for HTTP is the version in which sending to a client that has
            # gone is silent, 2.4 for WebSockets the one in which it raises an OSError.
            "asgi": {"version": "3.0", "spec_version": "2.3" if kind == "http" else "2.4"},
            "http_version": "1.1",
            "path": unquote(url.path),
            "raw_path": raw_path,
            "root_path": self._root_path,
            "scheme": url.scheme,
            "query_string": query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": self._client,
            "server": (url.host, url.port or default_port),
            "state": self.state.copy(),
        }
        if kind == "http":
            return {**scope, "method": request.method, "extensions": {"http.response.debug": {}}}
        offered = request.headers.get("sec-websocket-protocol", "")
        return {
            **scope,
            "subprotocols": [name.strip() for name in offered.split(",") if name.strip()],
            "extensions": {"websocket.http.response": {}},
        }


class _Call(httpx.AsyncByteStream):
    """One HTTP call of the app, and the stream of its response's body."""

    def __init__(self, transport: StreamingTransport, request: httpx.Request, scope: Scope) -> None:
        self.started = anyio.Event()
        self._ended = anyio.Event()
        self._complete = anyio.Event()
        self._transport = transport
        self._request = request
        self._scope = scope
        self._line = Line(transport.patience, request.extensions.get(POINT_KEY))
        self._start: Message | None = None
        self._debug: Any = None
        self._upload_error: Exception | None = None
        # Nothing is buffered between app and test: a chunk is sent when it is taken.
        self._chunks_in, self._chunks_out = anyio.create_memory_object_stream[bytes](0)

    async def run(self) -> None:
        """Call the app. What it raises is kept by the line."""
        try:
            async with AsyncExitStack() as stack:
                stack.enter_context(self._chunks_in)
                receive = await self._start_upload(stack)
                try:
                    await self._line.run(self._transport.app, self._scope, receive, self._send)
                except BaseException as error:
                    if error is not self._line.error:
                        raise
        finally:
            self._transport._open.discard(self)
            self._ended.set()
            self.started.set()

    def response(self) -> httpx.Response:
        """The response, whose body is this stream. Raises what a client without one has to hear."""
        if self._start is None:
            self._chunks_out.close()
            self._check()
            if self._line.is_cut:
                raise LeftEarly(self._line)
            if self._transport.raise_server_exceptions:
                raise NoResponse(
                    f"{self._request.method} {self._request.url.path}: the app returned without "
                    "sending http.response.start"
                )
            return httpx.Response(500, request=self._request)
        response = AsyncLiveResponse(
            self._start["status"],
            headers=list(self._start.get("headers", [])),
            stream=self,
            request=self._request,
        )
        response._line = self._line
        response._chunks = self
        if self._debug is not None:
            response.extensions["http.response.debug"] = self._debug
            # Where tests of Starlette's templates look.
            vars(response).update(
                {key: self._debug[key] for key in ("template", "context") if key in self._debug}
            )
        return response

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        # Not a generator: Trio warns of one that is dropped before its end, and tests of a stream
        # without end have to drop it.
        try:
            chunk = await self._chunks_out.receive()
            while self._request.method == "HEAD":
                chunk = await self._chunks_out.receive()
        except anyio.EndOfStream:
            await self._ended.wait()
            self._check()
            raise StopAsyncIteration from None
        return chunk

    async def aclose(self) -> None:
        """Leave, if the response is not complete; wait until the call has ended."""
        with anyio.CancelScope(shield=True):
            await self.leave()
        self._check()

    async def leave(self) -> None:
        """Cut the line, unless the response is complete, and wait until the call has ended."""
        if not self._complete.is_set():
            self._line.cut()
        self._chunks_out.close()
        await self._ended.wait()

    def _check(self) -> None:
        if self._upload_error is not None:
            raise self._upload_error
        self._line.check(raise_server_exceptions=self._transport.raise_server_exceptions)

    async def _start_upload(self, stack: AsyncExitStack) -> "_Receive":
        """The app's `receive`, fed by a task of its own where the body is made piece by piece.

        `Request.is_disconnected` cancels the receive it has begun. A generator of the test must not
        be what that cancels.
        """
        if isinstance(self._request.stream, httpx.ByteStream):
            body = await self._request.aread()
            return _Receive(self._complete, body, None)
        pieces_in, pieces_out = anyio.create_memory_object_stream[bytes](0)
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        stack.enter_context(pieces_out)
        tasks.start_soon(self._upload, pieces_in)
        return _Receive(self._complete, b"", pieces_out)

    async def _upload(self, pieces: anyio.abc.ObjectSendStream[bytes]) -> None:
        # An AsyncClient has refused every other kind before it calls its transport.
        stream = aiter(cast(httpx.AsyncByteStream, self._request.stream))
        async with pieces:
            try:
                async for piece in stream:
                    await pieces.send(piece)
            except anyio.BrokenResourceError:
                pass  # the call has ended
            except Exception as error:
                self._upload_error = error
                self._line.cut()
            finally:
                if isinstance(stream, AsyncGenerator):
                    with anyio.CancelScope(shield=True):
                        await stream.aclose()

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            if self._start is not None:
                raise RuntimeError("The app sent http.response.start twice.")
            self._start = message
            self.started.set()
        elif kind == "http.response.body":
            await self._send_body(message)
        elif kind == "http.response.debug":
            self._debug = message["info"]

    async def _send_body(self, message: Message) -> None:
        if self._start is None:
            raise RuntimeError("The app sent http.response.body before http.response.start.")
        if self._complete.is_set():
            raise RuntimeError("The app sent http.response.body after the response's end.")
        if body := bytes(message.get("body", b"")):
            try:
                await self._chunks_in.send(body)
            except anyio.BrokenResourceError:
                pass  # the client has left
        if not message.get("more_body", False):
            self._complete.set()


class _Receive:
    """The app's `receive`: the request's body, then, when the response is complete, its end."""

    def __init__(
        self,
        complete: anyio.Event,
        body: bytes,
        pieces: anyio.abc.ObjectReceiveStream[bytes] | None,
    ) -> None:
        self._complete = complete
        self._body = body
        self._pieces = pieces
        self._sent_all = False

    async def __call__(self) -> Message:
        if self._sent_all:
            await self._complete.wait()
            return {"type": "http.disconnect"}
        if self._pieces is not None:
            try:
                piece = await self._pieces.receive()
                return {"type": "http.request", "body": piece, "more_body": True}
            except anyio.EndOfStream:
                pass
        self._sent_all = True
        return {"type": "http.request", "body": self._body, "more_body": False}
