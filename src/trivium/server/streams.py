"""One HTTP/2 connection: uvicorn's protocol for it by zttp, with the bounds of the direct protocol.

What is too large is refused on its stream, and a body that is too slow ends its stream. What cannot
be told from the rest of a connection, such as headers that do not end, ends the connection.

zttp bounds by itself, for each connection: 128 streams at a time, which it tells its clients; 64
KiB of headers as HTTP/2 counts them; 16 CONTINUATION frames of one block of headers
(CVE-2024-27316); 256 streams that are reset (CVE-2023-44487), and 4096 streams in all.
"""

import asyncio
import re
from collections.abc import Callable, Generator
from typing import Any, cast

import zttp
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.zttp_h2_impl import (
    FORBIDDEN_HEADERS,
    RequestResponseCycle,
    ZttpH2Protocol,
)
from uvicorn.server import ServerState

from trivium.server.bounds import Bounds
from trivium.server.frames import IDLE, Frames
from trivium.server.patience import Clock, Unread, clock_of

__all__ = ["BoundedHttp2Protocol"]

_NO_ERROR, _REFUSED_STREAM, _CANCEL, _CALM = 0x0, 0x7, 0x8, 0xB
"""Error codes (RFC 9113, section 7)."""
_MANY_STREAMS, _MANY_RESETS = 3072, 96
"""After so many the connection ends when it is idle, so that zttp need not cut requests off."""
_MOST_STREAMS, _MOST_RESETS = 3840, 192
"""After so many the client is told to connect anew though it is not."""
_MOST_COST = 1000 * IDLE
"""What frames that serve no request may cost between two looks at the clock."""
_LINGER = 5.0
"""Seconds in which a client that is still sending may read why nobody listens any more."""

_TARGET = re.compile(rb'/[!"$-~]*')

# zttp offers WebSockets over HTTP/2 (RFC 8441), which uvicorn does not serve: a browser would try.
_OFFER, _NO_OFFER = b"\x00\x08\x00\x00\x00\x01", b"\x00\x08\x00\x00\x00\x00"


class _Body:
    """The body of a request, on its way."""

    def __init__(self, stream: zttp.Stream, now: float) -> None:
        self.stream = stream
        self.received, self.since = 0, now
        self.is_unwanted = False
        """Whether the reply is complete, and the rest of the body is dropped."""


class _Unread(Unread):
    """What a client has not read of a reply."""

    def __init__(self, stream: zttp.Stream) -> None:
        super().__init__()
        self.stream = stream


class _StreamFlow:
    """What uvicorn asks of its FlowControl for one stream, whose window it does not ask for."""

    def __init__(self, protocol: "BoundedHttp2Protocol", cycle: RequestResponseCycle) -> None:
        self._protocol, self._cycle = protocol, cycle

    @property
    def write_paused(self) -> bool:
        """Whether its handler is to wait for the client."""
        parked = self._cycle.stream.pending_bytes or 0
        return self._protocol.flow.write_paused or parked > HIGH_WATER_LIMIT

    async def drain(self) -> None:
        """Waits until the client has read most of it, or has gone."""
        while self.write_paused and not self._cycle.disconnected:
            await self._protocol.moved()


class _Cycle(RequestResponseCycle):
    """uvicorn's, but that others have their turn while it sends to nobody."""

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self.disconnected or self.transport.is_closing():
            # A stream that goes on regardless must not keep the event loop from telling it.
            await asyncio.sleep(0)


