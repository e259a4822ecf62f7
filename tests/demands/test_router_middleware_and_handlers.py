"""Middleware and exception handlers of a router: scoped to its subtree."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from trivium import APIRouter, App, Request, Response, WebSocket
from trivium.testing import TestClient

Next = Callable[[Request], Awaitable[Response]]


class Tag:
    """ASGI middleware that adds its name to a header, outermost last."""

    made = 0

    def __init__(self, app: ASGIApp, name: str) -> None:
        type(self).made += 1
        self.app = app
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            scope.setdefault("tags", []).append(self.name)

        async def tagged(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-tag", self.name.encode())]
            await send(message)

        await self.app(scope, receive, tagged)


class Refused(Exception):
    pass


def answering(text: str) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handler(request: Request, error: Exception) -> Response:
        return PlainTextResponse(text, 418)

    return handler


def test_middleware_of_a_router_surrounds_its_own_routes_and_no_others() -> None:
    inside = APIRouter(middleware=[Middleware(Tag, name="inside")])
    inside.get("/inside")(lambda: None)
    app = App()
    app.get("/outside")(lambda: None)
    app.include_router(inside)
    client = TestClient(app)

    assert client.get("/inside").headers.get("x-tag") == "inside"
    assert "x-tag" not in client.get("/outside").headers
    assert "x-tag" not in client.get("/nowhere").headers


def test_middleware_of_a_router_surrounds_the_routers_below_it_outermost_first() -> None:
    inner = APIRouter(middleware=[Middleware(Tag, name="inner")])
    inner.get("/route")(lambda: None)
    outer = APIRouter(middleware=[Middleware(Tag, name="first"), Middleware(Tag, name="second")])
    outer.include_router(inner, prefix="/inner")
    app = App(middleware=[Middleware(Tag, name="app")])
    app.include_router(outer, prefix="/outer")

    tags = TestClient(app).get("/outer/inner/route").headers.get_list("x-tag")

    assert tags == ["inner", "second", "first", "app"]


def test_middleware_of_a_router_is_made_once_for_all_its_routes() -> None:
    Tag.made = 0
    router = APIRouter(middleware=[Middleware(Tag, name="one")])
    router.get("/a")(lambda: None)
    router.get("/b")(lambda: None)
    app = App()
    app.include_router(router)
    client = TestClient(app)

    for path in ("/a", "/b", "/a"):
        client.get(path)

    assert Tag.made == 1


def test_middleware_of_a_router_surrounds_websockets_and_mounts_below_it() -> None:
    router = APIRouter(prefix="/below", middleware=[Middleware(Tag, name="below")])

    @router.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(websocket.scope["tags"])
        await websocket.close()

    mounted = App()
    mounted.get("/page")(lambda: None)
    router.mount("/mounted", mounted)
    app = App()
    app.include_router(router)
    client = TestClient(app)

    with client.websocket_connect("/below/socket") as session:
        assert session.receive_json() == ["below"]
    assert client.get("/below/mounted/page").headers.get("x-tag") == "below"


def test_a_router_includes_its_middleware_wherever_it_is_included() -> None:
    router = APIRouter(middleware=[Middleware(Tag, name="carried")])
    router.get("/route")(lambda: None)
    app = App()
    app.include_router(router, prefix="/one")
    app.include_router(router, prefix="/two")
    client = TestClient(app)

    assert [client.get(f"/{place}/route").headers["x-tag"] for place in ("one", "two")] == [
        "carried",
        "carried",
    ]


def raising(error: Exception) -> Callable[[], Awaitable[None]]:
    async def handler() -> None:
        raise error

    return handler


def test_exception_handlers_of_a_router_answer_for_its_subtree_only() -> None:
    inside = APIRouter(exception_handlers={Refused: answering("of the router")})
    inside.get("/inside")(raising(Refused()))
    app = App(exception_handlers={Refused: answering("of the application")})
    app.get("/outside")(raising(Refused()))
    app.include_router(inside)
    client = TestClient(app)

    assert client.get("/inside").text == "of the router"
    assert client.get("/outside").text == "of the application"


def test_the_nearest_exception_handler_answers_and_what_it_does_not_know_goes_outwards() -> None:
    inner = APIRouter(exception_handlers={KeyError: answering("inner")})
    inner.get("/key")(raising(KeyError()))
    inner.get("/refused")(raising(Refused()))
    inner.get("/zero")(raising(ZeroDivisionError()))
    outer = APIRouter(
        exception_handlers={KeyError: answering("outer"), Refused: answering("outer")}
    )
    outer.include_router(inner)
    app = App(exception_handlers={ZeroDivisionError: answering("app")})
    app.include_router(outer)
    client = TestClient(app)

    assert [client.get(path).text for path in ("/key", "/refused", "/zero")] == [
        "inner",
        "outer",
        "app",
    ]


def test_a_handler_for_a_status_code_is_scoped_too() -> None:
    from trivium import HTTPException

    router = APIRouter(exception_handlers={404: answering("nothing in here")})
    router.get("/inside")(raising(HTTPException(404)))
    app = App()
    app.get("/outside")(raising(HTTPException(404)))
    app.include_router(router)
    client = TestClient(app)

    assert client.get("/inside").text == "nothing in here"
    assert client.get("/outside").json() == {"detail": "Not Found"}


def test_validation_errors_below_a_router_go_to_its_handler() -> None:
    from trivium.errors import RequestValidationError

    router = APIRouter(exception_handlers={RequestValidationError: answering("scoped")})

    @router.get("/items/{item_id}")
    async def read(item_id: int) -> int:
        return item_id

    app = App()
    app.include_router(router, prefix="/scoped")
    app.get("/items/{item_id}")(read)
    client = TestClient(app)

    assert client.get("/scoped/items/x").text == "scoped"
    assert client.get("/items/x").status_code == 422


def test_middleware_of_the_router_sees_the_reply_of_its_exception_handler() -> None:
    router = APIRouter(
        middleware=[Middleware(Tag, name="outside")],
        exception_handlers={Refused: answering("handled")},
    )
    router.get("/route")(raising(Refused()))
    app = App()
    app.include_router(router)

    reply = TestClient(app).get("/route")

    assert (reply.text, reply.headers.get("x-tag")) == ("handled", "outside")


def test_an_error_of_router_middleware_reaches_the_handlers_outside_of_it() -> None:
    class Refusing:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise Refused

    router = APIRouter(
        middleware=[Middleware(Refusing)], exception_handlers={Refused: answering("its own")}
    )
    router.get("/route")(lambda: None)
    app = App(exception_handlers={Refused: answering("of the application")})
    app.include_router(router)

    assert TestClient(app).get("/route").text == "of the application"


@pytest.mark.parametrize("path", ["/one", "/two"])
def test_function_middleware_of_a_router_is_scoped_and_keeps_path_parameters(path: str) -> None:
    async def name_it(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        response.headers["x-item"] = request.path_params["item_id"]
        return response

    from starlette.middleware.base import BaseHTTPMiddleware

    router = APIRouter(middleware=[Middleware(BaseHTTPMiddleware, dispatch=name_it)])

    @router.get(path + "/{item_id}")
    async def read(item_id: int) -> int:
        return item_id

    app = App()
    app.include_router(router)

    reply = TestClient(app).get(f"{path}/7")

    assert (reply.json(), reply.headers["x-item"]) == (7, "7")
