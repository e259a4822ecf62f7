"""What a migration that runs in several transactions has done already."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from trivium.db.migrations.impls import NAME_LENGTH
from trivium.db.migrations.project import PROGRESS_TABLE

_table = Table(
    PROGRESS_TABLE,
    MetaData(),
    Column("migration", String(NAME_LENGTH), primary_key=True),
    Column("done", Integer, nullable=False),
    Column("state", Text, nullable=False),
)


class Progress(NamedTuple):
    """How far a migration has come.

    done: the number of statements or batches that are committed.
    state: what the next one needs to know; of JSON's types.
    """

    done: int
    state: Any


def make_table(connection: Connection) -> None:
    """Makes the table where there is none. Commits nothing."""
    _table.create(connection, checkfirst=True)


def read(connection: Connection, migration: str) -> Progress | None:
    """The progress of a migration; None where it has not begun."""
    row = connection.execute(
        select(_table.c.done, _table.c.state).where(_table.c.migration == migration)
    ).first()
    return None if row is None else Progress(row.done, json.loads(row.state))


def write(connection: Connection, migration: str, progress: Progress) -> None:
    """Notes the progress, in the transaction that is open."""
    values = {"done": progress.done, "state": json.dumps(progress.state)}
    if read(connection, migration) is None:
        connection.execute(insert(_table).values(migration=migration, **values))
    else:
        connection.execute(update(_table).where(_table.c.migration == migration).values(**values))


def forget(connection: Connection, migration: str) -> None:
    """Removes the note of a migration that is done, in the transaction that is open."""
    connection.execute(delete(_table).where(_table.c.migration == migration))


def begun(connection: Connection) -> dict[str, Progress]:
    """Every migration that has begun and is not done."""
    if not connection.dialect.has_table(connection, PROGRESS_TABLE):
        return {}
    rows = connection.execute(select(_table))
    return {row.migration: Progress(row.done, json.loads(row.state)) for row in rows}
