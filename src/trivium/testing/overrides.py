"""Dependency overrides that belong to one client, and to no other."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

OVERRIDES_KEY = "trivium.overrides"
"""The key of the ASGI scope under which an app finds the overrides of the client that calls it."""

Overrides = Mapping[Callable[..., Any], Callable[..., Any]]


class OverriddenApp:
    """An ASGI app that calls another with a client's overrides in the scope.

    The app that is called prefers them to its own `dependency_overrides`, which is left alone:
    two clients of one app, in two threads, each see their own.
    """

    def __init__(self, app: ASGIApp, overrides: Overrides | None = None) -> None:
        self.app = app
        self._overrides: dict[Callable[..., Any], Callable[..., Any]] = dict(overrides or {})

    @contextmanager
    def overriding(self, overrides: Overrides) -> Iterator[None]:
        """Put `overrides` over those in force, until the block is left."""
        before = self._overrides
        self._overrides = {**before, **overrides}
        try:
            yield
        finally:
            self._overrides = before

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._overrides:
            # A dictionary replaced as a whole is a snapshot: leaving `overriding` while this call
            # is under way changes nothing for it.
            scope = {**scope, OVERRIDES_KEY: self._overrides}
        await self.app(scope, receive, send)
