"""A database whose files are in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.db.files.planes import Base
from trivium.db import Database
from trivium.storage import MemoryStorage


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
async def database(database_url: str, storage: MemoryStorage) -> AsyncIterator[Database]:
    storages = {"default": storage, "kept": storage}
    async with Database(database_url, models=Base, storages=storages) as database:
        await database.create_tables()
        yield database
