"""Middleware that is a function: ``async def add_header(request, call_next) -> response``.

What is inside runs in a task of its own, so that the function can hold its response while it is
still being sent. Context variables pass in both directions, a disconnect of the client reaches
the handler, and the handler always runs to its end: its background tasks are not lost when the
function answers with a response of its own.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import Context, copy_context
from typing import Any, TypeAlias

import anyio
from anyio.abc import TaskGroup
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trivium.errors import TriviumError

__all__ = ["CallNext", "FunctionMiddleware"]

CallNext: TypeAlias = Callable[[Request], Awaitable[Response]]
Dispatch: TypeAlias = Callable[[Request, CallNext], Awaitable[Response]]


class FunctionMiddleware:
    """An ASGI middleware made of a function. Only HTTP requests go through the function."""

    def __init__(self, app: ASGIApp, dispatch: Dispatch) -> None:
        self.app = app
        self.dispatch = dispatch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        failure: BaseException | None = None
        request = _Request(scope, receive, send)
        inner = _Inner(self.app, request, send)
        try:
            async with anyio.create_task_group() as tasks:
                inner.tasks = tasks
                try:
                    response = await self.dispatch(request, inner.call)
                    await response(scope, request.receive, send)
                    inner.let_go()
                except BaseException as error:
                    # raised below, for the task group would wrap it
                    failure = error
                    inner.let_go()
                    tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            failure = failure or group
        # from here on only the reply to an error can come this way
        inner.passes_through = True
        failure = failure or inner.unseen_error
        if failure is not None:
            raise failure


class _Request(Request):
    """A request whose body the function may read and what is inside may read again."""

    async def receive_inside(self) -> Message:
        """What is inside receives: the body as far as it was read, then the server's messages."""
        if not self._given and (body := getattr(self, "_body", None)) is not None:
            self._given = True
            return {"type": "http.request", "body": body, "more_body": False}
        if not self._given and self._stream_consumed:
            self._given = True
            return {"type": "http.request", "body": b"", "more_body": False}
        return await self.receive()

    _given = False


class _Inner:
    """The application inside, running while the function holds its response."""

    tasks: TaskGroup

    def __init__(self, app: ASGIApp, request: _Request, send: Send) -> None:
        self.app = app
        self.request = request
        self.outer_send = send
        self.started = anyio.Event()
        self.start: Message | None = None
        self.context: Context | None = None
        self.error: Exception | None = None
        self.unseen_error: Exception | None = None
        self.discards = False
        self.passes_through = False
        self._chunk: Message | None = None
        self._offered = anyio.Event()
        self._taken = anyio.Event()
        self._ended = False

    async def call(self, request: Request) -> Response:
        """``call_next``: starts the application and waits for the head of its response."""
        if self.context is not None or self.started.is_set():
            raise TriviumError("call_next() can be called once for a request")
        before = copy_context()
        receive = request.receive_inside if isinstance(request, _Request) else request.receive
        self.tasks.start_soon(self._run, request.scope, receive)
        await self.started.wait()
        self._take_over_context(before)
        if self.start is None:
            error, self.error = self.error, None
            if error is not None:
                raise error
            raise TriviumError("No response returned.")
        response = _Streamed(self._chunks(), self.start["status"])
        response.raw_headers = list(self.start.get("headers", ()))
        return response

    def let_go(self) -> None:
        """The function is done: what is still sent inside goes nowhere."""
        self.discards = True
        self._taken.set()
        self.unseen_error, self.error = self.error, None

    async def _run(self, scope: Scope, receive: Receive) -> None:
        try:
            await self.app(scope, receive, self._send)
        except Exception as error:
            if self.discards:
                self.unseen_error = error
            else:
                self.error = error
        finally:
            self.context = copy_context()
            self._ended = True
            self.started.set()
            self._offered.set()

    async def _send(self, message: Message) -> None:
        if self.passes_through:
            await self.outer_send(message)
            return
        if self.discards:
            return
        if message["type"] == "http.response.start":
            self.start = message
            self.context = copy_context()
            self.started.set()
            return
        if message["type"] not in ("http.response.body", "http.response.pathsend"):
            await self.outer_send(message)
            return
        self._taken = anyio.Event()
        self._chunk = message
        self._offered.set()
        await self._taken.wait()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            await self._offered.wait()
            self._offered = anyio.Event()
            message, self._chunk = self._chunk, None
            if message is not None:
                self._taken.set()
                if body := message.get("body", b""):
                    yield body
                if not message.get("more_body", False):
                    return
            elif self._ended:
                error, self.error = self.error, None
                if error is not None:
                    raise error
                return

    def _take_over_context(self, before: Context) -> None:
        """Context variables that were set inside are seen by the function."""
        for variable, value in (self.context or {}).items():
            if before.get(variable, _MISSING) is not value:
                variable.set(value)


_MISSING: Any = object()


class _Streamed(StreamingResponse):
    """The response from inside: its head is there, its body comes when it is sent."""

    def __init__(self, chunks: AsyncIterator[bytes], status_code: int) -> None:
        super().__init__(chunks, status_code=status_code)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # the application inside listens for the disconnect itself, so no task does it here
        try:
            await self.stream_response(send)
        except OSError as error:
            raise ClientDisconnect from error
        if self.background is not None:
            await self.background()
