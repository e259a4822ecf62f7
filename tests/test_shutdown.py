"""The signal that the server is about to stop, wherever the app runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from trivium import App, Shutdown
from trivium.shutdown import SHUTDOWN_KEY, ShutdownSignal
from trivium.testing import AsyncTestClient, TestClient


@pytest.fixture
def app() -> App:
    app = App()

    @app.get("/")
    async def read(shutdown: Shutdown) -> bool:
        return shutdown.is_set()

    return app


def test_it_is_not_given_while_the_app_serves(app: App) -> None:
    with TestClient(app) as client:
        assert client.get("/").json() is False


def test_it_is_there_without_a_lifespan_too(app: App) -> None:
    assert TestClient(app).get("/").json() is False


async def test_it_is_given_before_the_lifespan_cleans_up() -> None:
    seen = []

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        yield
        seen.append(app.shutdown.is_set())

    async with AsyncTestClient(App(lifespan=lifespan)):
        pass

    assert seen == [True]


async def test_each_start_has_a_signal_of_its_own(app: App) -> None:
    async with AsyncTestClient(app):
        pass
    assert app.shutdown.is_set()

    async with AsyncTestClient(app) as client:
        assert (await client.get("/")).json() is False


async def test_a_server_that_knows_earlier_gives_its_own(app: App) -> None:
    signal = ShutdownSignal()
    outer = App()
    outer.mount("/inner", app)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/inner/",
        "query_string": b"",
        "headers": [],
        "state": {SHUTDOWN_KEY: signal},
    }
    bodies = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        bodies.append(message.get("body"))

    signal.set()
    await outer(scope, receive, send)  # type: ignore[arg-type]  # ASGI's messages are mappings

    assert b"true" in bodies


async def test_any_number_of_tasks_wait_for_it() -> None:
    signal = ShutdownSignal()
    woken = []

    async def wait() -> None:
        await signal.wait()
        woken.append(await signal.wait_at_most(3600))

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(wait)
        await anyio.lowlevel.checkpoint()
        signal.set()

    assert woken == [True, True, True]


async def test_waiting_may_be_bounded() -> None:
    assert await ShutdownSignal().wait_at_most(0) is False
