"""One line for each request, written off the way of the request.

When a reply has been sent, what there is to say is put on a list; a thread of its own makes lines
of it and writes them, some times a second. A reader of the log that is slow keeps no request
waiting: what does not fit any more is counted, and the number is said.
"""

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from json.encoder import encode_basestring_ascii as quoted
from queue import Empty, SimpleQueue
from time import gmtime, strftime, time
from typing import Any, NamedTuple, TypeAlias

from trivium.exchange import Exchange
from trivium.routing.route import APIRoute
from trivium.stages.naming import route_of
from trivium.stages.stage import Stage

__all__ = ["Access", "AccessLog", "Sink", "json_lines"]

_MOST_WAITING = 50_000
_BATCH = 100
_PATIENCE = 5.0
"""Seconds for which the end of the application waits for its log to be written."""
_MOST_KNOWN = 4096


class Access(NamedTuple):
    """One request that has been answered."""

    time: float
    """When the reply had been sent, in seconds since 1970."""
    method: str
    """The method; ``WS`` for a WebSocket."""
    path: str
    """Without the query, which may hold secrets."""
    route: str
    """The template of the route; empty where none has answered."""
    status: int
    """0 where the client had gone before there was a reply."""
    size: int
    """Bytes of the body."""
    seconds: float
    client: str
    """The client's address, or what a trusted proxy says it is; empty where there is none."""
    request_id: str
    error: str
    """The class of the error that nothing has handled; empty if there was none."""


_made = tuple.__new__
"""Makes an ``Access`` of a tuple of its fields, at once."""
_Waiting: TypeAlias = tuple[float, str, str, str, int, int, float, str, str, str]
Sink: TypeAlias = Callable[[Sequence[Access]], None]
"""Takes what has happened since the last time. Called in a thread, by one at a time."""


class AccessLog(Stage):
    """Tells ``sink`` of each request; by default one line of JSON for each, on standard output.

    quiet: paths that nobody wants to read of, as long as they are answered with less than 400.
    interval: seconds between two batches.

    What is left is written when the application stops, if its lifespan is run.
    """

    place = 30
    needs_time = True
    has_lifespan = True

    def __init__(
        self,
        sink: Sink | None = None,
        *,
        quiet: Iterable[str] = ("/health", "/ready", "/metrics"),
        interval: float = 0.25,
    ) -> None:
        self.has_own_sink = sink is not None
        self._quiet = frozenset(quiet)
        self._writer = _Writer(json_lines() if sink is None else sink, interval)
        self._waiting = self._writer.waiting

    def leave(self, ex: Exchange) -> None:
        status = ex.status
        path = ex.path
        if path in self._quiet and 0 < status < 400:
            return
        client, error, waiting = ex.client, ex.error, self._waiting
        is_plain = type(ex.route) is APIRoute and not ex.has_scope
        # an Access in the making: the less that is done here, the sooner comes the next request
        waiting.append(
            (
                time(),
                "WS" if ex.is_websocket else ex.method,
                ex.root_path + path if ex.root_path else path,
                ex.route.path if is_plain else route_of(ex),
                status,
                ex.sent_bytes,
                ex.seconds,
                "" if client is None else client[0],
                ex.id,
                "" if error is None else type(error).__name__,
            )
        )
        if len(waiting) == 1 or len(waiting) >= _BATCH:
            self._writer.write_soon()

    def flush(self) -> None:
        """Waits until all that has happened is written."""
        self._writer.flush()

    def lifespan(self, app: Any) -> AbstractAsyncContextManager[None]:
        return self._written_at_the_end()

    @asynccontextmanager
    async def _written_at_the_end(self) -> AsyncIterator[None]:
        try:
            yield
        finally:
            self._writer.close()

    def described(self) -> str:
        return "access log"


