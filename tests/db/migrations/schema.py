"""What the tests of migrations say: models at different times, and what a database holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from trivium.db import Database
from trivium.db.migrations import (
    Made,
    Migrations,
    NobodyAsked,
    Options,
    Questions,
    Step,
    changes,
    make,
    migrate,
)

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def metadata(*tables: Callable[[sa.MetaData], object]) -> sa.MetaData:
    """Models with names by convention, as ``Model`` has them."""
    made = sa.MetaData(naming_convention=NAMES)
    for declare in tables:
        declare(made)
    return made


def table(name: str, *items: Any, **options: Any) -> Callable[[sa.MetaData], sa.Table]:
    """A table with a primary key ``id`` and whatever is given."""
    return lambda made: sa.Table(
        name, made, sa.Column("id", sa.Integer, primary_key=True), *items, **options
    )


class Answers(NobodyAsked):
    """Says yes to the renamings it knows, and gives one value."""

    def __init__(self, *renamed: tuple[str, str], value: str | None = None) -> None:
        self.renamed = set(renamed)
        self.value = value
        self.asked: list[tuple[str, ...]] = []

    def is_renamed_table(self, old: str, new: str) -> bool:
        self.asked.append((old, new))
        return (old, new) in self.renamed

    def is_renamed_column(self, table: str, old: str, new: str) -> bool:
        self.asked.append((table, old, new))
        return (f"{table}.{old}", new) in self.renamed

    def value_for_rows(self, table: str, column: str, kind: str) -> str:
        self.asked.append((table, column, kind))
        return super().value_for_rows(table, column, kind) if self.value is None else self.value


class History:
    """The migrations of one database, whose models change."""

    def __init__(self, database: Database, directory: Path) -> None:
        self.database = database
        self.directory = directory
        self.models = sa.MetaData()

    @property
    def migrations(self) -> Migrations:
        return Migrations(self.database, self.directory, (self.models,))

    async def make(
        self, models: sa.MetaData, questions: Questions | None = None, name: str | None = None
    ) -> Made | None:
        """Writes the migration to these models, and runs nothing."""
        self.models = models
        return await make(self.migrations, name=name, questions=questions)

    async def become(self, models: sa.MetaData, questions: Questions | None = None) -> list[str]:
        """Makes migrations to these models and runs them; what they did, in words."""
        words: list[str] = []
        complete = False
        while not complete:
            made = await self.make(models, questions)
            if made is None:
                break
            words += made.changes
            complete = made.complete
            await self.migrate()
        return words

    async def changes(self) -> list[str]:
        return await changes(self.migrations)

    async def migrate(
        self, target: str | None = None, options: Options | None = None, listener: Any = None
    ) -> list[Step]:
        return await migrate(self.migrations, target, options, listener)

    async def insert(self, table: str, *rows: dict[str, Any]) -> None:
        async with self.database.engine.begin() as connection:
            await connection.execute(sa.insert(self.models.tables[table]), rows)

    async def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        async with self.database.engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(sa.text(sql))]

    async def execute(self, sql: str) -> None:
        async with self.database.engine.begin() as connection:
            await connection.exec_driver_sql(sql)

    async def tables(self) -> set[str]:
        async with self.database.engine.connect() as connection:
            names = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        return {name for name in names if name not in ("alembic_version",)} - {
            "trivium_migration_progress"
        }

    def forget_last(self) -> None:
        """Removes the last file, which has been undone."""
        max(self.directory.glob("*.py")).unlink()

    def write(self, name: str, text: str) -> Path:
        """A migration by hand."""
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"{name}.py"
        path.write_text(text, "utf-8")
        return path
