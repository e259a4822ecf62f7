"""A WebSocket session of the asynchronous test client."""

import json
import math
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Self

import anyio
from starlette.testclient import WebSocketDenialResponse
from starlette.types import ASGIApp, Message, Scope
from starlette.websockets import WebSocketDisconnect

from trivium.testing.host import TaskHost
from trivium.testing.line import WebSocketLine


class AsyncWebSocketSession:
    """A WebSocket between a test and the app, open in its `async with` block.

    Entering connects: it raises WebSocketDisconnect when the app closes instead of accepting, and
    WebSocketDenialResponse when it answers with an HTTP response. Leaving closes with code 1000 and
    returns when the app's call has ended.

    accepted_subprotocol: what the app chose, or None.
    extra_headers: the headers with which it accepted.
    """

    accepted_subprotocol: str | None = None
    extra_headers: list[tuple[bytes, bytes]] | None = None

    def __init__(
        self,
        app: ASGIApp,
        handshake: Callable[[], Awaitable[Scope]],
        host: TaskHost,
        *,
        patience: float,
        raise_server_exceptions: bool,
    ) -> None:
        self._app = app
        self._handshake = handshake
        self._host = host
        self._raise_server_exceptions = raise_server_exceptions
        self._line = WebSocketLine(patience)
        self._ended = anyio.Event()

    async def __aenter__(self) -> Self:
        tasks = self._host.tasks
        self.scope = await self._handshake()
        self._to_app, self._app_receives = anyio.create_memory_object_stream[Message](math.inf)
        self._app_sends, self._from_app = anyio.create_memory_object_stream[Message](math.inf)
        tasks.start_soon(self._run)
        try:
            self._put({"type": "websocket.connect"})
            message = await self.receive()
            await self._raise_on_close(message)
        except BaseException:
            await self._leave(1006, None)
            raise
        self.accepted_subprotocol = message.get("subprotocol")
        self.extra_headers = message.get("headers")
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        await self._leave(1000, None)
        self._check()

    async def disconnect(self, code: int = 1006) -> None:
        """Vanish without a closing handshake; return when the app's call has ended.

        1006 is RFC 6455's code for that; some servers say 1005.

        The app receives what was sent before, then `websocket.disconnect` with `code`; what it
        sends from now on fails with an OSError, as under a real server.

        Raises AppStillRunning when the call has not ended `patience` seconds later, and what the
        app raised, unless that was the news of this disconnect.
        """
        await self._leave(code, None)
        self._check()

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Tell the app that the client closes; the session stays open for what it still sends."""
        self._put({"type": "websocket.disconnect", "code": code, "reason": reason})

    async def send(self, message: Message) -> None:
        """Send an ASGI message."""
        self._put(message)

    async def send_text(self, data: str) -> None:
        """Send a text message."""
        self._put({"type": "websocket.receive", "text": data})

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self._put({"type": "websocket.receive", "bytes": data})

    async def send_json(self, data: Any, mode: Literal["text", "binary"] = "text") -> None:
        """Send `data` as JSON, in a text or a binary message."""
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        await (self.send_text(text) if mode == "text" else self.send_bytes(text.encode()))

    async def receive(self) -> Message:
        """The next ASGI message of the app. Raises what the app raised instead of sending one."""
        try:
            return await self._from_app.receive()
        except anyio.EndOfStream:
            await self._ended.wait()
            self._check()
            raise WebSocketDisconnect(1006, "The app's call has ended.") from None

    async def receive_text(self) -> str:
        """The next message, which is text. Raises WebSocketDisconnect when the app closed."""
        return str((await self._receive_data())["text"])

    async def receive_bytes(self) -> bytes:
        """The next message, which is binary. Raises WebSocketDisconnect when the app closed."""
        return bytes((await self._receive_data())["bytes"])

    async def receive_json(self, mode: Literal["text", "binary"] = "text") -> Any:
        """The next message, decoded. Raises WebSocketDisconnect when the app closed."""
        message = await self._receive_data()
        return json.loads(message["text" if mode == "text" else "bytes"])

    async def _receive_data(self) -> Message:
        message = await self.receive()
        await self._raise_on_close(message)
        return message

    def _put(self, message: Message) -> None:
        try:
            self._to_app.send_nowait(message)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the app's call has ended: what it sent before can still be received

    async def _raise_on_close(self, message: Message) -> None:
        if message["type"] == "websocket.close":
            raise WebSocketDisconnect(message.get("code", 1000), message.get("reason", ""))
        if message["type"] == "websocket.http.response.start":
            body = []
            more_body = True
            while more_body:
                part = await self.receive()
                body.append(part.get("body", b""))
                more_body = part.get("more_body", False)
            raise WebSocketDenialResponse(
                status_code=message["status"],
                headers=message.get("headers", []),
                content=b"".join(body),
            )

    async def _leave(self, code: int, reason: str | None) -> None:
        with anyio.CancelScope(shield=True):
            await self.close(code, reason)
            self._line.cut()
            await self._ended.wait()
            self._from_app.close()

    async def _run(self) -> None:
        try:
            with self._to_app, self._app_receives, self._app_sends:
                await self._line.run(
                    self._app, self.scope, self._app_receives.receive, self._app_sends.send
                )
        except BaseException as error:
            if error is not self._line.error:
                raise
        finally:
            self._ended.set()

    def _check(self) -> None:
        self._line.check(raise_server_exceptions=self._raise_server_exceptions)
