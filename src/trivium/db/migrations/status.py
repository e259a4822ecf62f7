"""How far a database has come."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from trivium.db.migrations import progress
from trivium.db.migrations.context import heads_on
from trivium.db.migrations.project import Migrations
from trivium.db.migrations.runner import refuse_strangers
from trivium.db.migrations.scripts import is_data, replaced_by, scripts_of


@dataclass(frozen=True, slots=True)
class Status:
    """One migration, and what the database knows of it.

    data: whether it changes rows only. done: statements or batches of one that has begun and is
        not applied; 0 of others. replaces: the migrations that a squashed one stands for.
    after: the migrations it follows.
    """

    name: str
    doc: str
    applied: bool
    data: bool
    done: int
    after: tuple[str, ...]
    replaces: tuple[str, ...]


async def status(migrations: Migrations) -> list[Status]:
    """Every migration, each after those it follows."""
    async with migrations.engine.connect() as connection:
        return await connection.run_sync(_status, migrations)


def _status(connection: Connection, migrations: Migrations) -> list[Status]:
    heads = heads_on(connection, migrations)
    scripts = scripts_of(migrations, heads)
    refuse_strangers(scripts, heads, migrations)
    applied = scripts.applied(heads)
    begun = progress.begun(connection)
    return [
        Status(
            name=script.revision,
            doc=script.doc,
            applied=script.revision in applied,
            data=is_data(script),
            done=begun[script.revision].done if script.revision in begun else 0,
            after=tuple(script._normalized_down_revisions),
            replaces=replaced_by(script),
        )
        for script in scripts.all()
    ]
