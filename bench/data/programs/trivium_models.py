"""Trivium's models, in a unit of work for each operation, as in a request."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, String
from sqlalchemy.orm import Mapped, mapped_column

from bench.data.operations import TABLE
from trivium.db import Database, Model, atomic

database: Database


class Flight(Model):
    __tablename__ = TABLE
    id: Mapped[int] = mapped_column(primary_key=True)
    carrier: Mapped[str] = mapped_column(String(2))
    number: Mapped[int]
    origin: Mapped[str] = mapped_column(String(3))
    dest: Mapped[str] = mapped_column(String(3))
    distance: Mapped[int]
    dep_delay: Mapped[float | None]
    departure: Mapped[datetime] = mapped_column(DateTime(timezone=True))


async def open(url: str) -> None:
    global database
    database = Database(url, pool_size=2)
    await database.open()


async def close() -> None:
    await database.close()


async def one(key: int) -> Any:
    async with database.session():
        return await Flight.objects.get(id=key)


async def twenty(carrier: str) -> list[Any]:
    async with database.session():
        return await Flight.objects.filter(carrier=carrier).order_by("id")[:20]


async def insert(values: dict[str, Any]) -> int:
    async with database.session():
        flight = await Flight.objects.create(**values)
        return flight.id


async def change(key: int) -> int:
    async with database.session(), atomic():
        flight = await Flight.objects.get(id=key)
        flight.distance += 1
        await flight.save()
        return flight.distance


def prepared(rows: list[dict[str, Any]]) -> list[Flight]:
    return [Flight(**row) for row in rows]


async def bulk(flights: list[Flight]) -> None:
    async with database.session():
        await Flight.objects.bulk_create(flights)
