"""The signal that the server is about to stop, for what would otherwise go on for ever.

    @app.get("/events", response_class=EventSourceResponse)
    async def events(shutdown: Shutdown):
        while not shutdown.is_set():
            ...

Server-Sent Events end by themselves: with the first second in which there is nothing to tell.

Trivium's own server gives it at SIGTERM, before it waits for open requests. On any other server it
is given when that stops the application's lifespan, which for most is after their connections.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import anyio
from starlette.requests import HTTPConnection
from starlette.types import Scope

from trivium.binding.declare import Depends

__all__ = ["SHUTDOWN_KEY", "Shutdown", "ShutdownSignal", "shutdown_of"]

SHUTDOWN_KEY = "trivium.shutdown"
"""Where a server puts its signal: in the state of the lifespan, which every request's scope has."""


class ShutdownSignal:
    """Set once, when the server is about to stop; for any number of tasks of its event loop."""

    __slots__ = ("_callbacks", "_event", "_is_announced", "_is_set")

    def __init__(self) -> None:
        self._is_announced = False
        self._is_set = False
        self._event: anyio.Event | None = None
        """Made by the first that waits: most applications look, or are called."""
        self._callbacks: set[Callable[[], object]] = set()

    def announce(self) -> None:
        """Says that it will be set: from now on ``/ready`` answers 503."""
        self._is_announced = True

    def is_announced(self) -> bool:
        """Whether the server will stop, or is stopping, and no other process takes its place."""
        return self._is_announced

    def set(self, *, is_replaced: bool = False) -> None:
        """Tells everyone. To be called in the event loop.

        is_replaced: another process serves on in this one's place, so the service stays ready.
        """
        if self.is_set():
            return
        if not is_replaced:
            self.announce()
        self._is_set = True
        if self._event is not None:
            self._event.set()
        for callback in tuple(self._callbacks):
            callback()

    @contextmanager
    def calling(self, callback: Callable[[], object]) -> Iterator[None]:
        """Has the function called when the signal is given during the block, or was before.

        For what would otherwise need a task only to wait, ten thousand times.
        """
        if self.is_set():
            callback()
        self._callbacks.add(callback)
        try:
            yield
        finally:
            self._callbacks.discard(callback)

    def is_set(self) -> bool:
        """Whether the server is stopping."""
        return self._is_set

    async def wait(self) -> None:
        """Returns when the server is stopping."""
        if self._event is None:
            self._event = anyio.Event()
            if self._is_set:
                self._event.set()
        await self._event.wait()

    async def wait_at_most(self, seconds: float) -> bool:
        """Waits so long, or until the server is stopping; tells whether it is."""
        with anyio.move_on_after(seconds):
            await self.wait()
        return self.is_set()


def shutdown_of(scope: Scope) -> ShutdownSignal:
    """The signal that a request of this scope is to heed."""
    found = scope.get("state", {}).get(SHUTDOWN_KEY)
    if found is None:
        found = getattr(scope.get("app"), "shutdown", None)
    # Not an App of ours, and no server of ours: nobody will say it.
    return found if isinstance(found, ShutdownSignal) else ShutdownSignal()


async def _shutdown_of(connection: HTTPConnection) -> ShutdownSignal:
    return shutdown_of(connection.scope)


Shutdown = Annotated[ShutdownSignal, Depends(_shutdown_of)]
"""The annotation of a parameter that is given the signal."""
