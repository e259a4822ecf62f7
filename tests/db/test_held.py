"""Reads and writes within a transaction: with the session or past it, they mean the same."""

from __future__ import annotations

from asyncio import CancelledError, create_task, gather, to_thread
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import ForeignKey, func, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from tests.db.servers import postgres
from trivium import App, Depends, HTTPException
from trivium.db import (
    ConcurrentUse,
    Database,
    F,
    IntegrityFailure,
    Model,
    RowIsGone,
    TransactionMisuse,
    Unavailable,
    atomic,
    current_unit,
    execute,
    on_commit,
    session,
)
from trivium.db.testing import assert_queries
from trivium.testing import AsyncTestClient


class Base(Model, base=True):
    __abstract__ = True


class Belt(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    bags: Mapped[int] = mapped_column(default=0)


class Oiled(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    times: Mapped[int] = mapped_column(default=0)
    at: Mapped[datetime | None] = mapped_column(onupdate=lambda: datetime(2026, 11, 26, tzinfo=UTC))


class Bag(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    belt: Mapped[int] = mapped_column(ForeignKey("belt.id", deferrable=True, initially="DEFERRED"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, models=Base) as database:
        await database.create_tables()
        async with database.session():
            await Belt.objects.bulk_create([Belt(name=name) for name in "abc"])
        yield database
        assert database.engine.pool.checkedout() == 0


async def names(database: Database) -> list[str]:
    async with database.session():
        return list(await Belt.objects.order_by("name").values_list("name", flat=True))


def is_past_the_session() -> bool:
    lane = current_unit().lane()
    return lane.held is not None and not lane.is_used


async def test_plain_reads_and_writes_of_a_transaction_pass_the_session_by_on_postgresql(
    database: Database,
) -> None:
    async with database.session():
        async with atomic():
            belt = await Belt.objects.get(name="a")
            belt.bags = 7
            with assert_queries(1) as queries:
                await belt.save()
            made = await Belt.objects.create(name="d")
            again = await Belt.objects.get(name="d")
            passed_by = is_past_the_session()

        assert passed_by is (database.dialect == "postgresql")
        assert again is made
        assert queries.sql[0].startswith("UPDATE belt SET bags=")
        assert current_unit().lane().held is None
    assert await names(database) == ["a", "b", "c", "d"]
    async with database.session():
        assert (await Belt.objects.get(name="a")).bags == 7


async def test_an_error_undoes_all_and_new_objects_are_new_again(database: Database) -> None:
    async with database.session():
        with pytest.raises(ZeroDivisionError):
            async with atomic():
                made = await Belt.objects.create(name="d")
                belt = await Belt.objects.get(name="a")
                belt.bags = 7
                await belt.save()
                _ = 1 / 0

        assert inspect(made).transient
        assert (await Belt.objects.get(name="a")).bags == 0
        await made.save()
    assert await names(database) == ["a", "b", "c", "d"]


async def test_what_is_not_saved_is_written_by_the_commit_whoever_holds_it(
    database: Database,
) -> None:
    async with database.session():
        async with atomic():
            for belt in await Belt.objects.order_by("id"):
                belt.bags = belt.id
            made = await Belt.objects.create(name="d")
            made.bags = 9
            del belt, made

        assert await Belt.objects.order_by("id").values_list("bags", flat=True) == [1, 2, 3, 9]


async def test_a_read_sees_what_is_not_saved_yet(database: Database) -> None:
    async with database.session(), atomic():
        belt = await Belt.objects.get(name="a")
        belt.bags = 7

        assert await Belt.objects.get(bags=7) is belt
        assert await Belt.objects.filter(bags=7).count() == 1


async def test_the_session_goes_on_in_the_same_transaction(database: Database) -> None:
    async with database.session():
        with pytest.raises(LookupError):
            async with atomic() as own:
                made = await Belt.objects.create(name="d")
                found = (await own.execute(select(Belt).where(Belt.name == "d"))).scalar_one()
                own.add(Belt(name="e"))
                count = await own.scalar(select(func.count()).select_from(Belt))
                raise LookupError

        assert (found, count) == (made, 5)
        assert inspect(made).transient
    assert await names(database) == ["a", "b", "c"]


async def test_statements_of_both_are_committed_together(database: Database) -> None:
    async with database.session(), atomic():
        await Belt.objects.create(name="d")
        await execute(text("UPDATE belt SET bags = 3"), write=True)
        await Belt.objects.create(name="e")
        assert (await Belt.objects.get(name="d")).bags == 3

    assert await names(database) == ["a", "b", "c", "d", "e"]


async def test_a_savepoint_undoes_its_own_part(database: Database) -> None:
    async with database.session(), atomic():
        outer = await Belt.objects.create(name="d")
        with pytest.raises(LookupError):
            async with atomic():
                inner = await Belt.objects.create(name="e")
                outer.bags = 5
                await outer.save()
                raise LookupError
        await Belt.objects.create(name="f")

        assert inspect(inner).transient
        assert (await Belt.objects.get(name="d")).bags == 0
    assert await names(database) == ["a", "b", "c", "d", "f"]


async def test_a_statement_that_failed_is_not_committed_around(database: Database) -> None:
    async with database.session():
        with pytest.raises(TransactionMisuse):
            async with atomic():
                await Belt.objects.create(name="d")
                with pytest.raises(IntegrityFailure) as refused:
                    await Belt.objects.create(name="a")
                with pytest.raises(TransactionMisuse):
                    await Belt.objects.get(name="a")

        assert refused.value.kind == "unique"
        assert (await Belt.objects.get(name="a")).bags == 0
    assert await names(database) == ["a", "b", "c"]


@pytest.mark.on("postgresql")
async def test_a_read_that_failed_is_not_committed_around(database: Database) -> None:
    async with database.session():
        with pytest.raises(TransactionMisuse):
            async with atomic():
                await Belt.objects.create(name="d")
                await execute(text("ALTER TABLE belt RENAME bags TO cases"), write=True)
                with pytest.raises(Exception, match="bags"):
                    await Belt.objects.get(name="a")
    assert await names(database) == ["a", "b", "c"]


@pytest.mark.on("postgresql")
async def test_what_the_commit_refuses_is_undone(database: Database) -> None:
    async with database.session():
        with pytest.raises(IntegrityFailure) as refused:
            async with atomic():
                bag = await Bag.objects.create(belt=99)

        assert refused.value.kind == "foreign key"
        assert inspect(bag).transient
        assert await Bag.objects.count() == 0


async def test_a_row_that_is_gone_is_told(database: Database) -> None:
    async with database.session():
        with pytest.raises(RowIsGone):
            async with atomic():
                belt = await Belt.objects.get(name="a")
                await execute(text("DELETE FROM belt"), write=True)
                belt.bags = 7
                await belt.save()
    assert await names(database) == ["a", "b", "c"]


async def test_changes_that_are_more_than_columns_are_saved_too(database: Database) -> None:
    async with database.session(), atomic():
        belt = await Belt.objects.get(name="a")
        belt.bags = F("bags") + 4  # type: ignore[assignment]  # worked out by the database
        await belt.save()
        other = await Belt.objects.get(name="b")
        other.id = 50
        await other.save()
        oiled = await Oiled.objects.create()
        oiled.times = 1
        await oiled.save()
    async with database.session():
        assert (await Belt.objects.get(name="a")).bags == 4
        assert (await Belt.objects.get(name="b")).id == 50
        assert (await Oiled.objects.get()).at == datetime(2026, 11, 26, tzinfo=UTC)


async def test_saving_what_has_not_changed_sends_nothing(database: Database) -> None:
    async with database.session(), atomic():
        belt = await Belt.objects.get(name="a")
        belt.bags = belt.bags
        with assert_queries(0):
            await belt.save()


async def test_callbacks_wait_for_the_commit(database: Database) -> None:
    seen: list[list[str]] = []

    async def called() -> None:
        seen.append(await names(database))

    async with database.session():
        async with atomic():
            await Belt.objects.create(name="d")
            await on_commit(called)
            assert seen == []
        assert seen == [["a", "b", "c", "d"]]


async def test_two_tasks_in_one_transaction_are_refused(database: Database) -> None:
    async with database.session():
        with pytest.raises(ConcurrentUse):
            async with atomic():
                await Belt.objects.create(name="d")
                both = Belt.objects.get(name="a"), Belt.objects.get(name="b")
                _, refused = await gather(*both, return_exceptions=True)
                assert isinstance(refused, ConcurrentUse)
                raise refused
    assert await names(database) == ["a", "b", "c"]


@pytest.mark.on("postgresql")
async def test_a_transaction_whose_connection_breaks_is_undone(
    database: Database, database_url: str
) -> None:
    def kill() -> None:
        with postgres(database_url) as server:
            server.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    async with database.session():
        with pytest.raises(TransactionMisuse):
            async with atomic():
                await Belt.objects.create(name="d")
                await to_thread(kill)
                with pytest.raises(Unavailable):
                    await Belt.objects.create(name="e")
                with pytest.raises(TransactionMisuse):
                    await execute(text("UPDATE belt SET bags = 3"), write=True)

        assert await Belt.objects.filter(name="d").first() is None
        await Belt.objects.create(name="f")
    assert await names(database) == ["a", "b", "c", "f"]


@pytest.mark.on("postgresql")
async def test_a_transaction_that_is_cancelled_at_a_statement_is_undone(
    database: Database, database_url: str
) -> None:
    async def change() -> None:
        async with database.session(), atomic():
            await Belt.objects.create(name="d")
            await Belt.objects.create(name="waits")

    def wait_for_the_lock() -> None:
        with postgres(database_url) as server:
            while not server.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone():
                pass

    async with database.session(), atomic():
        await execute(text("INSERT INTO belt (name, bags) VALUES ('waits', 0)"), write=True)
        task = create_task(change())
        await to_thread(wait_for_the_lock)
        task.cancel()
        with pytest.raises(CancelledError):
            await task
    assert await names(database) == ["a", "b", "c", "waits"]


async def test_the_transaction_of_a_request(database: Database) -> None:
    app = App()
    app.install(database)

    @app.post("/belts/{name}")
    async def make(name: str) -> int:
        belt = await Belt.objects.create(name=name)
        belt.bags = 5
        if name == "refused":
            raise HTTPException(409)
        return belt.bags

    @app.post("/halfway/{name}")
    async def commit_halfway(name: str, db: AsyncSession = Depends(session)) -> None:
        await Belt.objects.create(name=name)
        await db.commit()
        await Belt.objects.create(name=f"{name} again")
        raise HTTPException(409)

    async with AsyncTestClient(app) as client:
        assert (await client.post("/belts/d")).json() == 5
        assert (await client.post("/belts/refused")).status_code == 409
        assert (await client.post("/halfway/e")).status_code == 409
        assert await names(database) == ["a", "b", "c", "d", "e"]
        async with database.session():
            assert (await Belt.objects.get(name="d")).bags == 5


@pytest.mark.on("postgresql")
async def test_very_many_rows_are_undone_with_their_transaction(database: Database) -> None:
    async with database.session():
        with pytest.raises(LookupError):
            async with atomic():
                await Belt.objects.bulk_create([Belt(name=f"{n}") for n in range(600)])
                assert is_past_the_session()
                raise LookupError
        with pytest.raises(Exception, match="Combined"):
            async with atomic():
                belts = [Belt(name=f"{n}") for n in range(600)]
                belts[5].bags = F("id") + 1  # type: ignore[assignment]  # worked out there
                await Belt.objects.bulk_create(belts)
    assert await names(database) == ["a", "b", "c"]
