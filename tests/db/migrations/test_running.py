"""Migrations are run once, in order, whole or not at all."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.db.migrations.schema import History, metadata, table
from trivium.db import Database
from trivium.db.migrations import Migrations, Options, plan, status
from trivium.db.migrations.errors import (
    BranchedMigrations,
    MigrationError,
    MigrationFailed,
    MigrationLocked,
    NoSuchMigration,
    NotMigrated,
    ReferencesBroken,
)
from trivium.db.migrations.lock import migration_lock
from trivium.db.signals import post_migrate, pre_migrate

FILE = '''\
"""{doc}"""
import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = {down!r}
branch_labels = None
depends_on = {depends!r}


def upgrade() -> None:
    {upgrade}


def downgrade() -> None:
    {downgrade}
'''

DATA = '''\
"""Fill in."""
import sqlalchemy as sa

revision = "{name}"
down_revision = None
branch_labels = "data"
depends_on = {depends!r}


async def migrate(session, after):
{body}
'''


def by_hand(
    history: History,
    name: str,
    upgrade: str = "pass",
    *,
    down: str | None = None,
    depends: str | None = None,
    downgrade: str = "pass",
) -> None:
    history.write(
        name,
        FILE.format(
            doc=name, name=name, down=down, depends=depends, upgrade=upgrade, downgrade=downgrade
        ),
    )


def create(name: str) -> str:
    return f'op.create_table("{name}", sa.Column("id", sa.Integer, primary_key=True))'


@pytest.fixture
def two(history: History) -> History:
    by_hand(history, "0001_a", create("a"), downgrade='op.drop_table("a")')
    by_hand(history, "0002_b", create("b"), down="0001_a", downgrade='op.drop_table("b")')
    return history


async def applied(history: History) -> list[str]:
    return [each.name for each in await status(history.migrations) if each.applied]


# -- Where to --------------------------------------------------------------------------------------


@pytest.mark.essential
async def test_the_database_goes_up_and_down_to_a_named_migration(two: History) -> None:
    assert [step.name for step in await two.migrate("0001")] == ["0001_a"]
    assert await two.tables() == {"a"}

    await two.migrate()
    assert await two.tables() == {"a", "b"}

    assert [(s.name, s.forwards) for s in await two.migrate("0001")] == [("0002_b", False)]
    await two.migrate("+1")
    await two.migrate("-2")
    assert await two.tables() == set()

    await two.migrate()
    await two.migrate("zero")
    assert await two.tables() == set()
    assert await applied(two) == []


async def test_a_plan_says_what_would_be_done_and_does_nothing(two: History) -> None:
    steps = await plan(two.migrations)

    assert [step.name for step in steps] == ["0001_a", "0002_b"]
    assert await two.tables() == set()


async def test_faked_migrations_are_noted_and_not_run(two: History) -> None:
    await two.migrate(options=Options(fake=True))

    assert await applied(two) == ["0001_a", "0002_b"]
    assert await two.tables() == set()

    await two.migrate("0001", Options(fake=True))
    assert await applied(two) == ["0001_a"]


async def test_a_name_that_is_not_there_is_told_with_those_that_are(two: History) -> None:
    with pytest.raises(NoSuchMigration, match=r"named '0003'.*\n.*0001_a, 0002_b"):
        await two.migrate("0003")


async def test_a_beginning_of_several_names_is_told(two: History) -> None:
    with pytest.raises(NoSuchMigration, match="Several migrations begin with '000'"):
        await two.migrate("000")


async def test_a_database_of_another_version_of_the_program_is_told(two: History) -> None:
    await two.migrate()
    (two.directory / "0002_b.py").unlink()

    with pytest.raises(NotMigrated, match="stands at 0002_b, and there is no such file"):
        await two.migrate()


async def test_a_file_that_cannot_be_imported_is_named(two: History) -> None:
    two.write("0003_c", "import nothing_of_the_kind")

    with pytest.raises(MigrationError, match=r"0003_c\.py cannot be imported: ModuleNotFound"):
        await two.migrate()


async def test_a_file_that_follows_one_that_is_not_there_is_told(two: History) -> None:
    by_hand(two, "0003_c", down="0000_lost")

    with pytest.raises(MigrationError, match="0000_lost"):
        await two.migrate()


async def test_two_last_migrations_are_told_and_nothing_is_run(two: History) -> None:
    by_hand(two, "0002_c", create("c"), down="0001_a")

    with pytest.raises(BranchedMigrations, match=r"0002_b, 0002_c.*\n.*--merge"):
        await two.migrate()
    with pytest.raises(BranchedMigrations):
        await two.changes()

    assert await two.tables() == set()


async def test_models_are_not_compared_with_a_database_that_is_behind(two: History) -> None:
    with pytest.raises(NotMigrated, match=r"0001_a, 0002_b.*\n.*trivium migrate"):
        await two.changes()


# -- Whole or not at all ---------------------------------------------------------------------------


async def test_a_migration_that_fails_leaves_nothing_and_those_before_it_stay(
    two: History,
) -> None:
    by_hand(two, "0003_c", f"{create('c')}; op.execute('SELECT nothing')", down="0002_b")

    with pytest.raises(MigrationFailed, match=r"(?s)0003_c failed: .*nothing.*rolled back"):
        await two.migrate()

    assert await two.tables() == {"a", "b"}
    assert await applied(two) == ["0001_a", "0002_b"]


@pytest.mark.on("mariadb")
async def test_a_migration_that_fails_goes_on_after_what_is_done(two: History) -> None:
    by_hand(
        two,
        "0003_c",
        f"{create('c')}; op.execute('INSERT INTO a VALUES (1)'); op.execute('INSERT INTO d "
        f"VALUES (1)'); {create('e')}",
        down="0002_b",
    )
    with pytest.raises(MigrationFailed, match="cannot roll back changes of a schema"):
        await two.migrate()
    assert [(s.name, s.done) for s in await status(two.migrations) if s.done] == [("0003_c", 2)]
    await two.execute("CREATE TABLE d (id INTEGER)")

    await two.migrate()

    assert await two.tables() == {"a", "b", "c", "d", "e"}
    assert await two.rows("SELECT id FROM a") == [(1,)]
    assert [s.done for s in await status(two.migrations)] == [0, 0, 0]


@pytest.mark.on("mariadb")
async def test_a_half_done_migration_whose_file_has_changed_is_told(two: History) -> None:
    by_hand(two, "0003_c", f"{create('c')}; op.execute('SELECT nothing')", down="0002_b")
    with pytest.raises(MigrationFailed):
        await two.migrate()
    by_hand(two, "0003_c", create("d"), down="0002_b")

    with pytest.raises(MigrationError, match="its file has changed since"):
        await two.migrate()


@pytest.mark.on("sqlite")
async def test_rows_that_would_refer_to_nothing_are_told_and_kept(history: History) -> None:
    models = metadata(table("a"), table("b", sa.Column("a_id", sa.ForeignKey("a.id"))))
    await history.become(models)
    await history.insert("a", {"id": 1})
    await history.insert("b", {"id": 1, "a_id": 1})
    by_hand(history, "0002_c", 'op.execute("DELETE FROM a")', down="0001_initial")

    with pytest.raises(ReferencesBroken, match=r"1 rows would refer .* from b to a"):
        await history.migrate()

    assert await history.rows("SELECT id FROM a") == [(1,)]
    with pytest.raises(sa.exc.IntegrityError):
        await history.execute("INSERT INTO b VALUES (2, 7)")


@pytest.mark.on("sqlite")
async def test_a_rebuilt_table_keeps_its_triggers_views_indexes_and_unnamed_checks(
    history: History,
) -> None:
    await history.execute(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER, t TEXT COLLATE NOCASE, "
        "CHECK (n > 0 AND t <> 'x)'))"
    )
    await history.execute("CREATE INDEX ix_t ON a (lower(t))")
    await history.execute("CREATE VIEW v AS SELECT n FROM a")
    await history.execute("CREATE TABLE log (n INTEGER)")
    await history.execute(
        "CREATE TRIGGER tr AFTER INSERT ON a BEGIN INSERT INTO log VALUES (new.n); END"
    )
    by_hand(
        history,
        "0001_a",
        'with op.batch_alter_table("a") as a: a.alter_column("n", nullable=False)',
    )

    await history.migrate()

    await history.execute("INSERT INTO a VALUES (1, 5, 'Q')")
    assert await history.rows("SELECT n FROM log") == [(5,)]
    assert await history.rows("SELECT n FROM v") == [(5,)]
    assert await history.rows("SELECT n FROM a WHERE t = 'q'") == [(5,)]
    assert await history.rows("SELECT name FROM sqlite_master WHERE name = 'ix_t'") != []
    with pytest.raises(sa.exc.IntegrityError, match="CHECK"):
        await history.execute("INSERT INTO a VALUES (2, 0, 'q')")


@pytest.mark.on("sqlite")
async def test_a_rebuilt_table_counts_on_and_stays_strict(history: History) -> None:
    await history.execute("CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER)")
    await history.execute("CREATE TABLE b (id INTEGER PRIMARY KEY, n INTEGER) STRICT")
    await history.execute("CREATE TABLE c (id TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID")
    rebuild = "exec(\"with op.batch_alter_table(%r) as t: t.alter_column('n', nullable=False)\")"
    by_hand(history, "0001_a", "; ".join(rebuild % name for name in "abc"))

    await history.migrate()

    written = dict(await history.rows("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    assert "AUTOINCREMENT" in written["a"]
    assert written["b"].rstrip().endswith("STRICT")
    assert written["c"].rstrip().endswith("WITHOUT ROWID")


@pytest.mark.on("postgresql")
async def test_a_lost_connection_leaves_nothing_and_no_lock(two: History) -> None:
    await two.migrate("0001")
    gone = f"{create('c')}; op.execute('SELECT pg_terminate_backend(pg_backend_pid())')"
    by_hand(two, "0003_c", gone, down="0002_b")

    with pytest.raises(MigrationFailed, match="0003_c failed"):
        await two.migrate()

    assert await two.tables() == {"a", "b"}
    by_hand(two, "0003_c", create("c"), down="0002_b")
    assert [step.name for step in await two.migrate()] == ["0003_c"]


# -- Once ------------------------------------------------------------------------------------------


@pytest.mark.essential
async def test_ten_that_migrate_at_once_run_each_migration_once(
    two: History, database_url: str
) -> None:
    replicas = [Database(database_url) for _ in range(10)]
    try:
        done = await asyncio.gather(*(History(each, two.directory).migrate() for each in replicas))
    finally:
        for each in replicas:
            await each.close()

    assert sorted(step.name for steps in done for step in steps) == ["0001_a", "0002_b"]
    assert await two.tables() == {"a", "b"}


@pytest.mark.essential
async def test_one_that_waits_in_vain_is_told(two: History) -> None:
    async with two.database.engine.connect() as other:
        async with migration_lock(other, timeout=1, on_wait=lambda: None):
            with pytest.raises(MigrationLocked, match="Another process"):
                await two.migrate(options=Options(wait=0.2))

    await two.migrate()
    assert await two.tables() == {"a", "b"}


async def test_receivers_are_told_before_and_after_by_the_one_that_migrates(two: History) -> None:
    told = []

    async def before(migrations: Migrations, *, plan: list[object], **more: object) -> None:
        told.append((len(plan), await two.tables()))

    with pre_migrate.connected(before), post_migrate.connected(before):
        await two.migrate()
        await two.migrate()

    assert told == [(2, set()), (2, {"a", "b"})]


# -- Data ------------------------------------------------------------------------------------------

BATCHES = """\
    rows = (await session.execute(
        sa.text("SELECT id FROM a WHERE id > :after ORDER BY id LIMIT 2"), {"after": after or 0}
    )).scalars().all()
    for row in rows:
        await session.execute(sa.text("INSERT INTO b VALUES (:id)"), {"id": row})
        {stop}
    return rows[-1] if rows else None
