"""One request on a direct connection, and its reply.

To an ``App`` it is the exchange itself. To everything that speaks ASGI it shows a scope, which is
made when it is first asked for, and ``receive`` and ``send``.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast
from urllib.parse import quote

from starlette.requests import ClientDisconnect
from starlette.types import Message, Scope

from trivium.errors import TriviumError
from trivium.exchange import Exchange, MadeHere, RawHeaders, Reply
from trivium.server.heads import Head, known_block, status_line

if TYPE_CHECKING:
    from trivium.server.protocol import DirectProtocol
    from trivium.server.repeats import KnownHead

__all__ = ["DirectExchange", "Target", "new_exchange", "repeated_exchange"]

Target: TypeAlias = tuple[str, str, bytes, bytes]
"""Method, path, the path as it was sent, query string."""

_quoted = lru_cache(512)(quote)
_WITHOUT_BODY = frozenset({204, 304})
_WHOLE = b"%b%bcontent-length: %d\r\n%b\r\n%b"


class _OfApp:
    """An attribute of the application, until the exchange has one of its own."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, ex: "DirectExchange", owner: type["DirectExchange"]) -> Any:
        return getattr(ex.app, self._name)


class DirectExchange(Exchange):
    """A request as the connection has framed it. ``new_exchange`` makes them."""

    connection_below: "DirectProtocol"
    raw_path: bytes
    version = "1.1"
    keep_alive: bool
    container: Any = _OfApp("container")
    handlers: Any = _OfApp("exception_handlers")

    is_lost = False
    """Whether the client, or the connection, has gone."""
    is_complete = False
    """Whether the reply is complete."""
    _scope: Scope | None = None
    _received: bytes | bytearray = b""
    _has_all = False
    _taken_by_now: Literal["nothing", "some", "all"] = "nothing"
    """How much of the body somebody has taken."""
    dropped = 0
    """How much of it came when the reply was complete."""
    _waiters: list[asyncio.Future[None]] | None = None
    _expects_continue = False
    _length: int | None = None
    _is_chunked = False
    is_direct = True
    must_be_released = False
    has_scope = False
    late = 0.0
    """When the reply has to have begun, by the connection's clock; 0 before the first look."""
    _seen: tuple[tuple[str, int] | None, str] | None = None
    _limit: tuple[int, Callable[[], Exception]] | None = None
    _taken = 0
    has_begun = False
    """Whether anything of the reply has been written."""
    _is_decided = False
    """Whether the application has sent the head of a reply in pieces."""
    _tell_sender: Callable[[], object] | None = None
    _held_head: bytes | None = None
    """A head that waits for the first piece of its body."""

    # The request

    @property
    def scope(self) -> Scope:
        """The scope of ASGI, made when it is first asked for."""
        if self._scope is None:
            self.scope = self._make_scope()
        return cast(Scope, self._scope)

    @scope.setter
    def scope(self, scope: Scope) -> None:
        self._scope = scope
        self.must_be_released = self.has_scope = True

    @property
    def peer(self) -> tuple[str, int] | None:
        return self.connection_below.peer

    def seen_as(self, client: tuple[str, int] | None, scheme: str, host: bytes | None) -> None:
        self._seen = (client, scheme)
        if host is not None:
            self._ask_for(host)
        if self._scope is not None:
            self._scope.update(client=client, scheme=scheme, headers=self.raw_headers)

    def seen_alone(self) -> None:
        self._seen = self.connection_below.seen
        if self._scope is not None:
            self._scope.update(client=self._seen[0], scheme=self._seen[1])

    @property
    def client(self) -> tuple[str, int] | None:
        if self._seen is not None:
            return self._seen[0]
        below = self.connection_below
        return below.peer if below.forwarded is None else super().client

    @property
    def scheme(self) -> str:
        if self._seen is not None:
            return self._seen[1]
        below = self.connection_below
        return below.scheme if below.forwarded is None else super().scheme

    def _make_scope(self) -> Scope:
        below = self.connection_below
        root_path = self.root_path
        client, scheme = self._seen or (below.peer, below.scheme)
        # middleware changes this list, and the connection may know it for that of the next request
        self.raw_headers = list(self.raw_headers)
        scope: Scope = {
            "type": "http",
            "asgi": {"version": below.config.asgi_version, "spec_version": "2.3"},
            "http_version": self.version,
            "server": below.server,
            "client": client,
            "scheme": scheme,
            "method": self.method,
            "root_path": root_path,
            "path": root_path + self.path,
            "raw_path": root_path.encode("ascii") + self.raw_path,
            "query_string": self.query_string,
            "headers": self.raw_headers,
            "state": below.app_state.copy(),
        }
        if below.forwarded is not None and self._seen is None:
            _run(below.forwarded(scope, _never, _never))  # type: ignore[arg-type]  # uvicorn's types of the same
        if self.app is not None:
            scope["app"] = self.app
            scope["router"] = self.app.router
        if self.route is not None:
            scope["path_params"] = self.path_params
            scope["endpoint"] = getattr(self.route, "endpoint", None)
            scope["route"] = self.route
        return scope

    def found(self, route: Any, endpoint: Any, path_params: Any) -> None:
        if self.must_be_released and self._scope is not None:
            super().found(route, endpoint, path_params)
            return
        self.route = route
        self.path_params = path_params

    def head_as_sent(self) -> bytes:
        """The head of the request again, for another protocol class to read."""
        target = self.raw_path + (b"?" + self.query_string if self.query_string else b"")
        lines = [b"%b: %b\r\n" % header for header in self.raw_headers]
        return b"%b %b HTTP/1.1\r\n%b\r\n" % (self.method.encode(), target, b"".join(lines))

    @property
    def reply_started(self) -> bool:
        return self.has_begun or self._is_decided

    @reply_started.setter
    def reply_started(self, is_decided: bool) -> None:
        self._is_decided = is_decided

    # The body, which the connection brings

    def limit_body(self, size: int, refuse: Callable[[], Exception]) -> None:
        self._limit = (size, refuse)
        # the first bytes may have come together with the head
        self._taken = len(self._received)

    def _bound_body(self) -> None:
        if self._limit is not None and self._taken > self._limit[0]:
            raise self._limit[1]()

    def take_body(self, body: bytes) -> int:
        """More of the body; how many bytes wait to be read."""
        if self.is_complete:
            self.dropped += len(body)
            return 0
        if self._limit is not None:
            self._taken += len(body)
            if self._taken > self._limit[0]:
                # not kept; whoever reads is told
                self._wake()
                return 0
        if not self._received:
            self._received = body
        elif type(self._received) is bytearray:
            self._received += body
        else:
            self._received = bytearray(self._received) + body
        self._wake()
        return len(self._received)

    @property
    def unread_size(self) -> int:
        """How many bytes of the body have come and wait to be read."""
        return len(self._received)

    def end_body(self) -> None:
        """The body is complete."""
        self._has_all = True
        self._wake()

    def when_lost(self, callback: Callable[[], object] | None) -> None:
        if callback is not None and self.is_lost:
            callback()
        self._tell_sender = callback

    def lose(self) -> None:
        """The connection is lost: nothing more will come, and nothing can be sent."""
        if not self.is_complete:
            self.is_lost = True
            if self.around is not None:
                self.around.lost(self)
            if self._tell_sender is not None:
                self._tell_sender()
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    async def _wait(self) -> None:
        if self._waiters is None:
            self._waiters = []
        waiter = self.connection_below.loop.create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)

    def _begin_to_read(self) -> None:
        below = self.connection_below
        if not self.reply_started and self.waits_for_permission:
            below.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._is_permitted = True
        below.resume_reading()

    _is_permitted = False

    @property
    def waits_for_permission(self) -> bool:
        """Whether the client sends its body only when it is told to (RFC 9110, section 10.1.1)."""
        expected = self.header(b"expect")
        return (
            expected is not None
            and expected.lower() == "100-continue"
            and not self._is_permitted
            and not self._received
            and self.version != "1.0"
        )

    def whole_body(self) -> bytes | None:
        if self._has_all and self._body is None and self._taken_by_now == "nothing":
            self._body = self._taken_body()
            return self._body
        return super().whole_body()

    async def _read_body(self) -> bytes:
        if not self._has_all:
            await self._read_rest()
        return self._taken_body()

    def _taken_body(self) -> bytes:
        if self._limit is not None:
            self._bound_body()
        self._taken_by_now = "all"
        body, self._received = self._received, b""
        return body if type(body) is bytes else bytes(body)

    async def _read_rest(self) -> None:
        if self._is_over():
            raise ClientDisconnect
        self._begin_to_read()
        while not self._has_all:
            self._bound_body()
            await self._wait()
            if self._is_over() and not self._has_all:
                raise ClientDisconnect
            self.connection_below.resume_reading()

    def _has_more(self) -> bool:
        return self._has_all or bool(self._received)

    def _is_over(self) -> bool:
        return self.is_lost or self.is_complete

    async def receive(self) -> Message:
        """ASGI's receive."""
        if self._is_over():
            return {"type": "http.disconnect"}
        if self._taken_by_now == "all" and not self._received:
            while not self._is_over():
                await self._wait()
        elif not self._has_more():
            self._begin_to_read()
            while not (self._has_more() or self._is_over()):
                self._bound_body()
                await self._wait()
        if self._is_over():
            return {"type": "http.disconnect"}
        self._bound_body()
        body, self._received = bytes(self._received), b""
        self._taken_by_now = "all" if self._has_all else "some"
        if not self._has_all:
            self.connection_below.resume_reading()
        return {"type": "http.request", "body": body, "more_body": not self._has_all}

    # The reply

    async def reply(self, reply: Reply) -> None:
        while not self.reply_at_once(reply):
            await self.connection_below.drained()

    def reply_at_once(self, reply: Reply) -> bool:
        below = self.connection_below
        if below.is_writing_paused:
            return False
        if self.has_begun:
            raise TriviumError("A reply has been sent already")
        around = self.around
        added: bytes | None = b""
        if around is not None:
            added = around.lines(self, reply[1], len(reply[2]))
            if added is None:
                reply = around.changed(self, reply)
        status, headers, body, _ = reply
        self.sent_bytes = len(body)
        if self.is_lost:
            self._note_begun(status)
            return True
        lines: bytes | None = None
        content_type = b""
        if (
            self.keep_alive
            and self._has_all
            and not self._received
            and len(headers) > 1
            and type(kind := headers[1]) is MadeHere
            and self.method != "HEAD"
        ):
            lines = known_block(headers[2:]) if len(headers) > 2 else b""
            content_type = kind.line
            if around is not None and added is None:
                added = around.lines(self, headers, None)
        if lines is not None and added is not None:
            lines += added
            head = below.usual_head() if status == 200 else below.head(status)
            content = _WHOLE % (head, lines, len(body), content_type, body)
        else:
            if around is not None:
                around.finish(self, status, headers)
            content = self._framed(self._begin(status, headers), body, is_last=True)
        # A header that none may send is an error of the application's, with nothing written so far.
        self._write_whole(status, content)
        return True

    def write_at_once(self, status: int, kind: MadeHere, body: bytes) -> bool:
        below = self.connection_below
        if (
            self.has_begun
            or self.is_lost
            or not self.keep_alive
            or not self._has_all
            or self._received
            or self.method == "HEAD"
            or below.is_writing_paused
        ):
            return False
        lines: bytes | None = b""
        if (around := self.around) is not None:
            lines = around.lines(self, (kind,), len(body))
            if lines is None:
                return False
        self.sent_bytes = size = len(body)
        head = below.usual_head() if status == 200 else below.head(status)
        self._write_whole(status, _WHOLE % (head, lines, size, kind.line, body))
        return True

    def _write_whole(self, status: int, content: bytes) -> None:
        """Writes a whole reply."""
        below = self.connection_below
        self.has_begun = True
        self.status = status
        if below.access_log is not None:
            self._log_access(status)
        below.transport.write(content)
        self.is_complete = True
        if self._waiters is not None:
            self._wake()
        below.replied(self.keep_alive)
        if (around := self.around) is not None:
            around.sent(self)

    def _note_begun(self, status: int) -> None:
        self.has_begun = True
        self.status = status
        if self.connection_below.access_log is not None and not self.is_lost:
            self._log_access(status)

    async def _write(self, message: Message) -> None:
        below = self.connection_below
        if below.is_writing_paused and not self.is_lost:
            await below.drained()
        if self.is_lost:
            # A stream that goes on regardless must not keep the event loop from telling it.
            await asyncio.sleep(0)
            return
        kind = message["type"]
        if not self.has_begun and self._held_head is None:
            if kind != "http.response.start":
                raise TriviumError(f"Expected ASGI message 'http.response.start', got '{kind}'")
            head = self._begin(self.status, message.get("headers", ()))
            if self._length is not None:
                # The body follows, as a rule at once: one write, or an error if it does not fit.
                self._held_head = head
                return
            self._note_begun(self.status)
            below.transport.write(head)
            return
        if self.is_complete:
            raise TriviumError(
                f"Unexpected ASGI message '{kind}' sent, after response already completed."
            )
        if kind != "http.response.body":
            raise TriviumError(f"Expected ASGI message 'http.response.body', but got '{kind}'.")
        is_last = not message.get("more_body", False)
        body = message.get("body", b"")
        if type(body) is not bytes:
            # the length of a memoryview is that of its items
            body = bytes(body)
        head, self._held_head = self._held_head or b"", None
        content = self._framed(head, body, is_last=is_last)
        if head:
            self._note_begun(self.status)
        if content:
            below.transport.write(content)
        if is_last:
            self._complete()
        elif below.transport.is_closing():
            # asyncio tells of the loss in the next turn, which a stream that never waits keeps off
            await asyncio.sleep(0)

    def _begin(self, status: int, headers: Any) -> bytes:
        """The head of the reply, and how its body is framed."""
        below = self.connection_below
        head = Head(headers)
        if head.closes or (not self._has_all and self.waits_for_permission):
            # In the second case nobody knows whether the body still comes.
            self.keep_alive = False
        lines = [status_line(status), below.default_block(), *head.lines]
        if not self.keep_alive and not head.closes:
            lines.append(b"connection: close\r\n")
        self._length, self._is_chunked = head.length, head.is_chunked
        if self.method == "HEAD" or status in _WITHOUT_BODY:
            # a length tells what the body would be (RFC 9110, section 8.6)
            self._length, self._is_chunked = 0, False
        elif self._length is None:
            if self.version == "1.0":
                # knows no chunks: the body ends with the connection (RFC 9112, section 6.1)
                self._is_chunked = False
                lines = [line for line in lines if not line.startswith(b"transfer-encoding:")]
            elif not head.is_chunked:
                self._is_chunked = True
                lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)

    def _framed(self, head: bytes, body: bytes, *, is_last: bool) -> bytes:
        """The head and a piece of the body, as they are written."""
        if self.method == "HEAD":
            return head
        if self._is_chunked:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return b"%b%b%b" % (head, chunk, b"0\r\n\r\n" if is_last else b"")
        if self._length is not None:
            if len(body) > self._length:
                raise TriviumError("Response content longer than Content-Length")
            self._length -= len(body)
            if is_last and self._length:
                raise TriviumError("Response content shorter than Content-Length")
        return head + body if head else body

    def _complete(self) -> None:
        self.is_complete = True
        if self._waiters is not None:
            self._wake()
        self.connection_below.replied(self.keep_alive)

    def fail(self) -> None:
        """The application has failed: 500 where no reply has begun, else the connection is cut."""
        if self.is_lost or self.is_complete:
            return
        below = self.connection_below
        if self.has_begun:
            self.lose()  # what the application has left running has nobody to send to
            below.close()
            return
        self.keep_alive = False
        self._note_begun(500)
        below.transport.write(
            status_line(500)
            + below.default_block()
            + b"content-type: text/plain; charset=utf-8\r\ncontent-length: 21\r\n"
            + b"connection: close\r\n\r\n"
            + (b"" if self.method == "HEAD" else b"Internal Server Error")
        )
        self._complete()

    def _log_access(self, status: int) -> None:
        client = self.client
        path = self.root_path + self.path if self._scope is None else self._scope["path"]
        target = _quoted(path)
        if self.query_string:
            target += "?" + self.query_string.decode("ascii")
        tell = self.connection_below.access_log
        if tell is not None:
            name = f"{client[0]}:{client[1]}" if client else ""
            tell(name, self.method, target, self.version, status)


