"""One server in one process: uvicorn's, with an end that is bounded and cuts nobody off."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

import anyio.to_thread
import uvicorn
from uvicorn.lifespan.on import LifespanOn

from trivium.app import App
from trivium.server.bounds import Bounds
from trivium.server.loading import Served
from trivium.server.logging import attach_batches, flush_batches
from trivium.server.processes import STARTUP_FAILED, heeded
from trivium.server.protocol import DirectProtocol
from trivium.server.recycling import Limits
from trivium.server.settings import ServerSettings
from trivium.server.sockets import address_of
from trivium.shutdown import SHUTDOWN_KEY, ShutdownSignal

if TYPE_CHECKING:
    from trivium.stages.access_log import AccessLog

__all__ = ["Server", "config_of"]

logger = logging.getLogger("trivium.server")

THREADS = 40
"""What AnyIO's limiter allows by itself: without a word to it, its backend is not imported."""
TURN = 0.05
"""Seconds between two looks at what is still open, at shutdown."""
LINGER = 0.2
"""Seconds that idle connections have at the end: a request may be on its way to them, and closing a
connection on which one arrives resets it."""
CANCEL_PATIENCE = 5.0
"""Seconds that cancelled requests have to clean up, before their connections are aborted."""


def bounds_of(settings: ServerSettings) -> Bounds:
    """How much a client may send, and how long it may take."""
    return Bounds(
        max_url_size=settings.max_url_size,
        max_header_size=settings.max_header_size,
        max_headers=settings.max_headers,
        header_timeout=settings.header_timeout,
        body_timeout=settings.body_timeout,
        write_timeout=settings.write_timeout,
    )


def _access_logs_of(app: Any) -> "list[AccessLog]":
    """The application's own access log, which knows more than the server's."""
    stages = app.stages if isinstance(app, App) else ()
    if not stages:
        return []
    from trivium.stages.access_log import AccessLog

    return [stage for stage in stages if isinstance(stage, AccessLog)]


def _silence(app: Any) -> None:
    """No lines for requests are wanted; a sink of the application's own goes on being told."""
    for stage in _access_logs_of(app):
        if not stage.has_own_sink:
            app.remove_stage(stage)


def _http(settings: ServerSettings) -> type[asyncio.Protocol]:
    """The protocol of connections."""
    bounds = bounds_of(settings)
    http1: type[asyncio.Protocol] = DirectProtocol.bounded(bounds)
    if settings.asgi:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as http1
    if not settings.http2:
        return http1
    from trivium.server.http2 import with_http2

    return with_http2(http1, bounds)


def _websocket(**given: Any) -> asyncio.Protocol:
    """uvicorn's WebSocket protocol, imported with the first handshake: two megabytes."""
    from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

    make: Callable[..., asyncio.Protocol] = cast(Any, AutoWebSocketsProtocol)
    return make(**given)


def _is_websocket(connection: Any) -> bool:
    auto = sys.modules.get("uvicorn.protocols.websockets.auto")
    return auto is not None and isinstance(connection, auto.AutoWebSocketsProtocol)


def config_of(settings: ServerSettings, app: Any) -> uvicorn.Config:
    """uvicorn's configuration for an ASGI application."""
    return uvicorn.Config(
        app,
        interface="asgi3",
        http=_http(settings),
        ws=cast(Any, _websocket),
        log_config=None,
        access_log=settings.access_log and not _access_logs_of(app),
        workers=1,
        log_level=settings.log_level if settings.log_level == "trace" else None,
        server_header=False,
        proxy_headers=settings.proxy_headers,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        root_path=settings.root_path,
        limit_concurrency=settings.limit_concurrency,
        backlog=settings.backlog,
        timeout_keep_alive=settings.timeout_keep_alive,
        ssl_certfile=settings.ssl_certfile,
        ssl_keyfile=settings.ssl_keyfile,
        ssl_keyfile_password=settings.ssl_keyfile_password,
        ssl_ca_certs=None if settings.ssl_ca_certs is None else str(settings.ssl_ca_certs),
        ssl_cert_reqs=2 if settings.ssl_ca_certs is not None else 0,
        ssl_ciphers=settings.ssl_ciphers,
    )


_INTERRUPTED = (
    "Stopping; once more cancels what is open",
    "Cancelling what is open; once more interrupts the clean-up",
)


class Overseer:
    """Who is told what happens to a server, and may tell it to end. This one does neither."""

    takes_interrupts = True
    """Whether Ctrl+C, which every process of a terminal gets, is meant for the server itself."""

    def attach(self, server: "Server") -> None:
        """The event loop runs; the application has not started."""

    def ready(self, server: "Server") -> None:
        """It accepts connections."""

    def beat(self) -> None:
        """Its event loop turns; called about once a second while it serves."""

    def retire(self, reason: str) -> None:
        """It has served long enough, and goes on until it is told to end."""

    def leave(self, server: "Server") -> None:
        """It has ended, and the process ends at once, with nothing after this."""


