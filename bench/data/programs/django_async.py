"""Django's ORM, as its asynchronous code uses it."""

from typing import Any

from asgiref.sync import sync_to_async

from bench.data.programs import django_models
from bench.data.programs.django_models import Flight


async def open(url: str) -> None:
    await sync_to_async(django_models.open)(url)


async def close() -> None:
    await sync_to_async(django_models.close)()


async def one(key: int) -> Any:
    return await Flight.objects.aget(id=key)


async def twenty(carrier: str) -> list[Any]:
    return [row async for row in Flight.objects.filter(carrier=carrier).order_by("id")[:20]]


async def insert(values: dict[str, Any]) -> int:
    return int((await Flight.objects.acreate(**values)).id)


async def change(key: int) -> int:
    # a transaction of Django's is synchronous
    return await sync_to_async(django_models.change)(key)


def prepared(rows: list[dict[str, Any]]) -> list[Flight]:
    return [Flight(**row) for row in rows]


async def bulk(flights: list[Flight]) -> None:
    await Flight.objects.abulk_create(flights)