"""


async def with_rows(two: History, stop: str = "") -> None:
    await two.migrate()
    await two.execute("INSERT INTO a VALUES (1), (2), (3), (4), (5)")
    two.write(
        "0003_fill",
        DATA.format(name="0003_fill", depends="0002_b", body=BATCHES.replace("{stop}", stop)),
    )


@pytest.mark.essential
async def test_a_data_migration_runs_in_batches(two: History) -> None:
    await with_rows(two)
    batches = []

    class Counting:
        def waiting(self) -> None: ...
        def began(self, step: object) -> None: ...
        def ended(self, step: object) -> None: ...
        def batch(self, step: object, number: int) -> None:
            batches.append(number)

    (step,) = await two.migrate(listener=Counting())

    assert step.data
    assert batches == [1, 2, 3]
    assert await two.rows("SELECT id FROM b ORDER BY id") == [(1,), (2,), (3,), (4,), (5,)]
    assert await applied(two) == ["0001_a", "0002_b", "0003_fill"]


@pytest.mark.essential
async def test_a_data_migration_goes_on_after_the_last_batch_that_was_done(
    two: History,
) -> None:
    await with_rows(two, stop="if row == 4: raise RuntimeError('stopped')")
    with pytest.raises(MigrationFailed, match="failed in batch 2, which was rolled back; the 1 "):
        await two.migrate()
    assert await two.rows("SELECT id FROM b ORDER BY id") == [(1,), (2,)]
    assert [(s.name, s.done) for s in await status(two.migrations) if s.done] == [("0003_fill", 1)]
    two.write(
        "0003_fill",
        DATA.format(name="0003_fill", depends="0002_b", body=BATCHES.replace("{stop}", "")),
    )

    await two.migrate()

    assert await two.rows("SELECT id FROM b ORDER BY id") == [(1,), (2,), (3,), (4,), (5,)]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("    return 1", "returned 1 twice"),
        ("    return {1}", "not of JSON's types"),
    ],
)
async def test_a_place_from_which_nothing_can_go_on_is_told(
    two: History, body: str, told: str
) -> None:
    two.write("0003_fill", DATA.format(name="0003_fill", depends="0002_b", body=body))

    with pytest.raises(MigrationError, match=told):
        await two.migrate()


async def test_a_data_migration_is_apart_from_the_schemas(two: History) -> None:
    await with_rows(two)
    by_hand(two, "0004_c", create("c"), down="0002_b")

    await two.migrate(options=Options(schema_only=True))

    assert await applied(two) == ["0001_a", "0002_b", "0004_c"]
    assert [step.name for step in await two.migrate()] == ["0003_fill"]
    await two.migrate("0001")
    assert await applied(two) == ["0001_a"]


async def test_a_schema_that_needs_data_is_not_reached_without_it(two: History) -> None:
    await with_rows(two)
    by_hand(two, "0004_c", create("c"), down="0002_b", depends="0003_fill")

    with pytest.raises(MigrationError, match=r"0004_c comes after the data migration 0003_fill"):
        await two.migrate(options=Options(schema_only=True))

    await two.migrate()
    assert await applied(two) == ["0001_a", "0002_b", "0003_fill", "0004_c"]


@pytest.mark.slow
async def test_rows_of_models_are_reached_in_a_data_migration(two: History, tmp_path: Path) -> None:
    body = """\
    from trivium.db import current_session
    assert current_session() is session
    async with __import__("trivium.db", fromlist=["atomic"]).atomic():
        await session.execute(sa.text("INSERT INTO a VALUES (7)"))
    return None
"""
    two.write("0003_fill", DATA.format(name="0003_fill", depends="0002_b", body=body))

    await two.migrate()

    assert await two.rows("SELECT id FROM a") == [(7,)]


@pytest.mark.on("mariadb")
async def test_a_statement_that_was_running_when_it_was_killed_may_be_done_already(
    two: History,
) -> None:
    """Noted as running and not as done: the server knows whether it is."""
    by_hand(two, "0003_c", f"{create('c')}; op.execute('SELECT nothing')", down="0002_b")
    with pytest.raises(MigrationFailed):
        await two.migrate()
    created = "CREATE TABLE c (\n\tid INTEGER NOT NULL AUTO_INCREMENT, \n\tPRIMARY KEY (id)\n)"
    state = json.dumps({"digest": "", "running": created})
    async with two.database.engine.begin() as connection:
        await connection.execute(
            sa.text("UPDATE trivium_migration_progress SET done = 0, state = :state"),
            {"state": state},
        )
    by_hand(two, "0003_c", create("c"), down="0002_b")

    await two.migrate()

    assert await two.tables() == {"a", "b", "c"}
    assert await applied(two) == ["0001_a", "0002_b", "0003_c"]
