"""Middleware that is a function: ``async def add_header(request, call_next) -> response``.

What is inside runs in a task of its own, so that the function can hold its response while it is
still being sent. Context variables pass in both directions, and a disconnect of the client reaches
the handler. What is inside runs to its end also when the function answers with a response of its
own: its background tasks are not lost. To it that is a client that has gone, so an endless stream
ends.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextvars import Context, copy_context
from typing import Any, TypeAlias, cast

import anyio
from anyio.abc import TaskGroup
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trivium.errors import TriviumError

__all__ = ["CallNext", "FunctionMiddleware"]

CallNext: TypeAlias = Callable[[Request], Awaitable[Response]]
Dispatch: TypeAlias = Callable[[Request, CallNext], Awaitable[Response]]

_DISCONNECT: Message = {"type": "http.disconnect"}


class FunctionMiddleware:
    """An ASGI middleware made of a function. Only HTTP requests go through the function.

    What the application raises before its response has begun is raised by ``call_next``, and later
    by the response while it is sent. What the function raises leaves as it is, and ends what is
    inside. ``call_next`` may be called again, and what it started before is let go then.
    """

    def __init__(self, app: ASGIApp, dispatch: Dispatch) -> None:
        self.app = app
        self.dispatch = dispatch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = _Request(scope, receive, send)
        outer = _Outer(send)
        calls: list[_Call] = []
        failure: BaseException | None = None
        try:
            async with anyio.create_task_group() as tasks:

                async def call_next(request: Request) -> Response:
                    if calls:
                        calls[-1].let_go()
                    calls.append(_Call(self.app, request, outer))
                    return await calls[-1].begin(tasks)

                try:
                    response = await self.dispatch(request, call_next)
                    await response(scope, request.receive, outer.send)
                except BaseException as error:
                    # raised below, for the task group would wrap it
                    failure = error
                    if not outer.has_lost(error):
                        tasks.cancel_scope.cancel()
                for call in calls:
                    call.let_go()
        except BaseExceptionGroup as group:
            failure = failure or _alone(group)
        # from here on only the reply to an error can come this way
        outer.passes_through = True
        failure = failure or next((call.error for call in calls if call.error is not None), None)
        if failure is not None:
            raise failure


class _Request(Request):
    """A request whose body the function may read and what is inside may read again."""

    @property
    def message_read(self) -> Message | None:
        """The body as far as the function has read it, as the message that brings it."""
        if (body := getattr(self, "_body", None)) is None and self._stream_consumed:
            body = b""
        if body is None:
            return None
        return {"type": "http.request", "body": body, "more_body": False}


class _Outer:
    """The way out of the middleware."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.lost: OSError | None = None
        """How the server said that the client has gone, if it did."""
        self.passes_through = False

    async def send(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError as error:
            self.lost = error
            raise

    def has_lost(self, error: BaseException) -> bool:
        """Whether the error is the news that the client has gone."""
        return self.lost is not None and (error is self.lost or isinstance(error, ClientDisconnect))


class _Call:
    """One run of the application inside, for as long as the function holds its response."""

    def __init__(self, app: ASGIApp, request: Request, outer: _Outer) -> None:
        self.error: Exception | None = None
        """What the application raised, until somebody has seen it."""
        self._app = app
        self._scope = request.scope
        self._request = request
        self._has_begun_to_receive = False
        self._outer = outer
        self._start: Message | None = None
        self._context: Context | None = None
        self._started = anyio.Event()
        self._message: Message | None = None
        self._offered = anyio.Event()
        self._taken = anyio.Event()
        self._is_out = False
        self._is_complete = False
        self._is_let_go = False
        self._waits: set[anyio.CancelScope] = set()

    # The function's side

    async def begin(self, tasks: TaskGroup) -> Response:
        """Starts the application, and waits for the head of its response."""
        before = copy_context()
        tasks.start_soon(self._run)
        await self._started.wait()
        self._take_over_context(before)
        if self._start is None:
            self._raise_error()
            raise TriviumError("No response returned.")
        response = _Streamed(self, self._start["status"])
        response.raw_headers = list(self._start.get("headers", ()))
        return response

    def let_go(self) -> None:
        """The function is done: nobody listens any more to what is inside."""
        self._is_let_go = True
        self._taken.set()
        for wait in self._waits:
            wait.cancel()

    # The body, chunk by chunk. No generator: one that the function leaves unfinished would be
    # finished by the garbage collector.

    def __aiter__(self) -> "_Call":
        return self

    async def __anext__(self) -> bytes | MutableMapping[str, Any]:
        while not self._is_complete:
            if self._is_out:
                # The chunk has been sent: what is inside may make the next one.
                self._is_out = False
                self._taken.set()
            await self._offered.wait()
            self._offered = anyio.Event()
            message, self._message = self._message, None
            if message is None:
                self._raise_error()
                break
            self._is_out = True
            is_file = message["type"] == "http.response.pathsend"
            # After the last chunk it goes on when the function is done: then come its tasks.
            self._is_complete = is_file or not message.get("more_body", False)
            if is_file:
                return message
            body: bytes = message.get("body", b"")
            if body:
                return body
        raise StopAsyncIteration

    def _take_over_context(self, before: Context) -> None:
        """Context variables that were set inside are seen by the function."""
        for variable, value in (self._context or {}).items():
            if before.get(variable, _MISSING) is not value:
                variable.set(value)

    def _raise_error(self) -> None:
        error, self.error = self.error, None
        if error is not None:
            raise error

    # The application's side

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self.receive, self.send)
        except (OSError, ClientDisconnect) as error:
            # as it was told by ``_refuse``: the function knows
            if not self._is_let_go:
                self.error = error
        except Exception as error:
            self.error = error
        finally:
            self._context = self._context or copy_context()
            self._started.set()
            self._offered.set()

    async def receive(self) -> Message:
        if self._is_let_go:
            return _DISCONNECT
        if not self._has_begun_to_receive:
            self._has_begun_to_receive = True
            read = self._request.message_read if isinstance(self._request, _Request) else None
            if read is not None:
                return read
        with anyio.CancelScope() as wait:
            self._waits.add(wait)
            try:
                return await self._request.receive()
            finally:
                self._waits.discard(wait)
        return _DISCONNECT

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self._outer.passes_through:
            await self._outer.send(message)
        elif self._is_let_go:
            self._refuse(message)
        elif kind == "http.response.start":
            self._start = message
            self._context = copy_context()
            self._started.set()
        elif kind not in ("http.response.body", "http.response.pathsend"):
            await self._outer.send(message)
        else:
            self._taken = anyio.Event()
            self._message = message
            self._offered.set()
            await self._taken.wait()

    def _refuse(self, message: Message) -> None:
        """Drops the message; what would send for ever is told as its server would tell it."""
        if self._outer.lost is not None or (
            message.get("more_body", False) and self._sends_until_it_fails
        ):
            raise OSError("Nobody listens any more") from self._outer.lost

    @property
    def _sends_until_it_fails(self) -> bool:
        # since ASGI 2.4 a stream may do that, and need not listen for the disconnect meanwhile
        version: str = self._scope.get("asgi", {}).get("spec_version", "2.0")
        return tuple(map(int, version.split("."))) >= (2, 4)


def _alone(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


_MISSING: Any = object()


class _Streamed(StreamingResponse):
    """The response from inside: its head is there, its body comes when it is sent."""

    def __init__(
        self, chunks: AsyncIterator[bytes | MutableMapping[str, Any]], status_code: int
    ) -> None:
        super().__init__(cast(AsyncIterator[bytes], chunks), status_code=status_code)

    async def stream_response(self, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        async for chunk in cast(AsyncIterator[Any], self.body_iterator):
            if isinstance(chunk, MutableMapping):
                # a file that the server reads by itself, the whole body
                await send(chunk)
                return
            body = chunk if isinstance(chunk, bytes | memoryview) else chunk.encode(self.charset)
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # the application inside listens for the disconnect itself, so no task does it here
        await self.stream_response(send)
        if self.background is not None:
            await self.background()
