"""Which database is migrated, to which tables, by which files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import MetaData
    from sqlalchemy.ext.asyncio import AsyncEngine

VERSION_TABLE = "alembic_version"
"""Alembic's own, so that its tools understand the database too."""

PROGRESS_TABLE = "trivium_migration_progress"
"""What a migration that runs in several transactions has done already."""

OWN_TABLES = frozenset({VERSION_TABLE, PROGRESS_TABLE})


@dataclass(frozen=True, slots=True)
class Migrations:
    """A database, the tables that the program declares, and the directory of migration files.

    engine: connections to the database. The caller closes it.
    metadatas: the tables that the database shall have. Those it has beyond them are dropped by the
        next migration that is made, except where ``keep`` names them.
    directory: where the files are. It need not exist yet.
    name: what the database is called in messages.
    keep: tables that belong to somebody else.
    """

    engine: AsyncEngine
    metadatas: tuple[MetaData, ...]
    directory: Path
    name: str = "default"
    keep: frozenset[str] = frozenset()
