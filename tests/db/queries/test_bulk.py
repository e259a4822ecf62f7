"""Many rows at once on PostgreSQL, by one statement."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect, text

from tests.db.flight_models import Airline, Flight, Note, Status, Tag
from tests.db.queries.test_writing import flight
from trivium.db import Database, F, IntegrityFailure, atomic, execute
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
            await Tag.objects.bulk_create([Tag(name=f"tag {n}") for n in range(400)])

        assert "unnest" in queries.sql[0]
        assert await Tag.objects.filter(name__startswith="tag ").count() == 400


@pytest.mark.on("postgresql")
async def test_very_many_rows_are_copied_with_keys_that_were_given_out_before(
    changing: Database,
) -> None:
    async with changing.session():
        tags = [Tag(name=f"tag {n}") for n in range(2000)]
        with assert_queries(2) as queries:
            await Tag.objects.bulk_create(tags)
        stored = {each.name: each.id for each in await Tag.objects.filter(name__startswith="tag ")}
        following = await Tag.objects.create(name="following")

    assert queries.sql[1].startswith("COPY tag")
    assert stored == {each.name: each.id for each in tags}
    assert [each.id for each in tags] == sorted(each.id for each in tags)
    assert following.id > max(stored.values())


@pytest.mark.on("postgresql")
async def test_what_is_copied_is_converted_as_the_columns_say(changing: Database) -> None:
    async with changing.session():
        made = await Flight.objects.bulk_create(
            [Flight(**flight(number=n, status=list(Status)[n % 3])) for n in range(1500)]
        )
        found = await Flight.objects.in_bulk([each.id for each in made])
        columns = [name for name in vars(made[0]) if not name.startswith("_")]
        made_values = [[getattr(each, name) for name in columns] for each in made]

    assert made_values == [[getattr(found[each.id], name) for name in columns] for each in made]
    assert not any(inspect(each).modified for each in made)


@pytest.mark.on("postgresql")
async def test_very_many_rows_of_which_one_is_refused_leave_nothing_behind(
    changing: Database,
) -> None:
    def expression(tag: Tag) -> None:
        tag.name = F("id") * 2  # type: ignore[assignment]  # what the database works out

    def surrogate(tag: Tag) -> None:
        tag.name = "\ud800"

    def used(tag: Tag) -> None:
        tag.name = "even"

    async with changing.session():
        for spoil, said in (
            (expression, "Combined"),
            (surrogate, "surrogate pair"),
            (used, "unique"),
        ):
            tags = [Tag(name=f"tag {n}") for n in range(1000)]
            spoil(tags[900])
            with pytest.raises(Exception, match=said):
                await Tag.objects.bulk_create(tags)

            assert await Tag.objects.count() == 3
            assert [each.id for each in tags if each.id is not None] == []
            assert {inspect(each).transient for each in tags} == {True}
    assert changing.engine.pool.checkedout() == 0


@pytest.mark.on("postgresql")
async def test_one_of_very_many_rows_may_be_an_expression(changing: Database) -> None:
    async with changing.session():
        flights = [Flight(**flight(number=n)) for n in range(600)]
        flights[300].number = F("distance") * 2  # type: ignore[assignment]  # worked out there
        with pytest.raises(Exception, match="Combined"):
            await Flight.objects.bulk_create(flights)

        assert flights[0].id is None
    assert changing.engine.pool.checkedout() == 0


@pytest.mark.on("postgresql")
async def test_what_a_table_does_with_its_rows_is_done(changing: Database) -> None:
    function = """
        CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.id := NEW.id + 5000; NEW.name := upper(NEW.name); RETURN NEW; END $$
    """
    trigger = "CREATE TRIGGER shout BEFORE INSERT ON tag FOR EACH ROW EXECUTE FUNCTION shout()"
    async with changing.session():
        await execute(text(function.replace(":=", "=")), write=True)
        await execute(text(trigger), write=True)
        try:
            with assert_queries(2) as queries:
                tags = await Tag.objects.bulk_create([Tag(name=f"tag {n}") for n in range(600)])
            stored = {each.id for each in await Tag.objects.filter(name__startswith="TAG ")}
        finally:
            await execute(text("DROP TRIGGER shout ON tag"), write=True)
            await execute(text("DROP FUNCTION shout"), write=True)

    assert "unnest" in queries.sql[1]
    assert {each.id for each in tags} == stored


@pytest.mark.on("postgresql")
async def test_rows_that_are_refused_leave_nothing_behind(changing: Database) -> None:
    async with changing.session():
        with pytest.raises(IntegrityFailure) as error:
            await Tag.objects.bulk_create([Tag(name="x"), Tag(name="even")])
        too_long = Airline.construct(code="long", name="x")
        with pytest.raises(Exception, match="2 fit"):
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
