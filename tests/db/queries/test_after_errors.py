"""What a program can go on with after an error or a rollback."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm.exc import StaleDataError

from tests.db.flight_models import Airline, Alliance, Flight, Plane, Tag
from trivium.db import (
    Database,
    DoesNotExist,
    F,
    IntegrityFailure,
    NotSupported,
    RowIsGone,
    TransactionMisuse,
    atomic,
    current_session,
)

pytestmark = pytest.mark.essential


async def names() -> list[Any]:
    found: list[Any] = await Tag.objects.order_by("id").values_list("name", flat=True)
    return found


async def test_an_instance_stays_readable_when_it_could_not_be_saved(changing: Database) -> None:
    async with changing.session():
        tag, other = await Tag.objects.get(id=1), await Tag.objects.get(id=2)
        tag.name = "third"
        with pytest.raises(IntegrityFailure):
            await tag.save()

        assert (tag.name, tag.id, other.name) == ("third", 1, "third")
        tag.name = "first"
        await tag.save()
        assert await names() == ["first", "third", "fourth"]


async def test_what_was_undone_is_written_when_it_is_saved_again(changing: Database) -> None:
    async with changing.session():
        tag = await Tag.objects.get(id=1)
        with pytest.raises(LookupError):
            async with atomic():
                tag.name = "undone"
                await tag.save()
                raise LookupError

        assert tag.name == "undone"
        assert await names() == ["even", "third", "fourth"]
        await tag.save()
        assert await names() == ["undone", "third", "fourth"]


async def test_a_rollback_does_not_write_by_itself_what_it_undid(changing: Database) -> None:
    async with changing.session() as session:
        tag = await Tag.objects.get(id=1)
        tag.name = "undone"
        await session.flush()
        await session.rollback()
        await session.commit()
        await session.refresh(tag)

        assert tag.name == "even"


async def test_a_block_catches_what_a_savepoint_inside_has_undone(changing: Database) -> None:
    async with changing.session():
        async with atomic():
            await Tag.objects.create(name="a")
            for taken in ("even", "third"):
                with pytest.raises(IntegrityFailure):
                    async with atomic():
                        await Tag.objects.create(name="lost")
                        await Tag.objects.create(name=taken)
            await Tag.objects.create(name="b")

        assert await names() == ["even", "third", "fourth", "a", "b"]


async def test_get_or_create_may_fail_inside_of_a_transaction(changing: Database) -> None:
    async with changing.session():
        async with atomic():
            with pytest.raises(IntegrityFailure):
                await Tag.objects.get_or_create({"name": "even"}, id=77)
            await Tag.objects.create(name="b")

        assert await names() == ["even", "third", "fourth", "b"]


async def test_going_on_after_an_error_names_the_block_that_is_missing(changing: Database) -> None:
    async with changing.session():
        with pytest.raises(TransactionMisuse, match=r"async with atomic\(\)"):
            async with atomic():
                with pytest.raises(IntegrityFailure):
                    await Tag.objects.create(name="even")
                await Tag.objects.count()


@pytest.mark.on("postgresql")
async def test_the_same_where_the_database_has_ended_it(changing: Database) -> None:
    async with changing.session():
        with pytest.raises(TransactionMisuse, match=r"async with atomic\(\)"):
            async with atomic():
                with pytest.raises(IntegrityFailure):
                    await Tag.objects.filter(id=1).update(name="third")
                await Tag.objects.count()


async def test_a_row_that_is_gone_cannot_be_saved(changing: Database) -> None:
    async with changing.session() as session:
        hawaiian = await Airline.objects.get(code="HA")
        async with changing.session():
            await Airline.objects.filter(code="HA").delete()
        hawaiian.name = "x"
        with pytest.raises(RowIsGone, match="not there any more") as error:
            await hawaiian.save()
        await session.rollback()

    assert isinstance(error.value, DoesNotExist)
    assert isinstance(error.value, StaleDataError)


async def test_a_row_that_points_at_itself_is_told_of_its_column(changing: Database) -> None:
    async with changing.session():
        plane = await Plane.objects.get(tail="N104")
        plane.twin = plane
        with pytest.raises(NotSupported, match="the column, of a row that is stored"):
            await plane.save()

    async with changing.session():
        plane = await Plane.objects.get(tail="N104")
        plane.twin_tail = plane.tail
        await plane.save()
        assert await Plane.objects.filter(twin=plane).exists()


async def test_an_expression_is_computed_by_whatever_writes_it(changing: Database) -> None:
    async with changing.session(), atomic():
        flight = await Flight.objects.get(id=1)
        before = flight.distance
        flight.distance = F("distance") + 1  # type: ignore[assignment]  # an expression of that type

        assert await Flight.objects.filter(id=1, distance=before + 1).exists()
        assert flight.distance == before + 1


async def test_saving_some_columns_takes_relations_and_computes_once(changing: Database) -> None:
    async with changing.session():
        airline = await Airline.objects.get(code="UA")
        airline.alliance = await Alliance.objects.get(name="Sky")
        airline.founded = F("founded") + 1  # type: ignore[assignment]  # an expression of that type
        await airline.save(update_fields=["alliance", "founded"])

        assert airline.founded == 1927
        found = await Airline.objects.values_list("alliance__name", "founded").get(code="UA")
        assert found == ("Sky", 1927)


async def test_a_value_set_to_itself_is_no_change(changing: Database) -> None:
    async with changing.session():
        tag = await Tag.objects.get(id=1)
        tag.name = str(tag.name)

        assert await Tag.objects.count() == 3
        assert current_session().get_transaction() is None
