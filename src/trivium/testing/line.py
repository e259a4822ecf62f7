"""The line between a test client and one call of the app, which the client can cut."""

import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from trivium.testing.errors import AppStillRunning, DisconnectNotReached

When = Callable[[], Awaitable[Any]] | Callable[[], Any]

POINT_KEY = "trivium.disconnect"
"""The key of an HTTP client request's extensions under which its `DisconnectPoint` travels."""


class ConnectionCut(OSError):
    """What an app gets that sends on a WebSocket whose client has gone, as under a real server."""


@dataclass(frozen=True, slots=True)
class DisconnectPoint:
    """The moment at which a client leaves. Exactly one field is given.

    uploaded: the app has been given this many bytes of the request's body.
    downloaded: the client has been given this many bytes of the response's body.
    chunks: the client has been given this many non-empty pieces of the response's body.
    when: this callable has returned: a coroutine function is awaited in the app's event loop, any
        other is called in a thread, so `threading.Event().wait` and `anyio.Event().wait` both do.
    """

    uploaded: int | None = None
    downloaded: int | None = None
    chunks: int | None = None
    when: When | None = None

    def __post_init__(self) -> None:
        given = [name for name in self.__slots__ if getattr(self, name) is not None]
        if len(given) != 1:
            named = ", ".join(given) or "none"
            raise TypeError(
                "a client leaves at one point: give exactly one of uploaded=, downloaded=, chunks= "
                f"and when= (given: {named})"
            )
        if isinstance(number := getattr(self, given[0]), int) and number < 0:
            raise ValueError(f"{given[0]}={number}: a number of bytes or chunks is not negative")

    def __str__(self) -> str:
        return next(
            f"{name}={value!r}"
            for name in self.__slots__
            if (value := getattr(self, name)) is not None
        )


