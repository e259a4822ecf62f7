"""Which database is migrated, to which tables, by which files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from sqlalchemy import MetaData
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
        """For the models that the database was given."""
        return cls(database, directory, tuple(database.metadatas), frozenset(keep))

    @property
    def engine(self) -> AsyncEngine:
        """Connections to the database."""
        return self.database.engine

    @property
    def name(self) -> str:
        """What the database is called in messages."""
        return self.database.name
