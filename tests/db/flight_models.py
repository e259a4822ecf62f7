"""The flights schema as models, with every kind of relation, and some rows of it."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Column, ForeignKey, String, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from trivium.db import CASCADE, PROTECT, SET_NULL, Model, foreign_key


class Base(Model, base=True):
    """Tables of their own, apart from those of other tests."""


class Status(enum.Enum):
    SCHEDULED = "scheduled"
    LANDED = "landed"
    CANCELLED = "cancelled"


class Alliance(Base):
    name: Mapped[str] = mapped_column(String(40), unique=True)
    airlines: Mapped[list[Airline]] = relationship(back_populates="alliance")


class Airline(Base):
    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    founded: Mapped[int | None]
    alliance_id: Mapped[int | None] = foreign_key(Alliance, on_delete=SET_NULL)
    alliance: Mapped[Alliance | None] = relationship(back_populates="airlines")
    flights: Mapped[list[Flight]] = relationship(back_populates="airline")

    class Meta:
        ordering = ("code",)


class Airport(Base):
    code: Mapped[str] = mapped_column(String(3), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    altitude: Mapped[int]
    departures: Mapped[list[Flight]] = relationship(
        back_populates="origin", foreign_keys="Flight.origin_code"
    )


class Plane(Base):
    tail: Mapped[str] = mapped_column(String(8), primary_key=True)
    seats: Mapped[int | None]
    built: Mapped[int | None]
    twin_tail: Mapped[str | None] = foreign_key("plane.tail", on_delete=SET_NULL)
    twin: Mapped[Plane | None] = relationship(remote_side="Plane.tail", back_populates="copies")
    copies: Mapped[list[Plane]] = relationship(back_populates="twin")
    flights: Mapped[list[Flight]] = relationship(back_populates="plane")


flight_tag = Table(
    "flight_tag",
    Base.metadata,
    Column("flight_id", ForeignKey("flight.id"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id"), primary_key=True),
)


class Tag(Base):
    name: Mapped[str] = mapped_column(String(20), unique=True)
    flights: Mapped[list[Flight]] = relationship(secondary=flight_tag, back_populates="tags")


class Flight(Base):
    number: Mapped[int]
    day: Mapped[date]
    departure: Mapped[datetime]
    distance: Mapped[int]
    delay: Mapped[float | None]
    status: Mapped[Status] = mapped_column(default=Status.SCHEDULED)
    airline_code: Mapped[str] = foreign_key(Airline, on_delete=PROTECT)
    origin_code: Mapped[str] = foreign_key(Airport, on_delete=CASCADE)
    plane_tail: Mapped[str | None] = foreign_key(Plane, on_delete=SET_NULL)
    airline: Mapped[Airline] = relationship(back_populates="flights")
    origin: Mapped[Airport] = relationship(
        back_populates="departures", foreign_keys="Flight.origin_code"
    )
    plane: Mapped[Plane | None] = relationship(back_populates="flights")
    tags: Mapped[list[Tag]] = relationship(secondary=flight_tag, back_populates="flights")
    note: Mapped[Note | None] = relationship(back_populates="flight")


class Note(Base):
    flight_id: Mapped[int] = foreign_key(Flight, on_delete=CASCADE, primary_key=True)
    text: Mapped[str] = mapped_column(String(200))
    flight: Mapped[Flight] = relationship(back_populates="note")


MODELS = (Alliance, Airline, Airport, Plane, Tag, Flight, Note)


def rows() -> dict[str, list[dict[str, Any]]]:
    """Sixty flights and what they refer to, with NULLs, ties, and rows that nothing refers to."""
    start = datetime(2013, 1, 28, 5, 40, tzinfo=UTC)
    airlines = ("UA", "AA", "B6", "DL")
    airports = ("JFK", "LGA", "EWR")
    planes = ("N101", "N102", "N103", "N104", "N105")
    flights, tagged, notes = [], [], []
    for n in range(1, 61):
        departure = start + timedelta(hours=n * 7, minutes=n * 3, seconds=n, microseconds=n)
        flights.append(
            {
                "id": n,
                "number": 100 + n * 7 % 23,
                "day": departure.date(),
                "departure": departure,
                "distance": 187 + n * n * 13 % 2400,
                "delay": None if n % 7 == 0 else float(n * 17 % 120 - 20) / 2,
                "status": list(Status)[n % 3],
                "airline_code": airlines[n * 7 % 11 % 4],
                "origin_code": airports[n % 3],
                "plane_tail": None if n % 5 == 0 else planes[n % 4],
            }
        )
        tagged += [{"flight_id": n, "tag_id": t} for t in (1, 2, 3) if n % (t + 1) == 0]
        if n % 6 == 0:
            notes.append({"flight_id": n, "text": f"Note {n}: 100%_sure \\ {'Late' * (n % 4)}"})
    return {
        "alliance": [{"id": 1, "name": "Star"}, {"id": 2, "name": "Sky"}, {"id": 3, "name": "Nil"}],
        "airline": [
            {"code": "UA", "name": "United Air Lines", "founded": 1926, "alliance_id": 1},
            {"code": "AA", "name": "American Airlines", "founded": 1930, "alliance_id": None},
            {"code": "B6", "name": "JetBlue", "founded": None, "alliance_id": None},
            {"code": "DL", "name": "Delta Air Lines", "founded": 1924, "alliance_id": 2},
            {"code": "HA", "name": "Hawaiian", "founded": 1929, "alliance_id": 1},
        ],
        "airport": [
            {"code": "JFK", "name": "John F Kennedy Intl", "altitude": 13},
            {"code": "LGA", "name": "La Guardia", "altitude": 22},
            {"code": "EWR", "name": "Newark Liberty Intl", "altitude": 18},
            {"code": "ASE", "name": "Aspen", "altitude": 7820},
        ],
        "plane": [
            {"tail": "N101", "seats": 178, "built": 1998, "twin_tail": None},
            {"tail": "N102", "seats": 55, "built": None, "twin_tail": "N101"},
            {"tail": "N103", "seats": None, "built": 2004, "twin_tail": "N101"},
            {"tail": "N104", "seats": 178, "built": 2004, "twin_tail": "N102"},
            {"tail": "N105", "seats": 20, "built": 1985, "twin_tail": None},
        ],
        "tag": [{"id": 1, "name": "even"}, {"id": 2, "name": "third"}, {"id": 3, "name": "fourth"}],
        "flight": flights,
        "flight_tag": tagged,
        "note": notes,
    }
