"""`app.routes` is a flat list of what is served, and a change of it is a change of the router."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Match, Mount, Route

from trivium import APIRouter, App
from trivium.errors import DeclarationError
from trivium.routing import APIRoute
from trivium.testing import TestClient


def plain(path: str) -> Route:
    return Route(path, lambda request: PlainTextResponse(path))


def program() -> App:
    app = App(openapi_url=None)
    app.get("/first")(lambda: "first")
    router = APIRouter(prefix="/router")
    router.get("/a")(lambda: "a")
    router.get("/b/{item_id}")(lambda item_id: item_id)
    app.include_router(router, prefix="/api")
    app.get("/last")(lambda: "last")
    return app


def paths(app: App) -> list[str]:
    return [str(getattr(route, "path", None)) for route in app.routes]


SERVED = ["/first", "/api/router/a", "/api/router/b/{item_id}", "/last"]


def test_routes_of_included_routers_stand_in_their_place_with_full_paths() -> None:
    assert paths(program()) == SERVED


def test_each_route_tells_whether_it_matches_and_what_handles_it() -> None:
    app = program()
    scope = {"type": "http", "method": "GET", "path": "/api/router/b/7", "headers": []}

    matching = [route for route in app.routes if route.matches(scope)[0] is Match.FULL]

    assert [(route.path, route.name) for route in matching if isinstance(route, APIRoute)] == [
        ("/api/router/b/{item_id}", "<lambda>")
    ]


def test_an_operation_id_set_on_a_route_of_the_list_is_the_one_of_the_document() -> None:
    app = App()

    async def read_item() -> None: ...

    router = APIRouter()
    router.get("/items")(read_item)
    app.include_router(router, prefix="/api")

    for route in app.routes:
        if isinstance(route, APIRoute):
            route.operation_id = route.name

    assert app.openapi()["paths"]["/api/items"]["get"]["operationId"] == "read_item"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda routes: routes.append(plain("/new")), [*SERVED, "/new"]),
        (lambda routes: routes.extend([plain("/x"), plain("/y")]), [*SERVED, "/x", "/y"]),
        (lambda routes: routes.insert(0, plain("/new")), ["/new", *SERVED]),
        (lambda routes: routes.insert(1, plain("/new")), ["/first", "/new", *SERVED[1:]]),
        (lambda routes: routes.remove(routes[0]), SERVED[1:]),
        (lambda routes: routes.pop(), SERVED[:-1]),
        (lambda routes: routes.clear(), []),
        (lambda routes: routes.__delitem__(slice(1, 3)), ["/first", "/last"]),
        (lambda routes: routes.__setitem__(3, plain("/new")), [*SERVED[:3], "/new"]),
        (lambda routes: routes.__iadd__([plain("/new")]), [*SERVED, "/new"]),
        (
            lambda routes: routes.__setitem__(slice(None), [routes[3], *routes[1:3], routes[0]]),
            ["/last", *SERVED[1:3], "/first"],
        ),
        (
            lambda routes: routes.sort(key=lambda route: route.path),
            [*SERVED[1:3], "/first", "/last"],
        ),
    ],
)
def test_a_change_of_the_list_is_served(change: Any, expected: list[str]) -> None:
    app = program()
    routes = app.routes

    change(routes)

    assert paths(app) == expected
    assert [getattr(route, "path", None) for route in routes] == expected
    if "/new" in expected:
        assert TestClient(app).get("/new").text == "/new"


@pytest.mark.parametrize(
    "change",
    [
        lambda routes: routes.pop(1),
        lambda routes: routes.insert(2, plain("/new")),
        lambda routes: routes.reverse(),
    ],
)
def test_a_change_inside_of_an_included_router_is_refused(change: Any) -> None:
    app = program()

    with pytest.raises(DeclarationError, match="included router"):
        change(app.routes)

    assert paths(app) == SERVED


def test_a_mount_appended_to_the_list_is_served() -> None:
    app = program()

    app.routes.append(Mount("/mounted", routes=[plain("/inside")]))

    assert TestClient(app).get("/mounted/inside").text == "/inside"


def test_the_router_keeps_its_tree() -> None:
    assert len(program().router.routes) == 3
