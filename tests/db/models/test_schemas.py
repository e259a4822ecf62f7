"""Schemas of models, and response types that load what they read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tests.db.flight_models import Airline, Alliance, Flight, Status, Tag
from trivium import App
from trivium.db import Database, FieldError, QueryBudgetWarning, model_schema
from trivium.db.schemas import relations_in
from trivium.db.testing import assert_queries
from trivium.testing import AsyncTestClient

AllianceOut = model_schema(Alliance)
TagOut = model_schema(Tag, fields=["name"])
AirlineOut = model_schema(Airline, extra={"alliance": AllianceOut | None})  # type: ignore[operator]  # classes
FlightIn = model_schema(Flight, purpose="create")
FlightPatch = model_schema(Flight, partial=True)
FlightOut = model_schema(
    Flight,
    exclude=["departure"],
    extra={"airline": AirlineOut, "tags": list[TagOut]},  # type: ignore[valid-type]  # a class
)


def test_a_schema_for_reading_has_every_column() -> None:
    schema = model_schema(Flight).model_json_schema(mode="serialization")

    assert set(schema["required"]) == set(schema["properties"]) == set(Flight.__table__.c.keys())
    assert schema["$defs"]["Status"]["enum"] == ["scheduled", "landed", "cancelled"]


def test_a_schema_for_creating_leaves_out_what_the_database_makes() -> None:
    made = FlightIn.model_validate(
        {
            "number": 1,
            "day": "2013-01-01",
            "departure": "2013-01-01T10:00:00Z",
            "distance": 100,
            "airline_code": "UA",
            "origin_code": "JFK",
        }
    )

    assert "id" not in FlightIn.model_fields
    assert made.model_dump()["status"] is Status.SCHEDULED
    with pytest.raises(ValidationError, match="number"):
        FlightIn.model_validate({"number": 2**40})


def test_a_schema_for_patching_requires_nothing_and_refuses_what_does_not_fit() -> None:
    patch = FlightPatch.model_validate({"distance": 5, "delay": None})

    assert patch.model_dump(exclude_unset=True) == {"distance": 5, "delay": None}
    with pytest.raises(ValidationError, match="distance"):
        FlightPatch.model_validate({"distance": None})


def test_a_column_that_does_not_exist_is_named() -> None:
    with pytest.raises(FieldError, match="did you mean: distance"):
        model_schema(Flight, fields=["distanc"])
    with pytest.raises(FieldError, match=r"extra=\{'airline'"):
        model_schema(Flight, fields=["airline"])
    with pytest.raises(FieldError, match="is not a list"):
        model_schema(Flight, fields="distance")


def test_the_relations_that_a_type_reads_are_found() -> None:
    assert relations_in(Flight, list[FlightOut]) == (  # type: ignore[valid-type]  # a class
        ("airline", False),
        ("airline__alliance", False),
        ("tags", True),
    )


class Node(BaseModel):
    name: str
    airlines: list[Leaf]


class Leaf(BaseModel):
    alliance: Node | None


def test_types_that_hold_each_other_are_followed_once() -> None:
    assert relations_in(Alliance, Node) == (("airlines", True), ("airlines__alliance", True))


def application(database: Database) -> App:
    app = App()
    app.install(database)

    @app.get("/flights", response_model=list[FlightOut])  # type: ignore[valid-type]  # a class
    async def flights() -> Any:
        return Flight.objects.order_by("id")[:5]

    @app.get("/flights/{id}", response_model=FlightOut)
    async def flight(id: int) -> Any:
        return await Flight.objects.get(id=id)

    @app.get("/some", response_model=list[FlightOut])  # type: ignore[valid-type]  # a class
    async def some() -> Any:
        return await Flight.objects.order_by("id")[:5]

    @app.get("/names")
    async def names() -> Any:
        return Airline.objects.values_list("name", flat=True)

    @app.get("/slow")
    async def slow() -> int:
        total = 0
        for number in range(1, 7):
            total += await Flight.objects.filter(id=number).count()
        return total

    return app


async def test_a_query_is_answered_with_what_the_response_type_reads(flights: Database) -> None:
    async with AsyncTestClient(application(flights)) as client:
        with assert_queries(2):
            reply = await client.get("/flights")

    first = reply.json()[0]
    assert reply.status_code == 200, reply.text
    assert len(reply.json()) == 5
    assert first["airline"]["alliance"]["name"] == "Sky"
    assert "departure" not in first
    assert [tag["name"] for tag in reply.json()[3]["tags"]] == ["even", "fourth"] or first[
        "tags"
    ] == []


@pytest.mark.parametrize("path", ["/flights/4", "/some"])
async def test_instances_are_completed_for_the_response(flights: Database, path: str) -> None:
    async with AsyncTestClient(application(flights)) as client:
        first, again = await client.get(path), await client.get(path)

    body = first.json()
    found = body[3] if isinstance(body, list) else body
    assert first.status_code == again.status_code == 200
    assert found["id"] == 4
    assert found["airline"]["code"] == found["airline_code"]
    assert first.json() == again.json()


async def test_a_query_of_values_is_answered_as_it_is(flights: Database) -> None:
    async with AsyncTestClient(application(flights)) as client:
        reply = await client.get("/names")

    assert "JetBlue" in reply.json()


async def test_a_repeated_query_is_reported_with_its_line(flights: Database) -> None:
    async with AsyncTestClient(application(flights)) as client:
        with pytest.warns(QueryBudgetWarning) as reported:
            reply = await client.get("/slow")

    message = str(reported[0].message)
    assert reply.json() == 6
    assert "GET /slow" in message
    assert "6 x SELECT count(*)" in message
    assert "in slow" in message
    assert "total += await Flight.objects.filter(id=number).count()" in message


async def test_more_queries_than_the_budget_are_reported(flights_url: str) -> None:
    from tests.db.flight_models import Base

    async with Database(flights_url, models=Base, query_budget=0) as database:
        async with AsyncTestClient(application(database)) as client:
            with pytest.warns(QueryBudgetWarning, match="1 queries were sent, and the budget is 0"):
                await client.get("/names")
