"""Overrides belong to the client that was given them."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.types import Receive, Scope, Send

from tests.testing.apps import make_app
from trivium.testing import AsyncTestClient, TestClient
from trivium.testing.overrides import OVERRIDES_KEY


def database() -> None: ...
def mailer() -> None: ...
def fake_database() -> None: ...
def other_database() -> None: ...
def fake_mailer() -> None: ...


def test_a_request_carries_the_overrides_of_its_client() -> None:
    client = TestClient(make_app(), overrides={database: fake_database})

    assert client.get("/overrides").json() == {"database": "fake_database"}


def test_a_client_without_overrides_adds_nothing_to_the_scope() -> None:
    scopes: list[Scope] = []

    async def keep(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    TestClient(keep).get("/")

    assert OVERRIDES_KEY not in scopes[0]


def test_overriding_adds_for_the_length_of_a_block() -> None:
    client = TestClient(make_app(), overrides={database: fake_database})

    with client.overriding({database: other_database, mailer: fake_mailer}):
        inside = client.get("/overrides").json()
    outside = client.get("/overrides").json()

    assert inside == {"database": "other_database", "mailer": "fake_mailer"}
    assert outside == {"database": "fake_database"}


def test_overriding_ends_with_its_block_even_when_that_raises() -> None:
    client = TestClient(make_app())

    with pytest.raises(ZeroDivisionError):
        with client.overriding({database: fake_database}):
            raise ZeroDivisionError

    assert client.get("/overrides").json() == {}


def test_clients_of_one_app_in_parallel_threads_never_see_each_others_overrides() -> None:
    app = make_app()
    fakes = []
    for number in range(8):

        def fake() -> None: ...

        fake.__name__ = f"fake_{number}"
        fakes.append(fake)
    together = threading.Barrier(len(fakes))

    def ask(fake: object) -> list[str]:
        with TestClient(app, overrides={database: fake}) as client:  # type: ignore[dict-item]  # a stand-in
            together.wait()
            return [client.get("/overrides").json()["database"] for _ in range(20)]

    with ThreadPoolExecutor(len(fakes)) as threads:
        seen = list(threads.map(ask, fakes))

    assert seen == [[fake.__name__] * 20 for fake in fakes]


def test_the_lifespan_and_websockets_carry_the_overrides_too() -> None:
    seen: dict[str, Scope] = {}

    async def keep(scope: Scope, receive: Receive, send: Send) -> None:
        seen[scope["type"]] = scope
        await receive()
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            await send({"type": "websocket.accept"})

    with TestClient(keep, overrides={database: fake_database}) as client:
        with client.websocket_connect("/"):
            pass

    assert {kind: scope[OVERRIDES_KEY] for kind, scope in seen.items()} == {
        "lifespan": {database: fake_database},
        "websocket": {database: fake_database},
    }


async def test_the_asynchronous_client_carries_overrides_everywhere_too() -> None:
    seen: dict[str, Scope] = {}

    async def keep(scope: Scope, receive: Receive, send: Send) -> None:
        seen[scope["type"]] = scope
        await receive()
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

    async with AsyncTestClient(keep, overrides={database: fake_database}) as client:
        with client.overriding({mailer: fake_mailer}):
            await client.get("/")
        async with client.websocket_connect("/"):
            pass

    assert {kind: scope[OVERRIDES_KEY] for kind, scope in seen.items()} == {
        "lifespan": {database: fake_database},
        "http": {database: fake_database, mailer: fake_mailer},
        "websocket": {database: fake_database},
    }
