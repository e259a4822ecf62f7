"""Connections that are too slow are ended: one look at all of them, twice a second.

A timer for every request would cost more than many a request does. So each connection notes what it
waits for and since when, by a clock that ticks only here.
"""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Iterable
from typing import Protocol
from weakref import WeakKeyDictionary

__all__ = ["Clock", "Impatient", "Unread", "clock_of"]

TICK = 0.5
"""Seconds between two looks, and so how late the end of a connection may come."""


class Impatient(Protocol):
    """A connection that may have to be ended."""

    def tick(self, now: float, /) -> None:
        """Ends what has lasted too long by ``now``, in seconds of the event loop's clock."""


class Unread:
    """How much waits for a client to read it, and since when that is so."""

    __slots__ = ("_since", "_size")

    def __init__(self) -> None:
        self._size, self._since = 0, 0.0

    def note(self, size: int, now: float) -> None:
        """Begins anew with so many bytes."""
        self._size, self._since = size, now

    def forgive(self, now: float) -> None:
        """Begins anew with as many as there are."""
        self._since = now

    def lasted(self, size: int, now: float) -> float:
        """Seconds in which nothing of it was read, nor anything added."""
        if size != self._size:
            self.note(size, now)
        return now - self._since


class Clock:
    """The clock of the connections of one event loop; it stands still while there are none."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._connections: set[Impatient] = set()
        self._timer: TimerHandle | None = None
        self.now = loop.time()
        """The time of the last tick."""

    def watch(self, connection: Impatient) -> None:
        """Has the connection told the time from now on."""
        self._connections.add(connection)
        if self._timer is None:
            self.now = self._loop.time()
            self._wind()

    def forget(self, connection: Impatient) -> None:
        """The connection is over."""
        self._connections.discard(connection)

    def look(self, now: float) -> None:
        """Tells every connection that it is ``now``."""
        self.now = now
        connections: Iterable[Impatient] = tuple(self._connections)
        for connection in connections:
            connection.tick(now)

    def _wind(self) -> None:
        self._timer = self._loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._connections:
            # first, so that the failure of one connection does not stop the clock of the others
            self._wind()
        self.look(self._loop.time())


_clocks: WeakKeyDictionary[AbstractEventLoop, Clock] = WeakKeyDictionary()


def clock_of(loop: AbstractEventLoop) -> Clock:
    """The clock that all connections of the event loop share."""
    clock = _clocks.get(loop)
    if clock is None:
        clock = _clocks[loop] = Clock(loop)
    return clock
