"""A handler is cancelled when its client has gone.

On the direct entrance the connection tells. An ASGI server tells only who asks it, by ``receive``,
so a request that has lasted for a moment gets a task that asks.
"""

from asyncio import AbstractEventLoop, Event, Task, TimerHandle
from collections import deque

from starlette.requests import ClientDisconnect
from starlette.types import Message

from trivium.exchange import Exchange
from trivium.stages.cutting import cut_short, task_of
from trivium.stages.stage import Stage

__all__ = ["CancelOnDisconnect"]

_MOMENT = 0.04
"""Seconds after which a request is long enough to be watched, and within which that begins."""


class CancelOnDisconnect(Stage):
    """Cancels a handler within 100 ms of its client's disconnect.

    Its dependencies see the cancellation, and close what they have opened. Background tasks of a
    reply that was sent are not touched, and neither are WebSockets, whose handlers are told anyway.
    A worker thread cannot be cancelled, so a ``def`` function runs to its end. On asyncio only.
    """

    place = 170
    keeps_headers = True
    asks_direct = False

    def __init__(self) -> None:
        self._new: dict[Exchange, _Watch] = {}
        self._watches: dict[Exchange, _Watch] = {}
        self._timer: TimerHandle | None = None
        self._loop: AbstractEventLoop | None = None

    def enter(self, ex: Exchange) -> None:
        if not (ex.is_direct or ex.is_websocket):
            watch = _Watch(ex)
            ex.receive = watch.receive
            self._watch_soon(watch, task_of(ex).get_loop())

    def leave(self, ex: Exchange) -> None:
        if not (ex.is_direct or ex.is_websocket):
            self._new.pop(ex, None)
            if (watch := self._watches.pop(ex, None)) is not None:
                watch.end()

    def lost(self, ex: Exchange) -> None:
        _cancel(ex)

    def _watch_soon(self, watch: "_Watch", loop: AbstractEventLoop) -> None:
        if self._loop is not loop:
            self._loop, self._timer = loop, None
            self._new.clear()
        self._new[watch.ex] = watch
        if self._timer is None:
            self._timer = loop.call_later(_MOMENT, self._begin, loop)

    def _begin(self, loop: AbstractEventLoop) -> None:
        """Begins to watch what has lasted since the last look."""
        if loop is not self._loop:
            return
        for ex, watch in self._new.items():
            self._watches[ex] = watch
            watch.begin()
        self._new.clear()
        self._timer = None

    def described(self) -> str:
        return "handlers are cancelled when their client leaves"


def _cancel(ex: Exchange) -> None:
    cut_short(ex, _nobody_listens, "the client has gone")


async def _nobody_listens(ex: Exchange) -> None:
    ex.error = ClientDisconnect()


class _Watch:
    """One request, and who asks the server about its client."""

    def __init__(self, ex: Exchange) -> None:
        self.ex = ex
        self._receive = ex.receive
        self._is_asked = False
        self._is_due = False
        self._kept: deque[Message] = deque()
        self._watching: Task[None] | None = None
        self._news = Event()

    def begin(self) -> None:
        """Watches from now on, or once the handler asks the server no more itself."""
        self._is_due = True
        if not self._is_asked and self._watching is None:
            self._watching = task_of(self.ex).get_loop().create_task(self._watch())

    def end(self) -> None:
        """The request is over."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        more = True
        while more:
            message = await self._receive()
            self._kept.append(message)
            self._news.set()
            if message["type"] == "http.disconnect":
                _cancel(self.ex)
                return
            # More of the body is left with the server until the handler reads.
            more = not message.get("more_body", False)
        self._watching = None

    async def receive(self) -> Message:
        """ASGI's receive, for what is inside."""
        while not self._kept:
            if self._watching is None:
                return await self._ask()
            self._news.clear()
            await self._news.wait()
        if self._kept[0]["type"] == "http.disconnect":
            return self._kept[0]
        return self._kept.popleft()

    async def _ask(self) -> Message:
        self._is_asked = True
        try:
            message = await self._receive()
        finally:
            self._is_asked = False
        if self._is_due and not message.get("more_body", False):
            self.begin()
        return message
