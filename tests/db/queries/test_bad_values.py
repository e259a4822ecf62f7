"""What the verbs that write refuse: with an error of the house, and before anything is written."""

from __future__ import annotations

import textwrap
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from tests.db.flight_models import MODELS, Airline, Flight, Plane, Status, Tag
from trivium.db import Count, Database, DbError, F, FieldError, InvalidValue, Q, atomic

pytestmark = pytest.mark.essential

NEW = {
    "number": 7,
    "day": date(2013, 5, 1),
    "departure": datetime(2013, 5, 1, 12, tzinfo=UTC),
    "distance": 100,
    "airline_code": "UA",
    "origin_code": "JFK",
}
NAMES: dict[str, Any] = {
    **{model.__name__: model for model in MODELS},
    "F": F,
    "Q": Q,
    "Count": Count,
    "datetime": datetime,
    "NEW": NEW,
}
FIRST = "flight = await Flight.objects.get(id=1); "
TAG = "tag = await Tag.objects.get(id=1); "

REFUSED = [
    # names
    'await Tag.objects.create(nmae="x")',
    'await Tag.objects.create(**{"name) VALUES (1); --": 1})',
    "await Flight.objects.update(nothing=1)",
    'await Flight.objects.update(**{"number = 1; DROP TABLE tag; --": 1})',
    FIRST + 'await flight.save(update_fields=["delya"])',
    FIRST + 'await flight.save(update_fields=["tags"])',
    FIRST + 'await flight.save(update_fields=["delay = 1; --"])',
    FIRST + "await flight.save(update_fields=[5])",
    'await Tag.objects.bulk_update([await Tag.objects.get(id=1)], ["flights"])',
    'await Tag.objects.bulk_create([Tag(name="x")], update_conflicts=True,'
    ' update_fields=["name"], unique_fields=["id; --"])',
    'await Tag.objects.get_or_create(nmae="x")',
    'await Tag.objects.get_or_create(name="x", defaults={"nmae": 1})',
    'await Tag.objects.get_or_create(name="x", defaults=[1])',
    'await Tag.objects.update_or_create(id=1, defaults={"save": 1})',
    "await Flight.objects.filter(nothing=1).delete()",
    FIRST + 'flight.delay = F("nothing"); await flight.save()',
    FIRST + 'flight.delay = F("airline__founded"); await flight.save()',
    # values of the wrong type, too large or too long
    "await Tag.objects.create(name=5)",
    'await Tag.objects.create(id=2**70, name="x")',
    r'await Tag.objects.create(name="a\0b")',
    'await Flight.objects.create(**{**NEW, "number": 2**31})',
    'await Flight.objects.create(**{**NEW, "departure": datetime(2013, 5, 1)})',
    FIRST + 'flight.number = "far"; await flight.save()',
    FIRST + "flight.number = 2**31; await flight.save()",
    FIRST + "flight.number = 2**70; await flight.save()",
    FIRST + "flight.number = 1.5; await flight.save()",
    FIRST + 'flight.day = "2013"; await flight.save()',
    FIRST + "flight.departure = datetime(2013, 5, 1); await flight.save()",
    FIRST + 'flight.status = "flying"; await flight.save()',
    FIRST + 'flight.number = "far"; await flight.save(update_fields=["number"])',
    FIRST + 'flight.number = "far"; await Flight.objects.bulk_update([flight], ["number"])',
    TAG + 'tag.name = "x" * 30; await tag.save()',
    TAG + r'tag.name = "a\0b"; await tag.save()',
    TAG + "tag.name = [1]; await tag.save()",
    'tag = Tag(name="x"); tag.name = "y" * 30; await tag.save()',
    'tag = Tag(name="x"); tag.name = [5]; await Tag.objects.bulk_create([tag])',
    "await Flight.objects.update(number=2**31)",
    "await Flight.objects.update(number=[1])",
    'await Flight.objects.update(status="flying")',
    'await Tag.objects.update(name="x" * 30)',
    'await Flight.objects.update(number=Airline.objects.values("founded", "code")[:1])',
    'await Flight.objects.update(number=Count("tags"))',
    'await Plane.objects.update_or_create(tail="N101", defaults={"seats": "many"})',
    # relations
    'await Flight.objects.create(**NEW, airline="UA")',
    "await Flight.objects.create(**NEW, airline=await Tag.objects.get(id=1))",
    'await Tag.objects.create(name="x", flights=[1])',
    'await Tag.objects.create(name="x", flights=None)',
    'await Flight.objects.update(airline=Airline(code="ZZ", name="z"))',
    "await Flight.objects.update(plane=await Tag.objects.get(id=1))",
    "await Flight.objects.update(airline=[5])",
    FIRST + 'await flight.related("tags").add("x")',
    FIRST + 'await flight.related("tags").add(None)',
    FIRST + 'await flight.related("tags").add([1])',
    FIRST + 'await flight.related("tags").add(2**70)',
    FIRST + 'await flight.related("tags").remove("x")',
    FIRST + 'await flight.related("tags").add(await Airline.objects.get(code="UA"))',
    'await (await Alliance.objects.get(id=1)).related("airlines").add("ZZ")',
    # what is not stored, or of another class
    'await Tag(name="x").delete()',
    'await Tag(name="x").refresh()',
    'await Tag(name="x").save(update_fields=["name"])',
    "await Tag.objects.bulk_create([1])",
    'await Tag.objects.bulk_create([Airline(code="ZZ", name="z")])',
    'await Tag.objects.bulk_create([Tag(name="x")], batch_size="a")',
    'await Tag.objects.bulk_update([1], ["name"])',
    'await Tag.objects.bulk_update([await Airline.objects.get(code="UA")], ["name"])',
]


