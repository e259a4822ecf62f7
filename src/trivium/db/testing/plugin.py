"""The fixtures, which pytest finds by itself; nothing is imported until one is used.

    app            yours: the application, or what makes it; conftest.py defines it
    database       the Database that the application has installed; define it where there is no app
    test_schema    how tables come about: "metadata" (the default) from the models, a Path by the
                   migrations in that directory, a function as it likes
    db             a unit of work in the test's transaction, which is rolled back
    client         a client of the app in that transaction: AsyncTestClient in an ``async`` test,
                   TestClient in a synchronous one
    committed_db   as ``db``, with real commits; tables are emptied at the end

``db`` works in ``async def`` tests that AnyIO's plugin runs, and in ``def`` tests.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from trivium.db.database import Database
    from trivium.db.units import Unit


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> Database:
    """The database that the tests are about: of ``app``, where conftest.py does not define it."""
    from trivium.db.database import Database
    from trivium.db.errors import DbError

    app = request.getfixturevalue("app")
    for battery in getattr(app, "batteries", ()):
        if isinstance(battery, Database):
            return battery
    raise DbError(
        f"{app!r} has installed no Database.\n"
        "    instead:  @pytest.fixture(scope='session') def database(): return Database(...)"
    )


@pytest.fixture(scope="session")
def test_schema() -> Any:
    """How the tables of the test database come about."""
    return "metadata"


@pytest.fixture(scope="session")
def test_portal() -> Iterator[BlockingPortal]:
    """The event loop, in a thread, of everything that synchronous tests do."""
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal("asyncio") as portal:
        yield portal


@pytest.fixture(scope="session")
def test_databases(
    database: Database,
    test_schema: Any,
    test_portal: BlockingPortal,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[Database], Database]]:
    """Which test database stands in for a database; all are made, and removed at the end."""
    from contextlib import ExitStack

    from trivium.db.testing.databases import made_test_database

    folder = tmp_path_factory.mktemp("databases")
    twins: dict[str, Database] = {}
    with ExitStack() as stack:
        for name, each in database.databases.items():
            made = made_test_database(each, folder=folder, schema=test_schema)
            twins[name] = stack.enter_context(test_portal.wrap_async_context_manager(made))
        yield lambda one: twins[one.name]


@pytest.fixture
def db(request: pytest.FixtureRequest) -> Unit:
    """A unit of work in a transaction that is rolled back after the test."""
    unit: Unit = request.getfixturevalue(f"db_{_kind(request)}")
    return unit


@pytest.fixture
def committed_db(request: pytest.FixtureRequest) -> Unit:
    """A unit of work that really commits; all tables are emptied after the test."""
    unit: Unit = request.getfixturevalue(f"committed_db_{_kind(request)}")
    return unit


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Any:
    """A client of ``app`` that works in the test's transaction."""
    return request.getfixturevalue(f"client_{_kind(request)}")


def _kind(request: pytest.FixtureRequest) -> str:
    function = getattr(request.node, "obj", None)
    return "in_loop" if inspect.iscoroutinefunction(function) else "in_portal"


@pytest.fixture
async def db_in_loop(
    database: Database, test_databases: Any, anyio_backend: Any
) -> AsyncIterator[Unit]:
    from trivium.db.testing.transaction import rolled_back

    async with rolled_back(database, test_databases) as unit:
        yield unit


@pytest.fixture
async def committed_db_in_loop(
    database: Database, test_databases: Any, anyio_backend: Any
) -> AsyncIterator[Unit]:
    from trivium.db.testing.transaction import committing

    async with committing(database, test_databases) as unit:
        yield unit


@pytest.fixture
def db_in_portal(
    database: Database, test_databases: Any, test_portal: BlockingPortal
) -> Iterator[Unit]:
    from trivium.db.testing.transaction import rolled_back

    yield from _in_portal(rolled_back(database, test_databases), test_portal)


@pytest.fixture
def committed_db_in_portal(
    database: Database, test_databases: Any, test_portal: BlockingPortal
) -> Iterator[Unit]:
    from trivium.db.testing.transaction import committing

    yield from _in_portal(committing(database, test_databases), test_portal)


def _in_portal(block: Any, portal: BlockingPortal) -> Iterator[Unit]:
    from trivium.db.units import entered
    from trivium.db.waiting import loop_of_thread

    token = loop_of_thread.set(portal.call)
    try:
        with portal.wrap_async_context_manager(block) as unit, entered(unit):
            yield unit
    finally:
        loop_of_thread.reset(token)


@pytest.fixture
async def client_in_loop(app: Any, db: Unit, anyio_backend: Any) -> AsyncIterator[Any]:
    from trivium.testing import AsyncTestClient

    async with AsyncTestClient(app) as client:
        yield client


@pytest.fixture
def client_in_portal(app: Any, db: Unit, test_portal: BlockingPortal) -> Iterator[Any]:
    from trivium.db.testing.clients import client_on

    with client_on(test_portal, app) as client:
        yield client
