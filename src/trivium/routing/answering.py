"""Which route would answer a request, found without one. For tools."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.routing import BaseRoute, Host, Match, Mount
from starlette.types import Scope

from trivium.errors import TriviumError
from trivium.routing.flat import FlatRoute, described, flattened
from trivium.routing.frontends import Placed
from trivium.routing.router import APIRouter

__all__ = ["Answer", "NoRoute", "answering"]

_WEBSOCKET = frozenset({"WS", "WEBSOCKET"})


class NoRoute(TriviumError):
    """No handler answers this method at this path; the message says what does happen there."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The route that answers, or the frontend, with the values of the path."""

    flat: FlatRoute
    path_params: dict[str, Any]
    frontend: Placed | None = None


def answering(router: APIRouter, method: str, path: str) -> Answer:
    """What answers `method` (WS for a WebSocket) at `path`.

    path: a path, a template as it was declared (then the first route of that template), or a URL,
        whose host then counts.

    Raises NoRoute with what a client would get: a redirect, 405, or 404 and what is near.
    """
    method = method.upper()
    if "{" in path:
        return _of_template(router, method, path)
    scope = _scope(method, path)
    partial: set[str] = set()
    found = _first(router.dispatcher.routes, scope, "", partial)
    if found is not None:
        return found
    where = scope["path"]
    if scope["type"] == "http" and partial:
        raise NoRoute(
            f"{method} {where} is answered with 405: the path takes {', '.join(sorted(partial))}."
        )
    if scope["type"] == "http" and router.redirect_slashes and where != "/":
        other = where.rstrip("/") if where.endswith("/") else where + "/"
        if _first(router.dispatcher.routes, {**scope, "path": other}, "", set()):
            raise NoRoute(f"{method} {where} is answered with a redirect to {other}.")
    if scope["type"] == "http":
        for placed in router.dispatcher.frontends.placed:
            if placed.frontend.relative_path(placed.prefix, where) is not None:
                return Answer(_flat_frontend(placed), {}, placed)
    raise _nothing_at(router, method, where)


def _of_template(router: APIRouter, method: str, template: str) -> Answer:
    kind = "websocket" if method in _WEBSOCKET else "http"
    methods: set[str] = set()
    for flat in router.routes_flat():
        # The template may be given as it is shown, or as it is written, with its convertors.
        if template not in (flat.path, flat.mounted_at + getattr(flat.route, "path", "")):
            continue
        if flat.kind == kind and (kind == "websocket" or method in flat.methods):
            return Answer(flat, {})
        methods |= flat.methods
    if methods:
        raise NoRoute(f"{template} does not take {method}: it takes {', '.join(sorted(methods))}.")
    raise _nothing_at(router, method, template)


def _nothing_at(router: APIRouter, method: str, path: str) -> NoRoute:
    paths = dict.fromkeys(flat.path for flat in router.routes_flat())
    from difflib import get_close_matches

    near = get_close_matches(path, paths, 3, 0.5)
    outcome = "is refused" if method in _WEBSOCKET else "is answered with 404"
    known = f" Near: {', '.join(near)}." if near else ""
    return NoRoute(f"{method} {path} {outcome}: no route has that path.{known}")


def _scope(method: str, path: str) -> Scope:
    url = urlsplit(path)
    is_websocket = method in _WEBSOCKET
    return {
        "type": "websocket" if is_websocket else "http",
        "method": "GET" if is_websocket else method,
        "path": unquote(url.path) or "/",
        "root_path": "",
        "query_string": url.query.encode(),
        "headers": [(b"host", url.netloc.encode())] if url.netloc else [],
        "path_params": {},
    }


def _first(
    routes: Iterable[BaseRoute], scope: Scope, mounted_at: str, partial: set[str]
) -> Answer | None:
    """The first route that takes the request; the methods of those that take its path only."""
    for route in routes:
        match, child_scope = route.matches(scope)
        if match is Match.PARTIAL:
            partial |= getattr(route, "methods", None) or set()
        if match is not Match.FULL:
            continue
        flat = next(described([route], mounted_at))
        inner = {**scope, **child_scope}
        if isinstance(route, Mount | Host) and (below := list(flattened(route.routes or ()))):
            at = flat.path if isinstance(route, Mount) else mounted_at
            if (found := _first(below, inner, at, partial)) is not None:
                return found
            # What a mounted application does with a path of none of its routes is its own affair.
        return Answer(flat, inner.get("path_params", {}))
    return None


def _flat_frontend(placed: Placed) -> FlatRoute:
    return FlatRoute(
        path=placed.frontend.full_path(placed.prefix),
        methods=frozenset({"GET", "HEAD"}),
        name=None,
        endpoint=placed.frontend.respond,
        kind="frontend",
        route=BaseRoute(),
    )
