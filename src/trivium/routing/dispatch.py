"""From a request to the route that answers it.

Routes first, in order of declaration; then the redirect to the path with or without its last
slash; then the most specific frontend; then 404.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, TypeAlias

from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import BaseRoute, Match, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from trivium.exchange import Exchange
from trivium.routing.frontends import Frontends
from trivium.routing.limiting import within_limit
from trivium.routing.route import APIRoute
from trivium.routing.subtree import surrounded
from trivium.routing.table import Entry, Found, Table
from trivium.routing.template import Template, parsed
from trivium.routing.websocket import APIWebSocketRoute

__all__ = ["Asked", "Dispatcher", "not_found"]

Serve: TypeAlias = Callable[[Exchange], Awaitable[None]]
Asked: TypeAlias = tuple[Entry, dict[str, Any], Scope | None]
"""A route that was asked, with the values of the path or what it has made of the scope itself."""


class Fallbacks(Protocol):
    """What the router says of requests that no route answers."""

    redirect_slashes: bool
    default: ASGIApp


class Dispatcher:
    """The compiled form of a router; made anew when its routes change."""

    def __init__(
        self, routes: Iterable[BaseRoute], frontends: Frontends, fallbacks: Fallbacks
    ) -> None:
        self.routes = tuple(routes)
        self.frontends = frontends
        self.fallbacks = fallbacks
        entries = [self.entry_of(order, route) for order, route in enumerate(self.routes)]
        self.http = Table([e for e in entries if not isinstance(e.route, WebSocketRoute)])
        self.websocket = Table([e for e in entries if not isinstance(e.route, Route)])

    def entry_of(self, order: int, route: BaseRoute) -> Entry:
        """The place of a route in the table."""
        return _entry(order, route)

    async def serve(self, ex: Exchange) -> None:
        """Serves one request or connection."""
        await self.way_of(ex)(ex)

    def way_of(self, ex: Exchange) -> Serve:
        """What serves the request. Notes the route and the values of the path."""
        if ex.is_websocket:
            table, method = self.websocket, "GET"
        else:
            table, method = self.http, ex.method
        found = table.find(ex.path, method)
        if found is None:
            return self._way_when_asked(ex, table, method)
        entry, path_params = found
        ex.found(entry.route, entry.endpoint, path_params)
        return entry.serve

    def _way_when_asked(self, ex: Exchange, table: Table, method: str) -> Serve:
        asked, allowed = self._ask(table, ex.path, method, ex.scope)
        if asked is None:
            return self._nowhere
        entry, path_params, child_scope = asked
        if child_scope is None:
            ex.found(entry.route, entry.endpoint, path_params)
        else:
            scope = ex.scope
            scope.update(child_scope)
            scope["route"] = ex.route = entry.route
            ex.path_params = scope.get("path_params") or {}
        return _refusal(allowed) if allowed else entry.serve

    def match(self, path: str, method: str) -> Found | None:
        """The route that would answer, for tools; mounts and hosts are not followed."""
        found = self.http.find(path, method)
        if found is not None:
            return found
        for entry, values in self.http.candidates(path):
            if not entry.decides and entry.accepts(method):
                params = entry.path_params(values)
                if params is not None:
                    return entry, params
        return None

    def _ask(
        self, table: Table, path: str, method: str, scope: Scope
    ) -> tuple[Asked | None, set[str] | None]:
        """Tries all candidates in order.

        Where each refuses the method: the first of them, which metrics name the path by, and the
        methods that they do take.
        """
        partial: Asked | None = None
        refusing: Asked | None = None
        allowed: set[str] = set()
        for entry, values in table.candidates(path):
            if entry.decides:
                match, child_scope = entry.route.matches(scope)
                if match is Match.FULL:
                    return (entry, {}, child_scope), None
                if match is Match.PARTIAL and partial is None:
                    partial = (entry, {}, child_scope)
                continue
            params = entry.path_params(values)
            if params is None:
                continue
            if entry.accepts(method):
                return (entry, params, None), None
            refusing = refusing or (entry, params, None)
            allowed |= entry.methods or set()
        return refusing or partial, allowed

    async def _nowhere(self, ex: Exchange) -> None:
        path = ex.path
        if not ex.is_websocket:
            if self.fallbacks.redirect_slashes and path != "/":
                redirect = self._with_other_slash(ex, path)
                if redirect is not None:
                    response = RedirectResponse(url=str(URL(scope=redirect)))
                    await response(ex.scope, ex.receive, ex.send)
                    return
            serve = self.frontends.find(path, ex.method)
            if serve is not None:
                await serve(ex)
                return
        if ex.app is not None and self.fallbacks.default is not_found and not ex.is_websocket:
            # as it would say, without a scope
            raise HTTPException(status_code=404)
        await self.fallbacks.default(ex.scope, ex.receive, ex.send)

    def _with_other_slash(self, ex: Exchange, path: str) -> Scope | None:
        candidates = self.http.candidates(path.rstrip("/") if path.endswith("/") else path + "/")
        if not candidates:
            return None
        scope = ex.scope
        other = dict(scope)
        if path.endswith("/"):
            other["path"] = scope["path"].rstrip("/")
        else:
            other["path"] = scope["path"] + "/"
        for entry, values in candidates:
            if entry.decides:
                if entry.route.matches(other)[0] is not Match.NONE:
                    return other
            elif entry.path_params(values) is not None:
                return other
        return None


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers what no route answers: 404, or a closed WebSocket."""
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
        return
    # inside an application its exception handlers make the reply
    if "app" in scope:
        raise HTTPException(status_code=404)
    await PlainTextResponse("Not Found", status_code=404)(scope, receive, send)


