"""One database of a kind for each file of tests; what changes it puts its rows back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

import anyio
import pytest
from django.db import connections
from sqlalchemy import MetaData, insert

from tests.db import rule_models
from tests.db.differential.both import names_of
from tests.db.differential.django_models import point_at
from tests.db.differential.programs import Django, Step, Tables, Trivium
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


class Changing:
    """Both ORMs, each on its tables, with rows that are put back after each program.

    Tables as Django makes them have no rules of the database's own, and references that are looked
    at when the transaction ends. Trivium's have both; it is asked to run on either.
    """

    def __init__(self, as_trivium: Sides, as_django: Sides) -> None:
        tables = [table for each in METADATA for table in each.tables.values()]
        names = {table.name: [each.name for each in table.primary_key] for table in tables}
        self._sides = {"trivium": as_trivium, "django": as_django}
        self._tables = {
            style: Tables(connections[sides.alias], names) for style, sides in self._sides.items()
        }

    def of_django(self, program: list[Step]) -> tuple[Any, Any]:
        """What the steps gave, and the rows afterwards."""
        sides = self._sides["django"]
        with self._tables["django"].changed() as rows:
            return Django(sides.django, sides.alias).run(program), rows()

    def of_trivium(self, program: list[Step], style: str) -> tuple[Any, Any]:
        """What the steps gave, and the rows afterwards."""
        sides = self._sides[style]
        with self._tables[style].changed() as rows:
            return sides.run(lambda: Trivium(sides.trivium).run(program)), rows()


METADATA = (Base.metadata, rule_models.Base.metadata)


def tables_of_django() -> Iterator[MetaData]:
    """The same tables, with references as Django writes them.

    Those of the flights are looked at at once all the same, so that errors come where they do on
    the other side.
    """
    for metadata in METADATA:
        made = MetaData()
        for table in metadata.tables.values():
            for key in table.to_metadata(made).foreign_key_constraints:
                key.ondelete = None
                if metadata is not Base.metadata:
                    key.deferrable, key.initially = True, "DEFERRED"
        yield made


async def filled(database: Database, metadatas: Iterable[MetaData] = METADATA) -> None:
    async with database.engine.begin() as connection:
        for metadata in metadatas:
            await connection.run_sync(metadata.create_all)
        for base, made in ((Base, rows()), (rule_models.Base, rule_models.rows())):
            for name, values in made.items():
                await connection.execute(insert(base.metadata.tables[name]), values)
        locks: Any = rule_models.Lock.__table__
        await connection.execute(locks.update().values(key_id=locks.c.id))
    await database.close()


@pytest.fixture(scope="module")
def sides_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made: dict[str, Sides] = {}

    def get(kind: str, style: str = "") -> Sides:
        if kind + style not in made:
            folder = tmp_path_factory.mktemp("differential")
            database = Database(empty_database(kind, folder, style), models=Base)
            tables = tuple(tables_of_django()) if style else METADATA
            anyio.run(filled, database, tables)
            alias = f"{kind}{style}_{id(database)}"
            point_at(alias, kind, database.url)
            made[kind + style] = Sides(database, alias, kind)
        return made[kind + style]

    yield get
    for sides in made.values():
        connections[sides.alias].close()
    connections.close_all()


@pytest.fixture
def sides(database_kind: str, sides_of: Any) -> Sides:
    found: Sides = sides_of(database_kind)
    return found


@pytest.fixture(scope="module")
def changing_of(sides_of: Any) -> Any:
    made: dict[str, Changing] = {}

    def get(kind: str) -> Changing:
        if kind not in made:
            made[kind] = Changing(sides_of(kind), sides_of(kind, "_django"))
        return made[kind]

    return get


@pytest.fixture
def changing(database_kind: str, changing_of: Any) -> Changing:
    """For programs that write."""
    found: Changing = changing_of(database_kind)
    return found