class _Lifespan(LifespanOn):
    """uvicorn's, whose application can be interrupted."""

    _task: asyncio.Task[Any] | None = None
    _is_abandoned = False

    async def main(self) -> None:
        self._task = asyncio.current_task()
        await super().main()

    async def send(self, message: Any) -> None:
        if self._is_abandoned and "message" in message:
            # A traceback of the interruption itself says nothing.
            message = {**message, "message": ""}
        await super().send(message)

    def abandon(self) -> None:
        """Cancels the application's start-up or clean-up."""
        self._is_abandoned = True
        if self._task is not None:
            self._task.cancel()


class Server(uvicorn.Server):
    """Serves an application on sockets that are bound already, until it is told to end.

    At the end it serves on for the shutdown delay, stops accepting, sets the shutdown signal, lets
    open requests end for as long as the graceful timeout allows, then cancels them; and whatever
    happened, the lifespan ends last.

    SIGTERM and the first SIGINT end it so; a second SIGINT cancels what is open at once; a third
    interrupts the clean-up of the lifespan.
    """

    lifespan: _Lifespan

    def __init__(
        self,
        settings: ServerSettings,
        served: Served,
        listeners: Sequence[socket.socket],
        overseer: Overseer,
    ) -> None:
        if not settings.access_log:
            _silence(served.app)
        super().__init__(config_of(settings, served.app))
        self.settings = settings
        self.served = served
        self.addresses = [
            address_of(each, "https" if self.config.is_ssl else "http") for each in listeners
        ]
        self.listeners = listeners
        self.shutdown_signal = ShutdownSignal()
        self.status = 0
        """The status that the process is to end with."""
        self._overseer = overseer
        self._limits = Limits.of(settings)
        self._drains = False
        self._retires = False
        self._interrupts = 0
        self._told: set[Any] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end_wanted = asyncio.Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves, and returns when it has ended."""
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(self.serve(sockets))
            # Closing the event loop waits for all tasks, and for threads that were begun by them.
            leaving = threading.Timer(self._last_patience(), self._leave_the_stuck)
            leaving.daemon = True
            leaving.start()
        leaving.cancel()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """The whole life of the server, in an event loop that runs."""
        self._loop = loop = asyncio.get_running_loop()
        attach_batches(loop)
        if not self.config.loaded:
            self.config.load()
        self.lifespan = _Lifespan(self.config)
        with self.capture_signals():
            self._overseer.attach(self)
            try:
                if not self.should_exit:
                    await self.startup(sockets)
                if self.started:
                    self._overseer.ready(self)
                    await self.main_loop()
                    await self.shutdown(sockets)
            finally:
                flush_batches()

    # Being told to end

    def end(self) -> None:
        """Ends within the graceful timeout. To be called in the event loop or a signal handler."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end_wanted.set)

    def drain(self) -> None:
        """Ends as if nothing had happened: connections are closed by their next reply.

        Those that stay idle are closed after the time that idle connections have anyway.
        """
        self._drains = True
        self.end()

    def interrupt(self) -> None:
        """Ends; the second time without waiting for requests, the third without clean-up."""
        self._interrupts += 1
        self.force_exit = self._interrupts > 1
        if self._loop is not None and self._interrupts <= len(_INTERRUPTED):
            # Not from here: a signal may have come in the middle of writing a line.
            said = _INTERRUPTED[self._interrupts - 1]
            self._loop.call_soon_threadsafe(logger.info, said)
        self.end()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end the server, and are not raised again afterwards: it has ended, cleanly."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = heeded("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal has come."""
        if sig != signal.SIGINT:
            self.end()
        elif self._overseer.takes_interrupts:
            self.interrupt()

    # Start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts the application and accepts connections. An application that fails: SystemExit."""
        if self.settings.threads != THREADS:
            limiter = anyio.to_thread.current_default_thread_limiter()
            limiter.total_tokens = self.settings.threads
        self.lifespan.state[SHUTDOWN_KEY] = self.shutdown_signal
        if not await self._lifespan_started():
            return
        if self.lifespan.should_exit:
            self.status = STARTUP_FAILED
            return
        # All that was imported is looked at, for many milliseconds. No request is to wait for that.
        gc.collect()
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                self._protocol, sock=listener, ssl=self.config.ssl, backlog=self.config.backlog
            )
            for listener in (self.listeners if sockets is None else sockets)
        ]
        self.started = True

    def _protocol(self) -> asyncio.Protocol:
        # Protocols for uvicorn take these; the type says no more than that they are protocols.
        make: Callable[..., asyncio.Protocol] = cast(Any, self.config.http_protocol_class)
        return make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def _lifespan_started(self) -> bool:
        """Whether the application has started, or failed, before the server was told to end."""
        starting = asyncio.ensure_future(self.lifespan.startup())
        interrupted = asyncio.ensure_future(self._end_wanted.wait())
        await asyncio.wait({starting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        interrupted.cancel()
        if starting.done():
            return True
        logger.info("Stopping while the application starts")
        self.lifespan.abandon()
        await asyncio.wait({starting}, timeout=self.settings.graceful_timeout)
        return False

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second; tells whether it is time to end."""
        if await super().on_tick(counter):
            return True
        if counter % 10 == 0:
            self._overseer.beat()
        if not self._retires:
            reason = self._limits.exceeded(self.server_state.total_requests)
            if reason is not None:
                self._retires = True
                self._overseer.retire(reason)
        return False

    # End

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves on for the delay, stops accepting, lets requests end, ends the lifespan."""
        if not self._drains:
            self.shutdown_signal.announce()
            await self._delayed()
        self.shutdown_signal.set(is_replaced=self._drains)
        self._announce_close()
        for server in self.servers:
            server.close()
        # Connections that were accepted last are told to their protocols in the next turns.
        await asyncio.sleep(TURN)
        if not await self._requests_ended():
            await self._cancel_requests()
        await self._lifespan_ended()

    async def _delayed(self) -> None:
        """Serves on while whoever sends requests here learns from ``/ready`` not to."""
        loop = asyncio.get_running_loop()
        delay = self.settings.shutdown_delay
        until = loop.time() + delay
        if delay:
            logger.info("Not ready any more; serving on for %g s", delay)
        counter = 0
        while loop.time() < until and not self.force_exit:
            # the Date of replies
            await super().on_tick(counter)
            counter += 1
            await asyncio.sleep(TURN)

    async def _requests_ended(self) -> bool:
        """Whether all have ended by themselves within the graceful timeout."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.settings.graceful_timeout
        idle_until = loop.time() + (self.config.timeout_keep_alive if self._drains else LINGER)
        counter = 0
        while self.server_state.connections or self.server_state.tasks:
            now = loop.time()
            if self.force_exit or now >= deadline:
                return False
            # uvicorn renews the Date of replies there
            await super().on_tick(counter)
            counter += 1
            self._announce_close()
            for connection in list(self.server_state.connections):
                if now >= idle_until or _is_websocket(connection):
                    self._close_once(connection)
            await asyncio.sleep(TURN)
        return True

    def _announce_close(self) -> None:
        """Has every reply from now on say that it is the last one of its connection."""
        close = (b"connection", b"close")
        headers = self.server_state.default_headers
        if close not in headers:
            # Requests that have begun hold this list, and others look whether it is another one.
            headers.append(close)
            self.server_state.default_headers = [*headers]

    def _close_once(self, connection: Any) -> None:
        """Closes a connection that is idle, and one that is not after its reply."""
        if connection not in self._told:
            self._told.add(connection)
            connection.shutdown()

    async def _cancel_requests(self) -> None:
        if tasks := set(self.server_state.tasks):
            logger.warning("Cancelling %d requests that are still open", len(tasks))
            for task in tasks:
                task.cancel("the server stops")
            await asyncio.wait(tasks, timeout=CANCEL_PATIENCE)
        for connection in list(self.server_state.connections):
            # What they did not read by now they will not read.
            transport: asyncio.Transport | None = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()

    async def _lifespan_ended(self) -> None:
        ending = asyncio.ensure_future(self.lifespan.shutdown())
        while not ending.done() and self._interrupts < 3:
            await asyncio.wait({ending}, timeout=TURN)
        if not ending.done():
            logger.error("The clean-up of the application is interrupted")
            self.lifespan.abandon()
            await asyncio.wait({ending}, timeout=TURN)
        if self.lifespan.shutdown_failed:
            self.status = 1

    def _last_patience(self) -> float:
        """Seconds for what is left after the application; cancelled requests have had theirs."""
        is_stuck = any(not task.done() for task in self.server_state.tasks)
        return 0.0 if is_stuck else CANCEL_PATIENCE

    def _leave_the_stuck(self) -> None:
        """Ends the process, whose event loop does not close: nothing interrupts a thread."""
        try:
            logger.error("Leaving behind what cannot be cancelled")
            self._overseer.leave(self)
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(self.status)
