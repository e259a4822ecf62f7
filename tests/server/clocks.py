"""A clock for connections that goes on when a test says so."""

from __future__ import annotations

import asyncio
import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any

from tests.server.live import PATIENCE
from trivium.server.bounds import Bounds
from trivium.server.patience import Clock
from trivium.server.protocol import DirectProtocol


class ManualClock(Clock):
    """Stands still; ``later`` may be called from any thread: all have looked when it returns."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        super().__init__(loop)
        self.loop = loop

    def _wind(self) -> None:
        """No timer."""

    def later(self, seconds: float) -> None:
        looked = threading.Event()

        def look() -> None:
            self.look(self.now + seconds)
            looked.set()

        self.loop.call_soon_threadsafe(look)
        if asyncio._get_running_loop() is not self.loop:
            # what is sent next must not come before it
            assert looked.wait(PATIENCE), "the clock's event loop does not run"


def timed(
    bounds: Bounds | None = None, protocol: Any = DirectProtocol
) -> tuple[Any, list[ManualClock]]:
    """A protocol class with a clock of its own, and the list that will hold the clock."""
    clocks: list[ManualClock] = []

    def clock_of(loop: AbstractEventLoop) -> Clock:
        if not clocks:
            clocks.append(ManualClock(loop))
        return clocks[0]

    class Timed(protocol):  # type: ignore[misc]  # any protocol with a clock
        pass

    Timed.bounds = bounds or Bounds()
    Timed.clock_of = staticmethod(clock_of)
    return Timed, clocks


def until(condition: Callable[[], object]) -> None:
    """Waits for what another thread does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.002)
