"""Mounted applications are first class: lifespan, overrides, prefixes and the document."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from trivium import APIRouter, App, Depends, Request, WebSocket
from trivium.testing import TestClient


def current_user() -> str:
    return "real"


def app_with_user() -> App:
    app = App(title="Mounted")

    @app.get("/user")
    async def user(name: Annotated[str, Depends(current_user)]) -> str:
        return name

    return app


def test_mounts_run_lifespan() -> None:
    events: list[str] = []

    def telling(name: str) -> App:
        @asynccontextmanager
        async def lifespan(app: App) -> AsyncIterator[None]:
            events.append(f"start {name}")
            yield
            events.append(f"stop {name}")

        return App(lifespan=lifespan)

    app, inner, innermost = telling("app"), telling("inner"), telling("innermost")
    inner.mount("/innermost", innermost)
    app.mount("/inner", inner)

    with TestClient(app):
        events.append("serving")

    assert events == [
        *("start app", "start inner", "start innermost"),
        "serving",
        *("stop innermost", "stop inner", "stop app"),
    ]


def test_an_application_mounted_at_start_up_is_started_too() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def of_the_plugin(app: App) -> AsyncIterator[None]:
        events.append("start plugin")
        yield
        events.append("stop plugin")

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        app.mount("/plugin", App(lifespan=of_the_plugin))
        yield

    with TestClient(App(lifespan=lifespan)):
        pass

    assert events == ["start plugin", "stop plugin"]


def test_a_mounted_starlette_application_runs_its_lifespan_too() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        events.append("start")
        yield
        events.append("stop")

    app = App()
    app.mount("/plain", Starlette(lifespan=lifespan))

    with TestClient(app):
        assert events == ["start"]

    assert events == ["start", "stop"]


def test_an_application_mounted_twice_starts_once() -> None:
    started = 0

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        nonlocal started
        started += 1
        yield

    app, inner = App(), App(lifespan=lifespan)
    app.mount("/one", inner)
    app.mount("/two", inner)

    with TestClient(app):
        pass

    assert started == 1


def test_state_of_a_mounted_lifespan_reaches_its_handlers() -> None:
    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[dict[str, str]]:
        yield {"pool": "open"}

    inner = App(lifespan=lifespan)

    @inner.get("/state")
    async def state(request: Request) -> str:
        return str(request.state.pool)

    app = App()
    app.mount("/inner", inner)

    with TestClient(app) as client:
        assert client.get("/inner/state").json() == "open"


def test_mounts_inherit_overrides() -> None:
    app = App()
    app.mount("/inner", app_with_user())
    client = TestClient(app)

    app.dependency_overrides[current_user] = lambda: "overridden"
    overridden = client.get("/inner/user").json()
    app.dependency_overrides.clear()

    assert (overridden, client.get("/inner/user").json()) == ("overridden", "real")


def test_overrides_of_the_mounted_application_itself_count_where_the_parent_has_none() -> None:
    app, inner = App(), app_with_user()
    app.mount("/inner", inner)
    client = TestClient(app)
    inner.dependency_overrides[current_user] = lambda: "of its own"

    own = client.get("/inner/user").json()
    app.dependency_overrides[current_user] = lambda: "of the parent"

    assert (own, client.get("/inner/user").json()) == ("of its own", "of the parent")


def test_overrides_of_a_client_reach_mounted_applications() -> None:
    app = App()
    app.mount("/inner", app_with_user())

    client = TestClient(app, overrides={current_user: lambda: "of the client"})

    assert client.get("/inner/user").json() == "of the client"


def test_mounts_honour_prefixes() -> None:
    router = APIRouter(prefix="/api")
    router.mount("/s", Starlette(routes=[Route("/x", lambda request: PlainTextResponse("found"))]))
    app = App()
    app.include_router(router, prefix="/v1")
    client = TestClient(app)

    assert client.get("/v1/api/s/x").text == "found"
    assert client.get("/s/x").status_code == 404
    assert client.get("/v1/s/x").status_code == 404


@pytest.mark.parametrize("nesting", [1, 3])
def test_the_mounted_application_sees_the_prefixes_as_its_root_path(nesting: int) -> None:
    inner = App()

    @inner.get("/root")
    async def root(request: Request) -> list[str]:
        return [request.scope["root_path"], str(request.url_for("root").path)]

    router = APIRouter(prefix="/api")
    router.mount("/s", inner)
    for level in range(nesting):
        outer = APIRouter(prefix=f"/level{level}")
        outer.include_router(router)
        router = outer
    app = App()
    app.include_router(router)
    prefix = "".join(f"/level{level}" for level in reversed(range(nesting))) + "/api/s"

    assert TestClient(app).get(f"{prefix}/root").json() == [prefix, f"{prefix}/root"]


def test_websockets_of_a_mounted_application_are_reached_below_the_prefix() -> None:
    inner = App()

    @inner.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    router = APIRouter(prefix="/api")
    router.mount("/s", inner)
    app = App()
    app.include_router(router)

    with TestClient(app).websocket_connect("/api/s/socket") as session:
        assert session.receive_text() == "hello"


def test_mounted_applications_appear_in_the_document_of_the_parent() -> None:
    router = APIRouter(prefix="/api")
    router.mount("/people", app_with_user())
    app = App(title="Parent")
    app.include_router(router)

    document = app.openapi()

    assert list(document["paths"]) == ["/api/people/user"]
    assert document["info"]["title"] == "Parent"


def test_a_mounted_application_without_a_document_stays_out() -> None:
    inner = App(openapi_url=None)
    inner.get("/hidden")(lambda: None)
    app = App()
    app.mount("/inner", inner)

    assert app.openapi()["paths"] == {}
