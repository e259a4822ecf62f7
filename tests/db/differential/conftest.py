"""One database for all queries of a kind, since none of them changes it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import anyio
import pytest
from django.db import connections
from sqlalchemy import insert

from tests.db.differential.both import names_of
from tests.db.differential.django_models import point_at
from tests.db.flight_models import Base, rows
from tests.db.servers import empty_database
from trivium.db import Database


class Sides:
    """Both ORMs on the same rows."""

    def __init__(self, database: Database, alias: str, kind: str) -> None:
        self.kind = kind
        self.alias = alias
        self.database = database
        self.django, self.trivium = names_of(kind, alias)

    def run(self, ask: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What a coroutine function returns that runs in a unit of work."""

        async def call() -> Any:
            try:
                async with self.database.session():
                    return await ask()
            finally:
                await self.database.close()

        return anyio.run(call)


async def filled(database: Database) -> None:
    await database.create_tables()
    async with database.engine.begin() as connection:
        for name, values in rows().items():
            await connection.execute(insert(Base.metadata.tables[name]), values)
    await database.close()


@pytest.fixture(scope="module")
def sides_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made: dict[str, Sides] = {}

    def get(kind: str) -> Sides:
        if kind not in made:
            folder = tmp_path_factory.mktemp("differential")
            database = Database(empty_database(kind, folder), models=Base)
            anyio.run(filled, database)
            alias = f"{kind}_{id(database)}"
            point_at(alias, kind, database.url)
            made[kind] = Sides(database, alias, kind)
        return made[kind]

    yield get
    for sides in made.values():
        connections[sides.alias].close()
    connections.close_all()


@pytest.fixture
def sides(database_kind: str, sides_of: Any) -> Sides:
    found: Sides = sides_of(database_kind)
    return found
