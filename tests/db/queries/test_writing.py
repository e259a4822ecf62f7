"""What the verbs that write promise, on every database."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from tests.db.flight_models import Airline, Airport, Alliance, Flight, Note, Plane, Status, Tag
from trivium.db import (
    Database,
    F,
    FieldError,
    IntegrityFailure,
    InvalidValue,
    NotSupported,
    ProtectedError,
    atomic,
    m2m_changed,
    post_delete,
    post_save,
    pre_delete,
    pre_save,
)

pytestmark = pytest.mark.essential


def flight(**values: Any) -> dict[str, Any]:
    return {
        "number": 7,
        "day": date(2013, 5, 1),
        "departure": datetime(2013, 5, 1, 12, tzinfo=UTC),
        "distance": 100,
        "airline_code": "UA",
        "origin_code": "JFK",
        **values,
    }


async def test_create_stores_a_row_and_gives_its_key(changing: Database) -> None:
    async with changing.session():
        made = await Flight.objects.create(**flight(status="landed"))

    async with changing.session():
        found = await Flight.objects.get(id=made.id)
    assert (found.status, found.delay) == (Status.LANDED, None)
    assert found.departure == datetime(2013, 5, 1, 12, tzinfo=UTC)


async def test_create_takes_instances_for_relations(changing: Database) -> None:
    async with changing.session():
        airline = await Airline.objects.get(code="UA")
        values = flight()
        del values["airline_code"]
        made = await Flight.objects.create(airline=airline, **values)

        assert made.airline_code == "UA"


async def test_create_refuses_values_before_the_database_sees_them(changing: Database) -> None:
    async with changing.session():
        with pytest.raises(ValidationError, match="distance"):
            await Flight.objects.create(**flight(distance="far"))
        with pytest.raises(IntegrityFailure):
            await Airline.objects.create(code="UA", name="Again")
        assert await Flight.objects.count() == 60


async def test_save_writes_what_has_changed(changing: Database) -> None:
    async with changing.session():
        airline = await Airline.objects.get(code="UA")
        airline.name = "United"
        await airline.save()

    async with changing.session():
        assert (await Airline.objects.get(code="UA")).name == "United"


async def test_save_of_some_columns_writes_only_those(changing: Database) -> None:
    async with changing.session():
        airline = await Airline.objects.get(code="UA")
        airline.name, airline.founded = "United", 1
        await airline.save(update_fields=["name"])

    async with changing.session():
        row = await Airline.objects.filter(code="UA").values("name", "founded").first()
    assert row == {"name": "United", "founded": 1926}


async def test_an_expression_is_computed_by_the_database(changing: Database) -> None:
    async with changing.session():
        first = await Flight.objects.get(id=1)
        await Flight.objects.filter(id=1).update(distance=1000)
        first.distance = F("distance") + 1  # type: ignore[assignment]  # an expression of that type
        await first.save()
        await first.refresh()

        assert first.distance == 1001


async def test_update_sets_columns_of_all_rows(changing: Database) -> None:
    async with changing.session():
        far = Flight.objects.filter(airline__name__startswith="United")
        count = await far.update(delay=F("delay") + 100, status=Status.CANCELLED, plane=None)

        assert count == await far.count()
        assert await far.filter(status="cancelled", plane=None).count() == count


async def test_update_refuses_what_it_cannot_write(changing: Database) -> None:
    async with changing.session():
        for values in ({"nothing": 1}, {"number": F("airline__founded")}, {"number": None}):
            with pytest.raises(FieldError):
                await Flight.objects.update(**values)
        with pytest.raises(InvalidValue):
            await Flight.objects.update(number="far")
        with pytest.raises(NotSupported):
            await Flight.objects.order_by("id")[:3].update(number=1)


async def test_get_or_create_makes_a_row_once(changing: Database) -> None:
    async with changing.session():
        first, made = await Tag.objects.get_or_create(name="new")
        again, made_again = await Tag.objects.get_or_create(name="new")

        assert (made, made_again) == (True, False)
        assert first.id == again.id


async def test_get_or_create_finds_what_another_made_meanwhile(changing: Database) -> None:
    async def taken() -> str:
        return "even"

    async with changing.session():
        with pytest.raises(IntegrityFailure):
            # the name is taken by a row that the lookups do not find
            await Tag.objects.get_or_create(id=77, defaults={"name": await taken()})

        assert await Tag.objects.count() == 3


async def test_update_or_create_changes_or_makes(changing: Database) -> None:
    async with changing.session():
        changed, made = await Airline.objects.update_or_create({"name": "United"}, code="UA")
        new, made_new = await Airline.objects.update_or_create(
            {"name": "x"}, {"name": "Spirit"}, code="NK"
        )

        assert (changed.name, made, new.name, made_new) == ("United", False, "Spirit", True)
        assert await Airline.objects.filter(name__in=["United", "Spirit"]).count() == 2


async def test_bulk_create_gives_keys_and_defaults(changing: Database) -> None:
    async with changing.session():
        made = await Flight.objects.bulk_create(
            [Flight(**flight(number=n)) for n in range(25)], batch_size=10
        )

        assert len({each.id for each in made}) == 25
        assert await Flight.objects.filter(status="scheduled", distance=100).count() == 25
        made[0].number = 999
        await made[0].save()
        assert await Flight.objects.filter(number=999).count() == 1


async def test_bulk_create_leaves_conflicts_out_or_updates(changing: Database) -> None:
    tags = [Tag(id=1, name="even"), Tag(id=9, name="ninth")]
    async with changing.session():
        with pytest.raises(IntegrityFailure):
            await Tag.objects.bulk_create(tags)
        await Tag.objects.bulk_create(tags, ignore_conflicts=True)
        assert await Tag.objects.count() == 4

        await Tag.objects.bulk_create(
            [Tag(id=9, name="changed"), Tag(id=10, name="tenth")],
            update_conflicts=True,
            update_fields=["name"],
            unique_fields=["id"],
        )
        names = await Tag.objects.order_by("id").values_list("name", flat=True)
        assert names == ["even", "third", "fourth", "changed", "tenth"]


async def test_bulk_update_writes_columns_of_many(changing: Database) -> None:
    async with changing.session():
        found = await Flight.objects.order_by("id")[:10]
        for each in found:
            each.distance = each.id * 10

        assert await Flight.objects.bulk_update(found, ["distance"], batch_size=4) == 10
        rows = await Flight.objects.order_by("id").values_list("distance", flat=True)
        assert rows[:10] == [n * 10 for n in range(1, 11)]


async def test_delete_follows_the_rules_and_counts(changing: Database) -> None:
    async with changing.session():
        airport = await Airport.objects.get(code="JFK")
        count, of = await airport.delete()

        # the notes and tags of its flights go with them
        assert of["Flight"] == 20
        assert of["Airport"] == 1
        assert set(of) == {"Flight", "Airport", "Note", "flight_tag"}
        assert sum(of.values()) == count
        assert await Flight.objects.count() == 40
        assert await Note.objects.filter(flight__isnull=True).count() == 0


async def test_a_protected_row_stays(changing: Database) -> None:
    async with changing.session():
        airline = await Airline.objects.get(code="UA")
        with pytest.raises(ProtectedError, match="Flight points at them by airline_code") as error:
            await airline.delete()

        assert error.value.objects
        assert await Airline.objects.filter(code="UA").exists()
        assert (await Airline.objects.filter(code="HA").delete()) == (1, {"Airline": 1})


async def test_set_null_keeps_the_rows(changing: Database) -> None:
    async with changing.session():
        count, of = await Plane.objects.filter(tail="N101").delete()

        assert (count, of) == (1, {"Plane": 1})
        assert await Flight.objects.filter(plane_tail="N101").count() == 0
        assert await Plane.objects.filter(twin=None).count() == 3
        assert await Flight.objects.count() == 60


async def test_delete_through_relations(changing: Database) -> None:
    async with changing.session():
        wanted = Note.objects.filter(flight__airline__code="UA")
        expected = await wanted.count()

        assert (await wanted.delete())[0] == expected
        assert await wanted.count() == 0


async def test_a_deleted_instance_is_as_new(changing: Database) -> None:
    async with changing.session():
        tag = await Tag.objects.create(name="gone")
        await tag.delete()
        await tag.save()

        assert await Tag.objects.filter(name="gone").count() == 1


async def test_an_error_undoes_everything_in_its_block(changing: Database) -> None:
    async def fail() -> None:
        async with atomic():
            await Alliance.objects.create(name="One")
            await Airline.objects.filter(code="UA").update(name="x")
            raise LookupError

    async with changing.session():
        with pytest.raises(LookupError):
            await fail()

        assert await Alliance.objects.filter(name="One").count() == 0
        assert await Airline.objects.filter(name="x").count() == 0


async def test_signals_are_sent_around_saving_and_deleting(changing: Database) -> None:
    told: list[Any] = []

    async def saved(tag: Tag, *, created: bool, **more: Any) -> None:
        told.append(("saved", tag.name, created))

    def deleted(tag: Tag, **more: Any) -> None:
        told.append(("deleted", tag.name))

    with (
        post_save.connected(saved, Tag),
        pre_save.connected(saved, Tag),
        pre_delete.connected(deleted, Tag),
        post_delete.connected(deleted, Tag),
    ):
        async with changing.session():
            tag = await Tag.objects.create(name="a")
            tag.name = "b"
            await tag.save()
            await Tag.objects.filter(name="b").delete()

    assert told == [
        ("saved", "a", True),
        ("saved", "a", True),
        ("saved", "b", False),
        ("saved", "b", False),
        ("deleted", "b"),
        ("deleted", "b"),
    ]


async def test_the_other_side_of_a_many_to_many_is_changed(changing: Database) -> None:
    told: list[Any] = []

    def changed(flight: Flight, *, action: str, keys: list[int], **more: Any) -> None:
        told.append((action, keys))

    async with changing.session():
        first = await Flight.objects.get(id=1)
        tags = first.related("tags")
        even = await Tag.objects.get(name="even")
        with m2m_changed.connected(changed, Flight):
            await tags.add(even, 2)
            await tags.add(even)
            await tags.set([3, 2])
            names = await tags.all().order_by("id").values_list("name", flat=True)
            await tags.clear()

        assert names == ["third", "fourth"]
        assert await tags.all().count() == 0
        assert told == [
            ("pre_add", [1, 2]),
            ("post_add", [1, 2]),
            ("pre_remove", [1]),
            ("post_remove", [1]),
            ("pre_add", [3]),
            ("post_add", [3]),
            ("pre_clear", [2, 3]),
            ("post_clear", [2, 3]),
        ]


async def test_the_other_side_of_a_one_to_many_is_changed(changing: Database) -> None:
    async with changing.session():
        star = await Alliance.objects.get(name="Star")
        airlines = star.related("airlines")
        await airlines.add("AA")
        await airlines.remove("UA", "DL")

        assert await airlines.all().values_list("code", flat=True) == ["AA", "HA"]
        assert await Airline.objects.filter(code="DL", alliance__name="Sky").exists()


async def test_the_session_and_the_manager_share_instances(changing: Database) -> None:
    async with changing.session() as session:
        by_manager = await Airline.objects.get(code="UA")
        by_session = await session.scalar(select(Airline).where(Airline.code == "UA"))

        assert by_manager is by_session


async def test_what_is_read_is_what_the_database_holds(changing: Database) -> None:
    async with changing.session():
        first = await Flight.objects.get(id=1)
        await Flight.objects.filter(id=1).update(number=555)

        assert (await Flight.objects.get(id=1)).number == 555
        assert first.number == 555
