"""The tables and their relations, in both directions.

A query says which relations it loads (see `Flight.SUMMARY`). One that forgot fails with an error
that names the fix, instead of asking the database where nobody can wait.
"""

from __future__ import annotations

import enum
from datetime import date, datetime
from math import asin, cos, radians, sin, sqrt
from typing import ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from trivium.db import PROTECT, Model, foreign_key

NEW_YORK = ZoneInfo("America/New_York")
EARTH_RADIUS_MILES = 3958.8


class Base(Model, base=True):
    """The parent of every table: those of this program, and of no other in the same process."""

    __abstract__ = True


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

    flights: Mapped[list[Flight]] = relationship(back_populates="airline")


class Airport(Base):
    __tablename__ = "airports"

    code: Mapped[str] = mapped_column(String(3), primary_key=True)
    name: Mapped[str]
    latitude: Mapped[float]
    longitude: Mapped[float]
    altitude_feet: Mapped[int]
    timezone: Mapped[str | None]

    departures: Mapped[list[Flight]] = relationship(
        back_populates="origin", foreign_keys="Flight.origin_code"
    )
    arrivals: Mapped[list[Flight]] = relationship(
        back_populates="destination", foreign_keys="Flight.destination_code"
    )
    weather: Mapped[list[Weather]] = relationship(back_populates="airport")

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

    flights: Mapped[list[Flight]] = relationship(back_populates="plane")


class Weather(Base):
    """What an airport's station measured at a full hour."""

    __tablename__ = "weather"

    airport_code: Mapped[str] = foreign_key("airports.code", on_delete=PROTECT, primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    temperature_f: Mapped[float | None]
    humidity: Mapped[float | None]
    wind_direction: Mapped[int | None]
    wind_mph: Mapped[float | None]
    gust_mph: Mapped[float | None]
    precipitation_inches: Mapped[float | None]
    pressure_millibar: Mapped[float | None]
    visibility_miles: Mapped[float | None]

    airport: Mapped[Airport] = relationship(back_populates="weather")


class Flight(Base):
    __tablename__ = "flights"

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date]  # of the scheduled departure, on New York's calendar
    airline_code: Mapped[str] = foreign_key("airlines.code", on_delete=PROTECT, index=False)
    number: Mapped[int]
    tail_number: Mapped[str | None] = foreign_key(
        "planes.tail_number", on_delete=PROTECT, index=False
    )
    origin_code: Mapped[str] = foreign_key("airports.code", on_delete=PROTECT, index=False)
    destination_code: Mapped[str] = foreign_key("airports.code", on_delete=PROTECT, index=False)
    scheduled_departure: Mapped[datetime]
    scheduled_arrival: Mapped[datetime]
    weather_hour: Mapped[datetime]  # departure, cut to the hour
    status: Mapped[Status]
    departure_delay: Mapped[int | None]  # minutes; negative means early
    arrival_delay: Mapped[int | None]
    air_minutes: Mapped[int | None]
    distance_miles: Mapped[int]

    airline: Mapped[Airline] = relationship(back_populates="flights")
    plane: Mapped[Plane | None] = relationship(back_populates="flights")
    origin: Mapped[Airport] = relationship(foreign_keys=origin_code, back_populates="departures")
    destination: Mapped[Airport] = relationship(
        foreign_keys=destination_code, back_populates="arrivals"
    )
    # Not a foreign key: the stations missed some hours.
    weather: Mapped[Weather | None] = relationship(
        primaryjoin="and_(foreign(Flight.origin_code) == Weather.airport_code,"
        " foreign(Flight.weather_hour) == Weather.hour)",
        viewonly=True,
    )

    SUMMARY: ClassVar = ("airline", "origin", "destination")
    """The relations that `FlightSummary` shows."""
    DETAILS: ClassVar = (*SUMMARY, "plane", "weather")
    """The relations that `FlightDetails` shows."""

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


class Account(Base):
    __tablename__ = "accounts"

    username: Mapped[str] = mapped_column(primary_key=True)
    full_name: Mapped[str]
    password_hash: Mapped[str]
    scopes: Mapped[str]  # what the account may ask a token for, separated by spaces
