"""Which database is migrated, to which tables, by which files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sqlalchemy import MetaData

from trivium.db.models.base import Model

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from trivium.db.database import Database

VERSION_TABLE = "alembic_version"
"""Alembic's own, so that its tools understand the database too."""

PROGRESS_TABLE = "trivium_migration_progress"
"""What a migration that runs in several transactions has done already."""

OWN_TABLES = frozenset({VERSION_TABLE, PROGRESS_TABLE})


@dataclass(frozen=True, slots=True)
class Migrations:
    """A database, the tables that the program declares, and the directory of migration files.

    database: is not closed.
    directory: where the files are. It need not exist yet.
    metadatas: the tables that the database shall have. Those it has beyond them are dropped by the
        next migration that is made, except where ``keep`` names them.
    keep: tables that belong to somebody else.
    """

    database: Database
    directory: Path
    metadatas: tuple[MetaData, ...]
    keep: frozenset[str] = frozenset()

    @classmethod
    def of(cls, database: Database, directory: Path, *, keep: Iterable[str] = ()) -> Self:
        """For the models that the database was given, but those that another one holds.

        That is said by ``Meta.using`` of a model.
        """
        metadatas = tuple(_held_by(database.name, each) for each in database.metadatas)
        return cls(database, directory, metadatas, frozenset(keep))

    @property
    def engine(self) -> AsyncEngine:
        """Connections to the database."""
        return self.database.engine

    @property
    def name(self) -> str:
        """What the database is called in messages."""
        return self.database.name


def _held_by(name: str, metadata: MetaData) -> MetaData:
    """The tables without those of models that say that they are in another database."""
    elsewhere = {
        mapper.local_table
        for model in _models()
        if model.metadata is metadata
        for mapper in model.registry.mappers
        if getattr(getattr(mapper.class_, "_meta", None), "using", None) not in (None, name)
    }
    if not elsewhere:
        return metadata
    held = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.tables.values():
        if table not in elsewhere:
            table.to_metadata(held)
    return held


def _models() -> list[type[Model]]:
    """``Model`` and its bases that have tables of their own."""
    return [Model, *(each for each in Model.__subclasses__() if "metadata" in vars(each))]
