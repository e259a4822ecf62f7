"""Makes migrations: of the models' changes, empty, of data, and joining others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from trivium.db.migrations import files
from trivium.db.migrations.context import heads_on
from trivium.db.migrations.difference import Difference, difference
from trivium.db.migrations.errors import NotMigrated
from trivium.db.migrations.files import File
from trivium.db.migrations.project import Migrations
from trivium.db.migrations.questions import Questions
from trivium.db.migrations.runner import refuse_strangers
from trivium.db.migrations.scripts import Scripts, is_data, scripts_of

DATA_LABEL = "data"
"""The branch of the data migrations."""


class Made(NamedTuple):
    """A file that was written, and what it does in a few words each.

    complete: False where there is more to do, which can be seen when the database is migrated.
    """

    path: Path
    revision: str
    changes: Sequence[str]
    complete: bool = True


async def make(
    migrations: Migrations, *, name: str | None = None, questions: Questions | None = None
) -> Made | None:
    """Writes the migration that makes the database as the models are; None where it is.

    name: what it is called; made of what it does otherwise.
    Raises BranchedMigrations, NotMigrated and AnswerNeeded.
    """
    if name is not None:
        files.refuse_name(name)
    async with migrations.engine.connect() as connection:
        scripts = await connection.run_sync(_ready, migrations)
        found = await connection.run_sync(difference, migrations, questions)
    if not found.upgrade:
        return None
    return _written(migrations, scripts, found, name)


async def changes(migrations: Migrations) -> list[str]:
    """What the next migration would do, in a few words each. Raises as ``make`` does."""
    async with migrations.engine.connect() as connection:
        await connection.run_sync(_ready, migrations)
        found = await connection.run_sync(difference, migrations, _Indifferent())
    return files.described(found.upgrade)


def make_empty(migrations: Migrations, name: str) -> Made:
    """Writes a migration that does nothing yet."""
    files.refuse_name(name)
    scripts = scripts_of(migrations)
    head = scripts.schema_head()
    revision = files.revision_named(scripts.next_number(), name)
    file = File(revision, _sentence(name), down=[head.revision] if head else [])
    return Made(files.write(migrations.directory, file), revision, [])


def make_data(migrations: Migrations, name: str) -> Made:
    """Writes a data migration that does nothing yet, for the schema as the files leave it."""
    files.refuse_name(name)
    scripts = scripts_of(migrations)
    head = scripts.schema_head()
    before = scripts.data_heads()
    revision = files.revision_named(scripts.next_number(), name)
    file = File(
        revision,
        _sentence(name) + ".",
        down=[script.revision for script in before],
        labels=[] if before else [DATA_LABEL],
        depends=[head.revision] if head else [],
        data=True,
    )
    return Made(files.write(migrations.directory, file), revision, [])


def _ready(connection: Connection, migrations: Migrations) -> Scripts:
    """The files, where the database stands at the last of them."""
    heads = heads_on(connection, migrations)
    scripts = scripts_of(migrations, heads)
    refuse_strangers(scripts, heads, migrations)
    scripts.schema_head()
    applied = scripts.applied(heads)
    behind = [
        script.revision
        for script in scripts.all()
        if script.revision not in applied and not is_data(script)
    ]
    if behind:
        raise NotMigrated(
            f"The database {migrations.name!r} has not gone through {', '.join(behind)}, so the "
            f"models cannot be compared with it.\n  First:  trivium migrate"
        )
    return scripts


def _written(migrations: Migrations, scripts: Scripts, found: Difference, name: str | None) -> Made:
    head = scripts.schema_head()
    changed = files.described(found.upgrade)
    words = name or ("initial" if head is None else changed[0])
    revision = files.revision_named(scripts.next_number(), words)
    upgrade = files.code_of(found.upgrade, found.context)
    downgrade = files.code_of(found.downgrade, found.context)
    file = File(
        revision,
        _sentence(", ".join(changed[:3]) + (", ..." if len(changed) > 3 else "")),
        down=[head.revision] if head else [],
        upgrade=upgrade,
        downgrade=downgrade,
        imports=sorted(found.context.imports),
    )
    return Made(files.write(migrations.directory, file), revision, changed, found.complete)


def _sentence(words: str) -> str:
    words = words.replace("_", " ") if " " not in words else words
    return words[:1].upper() + words[1:]


class _Indifferent:
    """Any answer does where nothing is written."""

    def is_renamed_table(self, old: str, new: str) -> bool:
        return False

    def is_renamed_column(self, table: str, old: str, new: str) -> bool:
        return False

    def value_for_rows(self, table: str, column: str, kind: str) -> str:
        return "NULL"