class BoundedHttp2Protocol(ZttpH2Protocol):
    """``bounded`` gives one with other bounds."""

    bounds = Bounds()
    clock_of: Callable[[asyncio.AbstractEventLoop], Clock] = staticmethod(clock_of)
    """The clock that ends what is slow; a test has its own."""

    @classmethod
    def bounded(cls, bounds: Bounds) -> "type[BoundedHttp2Protocol]":
        """The class with other bounds."""
        return type(cls.__name__, (cls,), {"bounds": bounds})

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.clock = self.clock_of(self.loop)
        self._frames = Frames()
        self._since = 0.0
        """When the frame that has not ended began, or the end of the connection."""
        self._cost = 0
        self._streams = self._resets = self._newest = 0
        self._last: int | None = None
        """The last stream that is served, where the client was told to connect anew."""
        self._bodies: dict[int, _Body] = {}
        self._unread: dict[int, _Unread] = {}
        """Of all streams that may have something parked for the client's window."""
        self._socket_unread = Unread()
        self._moves = asyncio.Event()
        self._is_deaf = False
        """Whether the connection has ended, and what comes in is dropped."""

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        self.conn.initiate_connection()
        preface = self.conn.data_to_send().replace(_OFFER, _NO_OFFER)
        super().connection_made(transport)
        transport.write(preface)
        self.clock.watch(self)
        self._since = self.clock.now
        self._wait_for_requests()

    def connection_lost(self, exc: Exception | None) -> None:
        self.clock.forget(self)
        super().connection_lost(exc)
        self._moves.set()

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        self._unset_keepalive_if_required()
        arrived = self._follow(data)
        if self._cost > _MOST_COST:
            self._end(_CALM)
            return
        try:
            self.conn.receive_data(data)
            self.handle_events()
        except zttp.RemoteProtocolError as error:
            self.logger.warning("Invalid HTTP/2 frame received: %s", error)
            # zttp has written the GOAWAY
            self._end(None)
            return
        for number, size in arrived:
            # a body may have come with the head of its request
            if number in self._bodies:
                self._bodies[number].received += size
        self.flush()
        self._moves.set()
        self._settle()

    def _follow(self, data: bytes) -> list[tuple[int, int]]:
        """Notes when what comes has begun, and what it costs; the bytes of bodies by stream."""
        frames, arrived = self._frames, []
        was_unfinished, has_ended = frames.is_unfinished, False
        for stream, size, is_whole, cost in frames.feed(data):
            has_ended = has_ended or is_whole
            self._cost += cost
            if self._cost > _MOST_COST:
                break
            if size:
                arrived.append((stream, size))
        if has_ended or not was_unfinished:
            self._since = self.clock.now
        return arrived

    def events(self) -> Generator[zttp.Event]:
        """uvicorn's; notes which requests are whole."""
        for event in super().events():
            if isinstance(event, (zttp.EndOfMessage, zttp.RstStream)):
                self._bodies.pop(event.stream_id, None)
            yield event

    # Requests

    def handle_request(self, event: zttp.Request) -> None:
        """Serves a request that is within the bounds."""
        number, stream = event.stream_id, self.conn.stream(event.stream_id)
        if self._last is not None or self._is_deaf or self.transport.is_closing():
            # not looked at, so that the client may send it again (RFC 9113, section 8.7)
            stream.reset(_REFUSED_STREAM)
            return
        if not event.end_stream:
            self._bodies[number] = _Body(stream, self.clock.now)
        status = self._refusal_of(event)
        if status is None:
            super().handle_request(event)
            cycle = self.cycles[number]
            cycle.__class__ = _Cycle
            cycle.flow = cast(FlowControl, _StreamFlow(self, cycle))
            if event.end_stream:
                # zttp does not tell it again, and uvicorn waits for that
                cycle.more_body = False
                cycle.message_event.set()
            self._unread[number] = _Unread(stream)
        else:
            self._refuse(stream, status)
            self._want_no_more(number)
        self._newest = number
        self._streams += 1
        if self._streams >= _MOST_STREAMS:
            self._retire()

    def handle_rst_stream(self, event: zttp.RstStream) -> None:
        """The client leaves a stream, or zttp ends it."""
        super().handle_rst_stream(event)
        self._resets += 1
        if self._resets >= _MOST_RESETS:
            self._retire()

    def _refusal_of(self, event: zttp.Request) -> int | None:
        bounds = self.bounds
        headers = list(event.headers)
        size = sum(len(name) + len(value) + 4 for name, value in headers)
        if bounds.max_url_size is not None and len(event.target) > bounds.max_url_size:
            return 414
        if bounds.max_headers is not None and len(headers) > bounds.max_headers:
            return 431
        if bounds.max_header_size is not None and size > bounds.max_header_size:
            return 431
        if not _TARGET.fullmatch(event.target):
            return 400
        return None

    def _refuse(self, stream: zttp.Stream, status: int) -> None:
        given = self.server_state.default_headers
        headers = [(name, value) for name, value in given if name.lower() not in FORBIDDEN_HEADERS]
        # without content, which no window may keep back, and HEAD does not have
        stream.send_response(status, [*headers, (b"content-length", b"0")], end_stream=True)

    def _want_no_more(self, number: int) -> None:
        body = self._bodies.get(number)
        if body is not None:
            body.is_unwanted, body.since = True, self.clock.now

    def on_response_complete(self, stream_id: int) -> None:
        self._want_no_more(stream_id)
        super().on_response_complete(stream_id)
        if self._is_worn:
            self._settle()

    @property
    def _is_worn(self) -> bool:
        return self._streams >= _MANY_STREAMS or self._resets >= _MANY_RESETS

    def _retire(self) -> None:
        """The client is to connect anew; what it has begun by now is served."""
        if self._last is None:
            self._last = self._newest
            self.conn.close(_NO_ERROR, self._last)
            self.shutdown_requested = True

    # Ending

    def shutdown(self) -> None:
        if self._is_deaf:
            self.transport.close()
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        # where something waits for a window, the next look at the clock sets it again
        self.timeout_keep_alive_task = None
        super().timeout_keep_alive_handler()

    def _wait_for_requests(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _settle(self) -> None:
        """Nothing may be open any more: then the connection is idle, or ends."""
        if self.cycles or self._is_deaf or self.transport.is_closing():
            return
        if self.shutdown_requested or self._is_worn:
            self._close_connection()
        elif self.timeout_keep_alive_task is None:
            self._wait_for_requests()

    def _close_connection(self) -> None:
        """Ends the connection when the replies have been read, which uvicorn does not wait for."""
        if self._is_deaf or self.transport.is_closing() or self.conn.has_pending_send():
            # where it still has to be, this is called again, at the latest by the clock
            return
        if self._is_worn:
            # its client may be sending a request, and could lose the reply before if it were reset
            self._end(_NO_ERROR)
        else:
            self.conn.close()
            self.flush()
            self.transport.close()

    def _end(self, code: int | None) -> None:
        """Ends the connection with all that is open.

        What comes in is read and dropped for a while: a socket that is closed with something unread
        is reset, and the client may lose the reason.
        """
        self._unset_keepalive_if_required()
        if code is not None:
            self.conn.close(code, self._last)
        self.flush()
        self._is_deaf, self._since = True, self.clock.now
        for number in list(self.cycles):
            self._lose(number)
        self._bodies.clear()
        self._unread.clear()

    def _lose(self, number: int) -> None:
        """The stream has ended before its reply has."""
        self._bodies.pop(number, None)
        self._unread.pop(number, None)
        cycle = self.cycles.pop(number, None)
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        self._moves.set()

    # Time

    def tick(self, now: float) -> None:
        """Ends what has lasted too long."""
        self._cost = 0
        if self.transport.is_closing():
            self._tick_socket(now)
            return
        if self._is_deaf:
            if now - self._since > _LINGER:
                self.transport.close()
            return
        if self.flow.read_paused:
            self._forgive(now)
        elif self._is_head_late(now):
            self._end(_CALM)
            return
        else:
            self._tick_bodies(now)
        if self.flow.write_paused:
            self._tick_socket(now)
        else:
            self._tick_windows(now)
        self.flush()
        self._settle()

    def _forgive(self, now: float) -> None:
        """What is on its way comes no further because we do not read."""
        self._since = now
        for body in self._bodies.values():
            body.received, body.since = 0, now

    def _tick_socket(self, now: float) -> None:
        timeout = self.bounds.write_timeout
        lasted = self._socket_unread.lasted(self.transport.get_write_buffer_size(), now)
        if timeout is not None and lasted > timeout:
            self.transport.abort()

    def _is_head_late(self, now: float) -> bool:
        frames, timeout = self._frames, self.bounds.header_timeout
        if timeout is None or not frames.is_unfinished or frames.body_of in self._bodies:
            return False
        return now - self._since > timeout

    def _tick_bodies(self, now: float) -> None:
        timeout, rate = self.bounds.body_timeout, self.bounds.min_body_rate
        for number, body in list(self._bodies.items()):
            lasted = now - body.since
            if body.is_unwanted:
                left = body.stream.pending_bytes
                if left == 0 and lasted > _LINGER:
                    # it has its reply (RFC 9113, section 8.1)
                    body.stream.reset(_NO_ERROR)
                    left = None
                if left is None:
                    self._lose(number)
            elif timeout is None or lasted <= timeout:
                continue
            elif body.received >= rate * lasted:
                body.received, body.since = 0, now
            else:
                self._time_out(number, body.stream)

    def _time_out(self, number: int, stream: zttp.Stream) -> None:
        cycle = self.cycles.get(number)
        if cycle is None or cycle.response_started:
            stream.reset(_CANCEL)
        else:
            self._refuse(stream, 408)
            stream.reset(_NO_ERROR)
        self._lose(number)

    def _tick_windows(self, now: float) -> None:
        """Looks at what waits for the windows that a client opens for what it wants to read."""
        timeout = self.bounds.write_timeout
        for number, unread in list(self._unread.items()):
            size = unread.stream.pending_bytes
            if size is None and number not in self.cycles:
                del self._unread[number]
            elif not size:
                unread.note(0, now)
            elif timeout is not None and unread.lasted(size, now) > timeout:
                if self.conn.send_window <= 0:
                    self._end(_CALM)
                    return
                unread.stream.reset(_CANCEL)
                self._lose(number)

    # Flow control

    async def moved(self) -> None:
        """Waits until the client may have read something."""
        self._moves.clear()
        await self._moves.wait()

    def resume_reading_if_idle(self) -> None:
        if not self.flow.write_paused:
            super().resume_reading_if_idle()

    def pause_writing(self) -> None:
        """Called by the transport. Who does not read is not read, or its pings would pile up."""
        super().pause_writing()
        self.flow.pause_reading()
        self._socket_unread.note(self.transport.get_write_buffer_size(), self.clock.now)

    def resume_writing(self) -> None:
        """Called by the transport: the client has read most of it."""
        super().resume_writing()
        for unread in self._unread.values():
            # what opens windows was not read meanwhile
            unread.forgive(self.clock.now)
        self.resume_reading_if_idle()
        self._moves.set()
