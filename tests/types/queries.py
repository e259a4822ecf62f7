# pyright: reportUnnecessaryTypeIgnoreComment=true
"""Models and queries: the manager knows its model, and each verb what comes out."""

from typing import Any, Self, assert_type

from sqlalchemy.orm import Mapped, relationship

from trivium import App
from trivium.db import CASCADE, Manager, Model, QuerySet, foreign_key, objects

app = App()


class Base(Model, base=True):
    """Tables of this file alone."""


class Airline(Base):
    name: Mapped[str]
    founded: Mapped[int | None]


class FlightManager(Manager["Flight"]):
    def long(self) -> Self:
        return self.filter(distance__gt=1000)


class Flight(Base):
    distance: Mapped[int]
    airline_id: Mapped[int] = foreign_key(Airline, on_delete=CASCADE)
    airline: Mapped[Airline] = relationship()

    objects = FlightManager()


@app.get("/flights")
async def read() -> list[int]:
    return [flight.distance for flight in await Flight.objects.long()]


async def what_checkers_see() -> None:
    """Rows, single ones, and how verbs go on."""
    assert_type(Airline.objects, Manager[Airline])
    assert_type(await Airline.objects.get(id=1), Airline)
    assert_type(await Airline.objects.filter(name="x").order_by("name"), list[Airline])
    assert_type(await Airline.objects.first(), Airline | None)
    assert_type(await Airline.objects.all()[3], Airline)
    assert_type(await Airline.objects.all()[:3], list[Airline])
    assert_type(await Airline.objects.create(name="x"), Airline)
    assert_type(await Airline.objects.get_or_create(name="x"), tuple[Airline, bool])
    assert_type(await Airline.objects.count(), int)
    assert_type(await Airline.objects.in_bulk(), dict[Any, Airline])
    assert_type(QuerySet(Airline), QuerySet[Airline, Airline])
    assert_type(objects(Airline), Manager[Airline])
    async for airline in Airline.objects.filter(name="x"):
        assert_type(airline.founded, int | None)


async def what_checkers_see_of_a_manager_of_ones_own() -> None:
    """Its verbs go on after others."""
    assert_type(Flight.objects, FlightManager)
    assert_type(Flight.objects.filter(id=1).long(), FlightManager)
    assert_type((await Flight.objects.long().get()).airline, Airline)


async def mistakes() -> None:
    """What both checkers find."""
    airline = await Airline.objects.get(id=1)
    airline.name = 3  # type: ignore[assignment]  # a text
    Airline.objects.filter(name="x").sort_by("name")  # type: ignore[attr-defined]  # order_by
    print((await Airline.objects.first()).name)  # type: ignore[union-attr]  # there may be none
