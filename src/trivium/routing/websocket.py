"""One WebSocket operation: its handler is called with the opened connection and its parameters."""

import copy
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeAlias

from starlette import routing as starlette_routing
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from trivium.binding.analysis import analyse, analyse_listed
from trivium.binding.callables import name_of
from trivium.binding.params import Depends
from trivium.binding.plan import Plan
from trivium.binding.shape import is_embedded
from trivium.binding.steps import Overrides
from trivium.errors import DeclarationError
from trivium.exchange import Exchange
from trivium.routing.failures import failures_answered, handlers_in
from trivium.routing.inclusion import Inclusion
from trivium.routing.subtree import Subtree
from trivium.routing.template import Template, parsed

__all__ = ["APIWebSocketRoute"]

_Replaced: TypeAlias = tuple[dict[Any, Any], Plan]


class APIWebSocketRoute(starlette_routing.WebSocketRoute):
    """A WebSocket operation. Raises DeclarationError for a declaration that cannot work."""

    original_route: "APIWebSocketRoute | None" = None
    """The route as it was declared, where this one is the copy that an inclusion made."""
    plan_class: type[Plan] = Plan
    """What its plan is compiled to; an observed application has another."""
    subtrees: tuple[Subtree, ...] = ()
    _replaced: _Replaced | None = None

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
        self._embed_body_fields = is_embedded(self.dependant.flat_body_params())

    def included(self, inclusion: Inclusion) -> "APIWebSocketRoute":
        """The route as it is served below the routers that include it."""
        route = copy.copy(self)
        for cached in ("plan", "app", "_replaced"):
            route.__dict__.pop(cached, None)
        route.original_route = self.original_route or self
        route.path = inclusion.prefix + self.path
        route.template = parsed(route.path)
        route.dependencies = [*inclusion.dependencies, *self.dependencies]
        route.dependency_overrides_provider = inclusion.overrides_provider
        route.subtrees = (*inclusion.subtrees, *self.subtrees)
        route._analyse()
        return route

    @property
    def path_format(self) -> str:  # type: ignore[override]  # Starlette sets an attribute
        """The path without convertors."""
        return self.template.path_format

    @property
    def path_regex(self) -> Any:  # type: ignore[override]  # Starlette sets an attribute
        return self.template.regex

    @property
    def param_convertors(self) -> Any:  # type: ignore[override]  # Starlette sets an attribute
        return self.template.param_convertors

    def matches(self, scope: Scope) -> tuple[starlette_routing.Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is not starlette_routing.Match.NONE:
            child_scope["route"] = self
        return match, child_scope

    @cached_property
    def plan(self) -> Plan:
        """The compiled plan of the handler."""
        return self._compiled(None)

    def plan_for(self, overrides: Overrides | None) -> Plan:
        """The compiled plan with some dependencies replaced."""
        if not overrides or not self.plan.calls_any(overrides):
            return self.plan
        if self._replaced is None or self._replaced[0] != overrides:
            self._replaced = (dict(overrides), self._compiled(overrides))
        return self._replaced[1]

    def _compiled(self, overrides: Overrides | None) -> Plan:
        return self.plan_class(
            self.dependant, embed_body_fields=self._embed_body_fields, overrides=overrides
        )

    @cached_property
    def app(self) -> ASGIApp:  # type: ignore[override]  # Starlette sets an attribute
        """The route alone as an ASGI application."""

        async def serve_alone(scope: Scope, receive: Receive, send: Send) -> None:
            provider = self.dependency_overrides_provider
            overrides = getattr(provider, "dependency_overrides", None) or None
            ex = Exchange(scope, receive, send, overrides=overrides)
            await failures_answered(self.serve, ex, handlers_in(scope))

        return serve_alone

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
                await self.plan_for(ex.overrides).call(ex, _nothing)
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


def _nothing(result: Any, ex: Exchange) -> None:
    """A WebSocket handler's result means nothing."""
