"""What a unit of work promises: lazily made, one at a time, nothing lost silently."""

from __future__ import annotations

from asyncio import create_task, gather

import pytest
from sqlalchemy import func, select, text

from tests.db.tables import Airline, Base
from trivium.db import (
    ConcurrentUse,
    Database,
    NoSession,
    UncommittedWork,
    UnknownDatabase,
    atomic,
    current_session,
    execute,
)


@pytest.fixture
async def airlines(database: Database) -> Database:
    database._given_models = Base
    await database.create_tables()
    return database


async def count() -> int:
    return (await execute(select(func.count()).select_from(Airline))).scalar_one()


@pytest.mark.essential
async def test_what_is_committed_is_there_for_the_next_unit(airlines: Database) -> None:
    async with airlines.session() as session:
        session.add(Airline(code="UA", name="United"))
        await session.commit()

    async with airlines.session():
        assert await count() == 1


@pytest.mark.essential
async def test_a_read_outside_of_a_transaction_holds_no_connection(airlines: Database) -> None:
    async with airlines.session() as session:
        await session.execute(select(Airline))

        assert airlines.engine.pool.checkedout() == 0
        assert not session.in_transaction()


async def test_changes_that_nobody_committed_are_an_error_and_undone(airlines: Database) -> None:
    with pytest.raises(UncommittedWork, match=r"async with atomic\(\)"):
        async with airlines.session() as session:
            session.add(Airline(code="UA", name="United"))
            await session.flush()

    async with airlines.session():
        assert await count() == 0


async def test_what_was_added_and_never_flushed_is_an_error_too(airlines: Database) -> None:
    with pytest.raises(UncommittedWork):
        async with airlines.session() as session:
            session.add(Airline(code="UA", name="United"))


async def test_a_read_commits_nothing_that_waits_in_the_session(airlines: Database) -> None:
    with pytest.raises(UncommittedWork):
        async with airlines.session() as session:
            session.add(Airline(code="UA", name="United"))
            with session.no_autoflush:
                await session.execute(select(Airline))

    async with airlines.session():
        assert await count() == 0


async def test_an_error_leaves_as_it_is_and_undoes_the_changes(airlines: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with airlines.session() as session:
            session.add(Airline(code="UA", name="United"))
            await session.flush()
            _ = 1 / 0

    async with airlines.session():
        assert await count() == 0


@pytest.mark.essential
async def test_two_tasks_on_one_session_are_an_error_that_names_the_fix(
    airlines: Database,
) -> None:
    async with airlines.session() as session:
        first, second = await gather(
            session.execute(text("SELECT 1")),
            session.execute(text("SELECT 1")),
            return_exceptions=True,
        )

        assert isinstance(second, ConcurrentUse)
        assert "async with database.session()" in str(second)
        assert not isinstance(first, BaseException)

        assert await session.scalar(text("SELECT 1")) == 1


async def test_tasks_with_sessions_of_their_own_run_at_the_same_time(airlines: Database) -> None:
    async def number(value: int) -> int:
        async with airlines.session() as session:
            return int(await session.scalar(select(func.abs(-value))) or 0)

    async with airlines.session():
        assert await gather(*map(number, range(1, 8))) == [1, 2, 3, 4, 5, 6, 7]


async def test_without_a_unit_the_error_names_what_makes_one() -> None:
    with pytest.raises(NoSession, match=r"app\.install\(Database\(url\)\)"):
        current_session()


async def test_a_task_that_outlives_its_unit_is_told_so(airlines: Database) -> None:
    async def late() -> None:
        current_session()

    async with airlines.session():
        task = create_task(late())
    with pytest.raises(NoSession, match="has ended"):
        await task


async def test_a_database_that_there_is_not_is_named_with_those_that_there_are(
    airlines: Database,
) -> None:
    async with airlines.session():
        with pytest.raises(UnknownDatabase, match="There are: default"):
            current_session("analytics")


@pytest.mark.essential
async def test_a_write_by_execute_commits_by_itself(airlines: Database) -> None:
    async with airlines.session():
        await execute(text("INSERT INTO airlines VALUES ('UA', 'United')"), write=True)

    async with airlines.session():
        assert await count() == 1


@pytest.mark.on("postgresql", "mariadb")
async def test_a_unit_of_its_own_inside_of_another_one_is_another_transaction(
    airlines: Database,
) -> None:
    async with airlines.session(), atomic():
        await execute(text("INSERT INTO airlines VALUES ('UA', 'United')"), write=True)
        async with airlines.session():
            assert await count() == 0
        assert await count() == 1
