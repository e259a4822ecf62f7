"""Branches, squashing, SQL, and what the lint says: what migrations do, without doing it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.db.migrations.schema import Answers, History, metadata, table
from tests.db.migrations.test_running import by_hand
from trivium.db.migrations import lint_pending, merge, sql_of, squash, status
from trivium.db.migrations.errors import BranchedMigrations, MigrationError, NotMigrated

# -- Branches --------------------------------------------------------------------------------------

FLIGHT = metadata(table("flight", sa.Column("gate", sa.String(4)), sa.Column("price", sa.Integer)))


@pytest.fixture
async def flights(history: History) -> History:
    await history.become(FLIGHT)
    return history


def branch(history: History, name: str, upgrade: str) -> None:
    by_hand(history, name, upgrade, down="0001_initial")


ADD_A = "op.add_column('flight', sa.Column('a', sa.Integer))"
ADD_B = "with op.batch_alter_table('flight') as t: t.add_column(sa.Column('b', sa.Integer))"

FREE = {
    "two columns": (ADD_A, ADD_B),
    "two tables": (
        "op.create_table('x', sa.Column('id', sa.Integer))",
        "op.create_table('y', sa.Column('id', sa.Integer))",
    ),
    "an index beside a column": (ADD_A, "op.create_index('ix', 'flight', ['gate'])"),
}
IN_ORDER = {
    "the same column": (ADD_A, ADD_A),
    "an index on a column that goes": (
        "op.create_index('ix', 'flight', ['gate'])",
        "op.drop_column('flight', 'gate')",
    ),
    "a check of a column that is renamed": (
        "op.create_check_constraint('ck', 'flight', 'price > 0')",
        "op.alter_column('flight', 'price', new_column_name='fare')",
    ),
    "a column of a table that goes": (ADD_A, "op.drop_table('flight')"),
    "a column of a table that is renamed": (ADD_A, "op.rename_table('flight', 'departure')"),
    "what nobody can read": (ADD_A, "op.execute('UPDATE flight SET gate = 1')"),
}


@pytest.mark.on("sqlite")
@pytest.mark.parametrize("branches", FREE.values(), ids=FREE.keys())
async def test_branches_whose_order_is_free_are_joined(
    flights: History, branches: tuple[str, str]
) -> None:
    branch(flights, "0002_a", branches[0])
    branch(flights, "0002_b", branches[1])

    made = merge(flights.migrations)

    assert made.revision == "0003_merge_a_b"
    assert [step.name for step in await flights.migrate()][-1] == "0003_merge_a_b"


@pytest.mark.on("sqlite")
@pytest.mark.parametrize("branches", IN_ORDER.values(), ids=IN_ORDER.keys())
async def test_branches_whose_order_matters_are_told(
    flights: History, branches: tuple[str, str]
) -> None:
    branch(flights, "0002_a", branches[0])
    branch(flights, "0002_b", branches[1])

    with pytest.raises(BranchedMigrations, match=r"(?s)order.*matters.*0002_a \(.* 0002_b \("):
        merge(flights.migrations)


@pytest.mark.on("sqlite")
async def test_without_branches_there_is_nothing_to_join(flights: History) -> None:
    with pytest.raises(MigrationError, match="nothing is to be joined"):
        merge(flights.migrations)


# -- Squashing -------------------------------------------------------------------------------------


async def grown(history: History) -> sa.MetaData:
    """Five migrations that make, change and drop."""
    await history.become(metadata(table("flight", sa.Column("gate", sa.String(4)))))
    await history.become(
        metadata(
            table("flight", sa.Column("gate", sa.String(9)), sa.Column("old", sa.Integer)),
            table("draft"),
        )
    )
    await history.become(
        metadata(table("flight", sa.Column("gate", sa.String(9), index=True, nullable=False,
                                           default="x")))
    )  # fmt: skip
    last = metadata(
        table(
            "flight",
            sa.Column("gate", sa.String(9), nullable=False, default="x"),
            sa.Column("price", sa.Integer, server_default="1"),
            sa.CheckConstraint("price > 0", name="price"),
        ),
        table("airline", sa.Column("flight_id", sa.ForeignKey("flight.id"))),
    )
    await history.become(last)
    return last


async def test_many_become_one_that_does_the_same(history: History) -> None:
    await grown(history)
    names = [each.name for each in await status(history.migrations)]

    made = squash(history.migrations, None, names[-1])

    assert made.revision == names[-1]
    assert [each.name for each in await status(history.migrations)] == [names[-1]]
    assert await history.migrate() == []
    assert await history.changes() == []
    await history.migrate("zero")
    assert await history.tables() == set()
    await history.migrate()
    assert await history.changes() == []


@pytest.mark.on("sqlite")
async def test_what_cancels_out_is_left_out(history: History) -> None:
    await grown(history)

    made = squash(history.migrations, None, "0004")

    upgrade = made.path.read_text().partition("def upgrade")[2].partition("def downgrade")[0]
    assert "draft" not in upgrade
    assert made.changes.count("create flight") == 1


@pytest.mark.on("sqlite")
async def test_a_column_that_came_and_went_is_left_out_unless_rows_were_changed(
    history: History,
) -> None:
    by_hand(history, "0001_a", "op.create_table('a', sa.Column('id', sa.Integer))")
    by_hand(history, "0002_b", "op.add_column('a', sa.Column('b', sa.Integer))", down="0001_a")
    by_hand(history, "0003_c", "op.execute('UPDATE c SET d = 1')", down="0002_b")
    by_hand(history, "0004_d", "op.drop_column('a', 'b')", down="0003_c")

    made = squash(history.migrations, None, "0004")

    assert made.changes == ["create a", "fill in values"]


async def test_a_database_in_their_midst_goes_through_the_files_that_were_kept(
    history: History,
) -> None:
    await grown(history)
    names = [each.name for each in await status(history.migrations)]
    await history.migrate("0002")
    squash(history.migrations, None, "0004")

    steps = await history.migrate()

    assert [step.name for step in steps] == names[2:]
    assert await history.changes() == []
    assert [each.name for each in await status(history.migrations)] == [names[-1]]


@pytest.mark.on("sqlite")
async def test_a_part_is_squashed_and_the_rest_follows(history: History) -> None:
    await grown(history)

    squash(history.migrations, "0002", "0003")

    listed = await status(history.migrations)
    assert [each.name[:4] for each in listed] == ["0001", "0003", "0004"]
    assert [name[:4] for name in listed[1].replaces] == ["0002", "0003"]
    await history.migrate("zero")
    await history.migrate()
    assert await history.changes() == []


@pytest.mark.on("sqlite")
async def test_what_cannot_be_squashed_is_told(history: History) -> None:
    by_hand(history, "0001_a", "op.get_bind().execute(sa.text('SELECT 1')).scalar()")
    by_hand(history, "0002_b", down="0001_a")

    with pytest.raises(MigrationError, match=r"0001_a\.py cannot be looked into without"):
        squash(history.migrations, None, "0002")
    with pytest.raises(MigrationError, match="0001_a is one migration already"):
        squash(history.migrations, None, "0001")
    with pytest.raises(MigrationError, match="0001_a does not come after 0002_b"):
        squash(history.migrations, "0002", "0001")
    assert len(list(history.directory.glob("*.py"))) == 2


@pytest.mark.on("sqlite")
async def test_without_the_kept_files_a_database_in_their_midst_is_told(history: History) -> None:
    await grown(history)
    await history.migrate("0002")
    squash(history.migrations, None, "0004")
    for path in (history.directory / "replaced").glob("*.py"):
        path.unlink()

    with pytest.raises(NotMigrated, match="stands at 0002"):
        await history.migrate()


# -- SQL -------------------------------------------------------------------------------------------


async def test_the_sql_of_a_migration_is_shown(history: History) -> None:
    await grown(history)

    first = sql_of(history.migrations, "0001")
    second = sql_of(history.migrations, "0002")
    back = sql_of(history.migrations, "0001", backwards=True)

    assert first.startswith("BEGIN;")
    assert first.rstrip().endswith("COMMIT;")
    assert "CREATE TABLE flight" in first
    assert "CREATE TABLE draft" in second
    assert "CREATE TABLE flight" not in second
    assert "DROP TABLE flight" in back


@pytest.mark.on("sqlite")
async def test_a_data_migration_has_no_sql(history: History) -> None:
    history.write("0001_fill", "revision = '0001_fill'\ndown_revision = None\n"
                               "async def migrate(session, after): ...\n")  # fmt: skip

    with pytest.raises(MigrationError, match="there is no SQL to show"):
        sql_of(history.migrations, "0001")


# -- The lint --------------------------------------------------------------------------------------

SAID = {
    "op.create_index('ix', 'flight', ['gate'])": ["create-index"],
    "op.create_index('ix', 'flight', ['gate'], postgresql_concurrently=True)": [],
    "op.drop_index('ix', 'flight')": ["drop-index"],
    "op.create_unique_constraint('uq', 'flight', ['gate'])": ["add-unique"],
    "op.create_foreign_key('fk', 'flight', 'flight', ['a'], ['id'])": ["add-foreign-key"],
    "op.create_foreign_key('fk', 'flight', 'flight', ['a'], ['id'], postgresql_not_valid=True)": [],
    "op.create_check_constraint('ck', 'flight', 'price > 0')": ["add-check"],
    "op.create_primary_key('pk', 'flight', ['gate'])": ["add-primary-key"],
    "op.add_column('flight', sa.Column('a', sa.Integer))": [],
    "op.add_column('flight', sa.Column('a', sa.Integer, nullable=False))": ["add-required-column"],
    "op.add_column('flight', sa.Column('a', sa.Integer, server_default='1', nullable=False))": [],
    "op.add_column('flight', sa.Column('a', sa.Uuid, server_default=sa.text('gen_random_uuid()')))":
        ["rewrite-table"],
    "op.alter_column('flight', 'gate', nullable=False)": ["set-not-null"],
    "op.alter_column('flight', 'gate', nullable=True)": [],
    "op.alter_column('flight', 'gate', new_column_name='door')": ["rename"],
    "op.alter_column('flight', 'gate', existing_type=sa.String(4), type_=sa.String(9))": [],
    "op.alter_column('flight', 'gate', existing_type=sa.String(4), type_=sa.Text())": [],
    "op.alter_column('flight', 'gate', existing_type=sa.String(4), type_=sa.String(2))":
        ["rewrite-table"],
    "op.alter_column('flight', 'gate', existing_type=sa.Numeric(5, 2), type_=sa.Numeric(9, 2))": [],
    "op.alter_column('flight', 'gate', existing_type=sa.Integer(), type_=sa.BigInteger())":
        ["rewrite-table"],
    "op.drop_column('flight', 'gate')": ["drop-column"],
    "op.drop_table('flight')": ["drop-table"],
    "op.rename_table('flight', 'departure')": ["rename"],
    "op.alter_enum('s', ['a'], ['a', 'b'])": [],
    "op.alter_enum('s', ['a', 'b'], ['a'])": ["rewrite-enum"],
    "op.execute('VACUUM FULL flight')": ["long-lock"],
    "op.execute('UPDATE flight SET gate = 1')": [],
    "op.add_column('flight', sa.Column('a', sa.Integer)); op.execute('UPDATE flight SET a = 1')":
        ["change-rows"],
    "op.create_table('x', sa.Column('id', sa.Integer)); op.create_index('ix', 'x', ['id'])": [],
}  # fmt: skip


@pytest.mark.on("sqlite")
@pytest.mark.parametrize(("upgrade", "rules"), SAID.items(), ids=SAID.keys())
async def test_the_lint_names_what_locks_or_breaks(
    flights: History, upgrade: str, rules: list[str]
) -> None:
    branch(flights, "0002_a", upgrade)

    found = await lint_pending(flights.migrations)

    assert [each.rule for each in found] == rules
    assert all(each.migration == "0002_a" and each.reason and each.recipe for each in found)


@pytest.mark.on("sqlite")
async def test_a_finding_is_allowed_with_its_reason(flights: History) -> None:
    path = flights.write("0002_a", "revision = '0002_a'\ndown_revision = '0001_initial'\n"
                         "from alembic import op\n"
                         "lint_allow = {'drop-table': 'Nobody uses it.'}\n"
                         "def upgrade():\n    op.drop_table('flight')\n")  # fmt: skip
    assert await lint_pending(flights.migrations) == []

    path.write_text(path.read_text().replace("'Nobody uses it.'", "''"))
    with pytest.raises(MigrationError, match="needs a reason for each rule"):
        await lint_pending(flights.migrations)

    path.write_text(path.read_text().replace("'drop-table': ''", "'drop-tabel': 'x'"))
    with pytest.raises(MigrationError, match="no rule 'drop-tabel'"):
        await lint_pending(flights.migrations)


@pytest.mark.on("postgresql")
async def test_an_index_is_built_concurrently_while_replicas_wait(
    flights: History, database_url: str
) -> None:
    """Those that wait for the lock hold no snapshot that the building would wait for."""
    import asyncio

    from trivium.db import Database

    branch(
        flights,
        "0002_a",
        "exec(\"with op.get_context().autocommit_block(): op.create_index('ix', 'flight', "
        "['gate'], postgresql_concurrently=True)\")",
    )
    others = [Database(database_url) for _ in range(3)]
    try:
        done = await asyncio.gather(
            *(History(each, flights.directory).migrate() for each in others)
        )
    finally:
        for each in others:
            await each.close()

    assert sorted(step.name for steps in done for step in steps) == ["0002_a"]
    assert await flights.rows("SELECT 1 FROM pg_indexes WHERE indexname = 'ix'") == [(1,)]


@pytest.mark.on("postgresql")
async def test_a_renaming_is_made_with_yes_and_linted(flights: History) -> None:
    await flights.make(
        metadata(table("flight", sa.Column("door", sa.String(4)), sa.Column("price", sa.Integer))),
        Answers(("flight.gate", "door")),
    )

    assert [each.rule for each in await lint_pending(flights.migrations)] == ["rename"]
