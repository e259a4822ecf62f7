"""One WebSocket operation: its handler is called with the opened connection and its parameters."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from starlette import routing as starlette_routing
from starlette.types import ASGIApp
from starlette.websockets import WebSocketDisconnect

from trivium.binding.analysis import analyse, analyse_listed
from trivium.binding.callables import name_of
from trivium.binding.params import Depends
from trivium.binding.steps import Overrides
from trivium.errors import DeclarationError
from trivium.exchange import Exchange
from trivium.routing.inclusion import Inclusion
from trivium.routing.operation import Compiled, OnceCompiled
from trivium.routing.operation_route import OperationRoute
from trivium.routing.template import Template, parsed

__all__ = ["APIWebSocketRoute"]


class APIWebSocketRoute(OperationRoute, starlette_routing.WebSocketRoute):  # type: ignore[override]  # Starlette sets attributes where these are properties
    """A WebSocket operation. Raises DeclarationError for a declaration that cannot work."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        name: str | None = None,
        dependencies: Sequence[Depends] | None = None,
        dependency_overrides_provider: Any | None = None,
    ) -> None:
        if not callable(endpoint):
            raise DeclarationError(f"An endpoint must be a callable, {endpoint!r} is not")
        self.path = path
        self.endpoint = endpoint
        self.name = name_of(endpoint) if name is None else name
        self.dependencies = list(dependencies or ())
        self.dependency_overrides_provider = dependency_overrides_provider
        self.template: Template = parsed(path)
        self._analyse()

    def _analyse(self) -> None:
        path = self.path_format
        self.dependant = analyse(path, self.endpoint, scope="function")
        self.dependant.dependencies[:0] = [
            analyse_listed(path, listed, self.endpoint) for listed in self.dependencies
        ]
        self._embed_body_fields = self._are_embedded(self.dependant.flat_body_params())

    def included(self, inclusion: Inclusion) -> "APIWebSocketRoute":
        """The route as it is served below the routers that include it."""
        route = self._moved_below(inclusion)
        route._analyse()
        return route

    @cached_property
    def operation(self) -> "Conversation":
        """Serves the connections; compiled at the first of them."""
        return Conversation(self._compiled)

    def _compiled(self, overrides: Overrides | None) -> Compiled:
        plan = self.plan_class(
            self.dependant, embed_body_fields=self._embed_body_fields, overrides=overrides
        )
        return Compiled(plan, _nothing)

    @cached_property
    def app(self) -> ASGIApp:  # type: ignore[override]  # Starlette sets an attribute
        """The route alone as an ASGI application."""
        return self._alone(self.operation)


class Conversation(OnceCompiled):
    """Serves the connections to one route."""

    __slots__ = ()

    async def serve(self, ex: Exchange) -> None:
        """Serves one connection; it is open until the handler closes it or returns.

        Background tasks run once it is over, by the handler's return or because the client has
        gone. A handler that fails has promised nothing, as in an HTTP request.
        """
        gone = await self._converse(ex)
        try:
            await self._end(ex, gone)
        except Exception:
            await _run_tasks(ex)
            raise
        # added by a dependency's exit
        await _run_tasks(ex)

    async def _converse(self, ex: Exchange) -> WebSocketDisconnect | None:
        """Runs the handler and leaves the function scope; gives the news that the client has gone.

        What else the handler raises passes through both scopes and is raised, unless an exit
        swallows it.
        """
        try:
            try:
                await self.compiled(ex.overrides).plan.call(ex, _nothing)
            except BaseException as error:
                if not (ex.has_function_scope and await ex.close_function(error)):
                    await ex.settle(error)
                    raise
            if ex.has_function_scope:
                await ex.close_function()
            await ex.settle()
        except WebSocketDisconnect as gone:
            return gone
        except BaseException as error:
            if not (ex.is_open and await ex.close_request(error)):
                raise
        return None

    async def _end(self, ex: Exchange, gone: WebSocketDisconnect | None) -> None:
        try:
            await _run_tasks(ex)
            if gone is not None:
                raise gone
        except BaseException as error:
            if not (ex.is_open and await ex.close_request(error)):
                raise
        if ex.is_open:
            await ex.close_request()


async def _run_tasks(ex: Exchange) -> None:
    if ex.background is not None and ex.background.tasks:
        await ex.background()


def _nothing(result: Any, ex: Exchange) -> Any:
    """A WebSocket handler's result means nothing."""
