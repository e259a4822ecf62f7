"""A dump is loaded as it was, into the same kind of database or another one."""

from __future__ import annotations

import enum
import io
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, DateTime, ForeignKey, Numeric, String, func, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.db.servers import empty_database
from trivium.db import Database, DbError, FieldError
from trivium.db.dumps import dump, load

pytestmark = pytest.mark.essential


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Base(DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    boss_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    color: Mapped[Color | None]
    born: Mapped[date | None]
    seen: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    wakes: Mapped[time | None]
    sleeps: Mapped[timedelta | None]
    balance: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    height: Mapped[float | None]
    active: Mapped[bool | None]
    token: Mapped[uuid.UUID | None]
    photo: Mapped[bytes | None]
    data: Mapped[Any] = mapped_column(JSON, nullable=True)


class Pet(Base):
    __tablename__ = "pets"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("people.id"))


PEOPLE: list[dict[str, Any]] = [
    {
        "id": 1,
        "name": "Ada 😀 “quoted”\n",
        "boss_id": 2,
        "color": Color.BLUE,
        "born": date(1815, 12, 10),
        "seen": datetime(2026, 11, 26, 9, 30, tzinfo=UTC),
        "wakes": time(6, 30),
        "sleeps": timedelta(hours=8),
        "balance": Decimal("1234567.89"),
        "height": 1.65,
        "active": True,
        "token": uuid.UUID(int=7),
        "photo": b"\x00\xff",
        "data": {"a": [1, None, "x"]},
    },
    {"id": 2, "name": "", "boss_id": None},
]


def table(model: type[Base]) -> Any:
    return model.__table__


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, models=Base) as database:
        await database.create_tables()
        yield database


async def fill(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(insert(table(Person)), {**PEOPLE[1]})
        await connection.execute(insert(table(Person)), PEOPLE[0])
        await connection.execute(insert(table(Pet)), {"name": "Rex", "owner_id": 1})


async def dumped(database: Database, *tables: str) -> str:
    file = io.StringIO()
    await dump(database, file, tables=tables)
    return file.getvalue()


async def load_lines(database: Database, *lines: object, **options: Any) -> int:
    return await load(database, [json.dumps(line) for line in lines], **options)


async def test_a_dump_is_loaded_as_it_was(database: Database) -> None:
    await fill(database)
    text = await dumped(database)
    await database.drop_tables()
    await database.create_tables()

    assert await load(database, io.StringIO(text)) == 3

    assert await dumped(database) == text
    async with database.engine.connect() as connection:
        first = (await connection.execute(select(table(Person)).order_by("id"))).first()
    assert first is not None
    found = dict(first._mapping)
    if found["seen"].tzinfo is None:  # SQLite and MariaDB keep no time zone
        found["seen"] = found["seen"].replace(tzinfo=UTC)
    assert found == PEOPLE[0]


@pytest.mark.on("postgresql")
async def test_a_dump_of_one_kind_is_loaded_into_another(
    database: Database, tmp_path: Path
) -> None:
    async with Database(empty_database("sqlite", tmp_path), models=Base) as other:
        await other.create_tables()
        await fill(other)
        text = (await dumped(other)).replace("2026-11-26T09:30:00", "2026-11-26T09:30:00+00:00")

    assert await load(database, io.StringIO(text)) == 3

    assert json.loads((await dumped(database)).splitlines()[0])["row"]["name"] == PEOPLE[0]["name"]


async def test_only_the_tables_that_are_asked_for(database: Database) -> None:
    await fill(database)

    lines = (await dumped(database, "pets")).splitlines()

    assert lines == ['{"table": "pets", "row": {"name": "Rex", "owner_id": 1}}']
    with pytest.raises(FieldError, match="did you mean: pets"):
        await dumped(database, "pet")


@pytest.mark.on("postgresql", "mariadb")
async def test_new_rows_get_keys_after_the_loaded_ones(database: Database) -> None:
    await load_lines(database, {"table": "people", "row": {"id": 41, "name": "Ada"}})

    async with database.engine.begin() as connection:
        await connection.execute(insert(table(Person)), {"name": "Ben"})
        assert await connection.scalar(select(func.max(Person.id))) == 42


async def test_a_row_that_is_there_already_is_an_error_or_replaced(database: Database) -> None:
    await fill(database)
    again = {"table": "people", "row": {"id": 2, "name": "Bob"}}

    with pytest.raises(DbError, match="Lines 1 to 1: people refuses a row"):
        await load_lines(database, again)
    await load_lines(database, again, update=True)

    async with database.engine.connect() as connection:
        assert await connection.scalar(select(Person.name).where(Person.id == 2)) == "Bob"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "Line 2 is no JSON"),
        ("[]", "Line 2 is not of the form"),
        ('{"table": "people"}', "Line 2 is not of the form"),
        ('{"table": "poeple", "row": {}}', "Line 2: there is no table 'poeple'"),
        ('{"table": ["people"], "row": {}}', "Line 2 is not of the form"),
        ('{"table": "people", "row": {"nam": ""}}', "Line 2: people has no column 'nam'"),
        ('{"table": "people", "row": {"id": "x"}}', "Line 2: people.id"),
        ('{"table": "people", "row": {"id": true}}', "Line 2: people.id"),
        ('{"table": "people", "row": {"born": "tomorrow"}}', "Line 2: people.born"),
        ('{"table": "people", "row": {"color": "GREEN"}}', "'GREEN' is none of RED, BLUE"),
        ('{"table": "people", "row": {"photo": "?"}}', "is no base64"),
        ('{"table": "people", "row": {"balance": "much"}}', "is no number"),
        ('{"table": "people", "row": {"token": "7"}}', "Line 2: people.token"),
        ('{"table": "pets", "row": {"name": "Rex", "owner_id": 9}}', "pets refuses a row|FOREIGN"),
    ],
)
async def test_a_line_that_is_wrong_is_named_and_nothing_is_loaded(
    database: Database, line: str, message: str
) -> None:
    first = '{"table": "people", "row": {"id": 5, "name": "Ada"}}'

    with pytest.raises(DbError, match=message):
        await load(database, [first, line])

    async with database.engine.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(Person)) == 0


async def test_progress_is_told_in_rows(database: Database) -> None:
    told: list[int] = []
    lines = [{"table": "people", "row": {"id": n, "name": str(n)}} for n in range(1, 1201)]

    await load_lines(database, *lines, progress=told.append)

    seen: list[tuple[str, int, int]] = []
    await dump(database, io.StringIO(), progress=lambda *each: seen.append(each))
    assert told == [500, 1000, 1200]
    assert seen == [("people", 1000, 1200), ("people", 1200, 1200), ("pets", 0, 0)]
