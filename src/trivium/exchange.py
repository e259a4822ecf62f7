"""One request and its reply, free of any server protocol.

The rooms above work on an ``Exchange``: they read the method, path, query, headers and body, and
give back a ``Reply`` or a Starlette response. What Starlette offers on top (Request, Response,
WebSocket) is made only where a handler asks for it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple, Protocol, TypeAlias
from urllib.parse import parse_qsl

import anyio
from starlette._utils import get_route_path
from starlette.background import BackgroundTask
from starlette.datastructures import FormData, Headers, ImmutableMultiDict
from starlette.requests import ClientDisconnect, HTTPConnection, Request, cookie_parser
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from trivium.background import BackgroundTasks
from trivium.errors import TriviumError

__all__ = [
    "Around",
    "HTML_TYPE",
    "JSON_TYPE",
    "TEXT_TYPE",
    "Exchange",
    "MadeHere",
    "Patience",
    "Plain",
    "RawHeaders",
    "Reply",
    "Settle",
]

_FORMS = "trivium.forms"
_SETTLEMENTS = "trivium.settlements"

Settle: TypeAlias = Callable[[BaseException | None], Awaitable[None]]

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]


class Plain(tuple[bytes, bytes]):
    """A header that was made here: neither half holds what none may hold, and it says nothing of
    the body's framing."""

    __slots__ = ()


class MadeHere(Plain):
    """The ``Content-Type`` of a body that the framework has written; second after its length."""

    def __init__(self, header: tuple[bytes, bytes]) -> None:
        self.line = b"%b: %b\r\n" % header


JSON_TYPE = MadeHere((b"content-type", b"application/json"))
TEXT_TYPE = MadeHere((b"content-type", b"text/plain; charset=utf-8"))
HTML_TYPE = MadeHere((b"content-type", b"text/html; charset=utf-8"))


class Reply(NamedTuple):
    """A complete reply: sent in one write."""

    status: int
    headers: RawHeaders
    body: bytes
    background: BackgroundTask | None = None


class Patience(NamedTuple):
    """How long a reply may take to begin."""

    seconds: float
    on_late: "Callable[[Exchange], None]"
    """Who is told where it has taken longer."""


class Around(Protocol):
    """What stands around the routes and has a say in every reply; see ``trivium.stages``."""

    @property
    def patience(self) -> Patience | None:
        """What a direct connection heeds; it may be a second late."""
        ...

    def reply(self, ex: "Exchange", reply: Reply, /) -> Reply:
        """A complete reply, as it is to be sent."""
        ...

    def changed(self, ex: "Exchange", reply: Reply, /) -> Reply:
        """A complete reply, but for what ``finish`` or ``lines`` adds."""
        ...

    def finish(self, ex: "Exchange", status: int, headers: RawHeaders, /) -> None:
        """Adds the headers that come last."""
        ...

    def lines(
        self, ex: "Exchange", headers: Sequence[tuple[bytes, bytes]], size: int | None, /
    ) -> bytes | None:
        """What ``finish`` would add, as lines; ``None`` where that is not certain.

        size: of the body, where ``changed`` has not been asked; ``None`` is returned where it would
            have changed anything.
        """
        ...

    def start(self, ex: "Exchange", message: Message, /) -> Message:
        """The head of a reply whose body is sent in pieces, as it is to be sent."""
        ...

    def sent(self, ex: "Exchange", /) -> None:
        """The last byte of the reply has been handed to the server."""

    def lost(self, ex: "Exchange", /) -> None:
        """The client of a direct connection has gone before the reply was complete."""


class _HeaderMap:
    """Made when it is first read; after that it is an attribute of the exchange."""

    def __get__(self, ex: "Exchange", owner: type["Exchange"]) -> dict[bytes, bytes]:
        # not by way of __dict__: Python makes one only where somebody asks
        found = ex.header_map = dict(reversed(ex.raw_headers))
        return found


class _Query:
    """As ``_HeaderMap``."""

    def __get__(self, ex: "Exchange", owner: type["Exchange"]) -> dict[str, str]:
        pairs = ex._query_pairs
        found = ex.query = dict(_parse_query(ex.query_string) if pairs is None else pairs)
        return found


