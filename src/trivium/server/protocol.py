"""One HTTP/1.1 connection, in place of uvicorn's protocol class::

    uvicorn main:app --http trivium.server.protocol:DirectProtocol

uvicorn keeps the sockets, TLS, workers, signals and the lifespan. A request is parsed by llhttp,
framed here and handed to the application: to an ``App`` as an exchange, to any other ASGI
application as scope, receive and send. Requests of one connection are answered in order, one at a
time. See RFC 9112 for the framing.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from trivium.exchange import RawHeaders
from trivium.server.bounds import Bounds
from trivium.server.direct import DirectExchange, new_exchange, repeated_exchange
from trivium.server.eager import starter
from trivium.server.entry import Serve, entry_of
from trivium.server.heads import header_block, status_line
from trivium.server.logging import request_log
from trivium.server.patience import Clock, Unread, clock_of
from trivium.server.reframing import has_body, new_parser, reframed
from trivium.server.repeats import KnownHead, known_head, target_of, targets

__all__ = ["DirectProtocol"]

_HIGH_WATER = 64 * 1024
_MOST_WAITING = 16
"""Requests of one connection that may wait for their turn before reading pauses."""
_SMALL = 4096
_FEW = 32
"""Heads below are not measured, where no bound is as small."""
_TRIES = 3
"""How often in a row a head is kept that then does not come again."""
_IN_METHODS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ- "
"""What the parser says nothing of where a packet ends with it, before the target has begun."""
_MOST_DROPPED = 1024 * 1024
"""Bytes of a body nobody wants that are read and dropped, before the connection is closed."""
_LINGER = 5.0
"""Seconds in which a client that is still sending may read why nobody listens any more."""

_log = logging.getLogger("uvicorn.error")


class _Refused(Exception):
    """The head of a request cannot be taken."""

    def __init__(self, status: int) -> None:
        self.status = status


class DirectProtocol(asyncio.Protocol):
    """The protocol class for uvicorn's ``http=``. ``bounded`` gives one with other bounds."""

    # More attributes than CPython keeps without a dictionary; these are found as fast.
    __slots__ = (
        "_begins_within",
        "_current",
        "_default_block",
        "_default_headers",
        "_expected",
        "_few",
        "_framing_from",
        "_framing_size",
        "_has_ended",
        "_head_is_complete",
        "_head_size",
        "_headers",
        "_is_deaf",
        "_is_ending",
        "_is_reading_paused",
        "_known",
        "_limit",
        "_lingers",
        "_packet_size",
        "_parser",
        "_reading",
        "_received",
        "_refusal",
        "_serve",
        "_since",
        "_small",
        "_start",
        "_timed",
        "_tries",
        "_unchanged",
        "_unread",
        "_upgrade",
        "_url",
        "_usual_head",
        "_version",
        "_waiting",
        "_write_waiters",
        "access_log",
        "app",
        "app_state",
        "clock",
        "config",
        "forwarded",
        "is_lost",
        "is_writing_paused",
        "loop",
        "peer",
        "root_path",
        "scheme",
        "seen",
        "server",
        "server_state",
        "transport",
    )

    bounds = Bounds()
    clock_of: Callable[[asyncio.AbstractEventLoop], Clock] = staticmethod(clock_of)
    """The clock that ends slow connections; a test has its own."""

    @classmethod
    def bounded(cls, bounds: Bounds) -> "type[DirectProtocol]":
        """The class with other bounds, to be given to uvicorn."""
        return type(cls.__name__, (cls,), {"bounds": bounds, "__slots__": ()})

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self.config = config
        self.app: Any = config.loaded_app
        self.app_state = app_state
        self.server_state = server_state
        self.loop = _loop or asyncio.get_running_loop()
        self.root_path = config.root_path
        self.forwarded, serve = entry_of(self.app)
        self._serve: Serve = serve or self._serve_asgi
        # not in every release of uvicorn that serves
        in_empty_context: bool = getattr(config, "reset_contextvars", False)
        self._start = starter(self.loop, in_empty_context=in_empty_context)
        self.clock = self.clock_of(self.loop)
        self._limit = config.limit_concurrency
        self.access_log = request_log() if config.access_log else None

        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # see connection_made
        self.server: tuple[str, int | None] | None = None
        self.peer: tuple[str, int] | None = None
        self.scheme = "http"
        self.seen: tuple[tuple[str, int] | None, str] = (None, "http")

        self._parser: Any = new_parser(self)
        self._url = b""
        self._headers: RawHeaders = []
        self._head_is_complete = False
        """Whether further headers are trailers, which are not read."""
        self._small, self._few = _unmeasured(self.bounds)
        self._head_size = 0
        """Bytes of the head that came in earlier packets."""
        self._packet_size = 0
        self._version: str | None = None
        """The version of the first request in the packet, where it is known already."""
        self._has_ended = False
        """Whether a request has ended in the packet, and no other has begun."""
        self._begins_within = False
        """Whether a head has begun in the middle of a packet."""
        self._known: KnownHead | None = None
        """The last head, if the next request is likely to have it too."""
        self._expected: KnownHead | None = None
        """The same, where what comes next is the beginning of a request."""
        self._tries = -1
        self._reading: DirectExchange | None = None
        """The request whose body is coming in."""
        self._unchanged: DirectExchange | None = None
        """A request with a body that asked for another protocol in vain."""
        self._timed: DirectExchange | None = None
        """The request whose body is being timed."""
        self._received = 0
        self._framing_from, self._framing_size = 0, 0
        """How much of the body had come, and what has come since that is no body."""
        self._current: DirectExchange | None = None
        """The request that is being answered."""
        self._waiting: deque[DirectExchange] = deque()
        self._refusal: int | None = None
        """The status to end the connection with, once the requests before have been answered."""
        self._upgrade: DirectExchange | None = None
        """The handshake of a WebSocket, which takes the connection over."""
        self._is_ending = False
        self._is_deaf = False
        """Whether what comes in is dropped, because the connection ends or is another's."""
        self._lingers = False
        self._is_reading_paused = False
        self.is_lost = False
        self._write_waiters: list[asyncio.Future[None]] = []
        self.is_writing_paused = False
        self._unread = Unread()
        self._since = 0.0
        self._default_headers: RawHeaders = []
        self._default_block = b""
        self._usual_head = status_line(200)

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # what asyncio gives a Protocol
        self.server_state.connections.add(self)  # type: ignore[arg-type]  # uvicorn's own classes
        self.server = get_local_addr(self.transport)
        self.peer = get_remote_addr(self.transport)
        self.scheme = "https" if is_ssl(self.transport) else "http"
        self.seen = (self.peer, self.scheme)
        self.clock.watch(self)
        self._since = self.clock.now

    def connection_lost(self, exc: Exception | None) -> None:
        self.server_state.connections.discard(self)
        self.clock.forget(self)
        self.is_lost = True
        self._waiting.clear()
        for ex in (self._current, self._reading):
            if ex is not None:
                ex.lose()
        self.resume_writing()
        self._parser = None

    def eof_received(self) -> None:
        """The client sends no more; it may still read. uvicorn's transports close then."""

    def data_received(self, data: bytes) -> None:
        known = self._expected
        if (
            known is not None
            and known.longest_line >= (end := len(data) - known.size) > 0
            and data.startswith(known.block, end)
            and (target := targets.get(line := data[:end]) or target_of(line)) is not None
        ):
            # the same head as that of the request before, but for its first line
            self._tries = 0
            body = data[-known.length :] if known.length else b""
            ex = repeated_exchange(self, target, known, body)
            if self._current is None and not self._waiting and not self.is_writing_paused:
                self._begin(ex)
                return
            self._waiting.append(ex)
        elif self._is_deaf:
            return
        else:
            self._parse(data)
        if self._current is None:
            self.advance()
        if self._waiting and len(self._waiting) >= _MOST_WAITING:
            self.pause_reading()

    def _parse(self, data: bytes) -> None:
        self._expected = None
        is_new = self._reading is None and not self._head_size
        line = data.find(b"\r\n") if is_new else -1
        self._packet_size = len(data)
        self._has_ended = self._begins_within = False
        # Asking the parser for it costs more than the rest of what it is asked.
        if line > 9 and data.startswith(b" HTTP/1.1", line - 9):
            self._version = "1.1"
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._feed_on(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(_status_of(error))
        if not self._has_ended:
            self._bound_unfinished(data)
        elif is_new and self._tries < _TRIES and not self._begins_within and self._waiting:
            # the first head of a connection may as well be the last
            if self._tries >= 0 and len(self._waiting[-1].raw_headers) <= self._few:
                self._known = known_head(data, self._waiting[-1], self._small)
            self._tries += 1
        if (
            self._reading is None
            and not self._head_size
            and not self._is_deaf
            and data[-1:] not in _IN_METHODS
        ):
            self._expected = self._known

    def _feed_on(self, rest: bytes) -> None:
        """What came after a request to change the protocol, if we do not change it."""
        while self._upgrade is None:
            _log.warning("Unsupported upgrade request.")
            try:
                if self._unchanged is not None:
                    self._reading, self._unchanged = self._unchanged, None
                    # raises where nobody knows how long the body is
                    self._parser = reframed(self, self._reading)
                self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]
            except httptools.HttpParserError as error:
                self._refuse(_status_of(error))
                return
            else:
                return
        self._turn_deaf()

    # The parser's callbacks

    def on_url(self, url: bytes) -> None:
        if self._has_ended:
            self._has_ended, self._begins_within = False, True
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_is_complete:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        url, headers, parser = self._url, self._headers, self._parser
        version, self._version = self._version or parser.get_http_version(), None
        self._url, self._headers = b"", []
        if self._head_size + self._packet_size > self._small or len(headers) > self._few:
            self._bound_head(url, headers)
        self._head_size = 0
        self._head_is_complete = True
        if b"#" in url or not url.startswith(b"/"):
            parsed = httptools.parse_url(url)
            # an absolute URL need not have a path (RFC 9110, section 4.2.3)
            raw_path, query = parsed.path or b"/", parsed.query or b""
        else:
            raw_path, _, query = url.partition(b"?")
        path = raw_path.decode("ascii")
        if "%" in path:
            path = unquote(path)
        method = parser.get_method().decode("ascii")
        keep_alive = parser.should_keep_alive() and version != "1.0"
        target = (method, path, raw_path, query)
        ex = self._reading = new_exchange(self, target, headers, version, keep_alive)
        if parser.should_upgrade():
            if self._is_handshake(ex):
                self._upgrade, self._reading = ex, None
                return
            if has_body(headers):
                self._unchanged, self._reading = ex, None
        self._waiting.append(ex)

    def read_body_of(self, ex: DirectExchange) -> None:
        """What comes next is the body of this request, whose head has come."""
        self._reading, self._head_is_complete = ex, True

    def on_body(self, body: bytes) -> None:
        ex = self._reading
        if ex is None:
            return
        self._received += len(body)
        if ex.take_body(body) > _HIGH_WATER:
            self.pause_reading()

    def on_message_complete(self) -> None:
        ex, self._reading = self._reading, None
        self._head_is_complete = False
        self._has_ended = True
        if ex is not None:
            ex.end_body()
            if self._is_reading_paused or ex.is_complete:
                # the body was too large to go on, or nobody waited for its end
                self._since = self.clock.now
                self.resume_reading()

    def _bound_head(self, url: bytes, headers: RawHeaders) -> None:
        bounds = self.bounds
        if bounds.max_url_size is not None and len(url) > bounds.max_url_size:
            raise _Refused(414)
        if bounds.max_headers is not None and len(headers) > bounds.max_headers:
            raise _Refused(431)
        size = sum(len(name) + len(value) + 4 for name, value in headers)
        if bounds.max_header_size is not None and size > bounds.max_header_size:
            raise _Refused(431)

    def _bound_unfinished(self, data: bytes) -> None:
        """The packet has ended within a request: how much comes, and how slowly, is bounded."""
        if self._is_deaf:
            return
        if self._reading is not None:
            if self._reading.dropped > _MOST_DROPPED:
                self.close()
            else:
                self._bound_framing(self._reading, len(data))
            return
        if not self._head_size:
            if not data.strip(b"\r\n"):
                # empty lines before a request are none of it (RFC 9112, section 2.2)
                return
            self._since = self.clock.now
        # How much of this packet belongs to a head that began within it is not known.
        self._head_size += 1 if self._begins_within else len(data)
        self._begins_within = False
        self._bound_unfinished_head()

    def _bound_unfinished_head(self) -> None:
        bounds = self.bounds
        most = (bounds.max_url_size or 0) + (bounds.max_header_size or 0) + _SMALL
        unbounded = bounds.max_url_size is None or bounds.max_header_size is None
        if bounds.max_url_size is not None and len(self._url) > bounds.max_url_size:
            self._refuse(414)
        elif not unbounded and self._head_size > most:
            self._refuse(431 if self._headers or self._url else 400)
        elif bounds.max_headers is not None and len(self._headers) > bounds.max_headers:
            self._refuse(431)

    def _bound_framing(self, ex: DirectExchange, size: int) -> None:
        """Chunk extensions and trailers bring nothing, so without a bound they need not end."""
        if ex is not self._timed:
            self._timed, self._since = ex, self.clock.now
            self._received = self._framing_from = ex.unread_size
            self._framing_size = 0
        elif self._received != self._framing_from:
            self._framing_from, self._framing_size = self._received, 0
        else:
            self._framing_size += size
            most = self.bounds.max_header_size
            if most is not None and self._framing_size > most:
                self._refuse(431)

    # One request after the other

    def advance(self) -> None:
        """Begins with the next request, if there is one and the one before is answered."""
        while self._current is None and self._waiting and not self.is_lost:
            if self.is_writing_paused:
                # a client that does not read its replies does not get more of them made
                return
            self._begin(self._waiting.popleft())
        if self._current is None and not self.is_lost:
            if self._refusal is not None:
                self._send_refusal(self._refusal)
            elif self._upgrade is not None:
                self._hand_over(self._upgrade)
            elif self._is_ending:
                self.close()

    def _begin(self, ex: DirectExchange) -> None:
        self._current = ex
        serve = self._serve
        if self._limit is not None and self._is_over_limit():
            _log.warning("Exceeded concurrency limit.")
            serve = self._serve_busy
        task = self._start(serve(ex))
        if task is None:
            if not ex.is_complete:
                self._end(ex, None)
        elif task.done():
            self._ended(ex, task)
        else:
            ex.task = task
            self.server_state.tasks.add(task)
            task.add_done_callback(partial(self._ended, ex))

    def _is_over_limit(self) -> bool:
        state, limit = self.server_state, self._limit
        return limit is not None and (len(state.connections) >= limit or len(state.tasks) >= limit)

    def _ended(self, ex: DirectExchange, task: "asyncio.Task[None]") -> None:
        """The application is done with a request, one way or another."""
        self.server_state.tasks.discard(task)
        ex.task = None
        self._end(ex, asyncio.CancelledError() if task.cancelled() else task.exception())

    def _end(self, ex: DirectExchange, error: BaseException | None) -> None:
        if error is not None:
            if not (ex.is_lost and isinstance(error, asyncio.CancelledError)):
                _log.error("Exception in ASGI application\n", exc_info=error)
        elif ex.is_complete or ex.is_lost:
            return
        else:
            what = "completing" if ex.has_begun else "starting"
            _log.error("ASGI callable returned without %s response.", what)
        ex.fail()

    async def _serve_asgi(self, ex: DirectExchange) -> None:
        result = await self.app(ex.scope, ex.receive, ex.send)
        if result is not None:
            _log.error("ASGI callable should return None, but returned '%s'.", result)
            ex.lose()
            self.close()

    async def _serve_busy(self, ex: DirectExchange) -> None:
        await service_unavailable(ex.scope, ex.receive, ex.send)  # type: ignore[arg-type]  # uvicorn's types of the same

    def replied(self, keep_alive: bool) -> None:
        """The reply to the current request is complete; the next one may be served."""
        self.server_state.total_requests += 1
        self._current = None
        self._since = self.clock.now
        if not keep_alive:
            self.close()
            return
        if self._is_reading_paused:
            self.resume_reading()
        if self._waiting or self._is_deaf or self._is_ending:
            self.loop.call_soon(self.advance)

    # Ending

    def default_block(self) -> bytes:
        """The headers that uvicorn adds to every reply, the date among them."""
        headers = self.server_state.default_headers
        if headers is not self._default_headers:
            self._default_headers, self._default_block = headers, header_block(headers)
            self._usual_head = status_line(200) + self._default_block
        return self._default_block

    def head(self, status: int) -> bytes:
        """The beginning of a reply: its first line, and the headers that every reply has."""
        return status_line(status) + self.default_block()

    def usual_head(self) -> bytes:
        """The same for most replies, whose status is 200."""
        if self.server_state.default_headers is not self._default_headers:
            self.default_block()
        return self._usual_head

    def close(self) -> None:
        """Ends the connection when what was written has been sent. Nothing more is heard of it.

        Where the client is still sending, what it sends is read and dropped for a while: a socket
        that is closed with something unread is reset, and the client may lose the reply
        (RFC 9112, section 9.6).
        """
        transport = self.transport
        lingers = self._reading is not None or self._refusal is not None
        self._turn_deaf()
        self._reading = self._refusal = self._upgrade = None
        self._waiting.clear()
        now = self.clock.now
        self._since = now
        self._unread.note(transport.get_write_buffer_size(), now)
        if lingers and not self._is_ending and transport.can_write_eof():
            self._lingers = True
            transport.write_eof()
            self.resume_reading()
        else:
            transport.close()

    def shutdown(self) -> None:
        """uvicorn asks for the end: at once where nothing is under way, else after the reply."""
        self._is_ending = True
        if self._lingers:
            self.transport.close()
            return
        if self._current is None and not self._waiting:
            self.close()
            return
        for ex in (self._current, *self._waiting):
            if ex is not None:
                ex.keep_alive = False

    def _turn_deaf(self) -> None:
        self._is_deaf, self._expected = True, None

    def _refuse(self, status: int) -> None:
        """Ends the connection with this status: after it nothing can be told apart any more."""
        self._refusal = status
        self._turn_deaf()
        ex, self._reading = self._reading, None
        if ex is None:
            return
        # the end of its body will never be known
        if ex in self._waiting:
            self._waiting.remove(ex)
        elif ex is self._current:
            ex.lose()
            if ex.has_begun:
                self.close()
            else:
                self._current = None

    def _send_refusal(self, status: int) -> None:
        body = _REFUSALS[status]
        if status == 400:
            _log.warning("Invalid HTTP request received.")
        self.transport.write(
            b"".join(
                [
                    status_line(status),
                    header_block(self.server_state.default_headers),
                    b"content-type: text/plain; charset=utf-8\r\n",
                    b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body),
                    body,
                ]
            )
        )
        self.close()

    def tick(self, now: float) -> None:
        """Ends a connection that has lasted too long in what it is doing."""
        lasted = now - self._since
        if self.is_writing_paused or self.transport.is_closing():
            self._tick_unread(now)
        elif self._lingers:
            if lasted > _LINGER:
                self.transport.close()
        elif self._reading is not None:
            if not self._is_reading_paused:
                self._tick_body(now, lasted)
            self._tick_reply(now)
        elif self._current is not None or self._waiting:
            self._tick_reply(now)
        elif self._head_size:
            timeout = self.bounds.header_timeout
            if timeout is not None and lasted > timeout:
                self._refuse(408)
                self.advance()
        elif lasted > self.config.timeout_keep_alive:
            self.close()

    def _tick_unread(self, now: float) -> None:
        timeout = self.bounds.write_timeout
        lasted = self._unread.lasted(self.transport.get_write_buffer_size(), now)
        if timeout is not None and lasted > timeout:
            self.transport.abort()

    def _tick_reply(self, now: float) -> None:
        ex = self._current
        if ex is None or ex.around is None or ex.reply_started:
            return
        patience = ex.around.patience
        if patience is None:
            return
        if not ex.late:
            ex.late = now + patience.seconds
        elif now > ex.late:
            ex.late = inf
            patience.on_late(ex)

    def _tick_body(self, now: float, lasted: float) -> None:
        timeout = self.bounds.body_timeout
        if timeout is None or lasted <= timeout:
            return
        if self._reading is not None and self._reading.waits_for_permission:
            # we are what it waits for
            self._since = now
            return
        if self._received >= self.bounds.min_body_rate * lasted:
            self._received, self._since = 0, now
            return
        self._refuse(408)
        self.advance()

    # Flow control

    def pause_reading(self) -> None:
        """Reads no more from the socket until ``resume_reading``."""
        if not self._is_reading_paused:
            self._is_reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Reads from the socket again, unless too many requests wait already."""
        if self._is_reading_paused and len(self._waiting) < _MOST_WAITING:
            self._is_reading_paused = False
            self._received, self._since = 0, self.clock.now
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """Called by the transport: the client does not read as fast as is written."""
        self.is_writing_paused = True
        self._unread.note(self.transport.get_write_buffer_size(), self.clock.now)

    def resume_writing(self) -> None:
        """Called by the transport: the client has read most of it."""
        self.is_writing_paused = False
        waiters, self._write_waiters = self._write_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if self._waiting and self._current is None:
            self.loop.call_soon(self.advance)

    async def drained(self) -> None:
        """Waits until the client has read most of what was written, or has gone."""
        while self.is_writing_paused and not self.is_lost:
            waiter = self.loop.create_future()
            self._write_waiters.append(waiter)
            await waiter

    # WebSockets

    def _is_handshake(self, ex: DirectExchange) -> bool:
        if self.config.ws_protocol_class is None:
            return False
        headers = ex.raw_headers
        upgrades = [value.lower() for name, value in headers if name == b"upgrade"]
        tokens = [value.lower() for name, value in headers if name == b"connection"]
        if upgrades[-1:] != [b"websocket"] or not any(b"upgrade" in value for value in tokens):
            return False
        if has_body(headers):
            # it would be taken for frames
            raise _Refused(400)
        return True

    def _hand_over(self, ex: DirectExchange) -> None:
        """Gives the connection to uvicorn's WebSocket protocol, beginning with the handshake."""
        self._upgrade = None
        self.resume_reading()
        self.server_state.connections.discard(self)
        self.clock.forget(self)
        protocol_class: Any = self.config.ws_protocol_class
        protocol = protocol_class(
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        protocol.connection_made(self.transport)
        protocol.data_received(ex.head_as_sent())
        self.transport.set_protocol(protocol)


def _status_of(error: httptools.HttpParserError) -> int:
    cause = error.__context__
    return cause.status if isinstance(cause, _Refused) else 400


def _unmeasured(bounds: Bounds) -> tuple[int, int]:
    """Up to how many bytes, and how many headers, no head can be over its bounds."""
    sizes = [size for size in (bounds.max_url_size, bounds.max_header_size) if size is not None]
    return min([_SMALL, *sizes]), _FEW if bounds.max_headers is None else min(
        _FEW, bounds.max_headers
    )


_REFUSALS = {
    400: b"Invalid HTTP request received.",
    408: b"Request Timeout",
    414: b"URI Too Long",
    431: b"Request Header Fields Too Large",
}
