"""A raw ASGI driver: one call in, every message out, nothing normalised away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

# An app that waits for a message that never comes must fail its test, not hang the run.
PATIENCE = 20.0


@dataclass(frozen=True)
class Call:
    """One request, as the bytes that a client would send.

    `path` and `query` are raw (percent-encoded) bytes; `body` is the list of pieces in which it
    arrives. With `cut`, the client goes away after the last piece instead of completing the body.
    The method "WEBSOCKET" opens a WebSocket, on which each piece is a text message.
    """

    method: str = "GET"
    path: bytes = b"/"
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: tuple[bytes, ...] = ()
    root_path: str = ""
    cut: bool = False

    def __str__(self) -> str:
        target = self.path + (b"?" + self.query if self.query else b"")
        lines = [f"{self.method} {target!r}"]
        lines += [f"  {name!r}: {value!r}" for name, value in self.headers]
        if self.root_path:
            lines.append(f"  root_path={self.root_path!r}")
        if self.body:
            pieces = [piece if len(piece) < 2000 else piece[:200] + b"..." for piece in self.body]
            lines.append(f"  body in {len(pieces)} piece(s): {pieces!r}{' (cut)' * self.cut}")
        return "\n".join(lines)

    def scope(self) -> dict[str, Any]:
        # As uvicorn makes it: the path is decoded, the raw path keeps what was sent.
        websocket = self.method == "WEBSOCKET"
        own: dict[str, Any] = {"subprotocols": []} if websocket else {"method": self.method}
        return {
            **own,
            "type": "websocket" if websocket else "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws" if websocket else "http",
            "path": unquote(self.path.decode("latin-1")),
            "raw_path": self.path,
            "query_string": self.query,
            "root_path": self.root_path,
            "headers": [(name.lower(), value) for name, value in self.headers],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }


@dataclass
class Reply:
    """What came back: the status, the headers in order, the pieces of the body, what escaped."""

    status: int | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    complete: bool = False
    escaped: BaseException | None = None

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def __str__(self) -> str:
        lines = [f"{self.status}{'' if self.complete else ' (incomplete)'}"]
        lines += [f"  {name!r}: {value!r}" for name, value in self.headers]
        lines.append(f"  {self.body[:3000]!r}")
        if self.escaped is not None:
            lines.append(f"  escaped: {type(self.escaped).__name__}: {str(self.escaped)[:600]}")
        return "\n".join(lines)


class Driver:
    """Calls apps on one event loop that lives as long as the driver. The caller closes it."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def close(self) -> None:
        self._runner.close()

    def call(self, app: ASGIApp, call: Call, trace: list[str] | None = None) -> Reply:
        """Sends one request. `trace` receives a line when the response starts and when it ends."""
        return self._runner.run(_exchange(app, call, [] if trace is None else trace))

    def live(self, app: ASGIApp, call: Call, trace: list[str]) -> list[str]:
        """Starts the app up, makes one call with its state, and shuts it down.

        Answers with the messages of the lifespan, the state, and what escaped.
        """
        return self._runner.run(_live(app, call, trace))


async def _live(app: ASGIApp, call: Call, trace: list[str]) -> list[str]:
    said: list[str] = []
    state: dict[str, Any] = {}
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    answered = asyncio.Event()

    async def send(message: Message) -> None:
        # The message of a failure is a traceback, and names files.
        said.append(message["type"])
        trace.append(f"<- {message['type']}")
        answered.set()

    async def ask(message: str) -> None:
        answered.clear()
        await incoming.put({"type": message})
        over = asyncio.ensure_future(answered.wait())
        await asyncio.wait([over, lifespan], return_when=asyncio.FIRST_COMPLETED)
        over.cancel()

    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
    lifespan = asyncio.ensure_future(app(scope, incoming.get, send))
    async with asyncio.timeout(PATIENCE):
        await ask("lifespan.startup")
        if not lifespan.done():
            said.append(repr(sorted(state)))
            call_scope = call.scope()
            call_scope["state"] = dict(state)
            reply = Reply()
            receive, answer = _http(call, reply, trace)
            await app(call_scope, receive, answer)
            said.append(str(reply))
            await ask("lifespan.shutdown")
        try:
            await lifespan
        except Exception as error:
            said.append(f"escaped: {type(error).__name__}: {error}")
    return said


async def _exchange(app: ASGIApp, call: Call, trace: list[str]) -> Reply:
    talk = _websocket if call.method == "WEBSOCKET" else _http
    reply = Reply()
    receive, send = talk(call, reply, trace)
    try:
        async with asyncio.timeout(PATIENCE):
            await app(call.scope(), receive, send)
    except Exception as error:
        reply.escaped = error
    return reply


def _http(call: Call, reply: Reply, trace: list[str]) -> tuple[Receive, Send]:
    over = asyncio.Event()
    pieces = list(call.body) or [b""]

    async def receive() -> Message:
        if pieces:
            piece = pieces.pop(0)
            more = bool(pieces) or call.cut
            return {"type": "http.request", "body": piece, "more_body": more}
        if not call.cut:
            # Like a server: the client is there until the response is complete.
            await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            assert reply.status is None, "the response was started twice"
            reply.status = message["status"]
            reply.headers = [(bytes(n), bytes(v)) for n, v in message.get("headers", ())]
            trace.append(f"<- {reply.status}")
        elif message["type"] == "http.response.body":
            assert reply.status is not None, "a body before the response was started"
            assert not reply.complete, "a body after the response was complete"
            reply.pieces.append(bytes(message.get("body", b"")))
            if not message.get("more_body", False):
                reply.complete = True
                trace.append("<- end")
                over.set()
        else:
            raise AssertionError(f"unexpected message {message['type']!r}")

    return receive, send


def _websocket(call: Call, reply: Reply, trace: list[str]) -> tuple[Receive, Send]:
    """Each message of the app becomes a piece of the reply; a close is its status and its end."""
    incoming: list[Message] = [{"type": "websocket.connect"}]
    incoming += [{"type": "websocket.receive", "text": piece.decode()} for piece in call.body]

    async def receive() -> Message:
        if incoming:
            return incoming.pop(0)
        return {"type": "websocket.disconnect", "code": 1001, "reason": ""}

    async def send(message: Message) -> None:
        assert not reply.complete, "a message after the close"
        reply.pieces.append(repr(sorted(message.items())).encode())
        trace.append(f"<- {message['type']}")
        if message["type"] == "websocket.close":
            reply.status = message.get("code", 1000)
            reply.complete = True

    return receive, send