def _entry(order: int, route: BaseRoute) -> Entry:
    template: Template | None = None
    methods: frozenset[str] | None = None
    serve: Serve = _starlette_server(route)
    # a class that matches in a way of its own has to be asked
    decides = type(route).matches not in _OWN_MATCHES
    if isinstance(route, Mount):
        template = parsed(route.path + "/{path:path}")
    elif decides:
        pass
    elif isinstance(route, APIRoute):
        template, methods = route.template, frozenset(route.methods or ())
        serve = within_limit(route.operation.serve, route.max_body_size)
    elif isinstance(route, APIWebSocketRoute):
        template, methods, serve = route.template, _HANDSHAKE, route.operation.serve
    elif isinstance(route, WebSocketRoute):
        template, methods = parsed(route.path), _HANDSHAKE
    elif isinstance(route, Route):
        template = parsed(route.path)
        methods = frozenset(route.methods) if route.methods else None
    return Entry(
        order,
        route,
        template,
        methods,
        surrounded(serve, getattr(route, "subtrees", ())),
        getattr(route, "endpoint", None),
        decides=decides,
    )


_HANDSHAKE = frozenset({"GET"})
_OWN_MATCHES = frozenset(
    {APIRoute.matches, APIWebSocketRoute.matches, Route.matches, WebSocketRoute.matches}
)


def _starlette_server(route: BaseRoute) -> Serve:
    form_limits = getattr(route, "form_limits", None)

    async def serve(ex: Exchange) -> None:
        if ex.overrides is not None:
            ex.scope["trivium.overrides"] = ex.overrides
        if form_limits:
            inherited = ex.scope.get("trivium.form_limits") or {}
            ex.scope["trivium.form_limits"] = {**inherited, **form_limits}
        try:
            await route.handle(ex.handed_on(), ex.receive, ex.send)
        except BaseException as error:
            await ex.settle(error)
            raise
        await ex.settle()

    return serve


def _refusal(allowed: set[str]) -> Serve:
    """The path is there, the method is not (RFC 9110, section 15.5.6)."""
    headers = {"Allow": ", ".join(sorted(allowed))}

    async def refuse(ex: Exchange) -> None:
        if ex.app is not None or "app" in ex.scope:
            raise HTTPException(status_code=405, headers=headers)
        response = PlainTextResponse("Method Not Allowed", status_code=405, headers=headers)
        await response(ex.scope, ex.receive, ex.send)

    return refuse
