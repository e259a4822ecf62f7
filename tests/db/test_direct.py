"""Plain reads pass SQLAlchemy's session by, and nothing that it promises is lost."""

from __future__ import annotations

import gc
import pickle
from asyncio import create_task, gather, to_thread
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from copy import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Numeric, inspect, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, object_session, relationship
from sqlalchemy.orm.exc import UnmappedInstanceError

from tests.db.servers import postgres
from trivium.db import (
    CASCADE,
    ConcurrentUse,
    Database,
    F,
    IntegrityFailure,
    InvalidValue,
    Model,
    Unavailable,
    atomic,
    current_session,
    current_unit,
    execute,
    foreign_key,
    objects,
    post_save,
)
from trivium.db.queries import plans
from trivium.db.testing import assert_queries


class Base(Model, base=True):
    __abstract__ = True


class Gate(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    fee: Mapped[Decimal] = mapped_column(Numeric(6, 2))
    width: Mapped[float | None]
    opened: Mapped[datetime]


class Lounge(Base):
    name: Mapped[str] = mapped_column(primary_key=True)
    seats: Mapped[int] = mapped_column(server_default="40")
    stars: Mapped[int] = mapped_column(default=3)


class Seat(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    lounge_name: Mapped[str] = foreign_key(Lounge, on_delete=CASCADE)
    lounge: Mapped[Lounge] = relationship()


class Plain(DeclarativeBase):
    pass


class Plane(Plain):
    """The rows of ``Gate``, as far as it knows of them."""

    __tablename__ = "gate"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


OPENED = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, models=Base) as database:
        await database.create_tables()
        async with database.session(), atomic() as session:
            for number in range(1, 6):
                fee = Decimal(number) / 4
                session.add(Gate(name=f"G{number}", fee=fee, width=1.5, opened=OPENED))
        yield database


def was_direct() -> bool:
    lane = current_unit().lane()
    return lane.has_loose and not lane.is_used


async def test_a_plain_read_on_postgresql_takes_the_short_way(database: Database) -> None:
    async with database.session():
        gate = await Gate.objects.get(id=3)

        assert was_direct() is (database.dialect == "postgresql")
        assert (gate.name, gate.fee, gate.width, gate.opened) == (
            "G3",
            Decimal("0.75"),
            1.5,
            OPENED,
        )
        assert type(gate.fee) is Decimal


async def test_the_same_row_is_the_same_object_within_a_unit(database: Database) -> None:
    async with database.session() as session:
        first = await Gate.objects.get(id=3)
        second = await Gate.objects.filter(name="G3").first()
        third = await session.get(Gate, 3)
        fourth = await Gate.objects.get(id=3)

        assert first is second is third is fourth
        assert object_session(first) is session.sync_session


async def test_it_gets_the_values_of_now(database: Database) -> None:
    async with database.session():
        gate = await Gate.objects.get(id=3)
        await execute(text("UPDATE gate SET name = 'new' WHERE id = 3"), write=True)
        await Gate.objects.get(id=3)

        assert gate.name == "new"


async def test_what_was_read_is_changed_and_saved(database: Database) -> None:
    async with database.session():
        gate = await Gate.objects.get(id=3)
        gate.name = "changed"
        with assert_queries(1) as queries:
            await gate.save()
    async with database.session():
        assert (await Gate.objects.get(id=3)).name == "changed"
    assert queries.sql[0].startswith("UPDATE gate SET name=")


async def test_a_change_that_is_not_saved_is_written_by_the_commit(database: Database) -> None:
    async with database.session() as session:
        gate = await Gate.objects.get(id=3)
        gate.name = "changed"
        await session.commit()
    async with database.session():
        assert (await Gate.objects.get(id=3)).name == "changed"


async def test_objects_outlive_their_unit(database: Database) -> None:
    async with database.session():
        gate = await Gate.objects.get(id=3)
    assert gate.name == "G3"

    async with database.session():
        gate.name = "later"
        await gate.save()
    async with database.session():
        assert (await Gate.objects.get(id=3)).name == "later"


async def test_nobody_holds_what_nobody_needs(database: Database) -> None:
    async with database.session():
        for _ in range(3):
            await Gate.objects.all()
        gc.collect()

        assert list(current_unit().lane().loose.living()) == []


async def test_within_a_transaction_the_transaction_reads(database: Database) -> None:
    async with database.session(), atomic() as session:
        session.add(Gate(id=9, name="new", fee=Decimal(1), width=None, opened=OPENED))

        assert (await Gate.objects.get(id=9)).width is None
        assert not current_unit().lane().has_loose


async def test_what_waits_in_the_session_is_seen(database: Database) -> None:
    async with database.session() as session:
        session.add(Gate(id=9, name="new", fee=Decimal(1), width=None, opened=OPENED))

        assert await Gate.objects.filter(name="new").exists()
        assert (await Gate.objects.get(name="new")).id == 9
        await session.rollback()


async def test_what_is_read_can_be_inspected_changed_and_carried_elsewhere(
    database: Database,
) -> None:
    async with database.session():
        gates = await Gate.objects.order_by("id")
        carried = pickle.loads(pickle.dumps(gates[0]))
        copied = copy(gates[1])

    assert inspect(gates[2]).identity == (3,)
    assert inspect(gates[2]).detached
    assert (carried.id, carried.name, inspect(carried).identity) == (1, "G1", (1,))
    assert (copied.id, inspect(copied).identity) == (2, (2,))
    async with database.session():
        carried.name = "carried"
        await carried.save()
        assert await Gate.objects.get(id=1) is carried
    async with database.session():
        assert (await Gate.objects.get(id=1)).name == "carried"


async def test_threads_that_ask_at_once_find_the_same_state(database: Database) -> None:
    async with database.session():
        gates = await Gate.objects.all()

    def states(_: int) -> list[int]:
        return [id(inspect(gate)) for gate in gates]

    with ThreadPoolExecutor(8) as pool:
        found = {tuple(each) for each in pool.map(states, range(8))}
    assert len(found) == 1


def test_a_class_and_a_new_instance_have_the_state_that_sqlalchemy_gives_them() -> None:
    assert inspect(Gate(name="new", fee=1, opened=OPENED)).transient
    assert not hasattr(Gate, "_sa_instance_state")
    with pytest.raises(UnmappedInstanceError):
        object_session(object.__new__(Gate))


async def test_classes_of_plain_sqlalchemy_are_read_too(database: Database) -> None:
    async with database.session() as session:
        plane = await objects(Plane).get(id=3)

        assert (plane.name, plane in session) == ("G3", database.dialect != "postgresql")
        assert inspect(plane).identity == (3,)
        plane.name = "changed"
        await session.commit()
    async with database.session():
        assert (await Gate.objects.get(id=3)).name == "changed"


async def test_queries_of_one_shape_are_compiled_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []
    real = plans.compile_state
    monkeypatch.setattr(plans, "compile_state", lambda state: made.append(1) or real(state))

    async with database.session():
        names = [
            (await Gate.objects.filter(id__gte=number, name=f"G{number}").get()).name
            for number in range(1, 5)
        ]

    assert names == ["G1", "G2", "G3", "G4"]
    assert len(made) <= 1


async def test_the_order_belongs_to_the_shape(database: Database) -> None:
    async with database.session():
        await Gate.objects.filter(id=2).update(width=None)
        orders: list[Any] = [
            "id",
            "-id",
            F("width").asc(nulls_last=True),
            F("width").asc(nulls_first=True),
            F("fee").desc(),
        ]
        found = [[gate.id for gate in await Gate.objects.order_by(each, "id")] for each in orders]

    assert found == [
        [1, 2, 3, 4, 5],
        [5, 4, 3, 2, 1],
        [1, 3, 4, 5, 2],
        [2, 1, 3, 4, 5],
        [5, 4, 3, 2, 1],
    ]


async def test_values_are_checked_for_each_query_of_a_shape(database: Database) -> None:
    async with database.session():
        assert (await Gate.objects.get(id=1)).name == "G1"
        assert (await Gate.objects.get(id="2")).name == "G2"
        assert await Gate.objects.filter(id=10**30).first() is None
        assert len(await Gate.objects.filter(id__lt=10**30)) == 5
        with pytest.raises(InvalidValue, match="null character"):
            await Gate.objects.get(name="G\0")


async def test_statements_are_told_to_who_watches(database: Database) -> None:
    async with database.session():
        with assert_queries(1) as queries:
            await Gate.objects.get(id=3)

    assert "WHERE gate.id =" in queries.sql[0]


async def test_two_tasks_at_once_are_refused_here_too(database: Database) -> None:
    async with database.session():
        first, second = await gather(
            Gate.objects.get(id=1), Gate.objects.get(id=2), return_exceptions=True
        )

    assert isinstance(first, Gate)
    assert isinstance(second, ConcurrentUse)


@pytest.mark.on("postgresql")
async def test_a_dead_connection_is_not_noticed(database: Database, database_url: str) -> None:
    def kill() -> None:
        with postgres(database_url) as server:
            server.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    async with database.session():
        await Gate.objects.get(id=1)
        await to_thread(kill)
        assert (await Gate.objects.get(id=2)).name == "G2"
    assert database.engine.pool.checkedout() == 0


async def test_a_mistake_is_told_as_the_session_tells_it(database: Database) -> None:
    await database.drop_tables()
    async with database.session():
        with pytest.raises(Exception, match="gate") as direct:
            await Gate.objects.get(id=1)
        with pytest.raises(Exception, match="gate") as usual:
            await current_session().execute(select(Gate).where(Gate.id == 1))

    assert type(direct.value) is type(usual.value)
    assert database.engine.pool.checkedout() == 0


# -- Inserts ---------------------------------------------------------------------------------------


async def test_a_new_row_takes_the_short_way_on_postgresql(database: Database) -> None:
    async with database.session():
        with assert_queries(1):
            gate = await Gate.objects.create(name="new", fee="2.50", opened=OPENED)

        assert was_direct() is (database.dialect == "postgresql")
        assert gate.id is not None
        assert (gate.fee, gate.width) == (Decimal("2.50"), None)
        assert await Gate.objects.get(name="new") is gate
    async with database.session():
        stored = await Gate.objects.get(name="new")
        assert (stored.id, stored.fee, stored.opened) == (gate.id, Decimal("2.50"), OPENED)


@pytest.mark.parametrize("value", ["far", [5], 2**40, "\0"])
@pytest.mark.parametrize("is_within", [False, True])
async def test_what_no_column_can_hold_is_refused_by_either_way(
    database: Database, value: Any, is_within: bool
) -> None:
    async def save() -> None:
        lounge = Lounge(name="A", seats=1)
        lounge.seats = value
        await lounge.save()

    async def bulk_create() -> None:
        lounge = Lounge(name="B", seats=1)
        lounge.seats = value
        await Lounge.objects.bulk_create([lounge])

    async def change() -> None:
        lounge = await Lounge.objects.create(name="C", seats=1)
        lounge.seats = value
        await lounge.save()

    for write in (save, bulk_create, change):
        async with database.session():
            with pytest.raises(InvalidValue):
                async with atomic() if is_within else nullcontext():
                    await write()
            await current_session().rollback()
    async with database.session():
        assert [each.seats async for each in Lounge.objects.filter(name__in=["A", "B"])] == []


async def test_what_was_stored_is_changed_saved_and_deleted(database: Database) -> None:
    async with database.session():
        gate = await Gate.objects.create(name="new", fee=1, opened=OPENED)
        gate.name = "changed"
        with assert_queries(1) as queries:
            await gate.save()
        assert queries.sql[0].startswith("UPDATE gate SET name=")
        await gate.delete()

        assert not await Gate.objects.filter(name="changed").exists()


async def test_what_the_database_fills_in_comes_back(database: Database) -> None:
    async with database.session():
        lounge = await Lounge.objects.create(name="A")

        assert (lounge.seats, lounge.stars) == (40, 3)
    async with database.session():
        with pytest.raises(IntegrityFailure) as refused:
            await Lounge.objects.create(name="A")
        assert refused.value.kind == "unique"
        assert await Lounge.objects.count() == 1


async def test_who_listens_is_told_and_relations_are_stored(database: Database) -> None:
    seen: list[str] = []
    async with database.session():
        with post_save.connected(lambda gate, **more: seen.append(gate.name), Gate):
            await Gate.objects.create(name="heard", fee=1, opened=OPENED)
        lounge = await Lounge.objects.create(name="A")
        seat = await Seat.objects.create(number=1, lounge=lounge)
        other = await Seat.objects.create(number=2, lounge_name="A")

        assert seen == ["heard"]
        assert (seat.lounge_name, other.lounge_name) == ("A", "A")
        with pytest.raises(IntegrityFailure):
            await Seat.objects.create(number=3, lounge_name="nowhere")


async def test_within_a_transaction_a_new_row_is_undone_with_it(database: Database) -> None:
    async with database.session():
        with pytest.raises(ZeroDivisionError):
            async with atomic():
                await Gate.objects.create(name="new", fee=1, opened=OPENED)
                _ = 1 / 0

        assert not await Gate.objects.filter(name="new").exists()


@pytest.mark.on("postgresql")
async def test_an_insert_whose_connection_breaks_is_not_tried_again(
    database: Database, database_url: str
) -> None:
    def lock_and_kill() -> None:
        with postgres(database_url) as server:
            while not server.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone():
                pass

    async with database.session(), atomic():
        await execute(text("LOCK TABLE gate"))

        async def insert() -> None:
            async with database.session():
                await Gate.objects.create(name="new", fee=1, opened=OPENED)

        task = create_task(insert())
        await to_thread(lock_and_kill)
        with pytest.raises(Unavailable):
            await task

    async with database.session():
        assert not await Gate.objects.filter(name="new").exists()
    assert database.engine.pool.checkedout() == 0
