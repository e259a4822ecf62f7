"""Factories make objects that fit their table, and what they need."""

from __future__ import annotations

import enum
import uuid
from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import JSON, ForeignKey, Numeric, String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tests.db.tables import Airline, Base, Flight
from trivium.db import Database, DbError, FieldError, execute
from trivium.db.testing import factory


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class OtherBase(DeclarativeBase):
    pass


class Everything(OtherBase):
    __tablename__ = "everything"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(3), unique=True)
    price: Mapped[Decimal] = mapped_column(Numeric(4, 2))
    weight: Mapped[float]
    on_sale: Mapped[bool]
    color: Mapped[Color]
    made_on: Mapped[date]
    sold_at: Mapped[datetime]
    token: Mapped[uuid.UUID]
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    raw: Mapped[bytes]
    note: Mapped[str | None]
    state: Mapped[str] = mapped_column(String(10), default="new")


class Node(OtherBase):
    __tablename__ = "nodes"

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("nodes.id"))
    parent: Mapped[Node] = relationship(remote_side=[id])


class Loose(OtherBase):
    __tablename__ = "loose"

    id: Mapped[int] = mapped_column(primary_key=True)
    thing_id: Mapped[int] = mapped_column(ForeignKey("everything.id"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, models=[Base, OtherBase]) as database:
        await database.create_tables()
        async with database.session():
            yield database


async def test_every_type_of_column_gets_a_value_and_what_may_be_missing_is_left_out(
    database: Database,
) -> None:
    things = await factory(Everything).batch(40)

    assert len({thing.name for thing in things}) == 40
    assert {thing.color for thing in things} == {Color.RED, Color.BLUE}
    assert things[0].note is None
    assert things[0].state == "new"


async def test_what_a_required_key_refers_to_is_made_as_well(database: Database) -> None:
    first, second = await factory(Flight).batch(2)

    assert first.airline_code != second.airline_code
    assert (await execute(select(func.count()).select_from(Airline))).scalar_one() == 2


async def test_given_values_and_recipes_count(database: Database) -> None:
    united = await factory(Airline, code="UA", name=lambda number: f"Airline no. {number}")()
    flights = factory(Flight, airline=united)

    flight = await flights(number=1545)
    other = await flights()

    assert united.name.startswith("Airline no. ")
    assert (flight.number, flight.airline_code) == (1545, "UA")
    assert other.airline_code == "UA"


async def test_a_key_may_be_given_instead_of_the_object(database: Database) -> None:
    await factory(Airline)(code="UA")

    flight = await factory(Flight)(airline_code="UA")

    assert flight.airline_code == "UA"


async def test_an_attribute_that_there_is_not_is_named_with_the_nearest(
    database: Database,
) -> None:
    with pytest.raises(FieldError, match="did you mean: number"):
        factory(Flight, numbr=7)


async def test_what_cannot_be_made_up_is_told_with_what_to_write(database: Database) -> None:
    with pytest.raises(DbError, match=r"factory\(Node, parent=\.\.\.\)"):
        factory(Node).build()
    with pytest.raises(DbError, match=r"factory\(Loose, thing_id=\.\.\.\)"):
        factory(Loose).build()


async def test_a_class_without_a_table_has_no_factory() -> None:
    with pytest.raises(DbError, match="mapped to no table"):
        factory(int)
