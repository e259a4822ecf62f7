"""What an application composes: batteries, lifespans, dependencies outside of requests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest

from trivium import APIRouter, App, DeclarationError, Depends, HTTPException, Request
from trivium.testing import TestClient


class Clock:
    """A battery: a route, and something that lives as long as the application."""

    def __init__(self) -> None:
        self.running = False

    def install(self, app: App) -> None:
        app.add_lifespan(self._lifespan)
        app.add_api_route("/clock", self.read)

    async def read(self) -> bool:
        return self.running

    @asynccontextmanager
    async def _lifespan(self, app: App) -> AsyncIterator[None]:
        self.running = True
        yield
        self.running = False


def test_a_battery_adds_routes_and_lives_as_long_as_the_application() -> None:
    app, clock = App(), Clock()
    app.install(clock)

    with TestClient(app) as client:
        during = client.get("/clock").json()

    assert during is True
    assert clock.running is False
    assert app.batteries == [clock]


def test_a_battery_is_installed_once_in_an_application_and_once_more_in_the_next() -> None:
    app = App()
    app.install(Clock())

    with pytest.raises(DeclarationError, match="installed in this application already"):
        app.install(Clock())

    App().install(Clock())


def test_a_battery_starts_before_the_lifespan_of_the_application_and_stops_after_it() -> None:
    seen: list[bool] = []
    clock = Clock()

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        seen.append(clock.running)
        yield
        seen.append(clock.running)

    app = App(lifespan=lifespan)
    app.install(clock)

    with TestClient(app):
        pass

    assert seen == [True, True]


def test_a_factory_makes_applications_that_share_nothing() -> None:
    def create() -> App:
        app = App()
        made: list[int] = []

        def number() -> int:
            made.append(1)
            return len(made)

        @app.get("/")
        async def read(value: Annotated[int, Depends(number, scope="app")]) -> int:
            return value

        return app

    first, second = create(), create()
    first.dependency_overrides[create] = lambda: None

    with TestClient(first) as one, TestClient(second) as other:
        assert [one.get("/").json(), one.get("/").json(), other.get("/").json()] == [1, 1, 1]
    assert second.dependency_overrides == {}


async def test_a_dependency_is_made_outside_of_requests_and_closed_at_the_end_of_the_block() -> (
    None
):
    events: list[str] = []

    async def connection() -> AsyncIterator[str]:
        events.append("opened")
        yield "connection"
        events.append("closed")

    async def session(on: Annotated[str, Depends(connection)]) -> str:
        return f"session on {on}"

    app = App()

    async with app.resolver() as resolver:
        value = await resolver.get(session)
        again = await resolver.get(session)
        events.append("used")

    assert (value, again) == ("session on connection", "session on connection")
    assert events == ["opened", "used", "closed"]


def test_the_handler_of_an_exception_is_found_after_the_application_has_started() -> None:
    class Full(Exception):
        pass

    app = App()

    @app.get("/")
    async def read() -> None:
        raise Full

    with TestClient(app, raise_server_exceptions=False) as client:
        before = client.get("/").status_code

        @app.exception_handler(Full)
        async def busy(request: Request, error: Full) -> Any:
            raise HTTPException(503)

        after = client.get("/").status_code

    assert (before, after) == (500, 503)


def test_routes_added_to_an_included_router_later_are_served_and_documented() -> None:
    app, router = App(), APIRouter()
    app.include_router(router, prefix="/api")
    client = TestClient(app)
    assert client.get("/api/late").status_code == 404

    @router.get("/late")
    async def late() -> str:
        return "here"

    assert client.get("/api/late").json() == "here"
    assert "/api/late" in client.get("/openapi.json").json()["paths"]
    assert "/api/late" in [route.path for route in app.routes_flat()]
