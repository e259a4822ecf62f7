"""Another primary key: rows stay, and what cannot be done is told."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from tests.db.migrations.schema import Answers, History, metadata
from trivium.db.migrations.errors import MigrationError

# Each makes a database, migrates it, and asks it about two schemas.
pytestmark = pytest.mark.slow


def seat(*columns: sa.Column[Any], **options: Any) -> sa.MetaData:
    return metadata(lambda made: sa.Table("seat", made, *columns, **options))


def counting() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer, primary_key=True)


def flight(*, key: bool, kind: Any = sa.Integer) -> sa.Column[Any]:
    return sa.Column("flight", kind, primary_key=key, nullable=False, autoincrement=False)


def row(*, key: bool) -> sa.Column[Any]:
    return sa.Column("row", sa.String(3), primary_key=key, nullable=False)


CHANGES = {
    "wider": (seat(flight(key=True), row(key=False)), seat(flight(key=True), row(key=True))),
    "narrower": (seat(flight(key=True), row(key=True)), seat(flight(key=True), row(key=False))),
    "another": (seat(flight(key=True), row(key=False)), seat(flight(key=False), row(key=True))),
    "in another order": (
        seat(flight(key=True), row(key=True)),
        seat(row(key=True), flight(key=True)),
    ),
    "a number instead": (
        seat(flight(key=True), row(key=True)),
        seat(counting(), flight(key=False), row(key=False)),
    ),
    "no number any more": (
        seat(counting(), flight(key=False), row(key=False)),
        seat(flight(key=True), row(key=True)),
    ),
    "of another type": (
        seat(flight(key=True), row(key=False)),
        seat(flight(key=True, kind=sa.String(9)), row(key=True)),
    ),
}


async def key_of(history: History) -> list[str]:
    async with history.database.engine.connect() as connection:
        found = await connection.run_sync(lambda sync: sa.inspect(sync).get_pk_constraint("seat"))
    return list(found["constrained_columns"])


@pytest.mark.parametrize("change", CHANGES)
async def test_another_key_is_made_and_the_rows_stay(history: History, change: str) -> None:
    before, after = CHANGES[change]
    await history.become(before)
    await history.insert("seat", {"flight": 2, "row": "10A"}, {"flight": 1, "row": "10B"})
    old = await key_of(history)

    await history.become(after)

    assert await history.changes() == []
    assert await key_of(history) == [each.name for each in after.tables["seat"].primary_key]
    rows = await history.rows("SELECT flight, row FROM seat ORDER BY row")
    assert [(int(flight), row) for flight, row in rows] == [(2, "10A"), (1, "10B")]
    if "id" in after.tables["seat"].primary_key.columns:
        assert sorted(await history.rows("SELECT id FROM seat")) == [(1,), (2,)]
        await history.insert("seat", {"flight": 3, "row": "10C"})
        assert await history.rows("SELECT id FROM seat WHERE flight = 3") == [(3,)]

    await history.migrate("-1")
    history.forget_last()
    history.models = before
    assert await history.changes() == []
    assert await key_of(history) == old
    assert len(await history.rows("SELECT row FROM seat")) >= 2


async def test_a_new_column_of_the_key_gets_its_value(history: History) -> None:
    await history.become(seat(flight(key=True), row(key=False)))
    await history.insert("seat", {"flight": 1, "row": "10A"})
    wanted = seat(
        sa.Column("deck", sa.Integer, primary_key=True, autoincrement=False),
        flight(key=True),
        row(key=False),
    )

    await history.become(wanted, Answers(value="7"))

    assert await history.changes() == []
    assert await history.rows("SELECT deck, flight FROM seat") == [(7, 1)]


async def test_rows_that_are_not_unique_undo_the_migration(history: History) -> None:
    await history.become(seat(counting(), flight(key=False), row(key=False)))
    await history.insert("seat", {"flight": 1, "row": "10A"}, {"flight": 1, "row": "10B"})

    with pytest.raises(MigrationError):
        await history.become(seat(flight(key=True), row(key=False)))

    assert await key_of(history) == ["id"]
    assert len(await history.rows("SELECT * FROM seat")) == 2


async def test_what_others_refer_to_is_told(history: History) -> None:
    def ticket(made: sa.MetaData) -> sa.Table:
        return sa.Table(
            "ticket", made, sa.Column("id", sa.Integer, sa.ForeignKey("seat.id"), primary_key=True)
        )

    before = metadata(
        lambda made: sa.Table("seat", made, counting(), flight(key=False), row(key=False)), ticket
    )
    await history.become(before)

    with pytest.raises(
        MigrationError, match=r"(?s)\(id\).*\(flight\).*ticket refers to it.*by hand"
    ):
        await history.make(seat(flight(key=True), row(key=False)))


@pytest.mark.on("sqlite")
async def test_a_key_without_a_name_is_told(history: History) -> None:
    await history.execute("CREATE TABLE seat (flight INTEGER NOT NULL PRIMARY KEY, row TEXT)")

    with pytest.raises(MigrationError, match="no name"):
        await history.make(seat(flight(key=False), row(key=True)))


@pytest.mark.on("postgresql")
@pytest.mark.parametrize("counted", [True, False])
async def test_a_number_that_is_counted_from_now_on_or_no_more_is_told(
    history: History, counted: bool
) -> None:
    models = [
        seat(sa.Column("id", sa.Integer, nullable=False), row(key=True)),
        seat(counting(), row(key=False)),
    ]
    await history.become(models[counted])

    with pytest.raises(MigrationError, match="number of its own" if counted else "counted so far"):
        await history.make(models[not counted])
