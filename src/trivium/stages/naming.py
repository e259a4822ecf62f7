"""What a request is called where requests are counted: by its route, not by its path.

A path is the client's to choose, and there is no end to them.
"""

from typing import Any

from starlette.routing import Mount

from trivium.exchange import Exchange

__all__ = ["METHODS", "OTHER", "route_of"]

METHODS = frozenset(
    ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"]
)
OTHER = "_OTHER"


def route_of(ex: Exchange) -> str:
    """The template of the route that has answered, prefixes and mounts included; else nothing."""
    route = ex.route
    if ex.has_scope:
        # the innermost, of a mounted application too
        inner = ex.scope.get("route")
        if inner is not route:
            return "" if inner is None else _known_template(ex, inner)
    path: str = getattr(route, "path", "")
    return path


def _known_template(ex: Exchange, route: Any) -> str:
    known = _templates.get(id(route))
    if known is None or known[0] is not route or known[1] is not ex.route:
        if len(_templates) >= _MOST_KNOWN:
            _templates.clear()
        known = _templates[id(route)] = (route, ex.route, _template(ex, route))
    return known[2]


# by the identity of a route, which has no hash of its own, with the route and the mount around it
_templates: dict[int, tuple[Any, Any, str]] = {}
_MOST_KNOWN = 4096


def _template(ex: Exchange, route: Any) -> str:
    around = ex.app.routes if ex.route is None else [ex.route]
    ways = (_way_to(start, route) for start in around)
    found = next((way for way in ways if way is not None), None)
    own: str = getattr(route, "path", "")
    return own if found is None else found


def _way_to(route: Any, wanted: Any) -> str | None:
    path: str = getattr(route, "path", "")
    if route is wanted:
        return path
    if isinstance(route, Mount):
        for below in route.routes or ():
            if (rest := _way_to(below, wanted)) is not None:
                return path + rest
    return None
