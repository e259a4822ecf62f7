"""Delays, added up by the database."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import Label, Row, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from .filters import FlightFilter
from .models import Airline, Flight, Status, Weather

MINUTES_LATE = 15  # from here on the US Department of Transportation calls an arrival late

Condition = Literal["visibility", "wind", "precipitation", "temperature"]

# What is measured, and its bands: each upper bound (not included) with its name, then all above.
_Bands = tuple[InstrumentedAttribute[float | None], Sequence[tuple[float, str]], str]
_BANDS: dict[Condition, _Bands] = {
    "visibility": (
        Weather.visibility_miles,
        ((1, "under 1 mile"), (3, "1 to 3 miles"), (10, "3 to 10 miles")),
        "10 miles or more",
    ),
    "wind": (
        Weather.wind_mph,
        ((5, "under 5 mph"), (15, "5 to 15 mph"), (25, "15 to 25 mph")),
        "25 mph or more",
    ),
    "precipitation": (
        Weather.precipitation_inches,
        ((0.005, "none"), (0.1, "under 0.1 inches an hour")),
        "0.1 inches an hour or more",
    ),
    "temperature": (
        Weather.temperature_f,
        ((32, "freezing"), (50, "32 to 50 °F"), (75, "50 to 75 °F")),
        "75 °F or more",
    ),
}


def _delays() -> tuple[Label[Any], ...]:
    """The columns that `schemas.Delays` shows."""
    on_time = case(
        (Flight.arrival_delay < MINUTES_LATE, 1.0), (Flight.arrival_delay.is_not(None), 0.0)
    )
    return (
        func.count().label("flights"),
        func.count().filter(Flight.status == Status.CANCELLED).label("cancelled"),
        func.count().filter(Flight.status == Status.DIVERTED).label("diverted"),
        func.round(func.avg(Flight.departure_delay), 1).label("mean_departure_delay"),
        func.round(func.avg(Flight.arrival_delay), 1).label("mean_arrival_delay"),
        func.max(Flight.departure_delay).label("worst_departure_delay"),
        func.round(func.avg(on_time), 3).label("on_time"),
    )


async def delays_by_airline(session: AsyncSession, chosen: FlightFilter) -> Sequence[Row[Any]]:
    """A row for each airline that has such flights, the most punctual first."""
    query = (
        select(Airline.code.label("airline"), Airline.name.label("name"), *_delays())
        .join(Flight, Flight.airline_code == Airline.code)
        .where(*chosen.conditions())
        .group_by(Airline.code)
        .order_by(func.avg(Flight.departure_delay).nulls_last())
    )
    return (await session.execute(query)).all()


async def delays_by_month(session: AsyncSession, chosen: FlightFilter) -> Sequence[Row[Any]]:
    """A row for each month that has such flights, in their order."""
    month = func.strftime("%Y-%m", Flight.day).label("month")
    query = select(month, *_delays()).where(*chosen.conditions()).group_by(month).order_by(month)
    return (await session.execute(query)).all()


async def delays_by_weather(
    session: AsyncSession, chosen: FlightFilter, condition: Condition
) -> Sequence[Row[Any]]:
    """A row for each band of the condition, in the hour and at the airport of the departure."""
    measured, bounds, above = _BANDS[condition]
    names = [name for _, name in bounds] + [above]
    rank = case(
        (measured.is_(None), None),
        *((measured < bound, index) for index, (bound, _) in enumerate(bounds)),
        else_=len(bounds),
    )
    band = case(dict(enumerate(names)), value=rank, else_="not measured")
    here_and_then = and_(
        Weather.airport_code == Flight.origin_code, Weather.hour == Flight.weather_hour
    )
    query = (
        select(band.label("band"), *_delays())
        .select_from(Flight)
        .join(Weather, here_and_then, isouter=True)
        .where(*chosen.conditions())
        .group_by(rank)
        .order_by(rank.nulls_last())
    )
    return (await session.execute(query)).all()
