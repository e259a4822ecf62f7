"""The layer around everything, until the first request tells whether anybody observes."""

from collections.abc import Callable, Iterator
from typing import Any

from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from trivium.stages.telemetry.settings import Settings

__all__ = ["Undecided", "server_for", "with_error_notes"]

_INSTRUMENTATION = ("opentelemetry.instrumentation.asgi", "OpenTelemetryMiddleware")


class Undecided:
    """Passes a lifespan on, in which providers may be set; replaces itself at the first request."""

    def __init__(self, app: ASGIApp, decide: Callable[[ASGIApp], ASGIApp]) -> None:
        self.app = app
        self._decide = decide

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        decided = self.app if scope["type"] == "lifespan" else self._decide(self.app)
        await decided(scope, receive, send)


def server_for(app: ASGIApp, settings: Settings) -> Any | None:
    """The application with its requests observed; None where there is no provider to tell.

    The package opentelemetry-instrumentation-fastapi, where it is in the stack, observes already.
    """
    if not settings.can_have_providers() or _is_instrumented(app):
        return None
    from trivium.stages.telemetry.server import TelemetryServer

    server = TelemetryServer(app, settings)
    return server if server.has_providers() else None


def with_error_notes(stack: ASGIApp) -> ASGIApp:
    """The stack, in which an error is noted before the reply to it is made."""
    from trivium.stages.telemetry.compiled import ErrorNotes

    for layer in _layers(stack):
        if isinstance(layer, ServerErrorMiddleware):
            layer.app = ErrorNotes(layer.app)
            return stack
    return ErrorNotes(stack)


def _is_instrumented(stack: Any) -> bool:
    return any(
        (type(layer).__module__, type(layer).__name__) == _INSTRUMENTATION
        for layer in _layers(stack)
    )


def _layers(stack: Any) -> Iterator[Any]:
    seen: set[int] = set()
    while stack is not None and id(stack) not in seen:
        seen.add(id(stack))
        yield stack
        stack = getattr(stack, "app", None)
