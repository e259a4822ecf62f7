"""Migrations of ``Model``: what its annotations and helpers make of a database."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from tests.db.migrations.schema import History
from tests.db.servers import empty_database
from trivium.db import CASCADE, Database, Model, foreign_key
from trivium.db.migrations import Migrations


class Base(Model, base=True):
    """Models of this module alone."""


class Status(enum.Enum):
    PLANNED = "planned"
    FLOWN = "flown"


class Airline(Base):
    code: Mapped[str] = mapped_column(sa.String(2), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


class Flight(Base):
    airline_code: Mapped[str] = foreign_key(Airline, on_delete=CASCADE)
    status: Mapped[Status] = mapped_column(default=Status.PLANNED)
    at: Mapped[datetime.datetime]
    day: Mapped[datetime.date | None]
    delay: Mapped[datetime.timedelta | None]
    fare: Mapped[decimal.Decimal] = mapped_column(sa.Numeric(10, 2))
    key: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4)
    seats: Mapped[int]
    weight: Mapped[float | None]
    is_late: Mapped[bool] = mapped_column(default=False)
    data: Mapped[dict[str, Any]]
    photo: Mapped[bytes | None]


@pytest.mark.essential
async def test_models_are_migrated_and_leave_nothing_to_migrate(history: History) -> None:
    await history.become(Base.metadata)

    assert await history.changes() == []
    assert await history.tables() == {"airline", "flight"}
    await history.migrate("zero")
    assert await history.tables() == set()


@pytest.mark.on("sqlite")
@pytest.mark.parametrize("other", ["postgresql", "mariadb"])
async def test_what_was_written_on_sqlite_runs_elsewhere(
    history: History, other: str, tmp_path: Any
) -> None:
    await history.become(Base.metadata)

    async with Database(empty_database(other, tmp_path)) as database:
        elsewhere = History(database, history.directory)
        elsewhere.models = Base.metadata
        await elsewhere.migrate()

        assert await elsewhere.changes() == []


class Shared(Model, base=True):
    """Models of two databases."""


class Here(Shared):
    name: Mapped[str]


class There(Shared):
    name: Mapped[str]

    class Meta:
        using = "analytics"


@pytest.mark.on("sqlite")
async def test_a_model_that_another_database_holds_is_not_migrated(tmp_path: Any) -> None:
    async with (
        Database(f"sqlite:///{tmp_path}/a.db", models=Shared) as first,
        Database(f"sqlite:///{tmp_path}/b.db", models=Shared, name="analytics") as second,
    ):
        tables = [
            {table for each in Migrations.of(database, tmp_path).metadatas for table in each.tables}
            for database in (first, second)
        ]

    assert tables == [{"here"}, {"here", "there"}]
