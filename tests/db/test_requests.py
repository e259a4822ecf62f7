"""A request and its unit of work: one session, one transaction, committed before the reply."""

from __future__ import annotations

from asyncio import Event, Task, create_task
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse

from tests.db.tables import Airline, Base
from trivium import App, BackgroundTasks, Depends, HTTPException, WebSocket
from trivium.db import (
    Database,
    DoesNotExist,
    NoSession,
    PoolExhausted,
    atomic,
    current_session,
    execute,
    session,
    wait,
    without_transaction,
)
from trivium.testing import AsyncTestClient

pytestmark = pytest.mark.essential


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, models=Base, not_found=True) as database:
        await database.create_tables()
        yield database


@pytest.fixture
def app(database: Database) -> App:
    app = App()
    app.install(database)
    return app


@pytest.fixture
async def client(app: App) -> AsyncIterator[AsyncTestClient]:
    async with AsyncTestClient(app, raise_server_exceptions=False) as client:
        yield client


async def codes() -> list[str]:
    return list((await execute(select(Airline.code).order_by(Airline.code))).scalars())


async def committed(database: Database) -> list[str]:
    """What another unit of work sees."""
    async with database.session():
        return await codes()


async def test_a_handler_that_writes_need_not_commit(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    @app.post("/{code}")
    async def create(code: str, db: AsyncSession = Depends(session)) -> str:
        db.add(Airline(code=code, name=code))
        return code

    assert (await client.post("/UA")).status_code == 200

    assert await committed(database) == ["UA"]


async def test_the_dependency_and_the_current_session_are_the_same(
    app: App, client: AsyncTestClient
) -> None:
    @app.get("/")
    async def same(db: AsyncSession = Depends(session)) -> bool:
        return db is current_session()

    assert (await client.get("/")).json() is True


@pytest.mark.parametrize(
    ("error", "status"),
    [(HTTPException(409), 409), (ZeroDivisionError(), 500)],
    ids=["http", "any"],
)
async def test_an_error_undoes_what_the_request_has_written(
    app: App, client: AsyncTestClient, database: Database, error: Exception, status: int
) -> None:
    @app.post("/")
    async def create(db: AsyncSession = Depends(session)) -> None:
        db.add(Airline(code="UA", name="United"))
        await db.flush()
        raise error

    assert (await client.post("/")).status_code == status

    assert await committed(database) == []
    assert database.engine.pool.checkedout() == 0


async def test_what_fails_at_the_commit_is_the_reply(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    @app.post("/")
    async def create(db: AsyncSession = Depends(session)) -> str:
        db.add(Airline(code="UA", name=None))
        return "created"

    @app.exception_handler(IntegrityError)
    async def refused(request: Any, error: Exception) -> Any:
        return JSONResponse({"detail": type(error).__name__}, 409)

    reply = await client.post("/")

    assert (reply.status_code, reply.json()) == (409, {"detail": "IntegrityFailure"})
    assert await committed(database) == []


async def test_the_connection_is_given_back_before_the_reply_is_sent(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    seen: list[int] = []

    @app.post("/")
    async def create(tasks: BackgroundTasks) -> None:
        await execute(text("INSERT INTO airlines VALUES ('UA', 'United')"), write=True)
        assert database.engine.pool.checkedout() == 1
        tasks.add_task(lambda: seen.append(database.engine.pool.checkedout()))

    assert (await client.post("/")).status_code == 200

    assert seen == [0]


async def test_a_request_that_asks_no_database_gets_no_connection(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    @app.post("/")
    async def nothing(db: AsyncSession = Depends(session)) -> int:
        return database.engine.pool.checkedout()

    assert (await client.post("/")).json() == 0


async def test_what_reads_outside_of_a_transaction_holds_no_connection(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    @app.get("/")
    async def read() -> int:
        await codes()
        return database.engine.pool.checkedout()

    assert (await client.get("/")).json() == 0


async def test_a_background_task_has_a_session_after_the_commit(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    seen: list[list[str]] = []

    async def after() -> None:
        seen.append(await codes())
        async with atomic():
            await execute(text("INSERT INTO airlines VALUES ('AA', 'American')"))

    @app.post("/")
    async def create(tasks: BackgroundTasks) -> None:
        await execute(text("INSERT INTO airlines VALUES ('UA', 'United')"), write=True)
        tasks.add_task(after)

    assert (await client.post("/")).status_code == 200

    assert seen == [["UA"]]
    assert await committed(database) == ["AA", "UA"]


async def test_a_handler_that_streams_may_query_while_it_does(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    @app.get("/")
    async def each() -> AsyncIterator[list[str]]:
        yield await codes()
        async with atomic():
            await execute(text("INSERT INTO airlines VALUES ('UA', 'United')"))
        yield await codes()

    reply = await client.get("/")

    assert reply.text.split() == ["[]", '["UA"]']
    assert database.engine.pool.checkedout() == 0


async def test_a_def_handler_uses_the_same_session(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    @app.post("/")
    def create(db: AsyncSession = Depends(session)) -> bool:
        wait(execute(text("INSERT INTO airlines VALUES ('UA', 'United')"), write=True))
        assert wait(db.scalar(select(func.count()).select_from(Airline))) == 1
        return db is current_session()

    @app.post("/fail")
    def fail() -> None:
        wait(execute(text("INSERT INTO airlines VALUES ('AA', 'American')"), write=True))
        raise HTTPException(400)

    assert (await client.post("/")).json() is True
    assert (await client.post("/fail")).status_code == 400

    assert await committed(database) == ["UA"]


async def test_a_def_dependency_with_yield_may_still_write_after_the_handler(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    def audited() -> Iterator[None]:
        yield
        wait(execute(text("INSERT INTO airlines VALUES ('ZZ', 'audit')"), write=True))

    @app.post("/", dependencies=[Depends(audited, scope="function")])
    async def create() -> None:
        await execute(text("INSERT INTO airlines VALUES ('UA', 'United')"), write=True)

    assert (await client.post("/")).status_code == 200

    assert await committed(database) == ["UA", "ZZ"]


async def test_a_route_can_do_without_the_transaction(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    @app.post("/", dependencies=[Depends(without_transaction)])
    async def create() -> None:
        await execute(text("INSERT INTO airlines VALUES ('UA', 'United')"), write=True)
        raise HTTPException(400)

    assert (await client.post("/")).status_code == 400

    assert await committed(database) == ["UA"]


async def test_a_missing_row_is_a_404_where_that_is_asked_for(
    app: App, client: AsyncTestClient
) -> None:
    @app.get("/")
    async def read() -> None:
        raise DoesNotExist("There is no such airline")

    assert (await client.get("/")).status_code == 404


async def test_a_full_pool_is_503_with_a_time_to_try_again(
    app: App, client: AsyncTestClient
) -> None:
    @app.get("/")
    async def read() -> None:
        raise PoolExhausted("no connection")

    reply = await client.get("/")

    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")


async def test_a_reply_of_200_means_that_the_work_is_committed(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    @app.put("/{code}")
    async def create(code: str) -> None:
        await execute(
            text("INSERT INTO airlines VALUES (:code, :code)"), {"code": code}, write=True
        )

    statuses = {code: (await client.put(f"/{code}")).status_code for code in ["UA", "AA", "DL"]}
    again = (await client.put("/UA")).status_code

    assert statuses == {"UA": 200, "AA": 200, "DL": 200}
    assert again == 500
    assert await committed(database) == ["AA", "DL", "UA"]


async def test_behind_middleware_the_commit_comes_before_the_reply_as_well(
    app: App, database: Database
) -> None:
    seen: list[tuple[int, list[str]]] = []

    @app.middleware("http")
    async def look(request: Any, call_next: Any) -> Any:
        reply = await call_next(request)
        seen.append((reply.status_code, await committed(database)))
        return reply

    @app.post("/{code}")
    async def create(code: str, db: AsyncSession = Depends(session)) -> None:
        db.add(Airline(code=code, name=code))
        await db.flush()
        if code == "XX":
            raise HTTPException(409)

    async with AsyncTestClient(app) as client:
        await client.post("/UA")
        await client.post("/XX")

    assert seen == [(200, ["UA"]), (409, ["UA"])]
    assert database.engine.pool.checkedout() == 0


async def test_a_task_started_by_a_request_has_no_session_after_its_end(
    app: App, client: AsyncTestClient
) -> None:
    tasks: list[Task[None]] = []
    is_answered = Event()

    async def late() -> None:
        await is_answered.wait()
        current_session()

    @app.get("/")
    async def start() -> None:
        tasks.append(create_task(late()))

    await client.get("/")
    is_answered.set()

    with pytest.raises(NoSession, match="has ended"):
        await tasks[0]


async def test_a_websocket_has_a_unit_of_work_in_which_each_write_commits(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    @app.websocket("/")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        async for code in websocket.iter_text():
            await execute(
                text("INSERT INTO airlines VALUES (:code, :code)"), {"code": code}, write=True
            )
            await websocket.send_json(await codes())

    async with client.websocket_connect("/") as websocket:
        await websocket.send_text("UA")
        assert await websocket.receive_json() == ["UA"]
        assert await committed(database) == ["UA"]
    assert database.engine.pool.checkedout() == 0


async def test_an_exception_handler_may_query_after_the_rollback(
    app: App, client: AsyncTestClient
) -> None:
    @app.exception_handler(ZeroDivisionError)
    async def count(request: Any, error: Exception) -> Any:
        return JSONResponse(await codes(), 400)

    @app.post("/")
    async def fail() -> None:
        await execute(text("INSERT INTO airlines VALUES ('UA', 'United')"), write=True)
        _ = 1 / 0

    reply = await client.post("/")

    assert (reply.status_code, reply.json()) == (400, [])


async def test_a_client_that_vanishes_within_a_transaction_leaves_it_whole(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    has_written, may_go_on = Event(), Event()

    @app.post("/")
    async def create() -> None:
        await execute(text("INSERT INTO airlines VALUES ('UA', 'United')"), write=True)
        has_written.set()
        await may_go_on.wait()
        await execute(text("INSERT INTO airlines VALUES ('AA', 'American')"), write=True)

    async def leave() -> None:
        await has_written.wait()
        may_go_on.set()

    await client.disconnect_after("POST", "/", when=leave)

    assert await committed(database) == ["AA", "UA"]
    assert database.engine.pool.checkedout() == 0


async def test_a_websocket_that_is_closed_within_a_transaction_undoes_it(
    app: App, client: AsyncTestClient, database: Database
) -> None:
    has_written = Event()

    @app.websocket("/")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        async with atomic():
            await execute(text("INSERT INTO airlines VALUES ('UA', 'United')"))
            has_written.set()
            await websocket.receive_text()

    async with client.websocket_connect("/") as websocket:
        await has_written.wait()
        await websocket.disconnect()

    assert await committed(database) == []
    assert database.engine.pool.checkedout() == 0
