"""An empty database of each kind, for every test that asks for one.

    database_url    its address; the test runs on SQLite and on PostgreSQL
    database        a Database at that address, closed at the end

A test that is marked ``essential`` runs on MariaDB too; ``on("postgresql")`` says on which alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.db.servers import empty_database, remove_databases
from trivium.db import Database


@pytest.fixture
def anyio_backend() -> str:
    # SQLAlchemy's asynchronous engine runs on asyncio alone
    return "asyncio"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" in metafunc.fixturenames:
        # what is quick runs on SQLite alone, so that it needs no server
        kinds = [
            kind if kind == "sqlite" else pytest.param(kind, marks=pytest.mark.slow)
            for kind in kinds_of(metafunc.definition)
        ]
        metafunc.parametrize("database_kind", kinds)


def kinds_of(test: pytest.Item) -> list[str]:
    if only := test.get_closest_marker("on"):
        return list(only.args)
    essential = test.get_closest_marker("essential") is not None
    return ["sqlite", "postgresql", *(["mariadb"] if essential else [])]


@pytest.fixture
def database_url(database_kind: str, tmp_path: Path) -> str:
    return empty_database(database_kind, tmp_path)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url) as database:
        yield database


@pytest.fixture(scope="session", autouse=True)
def databases_removed() -> Iterator[None]:
    yield
    remove_databases()