class _Writer:
    """A thread that gives a sink what waits, and ends when there is nothing more for a while."""

    def __init__(self, sink: Sink, interval: float) -> None:
        self.waiting: list[_Waiting] = []
        self._sink = sink
        self._interval = interval
        self._queue: SimpleQueue[tuple[list[_Waiting], threading.Event | None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._queued = 0
        self._dropped = 0
        self._is_failing = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        """Whose timer it is."""

    def write_soon(self) -> None:
        """Something waits: it is written within the interval, and at once if it is much."""
        if len(self.waiting) >= _BATCH:
            self._hand_over(None)
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # not on asyncio
            self._hand_over(None)
            return
        if self._timer is None or self._loop is not loop:
            self._loop = loop
            self._timer = loop.call_later(self._interval, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is self._loop:
            self._timer = None
        self._hand_over(None)

    def flush(self, patience: float | None = None) -> bool:
        """Waits until all is written, or for so many seconds; whether it is."""
        done = threading.Event()
        self._hand_over(done)
        return done.wait(patience)

    def close(self) -> None:
        """Writes all, unless whoever reads it does not."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (self.waiting or self._queued) and not self.flush(_PATIENCE):
            _complain("the access log is not read, and ends early")

    def _hand_over(self, done: threading.Event | None) -> None:
        batch = self.waiting[:]
        # in place, for the stage holds the list
        self.waiting.clear()
        if self._queued + len(batch) > _MOST_WAITING:
            self._dropped += len(batch)
            batch = []
        if not batch and done is None:
            return
        with self._lock:
            self._queued += len(batch)
            self._queue.put((batch, done))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="trivium-access-log", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                batch, done = self._queue.get(timeout=4 * self._interval + 1)
            except Empty:
                with self._lock:
                    if self._queue.empty():
                        self._thread = None
                        return
                continue
            try:
                self._write(batch)
            finally:
                with self._lock:
                    # or one of two changes is lost, and in the end there seems to be no room left
                    self._queued -= len(batch)
                if done is not None:
                    done.set()

    def _write(self, batch: list[_Waiting]) -> None:
        dropped, self._dropped = self._dropped, 0
        if dropped:
            _complain(f"the access log lacks {dropped} requests")
        try:
            if batch:
                self._sink([_made(Access, one) for one in batch])
                self._is_failing = False
        except Exception as error:
            # a full disk must not end the log of what comes after it, nor fill another one
            if not self._is_failing:
                self._is_failing = True
                _complain(f"the access log cannot be written: {error!r}")


def _complain(what: str) -> None:
    with contextlib.suppress(OSError):  # nobody is left to be told
        sys.stderr.write(f"trivium: {what}\n")


_THOUSANDTHS = [f".{number:03d}Z" for number in range(1000)]


def _same(method: str, route: str, status: int, client: str, error: str) -> str:
    """What many requests have in common, as members of an object."""
    failed = f',"error":{quoted(error)}' if error else ""
    return (
        f'","method":{quoted(method)},"route":{quoted(route)},"status":{status}'
        f',"client":{quoted(client)}{failed}'
    )


def json_lines(write: Callable[[str], Any] | None = None) -> Sink:
    """A sink that writes each request as an object of JSON on a line of its own, with the time that
    it took in microseconds (``us``).

    write: takes whole lines; ``sys.stdout.write``, and flushes, if nothing is said.
    """
    second, moment = 0, ""
    known: dict[tuple[str, str, int, str, str], str] = {}

    def sink(batch: Sequence[Access]) -> None:
        nonlocal second, moment
        lines = []
        for when, method, path, route, status, size, seconds, client, name, error in batch:
            whole = int(when)
            if whole != second:
                second, moment = whole, strftime("%Y-%m-%dT%H:%M:%S", gmtime(whole))
            key = (method, route, status, client, error)
            same = known.get(key)
            if same is None:
                if len(known) >= _MOST_KNOWN:
                    known.clear()
                same = known[key] = _same(*key)
            lines.append(
                f'{{"time":"{moment}{_THOUSANDTHS[int((when - whole) * 1000)]}{same}'
                f',"path":{quoted(path)},"bytes":{size},"us":{int(seconds * 1_000_000)}'
                f',"id":{quoted(name)}}}\n'
            )
        text = "".join(lines)
        if write is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            write(text)

    return sink
