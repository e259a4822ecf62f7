"""How long a request may take until its reply begins."""

from asyncio import AbstractEventLoop, TimerHandle

from trivium.errors import DeclarationError
from trivium.exchange import Exchange, Patience
from trivium.stages.cutting import cut_short, task_of
from trivium.stages.refusals import refusal
from trivium.stages.stage import Stage, give

__all__ = ["Deadline"]


class Deadline(Stage):
    """Cancels what has not begun to reply after ``seconds``, and answers with ``status``.

    A stream that has begun may last for ever, and so may a WebSocket. A worker thread cannot be
    cancelled: the reply comes when the ``def`` function in it has returned. Dependencies see the
    cancellation, and close what they have opened.

    One timer looks at all requests, so the end may come a second late. On asyncio only.

    Raises DeclarationError unless ``seconds`` is positive.
    """

    place = 160
    asks_direct = False
    keeps_headers = True

    def __init__(self, seconds: float = 60.0, *, status: int = 504) -> None:
        if not seconds > 0:
            raise DeclarationError(
                "No request could be answered in time",
                written=f"Deadline({seconds!r})",
                instead="Deadline(60)",
            )
        self.seconds = seconds
        self.status = status
        self.patience = Patience(seconds, self._end)
        self._tick = min(0.5, seconds / 4)
        self._running: dict[Exchange, float] = {}
        self._loop: AbstractEventLoop | None = None
        self._timer: TimerHandle | None = None
        self._now = 0.0

    def enter(self, ex: Exchange) -> None:
        if not ex.is_websocket:
            self._watch(ex)

    def leave(self, ex: Exchange) -> None:
        self._running.pop(ex, None)

    def _end(self, ex: Exchange) -> None:
        cut_short(ex, self._answer, "the request took too long")

    async def _answer(self, ex: Exchange) -> None:
        if not ex.reply_started:
            await give(ex, refusal(self.status, "The request took too long"))

    # Where the connection does not tell: one timer for all requests

    def _watch(self, ex: Exchange) -> None:
        task = task_of(ex)
        loop = task.get_loop()
        if self._timer is None or self._loop is not loop:
            self._loop, self._now = loop, loop.time()
            self._timer = loop.call_later(self._tick, self._look, loop)
        self._running[ex] = self._now

    def _look(self, loop: AbstractEventLoop) -> None:
        if loop is not self._loop:
            return
        self._now = now = loop.time()
        self._timer = loop.call_later(self._tick, self._look, loop) if self._running else None
        for ex, since in list(self._running.items()):
            # the time since then was taken at a look, so it may be one too much
            if now - since > self.seconds + self._tick:
                del self._running[ex]
                if not ex.reply_started:
                    self._end(ex)

    def described(self) -> str:
        return f"deadline of {self.seconds:g} s"
