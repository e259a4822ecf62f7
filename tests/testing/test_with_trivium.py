"""The clients on a Trivium app: overrides reach dependencies, disconnects reach their teardown."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import aiosqlite
import anyio
import pytest

from trivium import APIRouter, App, Depends, Request, UploadFile, WebSocket, WebSocketDisconnect
from trivium.fastapi.responses import EventSourceResponse, StreamingResponse
from trivium.testing import AsyncTestClient, TestClient


def database() -> str:
    return "real"


def mailer() -> str:
    return "real mailer"


def fake() -> str:
    return "fake"


def other() -> str:
    return "other"


Database = Annotated[str, Depends(database)]


def service(db: Database, mail: Annotated[str, Depends(mailer)]) -> list[str]:
    return [db, mail]


def make_app() -> App:
    app = App()
    router = APIRouter(prefix="/nested")

    @app.get("/plain")
    async def plain(db: Database) -> str:
        return db

    @router.get("/deep")
    def deep(service: Annotated[list[str], Depends(service)]) -> list[str]:
        return service

    @app.websocket("/socket")
    async def socket(socket: WebSocket, db: Database) -> None:
        await socket.accept()
        await socket.send_text(db)
        await socket.close()

    app.include_router(router)
    mounted = App()
    mounted.get("/plain")(plain)
    app.mount("/mounted", mounted)
    return app


@pytest.mark.parametrize("path", ["/plain", "/mounted/plain"])
def test_a_clients_overrides_reach_the_app_and_the_apps_below_it(path: str) -> None:
    app = make_app()

    assert TestClient(app, overrides={database: fake}).get(path).json() == "fake"
    assert TestClient(app).get(path).json() == "real"
    assert app.dependency_overrides == {}


def test_overrides_reach_dependencies_of_dependencies() -> None:
    client = TestClient(make_app(), overrides={database: fake})

    assert client.get("/nested/deep").json() == ["fake", "real mailer"]
    with client.overriding({mailer: other}):
        assert client.get("/nested/deep").json() == ["fake", "other"]
    assert client.get("/nested/deep").json() == ["fake", "real mailer"]


def test_overrides_reach_websockets() -> None:
    with TestClient(make_app(), overrides={database: fake}).websocket_connect("/socket") as session:
        assert session.receive_text() == "fake"


def test_a_clients_overrides_come_before_the_apps_own_which_count_for_the_rest() -> None:
    app = make_app()
    app.dependency_overrides = {database: other, mailer: other}

    assert TestClient(app, overrides={database: fake}).get("/nested/deep").json() == [
        "fake",
        "other",
    ]


def test_parallel_clients_of_one_app_never_see_each_others_overrides() -> None:
    app = make_app()
    together = threading.Barrier(8)

    def ask(number: int) -> set[str]:
        client = TestClient(app, overrides={database: lambda: f"fake {number}"})
        together.wait()
        paths = ["/plain", "/mounted/plain"] * 20
        return {client.get(path).json() for path in paths}

    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(ask, range(8)))

    assert seen == [{f"fake {number}"} for number in range(8)]


async def test_the_asynchronous_client_overrides_alike() -> None:
    async with AsyncTestClient(make_app(), overrides={database: fake}) as client:
        assert (await client.get("/plain")).json() == "fake"
        async with client.websocket_connect("/socket") as session:
            assert await session.receive_text() == "fake"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_pool_opened_by_the_test_is_used_by_the_app_in_the_same_loop(
    anyio_backend: str,
) -> None:
    async with aiosqlite.connect(":memory:") as connection:
        await connection.execute("create table flights (number integer)")

        async def session() -> AsyncIterator[aiosqlite.Connection]:
            yield connection
            await connection.commit()

        app = App()

        @app.post("/flights/{number}")
        async def create(number: int, db: Annotated[aiosqlite.Connection, Depends(session)]) -> int:
            await db.execute("insert into flights values (?)", [number])
            return id(asyncio.get_running_loop())

        async with AsyncTestClient(app) as client:
            response = await client.post("/flights/7")
        rows = await connection.execute_fetchall("select number from flights")

    assert response.json() == id(asyncio.get_running_loop())
    assert [tuple(row) for row in rows] == [(7,)]


class Watched:
    """An app whose dependencies and generators note how they ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.app = App()
        self.app.get("/events", response_class=EventSourceResponse)(self.events)
        self.app.get("/chunks", response_class=StreamingResponse)(self.chunks)
        self.app.get("/sync-chunks", response_class=StreamingResponse)(self.sync_chunks)
        self.app.post("/upload")(self.upload)
        self.app.post("/read")(self.read)
        self.app.websocket("/socket")(self.socket)

    async def session(self) -> AsyncIterator[str]:
        try:
            yield "session"
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                self.ended.append("session")

    async def events(self) -> AsyncIterator[dict[str, int]]:
        number = 0
        try:
            while True:
                yield {"number": number}
                number += 1
        finally:
            self.ended.append("events")

    async def chunks(self) -> AsyncIterator[str]:
        try:
            while True:
                yield "chunk"
        finally:
            self.ended.append("chunks")

    def sync_chunks(self) -> Iterator[str]:
        try:
            while True:
                yield "chunk"
        finally:
            self.ended.append("sync_chunks")

    async def upload(self, file: UploadFile) -> int | None:
        self.ended.append("uploaded")
        return file.size

    async def read(self, request: Request) -> int:
        read = 0
        try:
            async for piece in request.stream():
                read += len(piece)
        finally:
            self.ended.append(f"read {read}")
        return read

    async def socket(self, socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except WebSocketDisconnect as news:
            self.ended.append(f"left with {news.code}")


@pytest.fixture
def watched() -> Watched:
    return Watched()


STREAMS = [("/events", "events"), ("/chunks", "chunks"), ("/sync-chunks", "sync_chunks")]


@pytest.mark.parametrize(("path", "name"), STREAMS)
async def test_leaving_a_stream_closes_its_generator(
    watched: Watched, path: str, name: str
) -> None:
    async with AsyncTestClient(watched.app) as client:
        async with client.stream("GET", path) as response:
            await response.read_chunk()
            assert watched.ended == []
            await response.disconnect()
            assert watched.ended == [name]


@pytest.mark.parametrize(("path", "name"), STREAMS)
def test_leaving_a_stream_closes_its_generator_in_the_synchronous_client(
    watched: Watched, path: str, name: str
) -> None:
    with TestClient(watched.app).stream("GET", path) as response:
        response.read_chunk()
        response.disconnect()
        assert watched.ended == [name]


async def test_events_arrive_one_by_one(watched: Watched) -> None:
    async with AsyncTestClient(watched.app) as client:
        async with client.stream("GET", "/events") as response:
            events = [await response.read_chunk() for _ in range(3)]

    assert [b'"number":%d' % number in event for number, event in enumerate(events)] == [True] * 3


async def test_leaving_a_stream_tears_its_dependencies_down() -> None:
    watched = Watched()

    @watched.app.get("/with", dependencies=[Depends(watched.session)])
    async def with_session() -> AsyncIterator[str]:
        try:
            while True:
                yield "line"
        finally:
            watched.ended.append("stream")

    async with AsyncTestClient(watched.app) as client:
        left = await client.disconnect_after("GET", "/with", chunks=2)

    assert left.content == b'"line"\n"line"\n'
    assert watched.ended == ["stream", "session"]


async def test_leaving_during_an_upload_does_not_call_the_handler(watched: Watched) -> None:
    async with AsyncTestClient(watched.app) as client:
        left = await client.disconnect_after(
            "POST", "/upload", files={"file": b"x" * 100_000}, uploaded=50_000
        )

    assert left.status_code is None
    assert watched.ended == []


async def test_leaving_during_an_upload_ends_a_handler_that_reads_it(watched: Watched) -> None:
    async with AsyncTestClient(watched.app) as client:
        await client.disconnect_after("POST", "/read", content=b"x" * 100, uploaded=60)

    assert watched.ended == ["read 60"]


async def test_vanishing_from_a_websocket_is_a_1006(watched: Watched) -> None:
    async with AsyncTestClient(watched.app) as client:
        async with client.websocket_connect("/socket") as session:
            await session.send_text("hello")
            assert await session.receive_text() == "hello"
            await session.disconnect()

    assert watched.ended == ["left with 1006"]


async def test_the_lifespan_of_the_app_and_its_state_are_run() -> None:
    opened: list[str] = []

    async def pool() -> AsyncIterator[str]:
        opened.append("open")
        yield "pool"
        opened.append("closed")

    app = App()

    @app.get("/")
    async def read(pool: Annotated[str, Depends(pool, scope="app")]) -> str:
        return pool

    async with AsyncTestClient(app) as client:
        assert [(await client.get("/")).json() for _ in range(2)] == ["pool", "pool"]
        assert opened == ["open"]

    assert opened == ["open", "closed"]
