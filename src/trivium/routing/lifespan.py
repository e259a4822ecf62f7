"""Start-up and shutdown of applications, of the routers in them and the applications mounted."""

import inspect
import traceback
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from typing import Any, TypeAlias

from starlette._utils import is_async_callable
from starlette.routing import BaseRoute, Host, Mount
from starlette.types import Receive, Scope, Send

from trivium.binding.lifetimes import contextmanager_in_threadpool
from trivium.errors import TriviumError

__all__ = ["Lifespan", "StartAndStop", "merged", "mounted_lifespans", "serve_lifespan", "wrapped"]

Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any] | None]]


class StartAndStop:
    """The lifespan of a router without one: it runs the handlers of ``on_event``."""

    def __init__(
        self, on_startup: Iterable[Callable[[], Any]], on_shutdown: Iterable[Callable[[], Any]]
    ) -> None:
        self.on_startup = on_startup
        self.on_shutdown = on_shutdown

    @asynccontextmanager
    async def __call__(self, app: Any) -> AsyncIterator[None]:
        await _run_all(self.on_startup)
        try:
            yield
        finally:
            # also when a lifespan inside this one fails: what was started is stopped
            await _run_all(self.on_shutdown)


def wrapped(lifespan: Any) -> Lifespan:
    """A lifespan in any of its spellings: a context manager, or the bare generator of one."""
    if inspect.isasyncgenfunction(lifespan):
        return asynccontextmanager(lifespan)
    if inspect.isgeneratorfunction(lifespan):
        enter = contextmanager(lifespan)
        return lambda app: contextmanager_in_threadpool(enter(app))
    checked: Lifespan = lifespan
    return checked


def merged(outer: Lifespan, inner: Lifespan) -> Lifespan:
    """One lifespan inside the other; where both yield state, the outer one's keys win."""

    @asynccontextmanager
    async def both(app: Any) -> AsyncIterator[Mapping[str, Any] | None]:
        async with outer(app) as outer_state, inner(app) as inner_state:
            if outer_state is None and inner_state is None:
                yield None
            else:
                yield {**(inner_state or {}), **(outer_state or {})}

    return both


@asynccontextmanager
async def mounted_lifespans(routes: Iterable[BaseRoute]) -> AsyncIterator[dict[str, Any]]:
    """Runs the lifespans of the mounted applications; gives the state that they yield."""
    state: dict[str, Any] = {}
    async with AsyncExitStack() as stack:
        seen: set[int] = set()
        for route in routes:
            app = _mounted_app(route)
            if app is None or id(app) in seen:
                continue
            seen.add(id(app))
            own = await stack.enter_async_context(_lifespan_of(app)(app))
            state.update({} if own is None else own)
        yield state


def _mounted_app(route: BaseRoute) -> Any | None:
    if isinstance(route, Mount):
        return getattr(route, "_base_app", route.app)
    return route.app if isinstance(route, Host) else None


def _lifespan_of(app: Any) -> Lifespan:
    own = getattr(app, "full_lifespan", None)
    if own is None:
        own = getattr(getattr(app, "router", app), "lifespan_context", None)
    return own if own is not None else _nothing


@asynccontextmanager
async def _nothing(app: Any) -> AsyncIterator[None]:
    yield


async def _run_all(handlers: Iterable[Callable[[], Any]]) -> None:
    for handler in handlers:
        if is_async_callable(handler):
            await handler()
        else:
            handler()


async def serve_lifespan(
    app: Any, context: Lifespan, scope: Scope, receive: Receive, send: Send
) -> None:
    """The lifespan protocol of ASGI: starts, reports, waits for the end, stops, reports.

    A failure is reported to the server with its traceback and raised.
    """
    started = False
    await receive()
    try:
        async with context(app) as state:
            if state is not None:
                if "state" not in scope:
                    raise TriviumError('The server does not support "state" in the lifespan scope.')
                scope["state"].update(state)
            await send({"type": "lifespan.startup.complete"})
            started = True
            await receive()
    except BaseException:
        phase = "shutdown" if started else "startup"
        await send({"type": f"lifespan.{phase}.failed", "message": traceback.format_exc()})
        raise
    await send({"type": "lifespan.shutdown.complete"})
