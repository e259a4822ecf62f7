"""Tortoise ORM over asyncpg."""

from typing import Any

from tortoise import Tortoise, fields
from tortoise.models import Model
from tortoise.transactions import in_transaction

from bench.data.operations import TABLE


class Flight(Model):
    id = fields.IntField(primary_key=True)
    carrier = fields.CharField(max_length=2)
    number = fields.IntField()
    origin = fields.CharField(max_length=3)
    dest = fields.CharField(max_length=3)
    distance = fields.IntField()
    dep_delay = fields.FloatField(null=True)
    departure = fields.DatetimeField()

    class Meta:
        table = TABLE


async def open(url: str) -> None:
    await Tortoise.init(
        db_url=url.replace("postgresql://", "asyncpg://"),
        modules={"models": [__name__]},
        _enable_global_fallback=True,
    )


async def close() -> None:
    await Tortoise.close_connections()


async def one(key: int) -> Any:
    return await Flight.get(id=key)


async def twenty(carrier: str) -> list[Any]:
    return await Flight.filter(carrier=carrier).order_by("id").limit(20)


async def insert(values: dict[str, Any]) -> int:
    return int((await Flight.create(**values)).id)


async def change(key: int) -> int:
    async with in_transaction():
        flight = await Flight.get(id=key)
        flight.distance += 1
        await flight.save()
        return flight.distance


def prepared(rows: list[dict[str, Any]]) -> list[Flight]:
    return [Flight(**row) for row in rows]


async def bulk(flights: list[Flight]) -> None:
    await Flight.bulk_create(flights)
