"""Class-based views: typed, with constructor injection."""

from collections.abc import Iterator
from typing import Annotated, assert_type

import pytest
from pydantic import BaseModel

from trivium import APIRouter, App, Depends, Query
from trivium.errors import DeclarationError
from trivium.routing import action
from trivium.testing import TestClient


class FlightIn(BaseModel):
    carrier: str


class FlightOut(FlightIn):
    id: int


class Store:
    def __init__(self) -> None:
        self.flights: dict[int, FlightOut] = {}


def flights_app() -> tuple[App, list[str]]:
    app, events = App(), []
    store = Store()

    def get_store() -> Iterator[Store]:
        events.append("open")
        yield store
        events.append("close")

    @app.view("/flights")
    class Flights:
        def __init__(
            self,
            store: Annotated[Store, Depends(get_store)],
            tenant: Annotated[str, Query()] = "acme",
        ) -> None:
            self.store = store
            self.tenant = tenant

        async def get(self, limit: int = 20) -> list[FlightOut]:
            return list(self.store.flights.values())[:limit]

        async def post(self, flight: FlightIn) -> FlightOut:
            made = FlightOut(id=len(self.store.flights), **flight.model_dump())
            self.store.flights[made.id] = made
            return made

        @action.get("/{flight_id}")
        def read(self, flight_id: int) -> FlightOut:
            return self.store.flights[flight_id]

        @action.get("/tenant/name")
        async def tenant_name(self) -> str:
            return self.tenant

    return app, events


def test_methods_named_as_http_methods_answer_them() -> None:
    client = TestClient(flights_app()[0])

    made = client.post("/flights", json={"carrier": "UA"})
    listed = client.get("/flights", params={"limit": 1})

    assert made.json() == {"id": 0, "carrier": "UA"}
    assert listed.json() == [{"id": 0, "carrier": "UA"}]


def test_marked_methods_answer_below_the_view_in_a_thread_or_on_the_loop() -> None:
    client = TestClient(flights_app()[0])
    client.post("/flights", json={"carrier": "UA"})

    assert client.get("/flights/0").json() == {"id": 0, "carrier": "UA"}
    assert client.get("/flights/tenant/name").json() == "acme"


def test_the_constructor_is_injected_for_each_request_and_its_dependencies_are_left() -> None:
    app, events = flights_app()
    client = TestClient(app)

    client.get("/flights")
    client.get("/flights")

    assert events == ["open", "close", "open", "close"]


def test_parameters_of_the_constructor_are_parameters_of_every_operation() -> None:
    app, _ = flights_app()

    operations = app.openapi()["paths"]

    for path, method in (
        ("/flights", "get"),
        ("/flights", "post"),
        ("/flights/{flight_id}", "get"),
    ):
        names = [each["name"] for each in operations[path][method].get("parameters", [])]
        assert "tenant" in names
        assert "self" not in names


def test_constructor_parameters_are_validated() -> None:
    app = App()

    @app.view("/page")
    class Page:
        def __init__(self, number: int) -> None:
            self.number = number

        async def get(self) -> int:
            return self.number

    client = TestClient(app)

    assert client.get("/page", params={"number": 3}).json() == 3
    assert client.get("/page", params={"number": "x"}).json()["detail"][0]["loc"] == [
        "query",
        "number",
    ]


def test_a_view_of_a_router_takes_its_prefix_and_dependencies() -> None:
    entered: list[str] = []

    async def guard() -> None:
        entered.append("guard")

    router = APIRouter(prefix="/v1", dependencies=[Depends(guard)])

    @router.view("/view")
    class View:
        async def get(self) -> str:
            return "found"

    app = App()
    app.include_router(router, prefix="/api")

    assert TestClient(app).get("/api/v1/view").json() == "found"
    assert entered == ["guard"]


def test_inherited_methods_answer_with_the_subclass_constructor() -> None:
    class Named:
        name: str

        async def get(self) -> str:
            return self.name

    app = App()

    @app.view("/sub")
    class Sub(Named):
        def __init__(self, name: Annotated[str, Query()] = "sub") -> None:
            self.name = name

    assert TestClient(app).get("/sub").json() == "sub"


def test_dependencies_of_a_view_can_be_overridden() -> None:
    def user() -> str:
        return "real"

    app = App()

    @app.view("/user")
    class User:
        def __init__(self, name: Annotated[str, Depends(user)]) -> None:
            self.name = name

        async def get(self) -> str:
            return self.name

    client = TestClient(app, overrides={user: lambda: "fake"})

    assert client.get("/user").json() == "fake"


def test_the_decorator_returns_the_class_itself_for_type_checkers_and_programs() -> None:
    app = App()

    class Plain:
        async def get(self) -> str:
            return "plain"

    returned = app.view("/plain")(Plain)

    assert_type(returned, type[Plain])
    assert returned is Plain


def test_a_class_without_handlers_is_refused_where_it_is_declared() -> None:
    app = App()

    with pytest.raises(DeclarationError, match="Empty"):

        @app.view("/empty")
        class Empty: ...
