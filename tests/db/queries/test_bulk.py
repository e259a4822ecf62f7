"""Many rows at once on PostgreSQL, by one statement."""

from __future__ import annotations

import pytest

from tests.db.flight_models import Airline, Flight, Note, Status, Tag
from tests.db.queries.test_writing import flight
from trivium.db import Database, IntegrityFailure, atomic
from trivium.db.testing import assert_queries


@pytest.mark.on("postgresql")
async def test_many_rows_keep_their_keys_apart(changing: Database) -> None:
    async with changing.session():
        made = await Flight.objects.bulk_create(
            [Flight(**flight(number=n, status=list(Status)[n % 3])) for n in range(500)]
        )
        stored = await Flight.objects.filter(id__in=[each.id for each in made]).order_by("id")

    assert [(each.id, each.number, each.status) for each in made] == [
        (each.id, each.number, each.status) for each in stored
    ]


@pytest.mark.on("postgresql")
async def test_rows_outside_of_a_transaction_are_one_statement(changing: Database) -> None:
    async with changing.session():
        with assert_queries(1) as queries:
            await Tag.objects.bulk_create([Tag(name=f"tag {n}") for n in range(2000)])

        assert "unnest" in queries.sql[0]
        assert await Tag.objects.filter(name__startswith="tag ").count() == 2000


@pytest.mark.on("postgresql")
async def test_rows_that_are_refused_leave_nothing_behind(changing: Database) -> None:
    async with changing.session():
        with pytest.raises(IntegrityFailure) as error:
            await Tag.objects.bulk_create([Tag(name="x"), Tag(name="even")])
        too_long = Airline.construct(code="long", name="x")
        with pytest.raises(Exception, match="too long"):
            await Airline.objects.bulk_create([too_long])

        assert error.value.kind == "unique"
        assert await Tag.objects.filter(name="x").count() == 0
        assert await Airline.objects.count() == 5


@pytest.mark.on("postgresql")
async def test_rows_of_a_transaction_are_undone_with_it(changing: Database) -> None:
    async def fail() -> None:
        async with atomic():
            await Tag.objects.bulk_create([Tag(name="a"), Tag(name="b")])
            raise LookupError

    async with changing.session():
        with pytest.raises(LookupError):
            await fail()

        assert await Tag.objects.count() == 3


@pytest.mark.on("postgresql")
async def test_rows_take_the_keys_of_instances_they_refer_to(changing: Database) -> None:
    async with changing.session():
        flights = await Flight.objects.filter(note=None).order_by("id")[:3]
        await Note.objects.bulk_create([Note(flight=each, text="new") for each in flights])

        assert await Note.objects.filter(text="new").count() == 3
