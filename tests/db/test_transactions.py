"""``atomic``: committed or undone as a whole, nested, durable, tried again."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text

from tests.db.tables import Airline, Base
from trivium.db import Database, TransactionMisuse, atomic, current_session, execute, on_commit


@pytest.fixture
async def airlines(database: Database) -> Database:
    database._given_models = Base
    await database.create_tables()
    return database


async def insert(code: str) -> None:
    await execute(text("INSERT INTO airlines VALUES (:code, :code)"), {"code": code}, write=True)


async def codes() -> list[str]:
    return list((await execute(select(Airline.code).order_by(Airline.code))).scalars())


@pytest.mark.essential
async def test_a_block_commits_at_its_end(airlines: Database) -> None:
    async with airlines.session():
        async with atomic() as session:
            session.add(Airline(code="UA", name="United"))

        assert airlines.engine.pool.checkedout() == 0
    async with airlines.session():
        assert await codes() == ["UA"]


@pytest.mark.essential
async def test_an_error_undoes_the_whole_block(airlines: Database) -> None:
    async with airlines.session():
        with pytest.raises(ZeroDivisionError):
            async with atomic():
                await insert("UA")
                _ = 1 / 0

        assert await codes() == []


@pytest.mark.essential
async def test_a_block_inside_of_a_block_is_undone_alone(airlines: Database) -> None:
    async with airlines.session():
        async with atomic():
            await insert("UA")
            with pytest.raises(ZeroDivisionError):
                async with atomic():
                    await insert("AA")
                    _ = 1 / 0
            async with atomic():
                await insert("DL")

        assert await codes() == ["DL", "UA"]


async def test_an_error_outside_undoes_what_an_inner_block_has_done(airlines: Database) -> None:
    async with airlines.session():
        with pytest.raises(ZeroDivisionError):
            async with atomic():
                async with atomic():
                    await insert("AA")
                _ = 1 / 0

        assert await codes() == []


async def test_it_decorates_a_function(airlines: Database) -> None:
    @atomic
    async def two(first: str, second: str) -> str:
        await insert(first)
        await insert(second)
        return first

    async with airlines.session():
        assert await two("AA", "DL") == "AA"
        with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
            await two("UA", "AA")

        assert await codes() == ["AA", "DL"]


async def test_durable_inside_of_another_block_is_refused(airlines: Database) -> None:
    async with airlines.session(), atomic():
        with pytest.raises(TransactionMisuse, match="durable=True"):
            async with atomic(durable=True):
                raise NotImplementedError


async def test_a_block_cannot_be_tried_again_and_the_error_says_what_can(
    airlines: Database,
) -> None:
    async with airlines.session():
        with pytest.raises(TransactionMisuse, match=r"@atomic\(retry=2\)"):
            async with atomic(retry=2):
                raise NotImplementedError


@pytest.mark.parametrize("verb", ["commit", "rollback"])
async def test_ending_the_transaction_inside_of_a_block_is_refused(
    airlines: Database, verb: str
) -> None:
    async with airlines.session(), atomic():
        with pytest.raises(TransactionMisuse, match="leave the block"):
            await getattr(current_session(), verb)()


async def test_callbacks_run_after_the_commit_in_order(airlines: Database) -> None:
    seen: list[object] = []

    async def told() -> None:
        seen.append(await codes())

    async with airlines.session():
        async with atomic():
            await insert("UA")
            await on_commit(told)
            await on_commit(lambda: seen.append("second"))
            assert seen == []

        assert seen == [["UA"], "second"]


async def test_callbacks_of_what_is_undone_are_forgotten(airlines: Database) -> None:
    seen: list[str] = []
    async with airlines.session():
        async with atomic():
            await on_commit(lambda: seen.append("outer"))
            with pytest.raises(ZeroDivisionError):
                async with atomic():
                    await on_commit(lambda: seen.append("inner"))
                    _ = 1 / 0
        with pytest.raises(ZeroDivisionError):
            async with atomic():
                await on_commit(lambda: seen.append("undone"))
                _ = 1 / 0

    assert seen == ["outer"]


async def test_outside_of_a_transaction_a_callback_is_called_at_once(airlines: Database) -> None:
    seen: list[str] = []
    async with airlines.session():
        await on_commit(lambda: seen.append("now"))

        assert seen == ["now"]


async def test_all_callbacks_run_also_after_one_that_fails(airlines: Database) -> None:
    seen: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError

    async with airlines.session():
        with pytest.raises(ZeroDivisionError):
            async with atomic():
                await insert("UA")
                await on_commit(fail)
                await on_commit(lambda: seen.append("second"))

        assert seen == ["second"]
        assert await codes() == ["UA"]


async def test_sqlalchemys_own_block_works_and_commits(airlines: Database) -> None:
    async with airlines.session() as session:
        async with session.begin():
            session.add(Airline(code="UA", name="United"))

    async with airlines.session():
        assert (await execute(select(func.count()).select_from(Airline))).scalar_one() == 1
