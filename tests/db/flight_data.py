"""Databases with the rows of ``tests.db.flight_models``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import anyio
import pytest
from sqlalchemy import insert, text

from tests.db.flight_models import Base, rows
from tests.db.servers import empty_database
from trivium.db import Database


async def fill(database: Database) -> None:
    await database.create_tables()
    async with database.engine.begin() as connection:
        for name, values in rows().items():
            await connection.execute(insert(Base.metadata.tables[name]), values)
        if database.dialect == "postgresql":
            # the rows came with their numbers, which the sequences do not know of
            for name in ("alliance", "tag", "flight"):
                last = f"(SELECT max(id) FROM {name})"
                sequence = f"pg_get_serial_sequence('{name}', 'id')"
                await connection.execute(text(f"SELECT setval({sequence}, {last})"))


@pytest.fixture
async def changing(database_url: str) -> AsyncIterator[Database]:
    """A database of one test's own, for tests that write."""
    async with Database(database_url, models=Base) as database:
        await fill(database)
        yield database


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    made: dict[str, str] = {}

    async def make(url: str) -> None:
        async with Database(url, models=Base) as database:
            await fill(database)

    def address(kind: str) -> str:
        if kind not in made:
            made[kind] = empty_database(kind, tmp_path_factory.mktemp("flights"))
            anyio.run(make, made[kind])
        return made[kind]

    return address


@pytest.fixture
def flights_url(database_kind: str, filled: Callable[[str], str]) -> str:
    return filled(database_kind)


@pytest.fixture
async def flights(flights_url: str) -> AsyncIterator[Database]:
    """A database that the tests of one file share, because none of them changes it."""
    async with Database(flights_url, models=Base) as database:
        yield database
