"""Django's ORM, as its synchronous code uses it."""

import os
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings

from bench.data.operations import TABLE


def configure(url: str) -> None:
    parts = urlsplit(url)
    settings.configure(
        INSTALLED_APPS=[],
        USE_TZ=True,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "HOST": parts.hostname,
                "PORT": parts.port or 5432,
                "USER": parts.username,
                "PASSWORD": parts.password or "",
                "NAME": parts.path.strip("/"),
                "CONN_MAX_AGE": None,
            }
        },
    )
    django.setup()


configure(os.environ["BENCH_DATABASE"])

from django.db import connection, models, transaction  # noqa: E402  # after the settings


class Flight(models.Model):
    carrier = models.CharField(max_length=2)
    number = models.IntegerField()
    origin = models.CharField(max_length=3)
    dest = models.CharField(max_length=3)
    distance = models.IntegerField()
    dep_delay = models.FloatField(null=True)
    departure = models.DateTimeField()
    id = models.AutoField(primary_key=True)

    class Meta:
        app_label = "bench"
        db_table = TABLE


def open(url: str) -> None:
    connection.ensure_connection()


def close() -> None:
    connection.close()


def one(key: int) -> Any:
    return Flight.objects.get(id=key)


def twenty(carrier: str) -> list[Any]:
    return list(Flight.objects.filter(carrier=carrier).order_by("id")[:20])


def insert(values: dict[str, Any]) -> int:
    return int(Flight.objects.create(**values).id)


def change(key: int) -> int:
    with transaction.atomic():
        flight = Flight.objects.get(id=key)
        flight.distance += 1
        flight.save()
        return int(flight.distance)


def prepared(rows: list[dict[str, Any]]) -> list[Flight]:
    return [Flight(**row) for row in rows]


def bulk(flights: list[Flight]) -> None:
    Flight.objects.bulk_create(flights)
