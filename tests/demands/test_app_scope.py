"""One container serves requests, commands, jobs and start-up; `scope="app"` is made once."""

import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Annotated

import anyio
import pytest

from trivium import App, Depends, Request
from trivium.errors import TriviumError
from trivium.testing import AsyncTestClient, TestClient


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Pool:
    """What an application makes once: it counts how often it was made and closed."""

    made = 0
    closed = 0

    @classmethod
    def reset(cls) -> None:
        cls.made = cls.closed = 0


@pytest.fixture(autouse=True)
def _fresh_counts() -> None:
    Pool.reset()


async def open_pool() -> AsyncIterator[Pool]:
    Pool.made += 1
    yield Pool()
    Pool.closed += 1


AppPool = Annotated[Pool, Depends(open_pool, scope="app")]


async def open_session(pool: AppPool) -> AsyncIterator[list[Pool]]:
    yield [pool]


def test_an_app_scoped_dependency_is_made_once_and_closed_at_shutdown() -> None:
    app = App()

    @app.get("/")
    async def read(pool: AppPool) -> int:
        return id(pool)

    with TestClient(app) as client:
        identities = {client.get("/").json() for _ in range(5)}
        during = (Pool.made, Pool.closed)

    assert len(identities) == 1
    assert during == (1, 0)
    assert (Pool.made, Pool.closed) == (1, 1)


def test_two_applications_made_by_one_factory_do_not_share_it() -> None:
    def factory() -> App:
        app = App()

        @app.get("/")
        async def read(pool: AppPool) -> int:
            return id(pool)

        return app

    with TestClient(factory()) as one, TestClient(factory()) as other:
        assert one.get("/").json() != other.get("/").json()

    assert (Pool.made, Pool.closed) == (2, 2)


async def test_requests_at_once_make_it_once() -> None:
    app = App()
    wait = anyio.Event()

    async def slow() -> AsyncIterator[Pool]:
        Pool.made += 1
        await wait.wait()
        yield Pool()

    @app.get("/")
    async def read(pool: Annotated[Pool, Depends(slow, scope="app")]) -> int:
        return id(pool)

    replies: list[int] = []

    async with AsyncTestClient(app) as client, anyio.create_task_group() as tasks:

        async def ask() -> None:
            replies.append((await client.get("/")).json())

        for _ in range(10):
            tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        wait.set()

    assert Pool.made == 1
    assert len(replies) == 10
    assert len(set(replies)) == 1


async def test_a_command_asks_the_container_that_requests_use() -> None:
    app = App()

    @app.get("/")
    async def read(pool: AppPool) -> int:
        return id(pool)

    async with AsyncTestClient(app) as client:
        from_request = (await client.get("/")).json()
        async with app.container.resolver() as resolver:
            (pool,) = await resolver.get(open_session)

    assert id(pool) == from_request
    assert (Pool.made, Pool.closed) == (1, 1)


async def test_a_command_without_a_server_opens_and_closes_the_container_itself() -> None:
    app = App()

    async with app.container, app.container.resolver() as resolver:
        (pool,) = await resolver.get(open_session)
        assert isinstance(pool, Pool)
        assert (Pool.made, Pool.closed) == (1, 0)

    assert (Pool.made, Pool.closed) == (1, 1)


async def test_start_up_code_asks_the_same_container() -> None:
    seen: list[int] = []

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        async with app.container.resolver() as resolver:
            seen.append(id(await resolver.get(open_pool, scope="app")))
        yield

    app = App(lifespan=lifespan)

    @app.get("/")
    async def read(pool: AppPool) -> int:
        return id(pool)

    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).json() == seen[0]

    assert (Pool.made, Pool.closed) == (1, 1)


async def test_request_scoped_dependencies_outside_requests_end_with_their_resolver() -> None:
    events: list[str] = []

    def get_session() -> Iterator[str]:
        events.append("open")
        yield "session"
        events.append("close")

    app = App()

    async with app.container, app.container.resolver() as resolver:
        first = await resolver.get(get_session)
        second = await resolver.get(get_session)
        events.append("used")

    assert (first, second) == ("session", "session")
    assert events == ["open", "used", "close"]


async def test_overrides_count_outside_requests_too() -> None:
    app = App()
    app.dependency_overrides[open_pool] = lambda: "fake"

    async with app.container, app.container.resolver() as resolver:
        assert await resolver.get(open_session) == ["fake"]

    assert Pool.made == 0


async def test_asking_outside_a_request_for_what_reads_one_says_what_is_missing() -> None:
    async def by_header(request: Request, token: str) -> str:
        return token

    app = App()

    async with app.container, app.container.resolver() as resolver:
        with pytest.raises(TriviumError, match="by_header"):
            await resolver.get(by_header)


def test_a_def_dependency_of_the_application_is_made_once_under_parallel_requests() -> None:
    app = App()

    def connect() -> Pool:
        Pool.made += 1
        return Pool()

    barrier = threading.Barrier(4)

    @app.get("/")
    def read(pool: Annotated[Pool, Depends(connect, scope="app")]) -> int:
        barrier.wait()
        return id(pool)

    with TestClient(app) as client, ThreadPoolExecutor(4) as threads:
        replies = list(threads.map(lambda _: client.get("/").json(), range(4)))

    assert len(set(replies)) == 1
    assert Pool.made == 1


def test_an_error_on_making_it_is_a_500_and_the_next_request_tries_again() -> None:
    app = App()
    attempts = 0

    async def connect() -> str:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise OSError("not yet")
        return "connected"

    @app.get("/")
    async def read(value: Annotated[str, Depends(connect, scope="app")]) -> str:
        return value

    with TestClient(app, raise_server_exceptions=False) as client:
        replies = [client.get("/").status_code for _ in range(2)]

    assert replies == [500, 200]
