"""What the tests of the flights example know of the data and of the app they run."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import anyio.lowlevel

from examples.flights.accounts import WRITE, Grant, sign_token
from examples.flights.replay import Pace

# The tests run on the first two days of 2013.
FLIGHTS = 842 + 943

SECRET = "a secret of the tests, long enough to sign with"

NEW_FLIGHT: dict[str, Any] = {
    "airline": "UA",
    "number": 2013,
    "origin": "JFK",
    "destination": "SFO",
    "tail_number": "N14228",
    "scheduled_departure": "2013-01-01T18:00:00-05:00",
    "scheduled_arrival": "2013-01-01T21:30:00-08:00",
}


def login(
    *scopes: str,
    username: str = "dispatcher",
    secret: str = SECRET,
    lasts: timedelta = timedelta(hours=1),
) -> dict[str, str]:
    """The headers of a request by somebody who has logged in."""
    token = sign_token(Grant(username, frozenset(scopes)), secret=secret, lasts=lasts)
    return {"Authorization": f"Bearer {token}"}


def writer() -> dict[str, str]:
    """The headers of somebody who may plan flights."""
    return login(WRITE)


class Hurry(Pace):
    """Time passes at once; what would have been waited for is written down."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        await anyio.lowlevel.checkpoint()
        return True


class Standstill(Pace):
    """Time passes at once for some departures, then stands still until it is told to go on."""

    def __init__(self, after: int = 0) -> None:
        super().__init__()
        self._waits_left = after
        self._going_on = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.reached = threading.Event()
        """Set when time stands still for somebody."""
        self.abandoned = threading.Event()
        """Set when somebody who was made to wait has left."""

    def go_on(self) -> None:
        """Let time pass at once from now on. Called from the thread of the test."""
        assert self._loop is not None, "nobody is waiting"
        self._loop.call_soon_threadsafe(self._going_on.set)

    async def wait(self, seconds: float) -> bool:
        if self._waits_left > 0:
            self._waits_left -= 1
            return True
        self._loop = asyncio.get_running_loop()
        self.reached.set()
        try:
            await self._going_on.wait()
        except asyncio.CancelledError:
            self.abandoned.set()
            raise
        return True
