"""Between any two schemas: generate, apply, generate is empty, and the rows are kept."""

from __future__ import annotations

import datetime
import tempfile
from pathlib import Path
from typing import Any

import anyio
import pytest
import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.db.migrations.schema import NAMES, History
from tests.db.servers import empty_database
from trivium.db import Database
from trivium.db.migrations import NobodyAsked

# By the first letter of a column's name: types between which its values can be kept.
TYPES: dict[str, list[Any]] = {
    "n": [sa.Integer(), sa.BigInteger(), sa.Numeric(10, 2)],
    "s": [sa.String(20), sa.String(40), sa.Text()],
    "b": [sa.Boolean()],
    "d": [sa.Date(), sa.DateTime()],
}
DEFAULTS: dict[str, list[Any]] = {
    "n": [None, "5", sa.text("(2 + 3)")],
    "s": [None, "it's", "a:b%"],
    "b": [None, sa.false()],
    "d": [None, sa.func.current_timestamp()],
    "e": [None, "a"],
}
MEMBERS = [("a", "b"), ("a", "b", "c"), ("c", "a"), ("a",)]
LITERALS = {"n": "7", "s": "'new'", "b": "true", "d": "'2020-01-02'", "e": "'a'"}
NAMES_OF_COLUMNS = ["n0", "n1", "s0", "s1", "b0", "d0", "e0"]


class Answering(NobodyAsked):
    def value_for_rows(self, table: str, column: str, kind: str) -> str:
        return LITERALS[column[0]]


@st.composite
def columns(draw: st.DrawFn, table: str, name: str) -> list[Any]:
    kind = name[0]
    unique = kind in "ns" and draw(st.booleans()) and draw(st.booleans())
    made: list[Any] = []
    if kind == "e":
        # Every table has a type of its own, so that it can be another one.
        type_: Any = sa.Enum(
            *draw(st.sampled_from(MEMBERS)), name=f"kind_{table}", create_constraint=True
        )
    else:
        type_ = draw(st.sampled_from(TYPES[kind]))
    index = draw(st.booleans()) and not isinstance(type_, sa.Text)
    made.append(
        sa.Column(
            name,
            type_,
            nullable=unique or draw(st.booleans()),
            unique=unique or None,
            index=(index and not unique) or None,
            server_default=None if unique else draw(st.sampled_from(DEFAULTS[kind])),
        )
    )
    if kind == "n" and draw(st.booleans()):
        bound = draw(st.sampled_from([-1, -2]))
        made.append(sa.CheckConstraint(f"{name} > {bound}", name=f"{name}_bound"))
    return made


@st.composite
def schemas(draw: st.DrawFn) -> sa.MetaData:
    metadata = sa.MetaData(naming_convention=NAMES)
    names = draw(st.lists(st.sampled_from("tuvw"), min_size=1, max_size=3, unique=True))
    for position, name in enumerate(names):
        items = []
        for column in draw(st.lists(st.sampled_from(NAMES_OF_COLUMNS), max_size=4, unique=True)):
            items += draw(columns(name, column))
        if draw(st.booleans()):
            rule = draw(st.sampled_from([None, "CASCADE"]))
            target = draw(st.sampled_from(names[: position + 1]))
            items.append(sa.Column(f"ref_{target}", sa.ForeignKey(f"{target}.id", ondelete=rule)))
        sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), *items)
    return metadata


VALUES: dict[str, Any] = {
    "n": lambda row: row,
    "s": lambda row: f"r{row}",
    "b": lambda row: True,
    "d": lambda row: datetime.datetime(2020, 1, row),
    "e": lambda row: "a",
    "r": lambda row: 1,
    "i": lambda row: row,
}


def rows_for(table: sa.Table) -> list[dict[str, Any]]:
    def value(column: sa.Column[Any], row: int) -> Any:
        made = VALUES[column.name[0]](row)
        return made.date() if isinstance(column.type, sa.Date) else made

    return [{column.name: value(column, row) for column in table.columns} for row in (1, 2)]


def comparable(value: Any) -> Any:
    """The same value, whatever it is stored as."""
    if isinstance(value, datetime.datetime):
        return value.date()
    return value


async def kept(database: Database, table: sa.Table, names: list[str]) -> list[tuple[Any, ...]]:
    async with database.engine.connect() as connection:
        result = await connection.execute(
            sa.select(*(table.c[name] for name in names)).order_by(table.c.id)
        )
        return [tuple(comparable(value) for value in row) for row in result]


async def check(kind: str, before: sa.MetaData, after: sa.MetaData, folder: Path) -> None:
    async with Database(empty_database(kind, folder)) as database:
        history = History(database, folder / "migrations")
        await history.become(before, Answering())
        assert await history.changes() == []
        for table in before.sorted_tables:
            await history.insert(table.name, *rows_for(table))
        common = {
            name: [c.name for c in table.columns if c.name in after.tables[name].columns]
            for name, table in before.tables.items()
            if name in after.tables
        }
        there = {n: await kept(database, before.tables[n], cs) for n, cs in common.items()}

        await history.become(after, Answering())

        assert await history.changes() == []
        assert {n: await kept(database, after.tables[n], cs) for n, cs in common.items()} == there
        # A column that has come back has no value for the rows there are.
        for table in reversed(after.sorted_tables):
            await history.execute(f"DELETE FROM {table.name}")
        await history.migrate("zero")
        assert await history.tables() == set()
        await history.migrate()
        assert await history.changes() == []


def run(kind: str, before: sa.MetaData, after: sa.MetaData) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(check, kind, before, after, Path(folder))


# What fails is not made smaller: every attempt takes a second.
EXAMPLES = [Phase.explicit, Phase.generate]


@pytest.mark.slow
@pytest.mark.timeout(240)
@given(before=schemas(), after=schemas())
@settings(max_examples=20, phases=EXAMPLES)
def test_any_two_schemas_on_sqlite(before: sa.MetaData, after: sa.MetaData) -> None:
    run("sqlite", before, after)


@pytest.mark.slow
@pytest.mark.timeout(240)
@given(before=schemas(), after=schemas())
@settings(max_examples=8, phases=EXAMPLES)
def test_any_two_schemas_on_postgresql(before: sa.MetaData, after: sa.MetaData) -> None:
    run("postgresql", before, after)


@pytest.mark.slow
@pytest.mark.timeout(240)
@given(before=schemas(), after=schemas())
@settings(max_examples=3, phases=EXAMPLES)
def test_any_two_schemas_on_mariadb(before: sa.MetaData, after: sa.MetaData) -> None:
    run("mariadb", before, after)