def new_exchange(
    connection: "DirectProtocol",
    target: Target,
    headers: RawHeaders,
    version: str,
    keep_alive: bool,
) -> DirectExchange:
    """The exchange of a request; what Python does to call a class takes longer than all of this."""
    ex: DirectExchange = _allocate(DirectExchange)
    ex.connection_below = connection
    ex.method, ex.path, ex.raw_path, ex.query_string = target
    ex.raw_headers = headers
    ex.keep_alive = keep_alive
    # what every request is asked: the defaults of a class take longer to find
    ex.has_begun = ex.is_lost = ex.must_be_released = False
    ex.is_simple = True
    ex.around = None
    ex._received = b""
    ex._has_all = False
    if version != "1.1":
        ex.version = version
    if connection.root_path:
        ex.root_path = connection.root_path
    return ex


def repeated_exchange(
    connection: "DirectProtocol", target: Target, known: "KnownHead", body: bytes
) -> DirectExchange:
    """The exchange of a request that has come as a whole, with a head that has come before."""
    ex: DirectExchange = _allocate(DirectExchange)
    ex.connection_below = connection
    ex.method, ex.path, ex.raw_path, ex.query_string = target
    ex.raw_headers, ex.header_map, ex.repeated = known.shared
    ex.keep_alive = ex.is_simple = ex._has_all = True
    ex.has_begun = ex.is_lost = ex.must_be_released = False
    ex.around = None
    ex._received = body
    if connection.root_path:
        ex.root_path = connection.root_path
    return ex


_allocate: Any = object.__new__
_OFTEN = (
    *("connection_below", "method", "path", "raw_path", "query_string", "raw_headers"),
    *("keep_alive", "_has_all", "_received", "_taken_by_now", "_body", "query"),
    *("has_begun", "is_lost", "must_be_released", "is_simple", "around", "task"),
    *("app", "route", "path_params", "sent_bytes", "status", "is_complete"),
    *("header_map", "repeated", "began", "seconds", "id"),
)
"""The attributes that most requests have. CPython 3.11 keeps the first 29 that any instance of a
class has had without a dictionary for each; one that sets a name beyond them gets a dictionary,
which costs more than many a request."""


def _reserve() -> None:
    """Has these names be the first."""
    ex = DirectExchange.__new__(DirectExchange)
    for name in _OFTEN:
        setattr(ex, name, None)


_reserve()


def _run(work: Any) -> None:
    """Runs a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise TriviumError("What changes a scope waited for something")


async def _never(*arguments: Any) -> Any:
    raise TriviumError("What changes a scope neither receives nor sends")
