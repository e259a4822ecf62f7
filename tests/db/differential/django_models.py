"""The same tables for Django's ORM, which is the specification of the verbs."""

from __future__ import annotations

import warnings
from typing import Any

import django
from django.conf import settings
from django.db import connections


def configure() -> None:
    if settings.configured:
        return
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["tests.db.differential.django_app.Flights"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
        TIME_ZONE="UTC",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        django.setup()


def point_at(alias: str, kind: str, url: Any) -> None:
    """Has Django use a database, which the other side has made."""
    if kind == "sqlite":
        connection = {"ENGINE": "django.db.backends.sqlite3", "NAME": url.database}
    else:
        connection = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.database,
            "HOST": url.host,
            "PORT": url.port or "",
            "USER": url.username or "",
            "PASSWORD": url.password or "",
        }
    connections.settings[alias] = connections.configure_settings(
        {"default": connection, alias: connection}
    )[alias]


configure()

# Django's classes can be declared only once it is configured.
from django.db import models  # noqa: E402  # see above


class Alliance(models.Model):
    name = models.CharField(max_length=40, unique=True)

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "alliance"


class Airline(models.Model):
    code = models.CharField(max_length=2, primary_key=True)
    name = models.CharField(max_length=60)
    founded = models.IntegerField(null=True)
    alliance = models.ForeignKey(
        Alliance, models.SET_NULL, null=True, related_name="airlines", db_column="alliance_id"
    )

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "airline"
        ordering = ("code",)


class Airport(models.Model):
    code = models.CharField(max_length=3, primary_key=True)
    name = models.CharField(max_length=60)
    altitude = models.IntegerField()

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "airport"


class Plane(models.Model):
    tail = models.CharField(max_length=8, primary_key=True)
    seats = models.IntegerField(null=True)
    built = models.IntegerField(null=True)
    twin = models.ForeignKey(
        "self", models.SET_NULL, null=True, related_name="copies", db_column="twin_tail"
    )

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "plane"


class Tag(models.Model):
    name = models.CharField(max_length=20, unique=True)

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "tag"


class Flight(models.Model):
    number = models.IntegerField()
    day = models.DateField()
    departure = models.DateTimeField()
    distance = models.IntegerField()
    delay = models.FloatField(null=True)
    status = models.CharField(max_length=20, default="scheduled")
    airline = models.ForeignKey(
        Airline, models.PROTECT, related_name="flights", db_column="airline_code"
    )
    origin = models.ForeignKey(
        Airport, models.CASCADE, related_name="departures", db_column="origin_code"
    )
    plane = models.ForeignKey(
        Plane, models.SET_NULL, null=True, related_name="flights", db_column="plane_tail"
    )
    tags = models.ManyToManyField(Tag, related_name="flights", db_table="flight_tag")

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "flight"


class Note(models.Model):
    flight = models.OneToOneField(Flight, models.CASCADE, primary_key=True, related_name="note")
    text = models.CharField(max_length=200)

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "note"


class Region(models.Model):
    name = models.CharField(max_length=20, unique=True)

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "region"


class Truck(models.Model):
    plate = models.CharField(max_length=20, unique=True)
    region = models.ForeignKey(Region, models.CASCADE, related_name="trucks")
    depot = models.ForeignKey("Depot", models.RESTRICT, related_name="trucks")

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "truck"


class Depot(models.Model):
    name = models.CharField(max_length=20)
    region = models.ForeignKey(Region, models.CASCADE, related_name="depots")

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "depot"


class Driver(models.Model):
    name = models.CharField(max_length=20)
    boss = models.ForeignKey("self", models.CASCADE, null=True, related_name="team")
    truck = models.ForeignKey(
        Truck, models.SET_DEFAULT, null=True, default=1, related_name="drivers"
    )
    spare = models.ForeignKey(Truck, models.SET(2), null=True, related_name="spare_of")
    friends: Any = models.ManyToManyField(
        "self", through="Friend", symmetrical=False, related_name="friend_of"
    )

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "driver"


class Friend(models.Model):
    """The table in between: Django's own would call its columns otherwise."""

    pk = models.CompositePrimaryKey("one_id", "other_id")
    one = models.ForeignKey(Driver, models.CASCADE, related_name="+", db_column="from_id")
    other = models.ForeignKey(Driver, models.CASCADE, related_name="+", db_column="to_id")

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "driver_friend"


class Badge(models.Model):
    driver = models.OneToOneField(Driver, models.CASCADE, primary_key=True, related_name="badge")
    code = models.CharField(max_length=20, unique=True)

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "badge"


class Key(models.Model):
    name = models.CharField(max_length=20)
    lock = models.ForeignKey("Lock", models.CASCADE, null=True, related_name="keys")

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "key"


class Lock(models.Model):
    name = models.CharField(max_length=20)
    key = models.ForeignKey(Key, models.CASCADE, null=True, related_name="locks")

    class Meta:
        app_label = "flights"
        managed = False
        db_table = "lock"