class Line:
    """One call of the app by a client that may leave before the call has ended.

    While the line holds, messages pass as they are. When it is cut, the app sees what a server
    shows it: `receive` gives `http.disconnect` at once and `send` drops what it is given. The call
    then has `patience` seconds to end, and is cancelled after that.

    `cut` is for the event loop the app runs in, the two `.._thread` methods for any other thread.
    """

    def __init__(self, patience: float, point: DisconnectPoint | None = None) -> None:
        self.point = point
        self.patience = patience
        self.is_cut = False
        self.error: BaseException | None = None
        self._when_error: Exception | None = None
        self._overstayed = False
        self._started = self._complete = False
        self._what = "the app"
        self._uploaded = self._downloaded = self._chunks = 0
        self._blocked: set[anyio.CancelScope] = set()
        self._scope: anyio.CancelScope | None = None
        self._ended = threading.Event()

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app over this line. What the app raises is kept in `error`, and raised."""
        self._what = f"{scope.get('method', 'WEBSOCKET')} {scope['path']}"
        self._token = anyio.lowlevel.current_token()
        try:
            with anyio.CancelScope() as self._scope:
                if self.point is not None and self.point.uploaded == 0:
                    self.cut()
                await self._call(
                    app,
                    scope,
                    lambda: self._receive(receive),
                    lambda message: self._send(send, message),
                )
            self._overstayed = self._scope.cancelled_caught
        finally:
            self._ended.set()

    async def _call(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        when = self.point and self.point.when
        if not when:
            return await self._call_keeping_error(app, scope, receive, send)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._cut_when, when)
            try:
                await self._call_keeping_error(app, scope, receive, send)
            except BaseException as error:
                # What the app raised is kept, and raised below: a task group would wrap it.
                if error is not self.error:
                    raise
            tasks.cancel_scope.cancel()
        if self.error is not None:
            raise self.error

    async def _call_keeping_error(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            await app(scope, receive, send)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:
            self.error = error
            raise

    async def _cut_when(self, when: When) -> None:
        try:
            if inspect.iscoroutinefunction(when):
                await when()
            else:
                await anyio.to_thread.run_sync(when, abandon_on_cancel=True)
        except Exception as error:
            self._when_error = error
        self.cut()

    def cut(self) -> None:
        """Let the client leave now. Called twice, it does nothing the second time."""
        if self.is_cut:
            return
        self.is_cut = True
        if self._scope is not None and not self._complete:
            # Background tasks run after a complete response, for as long as they need.
            self._scope.deadline = anyio.current_time() + self.patience
        for blocked in self._blocked:
            blocked.cancel()

    def cut_from_thread(self) -> None:
        """`cut`, from outside the event loop, if the call has not ended."""
        if not self._ended.is_set():
            try:
                anyio.from_thread.run_sync(self.cut, token=self._token)
            except anyio.RunFinishedError:
                pass  # the call ended between the two lines, and its event loop with it

    def wait_in_thread(self) -> None:
        """Block this thread, which is not the event loop's, until the app's call has ended."""
        self._ended.wait()

    @property
    def has_ended(self) -> bool:
        """Whether the app's call has returned or raised."""
        return self._ended.is_set()

    def check(self, *, raise_server_exceptions: bool) -> None:
        """Raise what a client that left has to hear of a call that has ended.

        An app that raises because its client left (`ClientDisconnect`, `WebSocketDisconnect`) did
        nothing wrong; that is kept in `error` and not raised.
        """
        if self._when_error is not None:
            raise self._when_error
        if self._overstayed:
            raise AppStillRunning(self._what, self.patience)
        expected = (ClientDisconnect, WebSocketDisconnect, ConnectionCut) if self.is_cut else ()
        if (
            self.error is not None
            and raise_server_exceptions
            and not isinstance(self.error, expected)
        ):
            raise self.error
        if self.point is not None and not self.is_cut:
            raise DisconnectNotReached(
                f"{self._what} had ended before its client could leave ({self.point}): the app "
                f"took {self._uploaded} bytes of the request, and sent {self._chunks} chunks, "
                f"{self._downloaded} bytes."
            )

    @property
    def has_started(self) -> bool:
        """Whether the client has been given the response's status and headers."""
        return self._started

    @contextmanager
    def _until_cut(self) -> Iterator[anyio.CancelScope]:
        """Make what is awaited in the block end when the line is cut."""
        with anyio.CancelScope() as blocked:
            self._blocked.add(blocked)
            try:
                yield blocked
            finally:
                self._blocked.discard(blocked)

    async def _receive(self, receive: Receive) -> Message:
        # No checkpoint once the line is cut: `Request.is_disconnected` asks in a cancelled scope.
        if self.is_cut:
            return {"type": "http.disconnect"}
        message: Message = {"type": "http.disconnect"}
        with self._until_cut():
            message = await receive()
        return self._limit_upload(message) if message["type"] == "http.request" else message

    def _limit_upload(self, message: Message) -> Message:
        body: bytes = message.get("body", b"")
        limit = None if self.point is None else self.point.uploaded
        if limit is not None and self._uploaded + len(body) >= limit:
            left = limit - self._uploaded
            more_body = message.get("more_body", False) or left < len(body)
            message = {"type": "http.request", "body": body[:left], "more_body": more_body}
            body = body[:left]
            self.cut()
        self._uploaded += len(body)
        return message

    async def _send(self, send: Send, message: Message) -> None:
        if self.is_cut:
            # A stream that never looks whether somebody reads must still give way to others.
            await anyio.lowlevel.checkpoint()
            return
        body: bytes = message.get("body", b"")
        limit = None if self.point is None else self.point.downloaded
        if limit is not None and self._downloaded + len(body) > limit:
            body = body[: limit - self._downloaded]
            message = {"type": message["type"], "body": body, "more_body": True}
        with self._until_cut():
            await send(message)
            self._started = self._started or message["type"] == "http.response.start"
            self._complete = message["type"] == "http.response.body" and not message.get(
                "more_body"
            )
            self._downloaded += len(body)
            self._chunks += bool(body)
        if self.point is None or message["type"] == "http.response.trailers":
            return
        if self._downloaded == limit or self._chunks == self.point.chunks:
            self.cut()


class WebSocketLine(Line):
    """The same for a WebSocket: the client's `websocket.disconnect` is queued behind its messages,
    as on a real connection, so only sending changes when the line is cut."""

    async def _receive(self, receive: Receive) -> Message:
        return await receive()

    async def _send(self, send: Send, message: Message) -> None:
        if self.is_cut:
            raise ConnectionCut("the WebSocket's client has gone")
        await send(message)
