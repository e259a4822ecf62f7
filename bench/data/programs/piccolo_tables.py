"""Piccolo over asyncpg."""

from typing import Any
from urllib.parse import urlsplit

from piccolo.columns import (
    DoublePrecision,
    Integer,
    Serial,
    Timestamptz,
    Varchar,
)
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import Table

from bench.data.operations import TABLE

engine: Any = None


class Flight(Table, tablename=TABLE):
    id = Serial(primary_key=True)
    carrier = Varchar(length=2)
    number = Integer()
    origin = Varchar(length=3)
    dest = Varchar(length=3)
    distance = Integer()
    dep_delay = DoublePrecision(null=True, default=None)
    departure = Timestamptz()


async def open(url: str) -> None:
    global engine
    parts = urlsplit(url)
    engine = PostgresEngine(
        config={
            "host": parts.hostname,
            "port": parts.port or 5432,
            "user": parts.username,
            "password": parts.password,
            "database": parts.path.strip("/"),
        },
        extensions=(),
    )
    Flight._meta._db = engine
    await engine.start_connection_pool(min_size=1, max_size=2)


async def close() -> None:
    await engine.close_connection_pool()


async def one(key: int) -> Any:
    return await Flight.objects().get(Flight.id == key)


async def twenty(carrier: str) -> list[Any]:
    return await Flight.objects().where(Flight.carrier == carrier).order_by(Flight.id).limit(20)


async def insert(values: dict[str, Any]) -> int:
    flight = Flight(**values)
    await flight.save()
    return int(flight.id)


async def change(key: int) -> int:
    async with engine.transaction():
        flight = await Flight.objects().get(Flight.id == key)
        flight.distance += 1
        await flight.save()
        return int(flight.distance)


def prepared(rows: list[dict[str, Any]]) -> list[Flight]:
    return [Flight(**row) for row in rows]


async def bulk(flights: list[Flight]) -> None:
    # PostgreSQL takes 32,767 parameters in one statement.
    for start in range(0, len(flights), 4000):
        await Flight.insert(*flights[start : start + 4000])
