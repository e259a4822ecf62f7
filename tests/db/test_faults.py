"""What is survived: a server that goes away, killed connections, a full pool, conflicts, disks."""

from __future__ import annotations

from asyncio import CancelledError, Event, create_task, gather, sleep, timeout, to_thread
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from tests.db.cluster import Cluster, cluster
from tests.db.servers import postgres
from tests.db.tables import Airline, Base, Flight
from trivium import App, Depends, HTTPException
from trivium.db import (
    Database,
    PoolExhausted,
    SerializationFailure,
    Unavailable,
    atomic,
    engines,
    execute,
    session,
)
from trivium.testing import AsyncTestClient

INSERT = text("INSERT INTO airlines VALUES (:code, :code)")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Asks again and again, for as long as a test may take."""
    async with timeout(30):
        while not await condition():  # noqa: ASYNC110  # what others do sets no event
            await sleep(0.02)


async def count(database: Database) -> int:
    async with database.session():
        return (await execute(select(func.count()).select_from(Airline))).scalar_one()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(
        database_url, models=Base, pool_size=5, max_overflow=0, pool_timeout=0.5
    ) as database:
        await database.create_tables()
        yield database


OTHERS = (
    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)


def backends(url: str) -> int:
    """How many connections the server has for this database."""
    with postgres(url) as server:
        return int(server.execute(f"SELECT count(*) {OTHERS}").fetchone()[0])


def kill(url: str) -> None:
    """Kills every connection to this database, as an administrator or a fail-over does."""
    with postgres(url) as server:
        server.execute(f"SELECT pg_terminate_backend(pid, 5000) {OTHERS}")


# -- Killed connections ----------------------------------------------------------------------------


@pytest.mark.on("postgresql")
async def test_connections_killed_in_the_pool_are_not_noticed(
    database: Database, database_url: str
) -> None:
    await count(database)
    await to_thread(kill, database_url)

    assert await count(database) == 0


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
@pytest.mark.on("postgresql")
async def test_one_that_has_lain_idle_is_asked_whether_it_lives_before_a_transaction(
    database: Database, database_url: str, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "ALIVE_FOR", -1.0)
    url = database_url.replace("postgresql:", f"postgresql+{driver}:")
    async with Database(url, models=Base) as other:
        await count(other)
        await to_thread(kill, database_url)
        async with other.session(), atomic():
            await execute(INSERT, {"code": "UA"})

        assert await count(other) == 1


@pytest.mark.on("postgresql")
async def test_a_connection_killed_within_a_transaction_undoes_it_and_the_next_one_works(
    database: Database, database_url: str
) -> None:
    with pytest.raises(Unavailable):
        async with database.session(), atomic():
            await execute(INSERT, {"code": "UA"})
            await to_thread(kill, database_url)
            await execute(INSERT, {"code": "AA"})

    assert await count(database) == 0
    assert database.engine.pool.checkedout() == 0


@pytest.mark.on("postgresql")
async def test_a_connection_killed_before_the_commit_is_an_error_not_a_commit(
    database: Database, database_url: str
) -> None:
    with pytest.raises(Unavailable):
        async with database.session(), atomic():
            await execute(INSERT, {"code": "UA"})
            await to_thread(kill, database_url)

    assert await count(database) == 0
    assert database.engine.pool.checkedout() == 0


@pytest.mark.on("postgresql")
async def test_a_connection_killed_within_a_savepoint_undoes_all(
    database: Database, database_url: str
) -> None:
    with pytest.raises(Unavailable):
        async with database.session(), atomic():
            await execute(INSERT, {"code": "UA"})
            async with atomic():
                await execute(INSERT, {"code": "AA"})
                await to_thread(kill, database_url)

    assert await count(database) == 0


@pytest.mark.on("postgresql")
async def test_a_connection_killed_while_it_works_is_unavailable(
    database: Database, database_url: str
) -> None:
    async def slow() -> None:
        async with database.session(), atomic():
            await execute(text("SELECT pg_sleep(30)"))

    async def is_asleep() -> bool:
        with postgres(database_url) as server:
            row = server.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
            ).fetchone()
            return bool(row[0])

    task = create_task(slow())
    await until(is_asleep)
    await to_thread(kill, database_url)

    with pytest.raises(Unavailable):
        await task
    assert await count(database) == 0


# -- The server goes away and comes back -----------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    with cluster() as server:
        yield server


@pytest.mark.slow
async def test_a_server_that_is_stopped_and_started_under_load_is_survived(
    server: Cluster,
) -> None:
    app = App()
    async with Database(server.url, models=Base, pool_size=4, max_overflow=0) as database:
        app.install(database)
        await database.create_tables()

        @app.post("/{number}")
        async def create(number: int, db: AsyncSession = Depends(session)) -> int:
            db.add(Flight(number=number, airline_code="UA"))
            return number

        async with database.session() as own:
            own.add(Airline(code="UA", name="United"))
            await own.commit()

        promised: set[int] = set()
        statuses: set[int] = set()
        numbers = iter(range(1, 1_000_000))
        is_over = Event()

        async def load(client: AsyncTestClient) -> None:
            while not is_over.is_set():
                number = next(numbers)
                reply = await client.post(f"/{number}")
                statuses.add(reply.status_code)
                if reply.status_code == 200:
                    promised.add(number)
                await sleep(0)

        async def more_than(known: int) -> bool:
            return len(promised) > known + 20

        async def has_failed() -> bool:
            return 503 in statuses

        async with AsyncTestClient(app, raise_server_exceptions=False) as client:
            workers = [create_task(load(client)) for _ in range(8)]
            await until(lambda: more_than(0))
            await to_thread(server.stop)
            await until(has_failed)
            await to_thread(server.start)
            known = len(promised)
            await until(lambda: more_than(known))
            is_over.set()
            await gather(*workers)

        async with database.session():
            stored = set((await execute(select(Flight.number))).scalars())
        assert statuses == {200, 503}
        # what was promised is there; what was not may be there only if the server's answer to its
        # commit was lost, in the moment of the stop
        assert promised <= stored
        assert len(stored - promised) <= 8
        assert database.engine.pool.checkedout() == 0


async def test_a_server_that_is_not_there_is_unavailable_at_once() -> None:
    async with Database("postgresql://postgres@127.0.0.1:1/none") as database:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await count(database)


# -- A full pool -----------------------------------------------------------------------------------


async def test_a_full_pool_is_an_error_that_says_what_to_change(database: Database) -> None:
    async with database.session() as first, first.begin():
        others = [database.engine.connect() for _ in range(4)]
        await first.execute(select(Airline))
        for other in others:
            await other
        with pytest.raises(PoolExhausted, match="pool_size"):
            await count(database)
        for other in others:
            await other.close()


@pytest.mark.on("postgresql")
async def test_200_requests_at_once_share_5_connections(database: Database) -> None:
    app = App()
    app.install(database)

    @app.post("/{code}")
    async def create(code: str, db: AsyncSession = Depends(session)) -> int:
        await db.execute(INSERT, {"code": code})
        return (await db.execute(select(func.count()).select_from(Airline))).scalar_one()

    codes = [f"{first}{second}" for first in "ABCDEFGHIJ" for second in "ABCDEFGHIJKLMNOPQRST"]
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        replies = await gather(*(client.post(f"/{code}") for code in codes))

        statuses = [reply.status_code for reply in replies]
        assert set(statuses) <= {200, 503}
        assert all(
            reply.headers["retry-after"] == "1" for reply in replies if reply.status_code == 503
        )
        assert await count(database) == statuses.count(200)
    assert database.engine.pool.checkedout() == 0


@pytest.mark.on("postgresql")
async def test_a_pool_that_stays_full_is_503_and_the_server_answers_on(
    database: Database,
) -> None:
    app = App()
    app.install(database)
    release = Event()

    @app.post("/hold")
    async def hold(db: AsyncSession = Depends(session)) -> None:
        await db.execute(text("SELECT 1"))
        await release.wait()

    @app.post("/quick")
    async def quick(db: AsyncSession = Depends(session)) -> None:
        await db.execute(text("SELECT 1"))

    async def all_held() -> bool:
        return database.engine.pool.checkedout() == 5

    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        holders = [create_task(client.post("/hold")) for _ in range(5)]
        await until(all_held)
        # the others hold theirs until this one has its reply
        refused = await client.post("/quick")
        release.set()
        held = await gather(*holders)

        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        assert [reply.status_code for reply in held] == [200] * 5
        assert (await client.post("/quick")).status_code == 200


# -- Conflicts -------------------------------------------------------------------------------------


@pytest.mark.on("postgresql")
async def test_two_writers_in_conflict_are_told_and_a_retry_succeeds(database: Database) -> None:
    async with database.session(), atomic():
        await execute(INSERT, {"code": "0"})
    both_have_read = [Event(), Event()]

    async def raise_by_one(number: int, attempts: list[int]) -> None:
        async with database.session():

            @atomic(retry=3)
            async def transaction() -> None:
                attempts.append(number)
                await execute(text("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"))
                name = (await execute(text("SELECT name FROM airlines"))).scalar_one()
                both_have_read[number].set()
                await both_have_read[1 - number].wait()
                await execute(text("UPDATE airlines SET name = :n"), {"n": str(int(name) + 1)})

            await transaction()

    attempts: list[int] = []
    await gather(raise_by_one(0, attempts), raise_by_one(1, attempts))

    async with database.session():
        assert (await execute(text("SELECT name FROM airlines"))).scalar_one() == "2"
    assert len(attempts) == 3


@pytest.mark.on("postgresql")
async def test_without_a_retry_the_conflict_is_an_error_of_its_own_kind(
    database: Database,
) -> None:
    async with database.session(), atomic():
        await execute(INSERT, {"code": "0"})

    async def deadlock(first: str, second: str, mine: Event, other: Event) -> None:
        async with database.session(), atomic():
            await execute(text(f"LOCK TABLE {first}"))
            mine.set()
            await other.wait()
            await execute(text(f"LOCK TABLE {second}"))

    one, two = Event(), Event()
    results = await gather(
        deadlock("airlines", "flights", one, two),
        deadlock("flights", "airlines", two, one),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in results) == ["NoneType", "SerializationFailure"]


async def test_sqlite_waits_for_another_writer_and_then_says_that_it_was_in_the_way(
    tmp_path: Any,
) -> None:
    url = f"sqlite:///{tmp_path / 'busy.db'}"
    async with Database(url, models=Base, busy_timeout=0.05) as database:
        await database.create_tables()
        async with database.session(), atomic():
            await execute(INSERT, {"code": "UA"})

            async def other() -> None:
                async with database.session(), atomic():
                    await execute(INSERT, {"code": "AA"})

            with pytest.raises(SerializationFailure):
                await other()

        await other()
        assert await count(database) == 2


async def test_writers_of_sqlite_take_turns(tmp_path: Any) -> None:
    async with Database(f"sqlite:///{tmp_path / 'turns.db'}", models=Base) as database:
        await database.create_tables()

        async def raise_by_one() -> None:
            async with database.session(), atomic():
                name = (await execute(text("SELECT name FROM airlines"))).scalar_one()
                await execute(text("UPDATE airlines SET name = :n"), {"n": str(int(name) + 1)})

        async with database.session(), atomic():
            await execute(INSERT, {"code": "0"})
        await gather(*(raise_by_one() for _ in range(8)))

        async with database.session():
            assert (await execute(text("SELECT name FROM airlines"))).scalar_one() == "8"


# -- Clients and disks -----------------------------------------------------------------------------


@pytest.mark.essential
async def test_a_task_cancelled_in_a_transaction_undoes_it_and_gives_the_connection_back(
    database: Database,
) -> None:
    has_written = Event()

    async def interrupted() -> None:
        async with database.session(), atomic():
            await execute(INSERT, {"code": "UA"})
            has_written.set()
            await Event().wait()

    task = create_task(interrupted())
    await has_written.wait()
    task.cancel()

    with pytest.raises(CancelledError):
        await task
    assert database.engine.pool.checkedout() == 0
    assert await count(database) == 0


@pytest.mark.on("postgresql")
async def test_a_task_cancelled_while_the_database_works_leaves_no_connection_behind(
    database: Database, database_url: str
) -> None:
    async def slow() -> None:
        async with database.session(), atomic():
            await execute(INSERT, {"code": "UA"})
            await execute(text("SELECT pg_sleep(30)"))

    async def is_asleep() -> bool:
        with postgres(database_url) as server:
            row = server.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
            ).fetchone()
            return bool(row[0])

    task = create_task(slow())
    await until(is_asleep)
    task.cancel()

    with pytest.raises(CancelledError):
        await task
    assert database.engine.pool.checkedout() == 0
    assert await count(database) == 0


async def test_a_full_disk_undoes_the_transaction_and_nothing_else(tmp_path: Any) -> None:
    async with Database(f"sqlite:///{tmp_path / 'full.db'}", models=Base, pool_size=1) as database:
        await database.create_tables()
        async with database.session() as session:
            await session.execute(INSERT, {"code": "UA"})
            await session.commit()
            # the file may not grow: what the disk says when it is full, SQLITE_FULL
            pages = await session.scalar(text("SELECT page_count FROM pragma_page_count()"))
            await session.execute(text(f"PRAGMA max_page_count = {pages}"))
            await session.commit()

        with pytest.raises(DBAPIError, match="full"):
            async with database.session(), atomic():
                for number in range(1000):
                    await execute(INSERT, {"code": str(number)})

        assert await count(database) == 1


@pytest.mark.slow
@pytest.mark.on("postgresql")
async def test_mixed_requests_of_which_a_tenth_fails_leave_no_connection_behind(
    database: Database, database_url: str
) -> None:
    app = App()
    app.install(database)

    @app.get("/")
    async def read(db: AsyncSession = Depends(session)) -> int:
        return (await db.execute(select(func.count()).select_from(Flight))).scalar_one()

    @app.post("/{number}")
    async def write(number: int, db: AsyncSession = Depends(session)) -> int:
        db.add(Flight(number=number, airline_code="UA"))
        await db.flush()
        if number % 10 == 0:
            raise HTTPException(409)
        return number

    @app.put("/{number}")
    async def broken(number: int, db: AsyncSession = Depends(session)) -> None:
        await db.execute(text("SELECT nonsense"))

    async with database.session() as own:
        own.add(Airline(code="UA", name="United"))
        await own.commit()

    statuses: Counter[tuple[str, int]] = Counter()

    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        for start in range(1, 1001, 25):
            replies = await gather(
                *(client.post(f"/{number}") for number in range(start, start + 10)),
                *(client.get("/") for _ in range(13)),
                *(client.put(f"/{number}") for number in range(2)),
            )
            statuses.update((reply.request.method, reply.status_code) for reply in replies)

        assert database.engine.pool.checkedout() == 0
        assert backends(database_url) <= 5
        # on a busy machine the pool of five may be full for longer than it waits
        assert {status for _, status in statuses} <= {200, 409, 500, 503}
        assert statuses["POST", 409] > 0
        assert statuses["PUT", 500] > 0
        assert (await client.get("/")).json() == statuses["POST", 200] > 0
