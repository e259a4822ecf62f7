"""CHECKs without a name on SQLite: what they say is all there is to know them by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from tests.db.migrations.schema import History

# Each makes a database, migrates it, and asks it about two schemas.
pytestmark = [pytest.mark.slow, pytest.mark.on("sqlite")]


def seats(checks: Sequence[str], *columns: str) -> sa.MetaData:
    """A table with these CHECKs, and no convention that would name them."""
    made = sa.MetaData()
    items: list[Any] = [sa.Column(name, sa.Integer) for name in ("n", *columns)]
    items += [sa.CheckConstraint(check) for check in checks]
    sa.Table("seats", made, sa.Column("id", sa.Integer, primary_key=True), *items)
    return made


async def said(history: History) -> list[str]:
    def read(connection: sa.Connection) -> list[str]:
        found = sa.inspect(connection).get_check_constraints("seats")
        return sorted(str(each["sqltext"]) for each in found)

    async with history.database.engine.connect() as connection:
        return await connection.run_sync(read)


CHANGES = {
    "another": (seats(["n > 0", "n < 9"]), seats(["n >= 0", "n < 9"])),
    "more": (seats(["n > 0"]), seats(["n > 0", "n < 9"])),
    "less": (seats(["n > 0", "n < 9"]), seats(["n < 9"])),
    "the first": (seats([]), seats(["n > 0"])),
    "none": (seats(["n > 0"]), seats([])),
    "with a new column": (seats(["n > 0"]), seats(["n > 0", "m > n"], "m")),
    "with a column that goes": (seats(["n > 0", "m > n"], "m"), seats(["n > 0"])),
    "twice": (seats(["n > 0", "n > 0"]), seats(["n > 0"])),
    "a colon": (seats(["n > 0"]), seats(["n > 0", r"n <> '\:n'"])),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_they_are_exchanged_and_the_rows_stay(history: History, change: str) -> None:
    before, after = CHANGES[change]
    await history.become(before)
    await history.insert("seats", {"id": 1, "n": 5})
    old = await said(history)

    await history.become(after)

    assert await history.changes() == []
    wanted = [each for each in after.tables["seats"].constraints if hasattr(each, "sqltext")]
    assert await said(history) == sorted(str(each.sqltext).replace("\\:", ":") for each in wanted)
    assert await history.rows("SELECT id, n FROM seats") == [(1, 5)]

    await history.migrate("-1")
    history.forget_last()
    history.models = before
    assert await history.changes() == []
    assert await said(history) == old


async def test_rows_that_break_a_new_one_undo_the_migration(history: History) -> None:
    await history.become(seats(["n > 0"]))
    await history.insert("seats", {"id": 1, "n": 5})

    with pytest.raises(Exception, match="CHECK"):
        await history.become(seats(["n > 7"]))

    assert await said(history) == ["n > 0"]
    assert await history.rows("SELECT id, n FROM seats") == [(1, 5)]


async def test_the_change_is_told_in_words(history: History) -> None:
    await history.become(seats(["n > 0"]))

    made = await history.make(seats(["n > 1"]))

    assert made is not None
    assert made.changes == ["exchange checks of seats"]