@pytest.mark.parametrize("code", REFUSED)
async def test_what_cannot_be_written_is_refused(changing: Database, code: str) -> None:
    names = dict(NAMES)
    exec(f"async def program():\n{textwrap.indent(code, '    ')}", names)

    async with changing.session():
        with pytest.raises((DbError, ValidationError)):
            async with atomic():
                await names["program"]()

    async with changing.session():
        assert await Tag.objects.order_by("id").values_list("name", flat=True) == [
            "even",
            "third",
            "fourth",
        ]
        assert await Flight.objects.count() == 60


async def test_the_nearest_name_is_given(changing: Database) -> None:
    async with changing.session():
        flight = await Flight.objects.get(id=1)
        for ask in (
            lambda: flight.save(update_fields=["delya"]),
            lambda: Flight.objects.bulk_update([flight], ["delya"]),
            lambda: Flight.objects.update(delya=1),
        ):
            with pytest.raises(FieldError, match="did you mean: delay"):
                await ask()


async def test_what_is_out_of_range_is_told_with_the_range(changing: Database) -> None:
    async with changing.session():
        with pytest.raises(InvalidValue, match=r"number=2147483648 is out of range: -2147483648"):
            await Flight.objects.update(number=2**31)
        with pytest.raises(InvalidValue, match="name has 30 characters, and 20 fit"):
            await Tag.objects.update(name="x" * 30)


async def test_values_are_put_into_the_types_of_their_columns(changing: Database) -> None:
    async with changing.session():
        flight: Any = await Flight.objects.get(id=1)
        flight.number, flight.status, flight.day = "12", "landed", "2013-05-01"
        await flight.save()

        assert (flight.number, flight.status) == (12, Status.LANDED)
        found = await Flight.objects.values_list("number", "day").get(id=1)
        assert found == (12, date(2013, 5, 1))


async def test_the_key_may_be_called_pk(changing: Database) -> None:
    async with changing.session():
        await Plane.objects.create(pk="N1", seats=5)
        await Plane.objects.get_or_create(pk="N2", defaults={"seats": 6})

        assert await Plane.objects.filter(tail__in=["N1", "N2"]).count() == 2
        assert Airline(pk="ZZ", name="z").code == "ZZ"
