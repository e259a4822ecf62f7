"""The route table is a contract: one flat, public iterator of full paths, whatever was nested."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Match, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from trivium import APIRouter, App, WebSocket
from trivium.routing import APIRoute, iter_route_contexts
from trivium.testing import TestClient


async def handler() -> dict[str, bool]:
    return {"ok": True}


def lines(app: App) -> list[tuple[str, str, list[str]]]:
    """The documented routes without the application's own pages."""
    own = ("/openapi.json", "/docs", "/redoc")
    return [
        (route.kind, route.path, sorted(route.methods))
        for route in app.routes_flat()
        if not route.path.startswith(own)
    ]


def test_a_route_in_included_routers_keeps_its_full_path() -> None:
    app = App()
    inner = APIRouter(prefix="/users")
    inner.get("/{user_id}")(handler)
    middle = APIRouter(prefix="/v1")
    middle.include_router(inner, prefix="/people")
    app.include_router(middle, prefix="/api")

    assert lines(app) == [("http", "/api/v1/people/users/{user_id}", ["GET"])]


def test_the_iterator_gives_path_methods_name_endpoint_and_kind() -> None:
    app = App()
    app.api_route("/items/{item_id:int}", methods=["PUT", "PATCH"], name="change")(handler)

    route = next(route for route in app.routes_flat() if route.name == "change")

    assert route.path == "/items/{item_id}"
    assert route.methods == frozenset({"PUT", "PATCH"})
    assert route.endpoint is handler
    assert route.kind == "http"


def test_every_kind_of_route_is_listed_in_order_of_declaration() -> None:
    app = App()
    app.get("/first")(handler)

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None: ...

    mounted = App(openapi_url=None)
    mounted.get("/inside")(handler)
    app.mount("/mounted", mounted)
    app.mount("/static", StaticFiles(directory="."))
    app.router.routes.append(Route("/starlette", lambda request: PlainTextResponse("x")))

    assert [line for line in lines(app) if "HEAD" not in line[2]] == [
        ("http", "/first", ["GET"]),
        ("websocket", "/socket", []),
        ("mount", "/mounted", []),
        ("http", "/mounted/inside", ["GET"]),
        ("mount", "/static", []),
    ]
    assert ("http", "/starlette", ["GET", "HEAD"]) in lines(app)


def test_routes_of_a_mounted_starlette_application_keep_full_paths() -> None:
    app = App()
    inner = Starlette(routes=[Route("/{name}", lambda request: PlainTextResponse("x"))])
    app.mount("/plain", inner)

    assert ("http", "/plain/{name}", ["GET", "HEAD"]) in lines(app)


def test_routes_added_to_an_included_router_later_appear_in_the_table_and_answer() -> None:
    app = App()
    router = APIRouter()
    app.include_router(router, prefix="/late")

    router.get("/route")(handler)

    assert lines(app) == [("http", "/late/route", ["GET"])]
    assert TestClient(app).get("/late/route").json() == {"ok": True}


def test_a_router_included_twice_is_listed_once_for_each_place() -> None:
    app = App()
    router = APIRouter()
    router.get("/route")(handler)
    app.include_router(router, prefix="/one")
    app.include_router(router, prefix="/two")

    assert [path for _, path, _ in lines(app)] == ["/one/route", "/two/route"]


def test_every_listed_path_is_the_one_that_answers_and_that_the_scope_carries() -> None:
    seen: dict[str, Any] = {}
    app = App()

    @app.middleware("http")
    async def note_route(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        seen[request.url.path] = request.scope["route"].path_format
        return response

    inner = APIRouter(prefix="/inner")
    inner.get("/{item_id}")(handler)
    outer = APIRouter(prefix="/outer")
    outer.include_router(inner)
    app.include_router(outer)

    TestClient(app).get("/outer/inner/7")

    assert seen == {"/outer/inner/7": "/outer/inner/{item_id}"}
    assert "/outer/inner/{item_id}" in {route.path for route in app.routes_flat()}


def test_tools_can_match_an_included_route_before_middleware_has_run() -> None:
    class Demanding(APIRoute):
        def matches(self, scope: Scope) -> tuple[Match, Scope]:
            assert "tenant" in scope
            return super().matches(scope)

    router = APIRouter(route_class=Demanding)
    router.get("/items/{item_id}")(handler)
    app = App()
    app.include_router(router, prefix="/api")
    scope = {"type": "http", "method": "GET", "path": "/api/items/7", "headers": []}

    found = [
        context.path
        for context in iter_route_contexts(app.routes)
        if context.matches(scope)[0] is Match.FULL
    ]

    assert found == ["/api/items/{item_id}"]


@pytest.mark.parametrize("path", ["/direct/7", "/api/included/7"])
def test_a_request_of_another_method_is_known_by_its_route_as_well(path: str) -> None:
    seen: list[Any] = []

    class Noting:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)
            seen.append((scope["route"].path, scope["endpoint"], scope["path_params"]))

    app = App(middleware=[Middleware(Noting)])
    app.get("/direct/{item_id}")(handler)
    router = APIRouter()
    router.get("/included/{item_id}")(handler)
    router.put("/included/{item_id}")(handler)
    app.include_router(router, prefix="/api")

    reply = TestClient(app).post(path)

    assert reply.status_code == 405
    assert seen == [(path.replace("7", "{item_id}"), handler, {"item_id": "7"})]
