"""The tables and their relations.

Every relation is `lazy="raise"`: a query says which relations it loads (see `Flight.summary`), and
one that forgot fails with a clear error, instead of asking the database where nobody can wait.
"""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime
from math import asin, cos, radians, sin, sqrt
from zoneinfo import ZoneInfo

from sqlalchemy import DateTime, Dialect, Enum, ForeignKey, Index, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship
from sqlalchemy.orm.interfaces import LoaderOption

NEW_YORK = ZoneInfo("America/New_York")
EARTH_RADIUS_MILES = 3958.8


class UtcDateTime(TypeDecorator[datetime]):
    """A moment. SQLite keeps no time zone, so moments are stored in UTC and come back aware."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone, so it is no moment")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """The parent of every table."""


class Status(enum.StrEnum):
    """What became of a flight."""

    SCHEDULED = "scheduled"  # planned through the API; nothing is known of it yet
    LANDED = "landed"
    DIVERTED = "diverted"  # it left, and came down somewhere else
    CANCELLED = "cancelled"


class Airline(Base):
    __tablename__ = "airlines"

    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str]


class Airport(Base):
    __tablename__ = "airports"

    code: Mapped[str] = mapped_column(String(3), primary_key=True)
    name: Mapped[str]
    latitude: Mapped[float]
    longitude: Mapped[float]
    altitude_feet: Mapped[int]
    timezone: Mapped[str | None]

    def miles_to(self, other: Airport) -> int:
        """The great-circle distance, in statute miles."""
        from_lat, from_lon, to_lat, to_lon = map(
            radians, (self.latitude, self.longitude, other.latitude, other.longitude)
        )
        chord = (
            sin((to_lat - from_lat) / 2) ** 2
            + cos(from_lat) * cos(to_lat) * sin((to_lon - from_lon) / 2) ** 2
        )
        return round(2 * EARTH_RADIUS_MILES * asin(sqrt(chord)))


class Plane(Base):
    """Of some planes only the tail number is known."""

    __tablename__ = "planes"

    tail_number: Mapped[str] = mapped_column(String(6), primary_key=True)
    year: Mapped[int | None]
    type: Mapped[str | None]
    manufacturer: Mapped[str | None]
    model: Mapped[str | None]
    engines: Mapped[int | None]
    seats: Mapped[int | None]
    engine: Mapped[str | None]


class Weather(Base):
    """What an airport's station measured at a full hour."""

    __tablename__ = "weather"

    airport_code: Mapped[str] = mapped_column(ForeignKey("airports.code"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    temperature_f: Mapped[float | None]
    humidity: Mapped[float | None]
    wind_direction: Mapped[int | None]
    wind_mph: Mapped[float | None]
    gust_mph: Mapped[float | None]
    precipitation_inches: Mapped[float | None]
    pressure_millibar: Mapped[float | None]
    visibility_miles: Mapped[float | None]


class Flight(Base):
    __tablename__ = "flights"

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date]  # of the scheduled departure, on New York's calendar
    airline_code: Mapped[str] = mapped_column(ForeignKey("airlines.code"))
    number: Mapped[int]
    tail_number: Mapped[str | None] = mapped_column(ForeignKey("planes.tail_number"))
    origin_code: Mapped[str] = mapped_column(ForeignKey("airports.code"))
    destination_code: Mapped[str] = mapped_column(ForeignKey("airports.code"))
    scheduled_departure: Mapped[datetime] = mapped_column(UtcDateTime)
    scheduled_arrival: Mapped[datetime] = mapped_column(UtcDateTime)
    weather_hour: Mapped[datetime] = mapped_column(UtcDateTime)  # departure, cut to the hour
    status: Mapped[Status] = mapped_column(
        Enum(Status, native_enum=False, values_callable=lambda kind: [one.value for one in kind])
    )
    departure_delay: Mapped[int | None]  # minutes; negative means early
    arrival_delay: Mapped[int | None]
    air_minutes: Mapped[int | None]
    distance_miles: Mapped[int]

    airline: Mapped[Airline] = relationship(lazy="raise")
    plane: Mapped[Plane | None] = relationship(lazy="raise")
    origin: Mapped[Airport] = relationship(foreign_keys=origin_code, lazy="raise")
    destination: Mapped[Airport] = relationship(foreign_keys=destination_code, lazy="raise")
    # Not a foreign key: the stations missed some hours.
    weather: Mapped[Weather | None] = relationship(
        primaryjoin="and_(foreign(Flight.origin_code) == Weather.airport_code,"
        " foreign(Flight.weather_hour) == Weather.hour)",
        viewonly=True,
        lazy="raise",
    )

    __table_args__ = (
        # An airline gives a number once a day and airport: what makes a second flight a duplicate.
        Index("flights_identity", "day", "airline_code", "number", "origin_code", unique=True),
        Index("flights_departure", "scheduled_departure", "id"),
        Index("flights_airline", "airline_code", "scheduled_departure"),
        Index("flights_origin", "origin_code", "scheduled_departure"),
        Index("flights_destination", "destination_code", "scheduled_departure"),
        Index("flights_plane", "tail_number"),
        Index("flights_delay", "departure_delay"),
        Index("flights_distance", "distance_miles"),
    )

    @property
    def name(self) -> str:
        """What a passenger calls it, as in "UA 1545"."""
        return f"{self.airline_code} {self.number}"

    @staticmethod
    def summary() -> tuple[LoaderOption, ...]:
        """Query options that load what `FlightSummary` shows."""
        return (
            joinedload(Flight.airline),
            joinedload(Flight.origin),
            joinedload(Flight.destination),
        )

    @staticmethod
    def details() -> tuple[LoaderOption, ...]:
        """Query options that load what `FlightDetails` shows."""
        return (*Flight.summary(), joinedload(Flight.plane), joinedload(Flight.weather))


class Account(Base):
    __tablename__ = "accounts"

    username: Mapped[str] = mapped_column(primary_key=True)
    full_name: Mapped[str]
    password_hash: Mapped[str]
    scopes: Mapped[str]  # what the account may ask a token for, separated by spaces
