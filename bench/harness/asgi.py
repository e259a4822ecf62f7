"""The smallest ASGI driver: prebuilt scopes in, recorded messages out; no socket, no HTTP parser.

What it costs is the same for every application it drives; the case `floor` says how much it is.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as a benchmark writes it."""

    target: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    status: int = 200

    def scope(self) -> dict[str, Any]:
        """The scope that uvicorn would build for this request."""
        path, _, query = self.target.partition("?")
        headers = [(b"host", b"bench.test"), (b"user-agent", b"bench"), (b"accept", b"*/*")]
        if self.body:
            headers.append((b"content-length", str(len(self.body)).encode()))
        headers += [(name.lower().encode(), value.encode()) for name, value in self.headers]
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 54321),
            "scheme": "http",
            "method": self.method,
            "root_path": "",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "state": {},
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """What an application answered, comparable between applications."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def difference(self, other: "Reply") -> str | None:
        """None when both say the same, otherwise what differs first."""
        if self.status != other.status:
            return f"status {self.status} != {other.status}"
        if sorted(self.headers) != sorted(other.headers):
            return f"headers {sorted(self.headers)} != {sorted(other.headers)}"
        if self.body != other.body:
            return f"body {self.body[:200]!r} != {other.body[:200]!r}"
        return None


@dataclass(slots=True)
class Wire:
    """Both ends of one exchange: hands over the body once, keeps every message sent."""

    body: bytes
    sent: list[Message] = field(default_factory=list)
    delivered: bool = False

    async def receive(self) -> Message:
        if self.delivered:
            # A connected client that has said everything: nothing more arrives.
            await asyncio.get_running_loop().create_future()
        self.delivered = True
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def reply(self) -> Reply:
        start = self.sent[0]
        headers = tuple((name.decode(), value.decode()) for name, value in start["headers"])
        body = b"".join(message.get("body", b"") for message in self.sent[1:])
        return Reply(start["status"], headers, body)


async def exchange(app: ASGIApp, call: Call) -> Reply:
    """Sends `call` once."""
    wire = Wire(call.body)
    await app(call.scope(), wire.receive, wire.send)
    return wire.reply()


async def repeat(app: ASGIApp, call: Call, times: int) -> None:
    """Sends `call` `times` times, one after the other: the loop that is measured.

    Raises RuntimeError when the last reply has another status than `call` expects.
    """
    template, body = call.scope(), call.body
    wire = Wire(body)
    for _ in range(times):
        wire = Wire(body)
        scope = template.copy()
        scope["headers"] = template["headers"][:]
        scope["state"] = {}
        await app(scope, wire.receive, wire.send)
    if wire.sent[0]["status"] != call.status:
        raise RuntimeError(f"{call.method} {call.target} answered {wire.reply()}")


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Runs the application's start-up and shutdown around the block, as a server does."""
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    outbox: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, inbox.get, outbox.put))

    async def ask(kind: str) -> None:
        await inbox.put({"type": f"lifespan.{kind}"})
        answer = asyncio.ensure_future(outbox.get())
        await asyncio.wait({answer, task}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            task.result()  # shows why it ended early
            raise RuntimeError(f"the application ended before lifespan.{kind}.complete")
        if answer.result()["type"] != f"lifespan.{kind}.complete":
            raise RuntimeError(f"lifespan: {answer.result()}")

    await ask("startup")
    try:
        yield
    finally:
        await ask("shutdown")
        await task
