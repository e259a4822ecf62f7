"""A database with the rows of ``tests.db.flight_models``, and a unit of work in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import insert

from tests.db.flight_models import Base, rows
from trivium.db import Database


@pytest.fixture
async def flights(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, models=Base) as database:
        await database.create_tables()
        async with database.engine.begin() as connection:
            for name, values in rows().items():
                await connection.execute(insert(Base.metadata.tables[name]), values)
        yield database