class Exchange:
    """A request on its way through the application, and the reply on its way back.

    ``scope``, ``receive`` and ``send`` are the ASGI view, for responses, mounts and middleware
    that speak ASGI; ``send`` notes whether a reply has begun. This class is the adapter of plain
    ASGI. A server that has the request in another form brings an adapter of its own, which makes
    the scope only where somebody asks for it.
    """

    # Defaults of the class: an exchange is made for every request, and most need few of these.
    is_websocket = False
    method: str = ""
    path: str
    """The path below what the application is mounted at."""
    root_path: str = ""
    """What the application is mounted at."""
    query_string: bytes
    """The query string as it was sent."""
    raw_headers: RawHeaders
    """All headers in order, names in lower case."""
    app: Any = None
    container: Any = None
    overrides: Mapping[Callable[..., Any], Callable[..., Any]] | None = None
    handlers: Mapping[Any, Callable[..., Any]] = MappingProxyType({})
    path_params: Mapping[str, Any] = MappingProxyType({})
    route: Any = None
    """The route that answers, once it has been found."""
    error: BaseException | None = None
    """What the application raised and nothing has handled."""
    id: str = "-"
    """The name of the request; ``-`` where no stage gives one."""
    began = 0.0
    """When the request came in, by ``time.perf_counter``; 0 where no stage asks."""
    seconds = 0.0
    """How long it has taken until the last byte of the reply; 0 where no stage asks."""
    task: Any = None
    """The task that serves it, as far as anybody has asked."""
    is_direct = False
    """Whether the connection is Trivium's own, which tells when a client has gone or a request is
    late, and where a body shows in the headers."""
    repeated: dict[Any, Any] | None = None
    """What has been found out of all requests of a direct connection that have the headers of this
    one, each under a key of its own; None where they have not come before."""
    has_scope = True
    """Whether the scope exists already, so that asking for it costs nothing."""
    is_lost = False
    """Whether a direct connection has seen the client go away."""
    ended: "Callable[[Exchange], Awaitable[None]] | None" = None
    """What to do where a stage has cancelled the request."""
    reply_started = False
    status: int = 0
    """The status of the reply, once it has begun."""
    sent_bytes = 0
    """How much of the body has been sent."""
    around: Around | None = None
    """What stands around the routes; known to the outermost exchange of a request."""
    transform: Callable[[bytes, bool], bytes] | None = None
    """Makes the bytes to send of each piece of a body; told whether it is the last one."""
    router_handlers: tuple[Mapping[Any, Callable[..., Any]], ...] = ()
    """The exception handlers of the routers around, the innermost first."""
    is_holding = False
    """Whether a worker thread has entered something that is left only when the request is over."""
    _query_pairs: list[tuple[str, str]] | None = None
    _query_params: ImmutableMultiDict[str, str] | None = None
    _cookies: dict[str, str] | None = None
    _connection: Request | WebSocket | None = None
    _body: bytes | None = None
    _text_form: FormData | None = None
    chosen: Response | None = None
    background: BackgroundTasks | None = None
    """The injected response and the tasks, if anything asked for them."""
    is_simple = True
    """Whether nobody has asked for more than what the request says: no response or tasks were
    injected, no dependency is replaced, and there is nothing to close or to settle."""
    must_be_released = True
    """Whether ``release`` has anything to do."""
    _request_stack: AsyncExitStack | None = None
    _function_stack: AsyncExitStack | None = None
    _settlements: list[Settle] | None = None
    _notes: dict[Any, Any] | None = None
    _held_start: Message | None = None
    _peer: tuple[tuple[str, int] | None] | None = None

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        app: Any = None,
        container: Any = None,
        overrides: Mapping[Callable[..., Any], Callable[..., Any]] | None = None,
        handlers: Mapping[Any, Callable[..., Any]] | None = None,
    ) -> None:
        self.scope = scope
        self.receive = receive
        self._send = send
        self.app = app
        self.container = container
        if overrides:
            self.overrides = overrides
            self.is_simple = False
        if handlers is not None:
            self.handlers = handlers
        self._read_scope()
        self.is_websocket = scope["type"] == "websocket"
        self.method = scope.get("method", "")
        if inherited := scope.get("path_params"):
            self.path_params = inherited
        if (settlements := scope.get(_SETTLEMENTS)) is not None:
            self._settlements = settlements
            self.is_simple = False

    def moved(self, receive: Receive, send: Send) -> "Exchange":
        """The same request behind middleware, which has a receive and send of its own."""
        inner = Exchange(
            self.scope,
            receive,
            send,
            app=self.app,
            container=self.container,
            overrides=self.overrides,
            handlers=self.handlers,
        )
        inner.path_params = self.path_params
        inner.route = self.route
        inner.router_handlers = self.router_handlers
        inner._settlements = self._settlements
        inner.is_simple = self.is_simple
        return inner

    def replace_scope(self, scope: Scope) -> None:
        """Uses the scope that a middleware has made of this one."""
        self.scope = scope
        self._read_scope()

    def handed_on(self) -> Scope:
        """The scope, for an application inside that makes an exchange of its own."""
        if self._settlements is not None:
            self.scope[_SETTLEMENTS] = self._settlements
        return self.scope

    def when_lost(self, callback: "Callable[[], object] | None") -> None:
        """Has a direct connection call ``callback`` where the client goes away before the reply is
        complete, or has gone; for whoever sends the reply. ``None``: nothing any more."""

    # What the request says

    def _read_scope(self) -> None:
        scope = self.scope
        self.root_path = scope.get("root_path", "")
        self.path = get_route_path(scope) if self.root_path else scope["path"]
        self.query_string = scope.get("query_string", b"")
        self.raw_headers = scope["headers"]

    @property
    def client(self) -> tuple[str, int] | None:
        """Address and port of the client, or of what a trusted proxy says is the client."""
        client = self.scope.get("client")
        return None if client is None else (client[0], client[1])

    @property
    def peer(self) -> tuple[str, int] | None:
        """Address and port of what has connected, whatever it says of others; None for a socket
        that is a file."""
        return self._peer[0] if self._peer is not None else self.client

    def seen_as(self, client: tuple[str, int] | None, scheme: str, host: bytes | None) -> None:
        """Notes what a trusted proxy says, or, with the peer's own address, that none does.

        host: what the client has asked for, where it is not what the request's ``Host`` says.
        """
        self._peer = (self.client,)
        self.scope["client"] = client
        self.scope["scheme"] = scheme
        if host is not None:
            self._ask_for(host)
            self.scope["headers"] = self.raw_headers

    def seen_alone(self) -> None:
        """Has the request be its peer's, whatever it or the server's settings say of proxies."""

    def _ask_for(self, host: bytes) -> None:
        others = [header for header in self.raw_headers if header[0] != b"host"]
        self.raw_headers = [(b"host", host), *others]
        self.__dict__.pop("header_map", None)

    @property
    def scheme(self) -> str:
        """``http`` or ``https``, ``ws`` or ``wss``: as the client has asked, if a trusted proxy
        says so."""
        scheme: str = self.scope.get("scheme", "ws" if self.is_websocket else "http")
        return scheme

    def found(self, route: Any, endpoint: Any, path_params: Mapping[str, Any]) -> None:
        """Notes the route that answers, and what the path says to it."""
        scope = self.scope
        inherited = scope.get("path_params")
        self.path_params = {**inherited, **path_params} if inherited else path_params
        self.route = route
        scope["path_params"] = self.path_params
        scope["endpoint"] = endpoint
        scope["route"] = route

    @property
    def query_pairs(self) -> list[tuple[str, str]]:
        """The query string in order, repeated names included, values without ``=`` empty."""
        if self._query_pairs is None:
            self._query_pairs = _parse_query(self.query_string)
        return self._query_pairs

    @property
    def query_params(self) -> ImmutableMultiDict[str, str]:
        """The query string by name, with all values of a name."""
        if self._connection is not None:
            return self._connection.query_params
        if self._query_params is None:
            self._query_params = ImmutableMultiDict(self.query_pairs)
        return self._query_params

    @property
    def headers(self) -> Headers:
        """All headers, by name in any case."""
        if self._connection is not None:
            return self._connection.headers
        return Headers(raw=self.raw_headers)

    query: Any = _Query()
    """The query string by name; the last of repeated values counts."""
    header_map: Any = _HeaderMap()
    """The first header of each name, in lower case."""

    def header(self, name: bytes) -> str | None:
        """The first header of a lower-case name."""
        value = self.header_map.get(name)
        return None if value is None else value.decode("latin-1")

    def header_list(self, name: bytes) -> list[str]:
        """All headers of a lower-case name, in order."""
        return [value.decode("latin-1") for key, value in self.raw_headers if key == name]

    @property
    def cookies(self) -> dict[str, str]:
        if self._cookies is None:
            self._cookies = {}
            for header in self.header_list(b"cookie"):
                self._cookies.update(cookie_parser(header))
        return self._cookies

    async def body(self) -> bytes:
        """The whole body; read once, then kept. Raises ClientDisconnect if the client goes away."""
        if self._body is None:
            if self._connection is not None:
                # a middleware or a custom route class may have begun to read
                self._body = await self.request.body()
            else:
                self._body = await self._read_body()
        return self._body

    def whole_body(self) -> bytes | None:
        """The whole body, where it is there already and can be had without waiting."""
        return self._body if self._connection is None else None

    def limit_body(self, size: int, refuse: Callable[[], Exception]) -> None:
        """Has whoever reads more than ``size`` bytes of the body get the error of ``refuse``."""
        receive, taken = self.receive, 0

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > size:
                    raise refuse()
            return message

        self.receive = counting

    async def _read_body(self) -> bytes:
        message = await self.receive()
        chunks: list[bytes] = []
        while message["type"] == "http.request":
            chunk: bytes = message.get("body", b"")
            if not message.get("more_body", False):
                return b"".join((*chunks, chunk)) if chunks else chunk
            chunks.append(chunk)
            message = await self.receive()
        raise ClientDisconnect

    # What a handler can ask for

    @property
    def connection(self) -> HTTPConnection:
        """Starlette's Request or WebSocket, whichever this exchange is."""
        if self._connection is None:
            if self.is_websocket:
                self._connection = WebSocket(self.scope, self.receive, self.send)
            else:
                self._connection = Request(self.scope, self.receive, self.send)
                if self._body is not None:
                    # where Starlette keeps a body that was read, and a form that was parsed
                    self._connection._body = self._body
                    self._connection._form = self._text_form
        return self._connection

    @property
    def request(self) -> Request:
        connection = self.connection
        if not isinstance(connection, Request):
            raise TriviumError("A WebSocket has no Request: annotate the parameter with WebSocket")
        return connection

    @property
    def websocket(self) -> WebSocket:
        connection = self.connection
        if not isinstance(connection, WebSocket):
            raise TriviumError("An HTTP request has no WebSocket: annotate it with Request")
        return connection

    @property
    def has_no_connection(self) -> bool:
        """Whether nobody has asked for a Request or a WebSocket so far."""
        return self._connection is None

    @property
    def parses_plain_json(self) -> bool:
        """Whether the body's JSON may be parsed here: no custom request class has a say in it."""
        return self._connection is None or type(self._connection) is Request

    def adopt(self, connection: HTTPConnection) -> None:
        """Use a connection that a custom route class made in place of the plain one."""
        if connection is not self._connection:
            self._connection = connection  # type: ignore[assignment]  # a Request or a WebSocket
            self.scope = connection.scope
            self._read_scope()
            self.__dict__.pop("header_map", None)
            self.__dict__.pop("query", None)
            self._query_pairs = self._cookies = self._body = None
            self._text_form = self._query_params = None

    @property
    def response(self) -> Response:
        """The response that a handler or dependency sets headers, cookies or the status on."""
        if self.chosen is None:
            self.chosen = Response()
            del self.chosen.headers["content-length"]
            self.chosen.status_code = None  # type: ignore[assignment]  # "nobody chose one"
            self.must_be_released = True
            self.is_simple = False
        return self.chosen

    @property
    def background_tasks(self) -> BackgroundTasks:
        """Runs after the reply; tasks added later still, in a dependency's exit, run as well."""
        if self.background is None:
            self.background = BackgroundTasks()
            self.background.belong_to(self)
            self.is_simple = False
        return self.background

    @property
    def notes(self) -> dict[Any, Any]:
        """What the stages note about this request, each under a key of its own."""
        if self._notes is None:
            self._notes = {}
        return self._notes

    # How long things live

    @property
    def request_stack(self) -> AsyncExitStack:
        """What is closed after the reply was sent and the background tasks have run."""
        if self._request_stack is None:
            self._request_stack = AsyncExitStack()
            self.is_simple = False
        return self._request_stack

    @property
    def function_stack(self) -> AsyncExitStack:
        """What is closed after the handler returned, before the reply is sent."""
        if self._function_stack is None:
            self._function_stack = AsyncExitStack()
            self.is_simple = False
        return self._function_stack

    def keep_form(self, form: FormData) -> None:
        """Has a Request that is made later give this form, which holds no files, as its own."""
        self._text_form = form

    def files_to_close(self, form: FormData) -> None:
        """Has the uploaded files closed when all is done, replies to errors included."""
        self.scope.setdefault(_FORMS, []).append(form)

    async def close_function(self, error: BaseException | None = None) -> bool:
        """Closes the function scope; True if an exit swallowed ``error``."""
        stack, self._function_stack = self._function_stack, None
        return await _close(stack, error)

    async def close_request(self, error: BaseException | None = None) -> bool:
        """Closes the request scope; True if an exit swallowed ``error``."""
        stack, self._request_stack = self._request_stack, None
        return await _close(stack, error)

    @property
    def has_function_scope(self) -> bool:
        """Whether anything waits to be closed when the handler has returned."""
        return self._function_stack is not None

    @property
    def is_open(self) -> bool:
        """Whether anything waits to be closed at the end of the request."""
        return (
            self._request_stack is not None
            or self._function_stack is not None
            or bool(self._settlements)
        )

    def before_reply(self, settle: Settle) -> None:
        """Has ``settle`` awaited when the handler has returned and the function scope is closed.

        Called with None it may still fail, and the reply to that error is sent instead. Called with
        an error, it is on its way out. Each is called once; the one that was added last, first.
        """
        self.expect_settlements()
        self._settlements.append(settle)  # type: ignore[union-attr]  # made in the line above

    def expect_settlements(self) -> None:
        """Has this request be settled as one with what middleware hands on: the first that calls
        ``before_reply`` may stand inside of it, and the last may ask outside.
        """
        if self._settlements is None:
            self._settlements = []
            self.is_simple = False

    @property
    def has_settlements(self) -> bool:
        """Whether anything waits for the reply to be decided."""
        return bool(self._settlements)

    async def settle(self, error: BaseException | None = None) -> None:
        """Calls what waits for the reply to be decided. Raises the first failure, having called
        all: those that come after it are called with it.
        """
        while self._settlements:
            try:
                await self._settlements.pop()(error)
            except BaseException as failure:
                await self.settle(failure)
                raise

    async def release(self) -> None:
        """All is done: closes uploaded files, forgets what refers back to the exchange."""
        self._connection = self.chosen = None
        if self.has_scope and _FORMS in self.scope:
            with anyio.CancelScope(shield=True):
                for form in self.scope.pop(_FORMS):
                    await form.close()

    # The reply

    async def send(self, message: Message) -> None:
        """ASGI's send."""
        kind = message["type"]
        if kind == "http.response.start":
            self.reply_started = True
            if self.around is not None and self.method != "HEAD" and _tells_length(message):
                # As a rule the whole body comes with the next message.
                self._held_start = message
            else:
                await self._begin_reply(message)
        elif kind == "http.response.body":
            await self._send_piece(message)
        else:
            if self._held_start is not None:
                start, self._held_start = self._held_start, None
                await self._begin_reply(start)
            await self._write(message)

    async def _send_piece(self, message: Message) -> None:
        is_last = not message.get("more_body", False)
        if (start := self._held_start) is not None:
            self._held_start = None
            if is_last:
                headers = list(start["headers"])
                await self.reply(Reply(start["status"], headers, message.get("body", b"")))
                return
            await self._begin_reply(start)
        if self.transform is not None:
            body = self.transform(message.get("body", b""), is_last)
            message = {**message, "body": body}
        self.sent_bytes += len(message.get("body", b""))
        await self._write(message)
        if is_last and self.around is not None:
            self.around.sent(self)

    async def _begin_reply(self, message: Message) -> None:
        if self.around is not None:
            message = self.around.start(self, message)
        self.status = message["status"]
        await self._write(message)

    async def _write(self, message: Message) -> None:
        """Hands a message to the server."""
        await self._send(message)

    def reply_at_once(self, reply: Reply) -> bool:
        """Sends a complete reply as ``reply`` does, where that can be done without waiting; says
        whether it has."""
        return False

    def write_at_once(self, status: int, kind: MadeHere, body: bytes) -> bool:
        """The same for a reply of which no more is to be said than this: a body that the framework
        has written, and what it is."""
        return False

    async def reply(self, reply: Reply) -> None:
        """Sends a complete reply. Its background tasks are the caller's to run."""
        if self.around is not None:
            reply = self.around.reply(self, reply)
        self.reply_started = True
        self.status = reply.status
        self.sent_bytes = len(reply.body)
        await self._send(
            {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
        )
        await self._send({"type": "http.response.body", "body": reply.body})
        if self.around is not None:
            self.around.sent(self)


def _tells_length(start: Message) -> bool:
    return any(name == b"content-length" for name, _ in start.get("headers", ()))


async def _close(stack: AsyncExitStack | None, error: BaseException | None) -> bool:
    if stack is None:
        return False
    traceback: TracebackType | None = None if error is None else error.__traceback__
    return bool(await stack.__aexit__(type(error) if error else None, error, traceback))


def _parse_query(raw: bytes) -> list[tuple[str, str]]:
    text = raw.decode("latin-1")
    if "%" in text or "+" in text:
        return parse_qsl(text, keep_blank_values=True)
    pairs = []
    for part in text.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((name, value))
    return pairs
