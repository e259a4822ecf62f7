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
from collections.abc import Callable, Coroutine
from copy import copy
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from trivium.app import App
from trivium.exchange import RawHeaders
from trivium.server.bounds import Bounds
from trivium.server.direct import DirectExchange
from trivium.server.eager import starter
from trivium.server.heads import header_block, status_line
from trivium.server.patience import clock_of

__all__ = ["DirectProtocol"]

Serve: TypeAlias = Callable[[DirectExchange], Coroutine[Any, Any, None]]

_HIGH_WATER = 64 * 1024
_SMALL = 4096
"""Bytes of a packet that needs no counting: every bound is larger."""
_MOST_WAITING = 16
"""Requests of one connection that may wait for their turn before reading pauses."""

_log = logging.getLogger("uvicorn.error")


class _TooMuch(Exception):
    """The head of a request is over a bound."""

    def __init__(self, status: int) -> None:
        self.status = status


class DirectProtocol(asyncio.Protocol):
    """The protocol class for uvicorn's ``http=``. ``bounded`` gives one with other bounds."""

    bounds = Bounds()

    @classmethod
    def bounded(cls, bounds: Bounds) -> "type[DirectProtocol]":
        """The class with other bounds, to be given to uvicorn."""
        return type(cls.__name__, (cls,), {"bounds": bounds})

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
        self.forwarded, serve = _entry(self.app)
        self._serve: Serve = serve or self._serve_asgi
        self._start = starter(self.loop, in_empty_context=config.reset_contextvars)
        self._clock = clock_of(self.loop)
        self._limit = config.limit_concurrency
        access = logging.getLogger("uvicorn.access")
        self.access_log = access if config.access_log and access.hasHandlers() else None

        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # see connection_made
        self.server: tuple[str, int | None] | None = None
        self.peer: tuple[str, int] | None = None
        self.scheme = "http"

        self._parser: Any = httptools.HttpRequestParser(self)
        # Data after the last request of a connection is a client's pipelining, and not an error.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._url = b""
        self._headers: RawHeaders = []
        self._head_is_complete = False
        """Whether further headers are trailers, which are not read."""
        self._head_size = 0
        """Bytes of the head that came in earlier packets."""
        self._packet_size = 0
        self._version: str | None = None
        """The version of all requests in the packet, where it is known already."""
        self._reading: DirectExchange | None = None
        """The request whose body is coming in."""
        self._current: DirectExchange | None = None
        """The request that is being answered."""
        self._waiting: deque[DirectExchange] = deque()
        self._refusal: int | None = None
        """The status to end the connection with, once the requests before have been answered."""
        self._upgrade: DirectExchange | None = None
        """The handshake of a WebSocket, which takes the connection over."""
        self._is_ending = False
        self._is_reading_paused = False
        self.is_lost = False
        self._write_waiters: list[asyncio.Future[None]] = []
        self.is_writing_paused = False
        self._unread = (0, 0.0)
        self._since = 0.0
        self._received = 0
        self._default_headers: RawHeaders = []
        self._default_block = b""

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # what asyncio gives a Protocol
        self.server_state.connections.add(self)  # type: ignore[arg-type]  # uvicorn's own classes
        self.server = get_local_addr(self.transport)
        self.peer = get_remote_addr(self.transport)
        self.scheme = "https" if is_ssl(self.transport) else "http"
        self._clock.watch(self)
        self._since = self._clock.now

    def connection_lost(self, exc: Exception | None) -> None:
        self.server_state.connections.discard(self)
        self._clock.forget(self)
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
        if self._refusal is not None or self._upgrade is not None:
            return
        if self._reading is None:
            self._packet_size = size = len(data)
            if self._head_size:
                self._version = None
            else:
                self._since = self._clock.now
                # Asking the parser for it costs more than the rest of what it is asked.
                is_common = size < _SMALL and data.count(b"HTTP/") == data.count(b"HTTP/1.1")
                self._version = "1.1" if is_common else None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._upgrade is None:
                _log.warning("Unsupported upgrade request.")
                if rest := data[upgrade.args[0] :]:
                    self.data_received(rest)
                    return
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.status if isinstance(cause, _TooMuch) else 400)
        else:
            if self._reading is None and (self._url or self._headers):
                self._bound_unfinished_head(len(data))
        if self._current is None:
            self.advance()
        elif len(self._waiting) >= _MOST_WAITING:
            self.pause_reading()

    # The parser's callbacks

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_is_complete:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        url, headers, parser = self._url, self._headers, self._parser
        self._url, self._headers = b"", []
        if self._head_size + self._packet_size > _SMALL or len(headers) > 32:
            self._bound_head(url, headers)
        self._head_size = 0
        self._head_is_complete = True
        if b"#" in url or not url.startswith(b"/"):
            parsed = httptools.parse_url(url)
            raw_path, query = parsed.path or b"", parsed.query or b""
        else:
            raw_path, _, query = url.partition(b"?")
        path = raw_path.decode("ascii")
        if "%" in path:
            path = unquote(path)
        ex = self._reading = DirectExchange(
            self,
            parser.get_method().decode("ascii"),
            path,
            raw_path,
            query,
            headers,
            self._version or parser.get_http_version(),
            parser.should_keep_alive(),
        )
        if parser.should_upgrade() and self._is_handshake(ex):
            self._upgrade, self._reading = ex, None
            return
        self._waiting.append(ex)

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
        if ex is not None:
            ex.end_body()

    def _bound_head(self, url: bytes, headers: RawHeaders) -> None:
        bounds = self.bounds
        if bounds.max_url_size is not None and len(url) > bounds.max_url_size:
            raise _TooMuch(414)
        if bounds.max_headers is not None and len(headers) > bounds.max_headers:
            raise _TooMuch(431)
        size = sum(len(name) + len(value) + 4 for name, value in headers)
        if bounds.max_header_size is not None and size > bounds.max_header_size:
            raise _TooMuch(431)

    def _bound_unfinished_head(self, size: int) -> None:
        self._head_size += size
        bounds = self.bounds
        most = (bounds.max_url_size or 0) + (bounds.max_header_size or 0)
        unbounded = bounds.max_url_size is None or bounds.max_header_size is None
        if bounds.max_url_size is not None and len(self._url) > bounds.max_url_size:
            self._refuse(414)
        elif not unbounded and self._head_size > most:
            self._refuse(431 if self._headers or self._url else 400)
        elif bounds.max_headers is not None and len(self._headers) > bounds.max_headers:
            self._refuse(431)

    # One request after the other

    def advance(self) -> None:
        """Begins with the next request, if there is one and the one before is answered."""
        while self._current is None and self._waiting and not self.is_lost:
            if self.is_writing_paused:
                # a client that does not read its replies does not get more of them made
                return
            ex = self._waiting.popleft()
            self._current = ex
            serve = self._serve
            if self._limit is not None and self._is_over_limit():
                _log.warning("Exceeded concurrency limit.")
                serve = self._serve_busy
            task = self._start(serve(ex))
            if not task.done():
                ex.task = task
                self.server_state.tasks.add(task)
                task.add_done_callback(partial(self._ended, ex))
            elif not ex.is_complete or task.cancelled() or task.exception() is not None:
                self._ended(ex, task)
        if self._current is None and not self.is_lost:
            if self._refusal is not None:
                self._send_refusal(self._refusal)
            elif self._upgrade is not None:
                self._hand_over(self._upgrade)
            elif self._is_ending:
                self.transport.close()

    def _is_over_limit(self) -> bool:
        state, limit = self.server_state, self._limit
        return limit is not None and (len(state.connections) >= limit or len(state.tasks) >= limit)

    def _ended(self, ex: DirectExchange, task: "asyncio.Task[None]") -> None:
        """The application is done with a request, one way or another."""
        self.server_state.tasks.discard(task)
        ex.task = None
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            if not (ex.is_lost and task.cancelled()):
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
            self.transport.close()

    async def _serve_busy(self, ex: DirectExchange) -> None:
        await service_unavailable(ex.scope, ex.receive, ex.send)  # type: ignore[arg-type]  # uvicorn's types of the same

    def replied(self, ex: DirectExchange, *, keep_alive: bool) -> None:
        """The reply to the current request is complete; the next one may be served."""
        self.server_state.total_requests += 1
        self._current = None
        self._since = self._clock.now
        if not keep_alive:
            self._waiting.clear()
            self._refusal = None
            self.transport.close()
            return
        self.resume_reading()
        if self._waiting or self._refusal or self._upgrade or self._is_ending:
            self.loop.call_soon(self.advance)

    # Ending

    def default_block(self) -> bytes:
        """The headers that uvicorn adds to every reply, the date among them."""
        headers = self.server_state.default_headers
        if headers is not self._default_headers:
            self._default_headers, self._default_block = headers, header_block(headers)
        return self._default_block

    def shutdown(self) -> None:
        """uvicorn asks for the end: at once where nothing is under way, else after the reply."""
        if self._current is None and not self._waiting:
            self.transport.close()
            return
        self._is_ending = True
        for ex in (self._current, *self._waiting):
            if ex is not None:
                ex.keep_alive = False

    def _refuse(self, status: int) -> None:
        """Ends the connection with this status: after it nothing can be told apart any more."""
        self._refusal = status
        ex, self._reading = self._reading, None
        if ex is None:
            return
        # the end of its body will never be known
        if ex in self._waiting:
            self._waiting.remove(ex)
        elif ex is self._current:
            ex.lose()
            if ex.has_begun:
                self.transport.close()
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
        self.transport.close()

    def tick(self, now: float) -> None:
        """Ends a connection that has lasted too long in what it is doing."""
        bounds, lasted = self.bounds, now - self._since
        if self.is_writing_paused:
            size = self.transport.get_write_buffer_size()
            if size != self._unread[0]:
                self._unread = (size, now)
            elif bounds.write_timeout is not None and now - self._unread[1] > bounds.write_timeout:
                self.transport.abort()
            return
        if self._reading is not None:
            if not self._is_reading_paused:
                self._tick_body(now, lasted)
        elif self._current is not None or self._waiting:
            return
        elif self._head_size:
            if bounds.header_timeout is not None and lasted > bounds.header_timeout:
                self._refuse(408)
                self.advance()
        elif lasted > self.config.timeout_keep_alive:
            self.transport.close()

    def _tick_body(self, now: float, lasted: float) -> None:
        timeout = self.bounds.body_timeout
        if timeout is None or lasted <= timeout:
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
            self._received, self._since = 0, self._clock.now
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """Called by the transport: the client does not read as fast as is written."""
        self.is_writing_paused = True
        self._unread = (self.transport.get_write_buffer_size(), self._clock.now)

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
        return upgrades[-1:] == [b"websocket"] and any(b"upgrade" in value for value in tokens)

    def _hand_over(self, ex: DirectExchange) -> None:
        """Gives the connection to uvicorn's WebSocket protocol, beginning with the handshake."""
        self.server_state.connections.discard(self)
        self._clock.forget(self)
        protocol_class: Any = self.config.ws_protocol_class
        protocol = protocol_class(
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        protocol.connection_made(self.transport)
        protocol.data_received(ex.head_as_sent())
        self.transport.set_protocol(protocol)


def _entry(app: Any) -> tuple[ProxyHeadersMiddleware | None, Serve | None]:
    """The way into the application that needs no ASGI, if it has one, and who speaks for proxies.

    uvicorn wraps the application when it trusts proxies. What that wrapper does to the scope is
    done when a scope is made.
    """
    forwarded: ProxyHeadersMiddleware | None = None
    if type(app) is ProxyHeadersMiddleware:
        forwarded = copy(app)
        app, forwarded.app = app.app, _nothing
    if isinstance(app, App) and type(app).__call__ is App.__call__:
        return forwarded, app.serve_exchange
    return None, None


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    """The application inside of what only changes the scope."""


_REFUSALS = {
    400: b"Invalid HTTP request received.",
    408: b"Request Timeout",
    414: b"URI Too Long",
    431: b"Request Header Fields Too Large",
}
