"""What the two kinds of operation, HTTP and WebSocket, share as routes: a place, and a plan."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from trivium.binding.fields import Field
from trivium.binding.params import Depends
from trivium.binding.plan import Plan
from trivium.exchange import Exchange
from trivium.routing.failures import failures_answered, handlers_in
from trivium.routing.inclusion import Inclusion
from trivium.routing.subtree import Subtree
from trivium.routing.template import Template, parsed

__all__ = ["OperationRoute"]


class _Serves(Protocol):
    async def serve(self, ex: Exchange, /) -> None: ...


class OperationRoute(BaseRoute):
    """A route whose handler is called with what its signature asks for."""

    path: str
    endpoint: Callable[..., Any]
    template: Template
    dependencies: list[Depends]
    dependency_overrides_provider: Any
    original_route: Self | None = None
    """The route as it was declared, where this one is the copy that an inclusion made."""
    plan_class: type[Plan] = Plan
    """What its plan is compiled to; an observed application has another."""
    subtrees: tuple[Subtree, ...] = ()
    """The routers around it that have middleware or exception handlers of their own."""

    def _moved_below(self, inclusion: Inclusion) -> Self:
        """A copy at the place that the routers around give it; what it compiles is its own."""
        route = copy.copy(self)
        for compiled in ("body_field", "operation", "app"):
            route.__dict__.pop(compiled, None)
        route.original_route = self.original_route or self
        route.path = inclusion.prefix + self.path
        route.template = parsed(route.path)
        route.dependencies = [*inclusion.dependencies, *self.dependencies]
        route.dependency_overrides_provider = inclusion.overrides_provider
        route.subtrees = (*inclusion.subtrees, *self.subtrees)
        return route

    @staticmethod
    def _are_embedded(body_params: Sequence[Field]) -> bool:
        """Whether the parameters of the body are keys of it, and not one of them the whole body."""
        if not body_params:
            return False
        from trivium.binding.shape import is_embedded

        return is_embedded(body_params)

    # What Starlette's routes offer

    @property
    def path_format(self) -> str:
        """The path without convertors."""
        return self.template.path_format

    @property
    def path_regex(self) -> Any:
        return self.template.regex

    @property
    def param_convertors(self) -> Any:
        return self.template.param_convertors

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is not Match.NONE:
            child_scope["route"] = self
        return match, child_scope

    def _alone(self, operation: _Serves) -> ASGIApp:
        """The route as an ASGI application, without the one that it belongs to."""

        async def serve_alone(scope: Scope, receive: Receive, send: Send) -> None:
            provider = self.dependency_overrides_provider
            overrides = getattr(provider, "dependency_overrides", None) or None
            ex = Exchange(scope, receive, send, overrides=overrides)
            try:
                await failures_answered(operation.serve, ex, handlers_in(scope))
            finally:
                await ex.release()

        return serve_alone
