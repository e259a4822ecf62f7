"""A migration that is killed half way: nothing half-done is seen, and the next run goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.db.migrations.schema import History
from tests.db.migrations.test_running import DATA, by_hand, create
from trivium.db.migrations import status

PROGRAM = """\
import asyncio, sys
from pathlib import Path
from trivium.db import Database
from trivium.db.migrations import Migrations, migrate

async def main():
    async with Database(sys.argv[1]) as database:
        await migrate(Migrations(database, Path(sys.argv[2]), ()))

asyncio.run(main())
"""
# Says how far it is, and waits for an end that never comes.
HALT = "print('here', flush=True); __import__('sys').stdin.read()"


def kill_half_way(url: str, directory: Path) -> None:
    """Migrates in a process of its own, and kills it where it halts."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "here\n"
    finally:
        process.kill()
        process.communicate()


async def applied(history: History) -> list[str]:
    return [each.name for each in await status(history.migrations) if each.applied]


@pytest.mark.slow
async def test_a_killed_migration_leaves_nothing(history: History, database_url: str) -> None:
    by_hand(history, "0001_a", create("a"))
    by_hand(
        history,
        "0002_b",
        f"{create('b')}; op.add_column('a', sa.Column('n', sa.Integer)); {HALT}",
        down="0001_a",
    )

    kill_half_way(database_url, history.directory)

    assert await history.tables() == {"a"}
    assert await applied(history) == ["0001_a"]
    by_hand(
        history,
        "0002_b",
        f"{create('b')}; op.add_column('a', sa.Column('n', sa.Integer))",
        down="0001_a",
    )
    await history.migrate()
    assert await history.tables() == {"a", "b"}


@pytest.mark.slow
@pytest.mark.on("mariadb")
async def test_a_killed_migration_goes_on_where_nothing_can_be_rolled_back(
    history: History, database_url: str
) -> None:
    upgrade = (
        f"{create('a')}; op.execute('INSERT INTO a VALUES (1)'); "
        f"{{halt}}; op.execute('INSERT INTO a VALUES (2)'); {create('b')}"
    )
    by_hand(history, "0001_a", upgrade.replace("{halt}", HALT))

    kill_half_way(database_url, history.directory)

    assert [(each.applied, each.done) for each in await status(history.migrations)] == [(False, 2)]
    by_hand(history, "0001_a", upgrade.replace("{halt}; ", ""))
    await history.migrate()
    assert await history.rows("SELECT id FROM a ORDER BY id") == [(1,), (2,)]
    assert await history.tables() == {"a", "b"}


BODY = """\
    after = after or 0
    if after == 3:
        return None
    await session.execute(sa.text("INSERT INTO a VALUES (:id)"), {"id": after + 1})
    {halt}
    return after + 1
"""


@pytest.mark.slow
@pytest.mark.essential
async def test_a_killed_data_migration_does_each_batch_once(
    history: History, database_url: str
) -> None:
    by_hand(history, "0001_a", create("a"))
    await history.migrate()
    halting = BODY.replace("{halt}", f"if after == 1: {HALT}")
    history.write("0002_f", DATA.format(name="0002_f", depends="0001_a", body=halting))

    kill_half_way(database_url, history.directory)

    assert await history.rows("SELECT id FROM a") == [(1,)]
    history.write(
        "0002_f",
        DATA.format(name="0002_f", depends="0001_a", body=BODY.replace("{halt}", "")),
    )
    await history.migrate()
    assert await history.rows("SELECT id FROM a ORDER BY id") == [(1,), (2,), (3,)]
    assert await applied(history) == ["0001_a", "0002_f"]
