"""Query parameters that choose flights, and the SQL conditions they mean."""

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement, UnaryExpression
from sqlalchemy.orm import InstrumentedAttribute

from .fields import AirlineCode, AirportCode, FlightNumber, Origin, TailNumber
from .models import Flight, Status

Order = Literal["departure", "-departure", "delay", "-delay", "distance", "-distance"]

_ORDERS: dict[str, InstrumentedAttribute[Any]] = {
    "departure": Flight.scheduled_departure,
    "delay": Flight.departure_delay,
    "distance": Flight.distance_miles,
}


class FlightFilter(BaseModel):
    """Which flights: every condition that is given must hold."""

    # A misspelt parameter is an error, not a filter that silently does nothing.
    model_config = ConfigDict(extra="forbid")

    airline: AirlineCode | None = None
    origin: Origin | None = None
    destination: AirportCode | None = None
    since: date | None = Field(None, description="first day, on New York's calendar")
    until: date | None = Field(None, description="last day, included")

    @field_validator("until")
    @classmethod
    def _ends_after_it_begins(cls, until: date | None, info: ValidationInfo) -> date | None:
        since = info.data.get("since")
        if until is not None and since is not None and until < since:
            raise PydanticCustomError(
                "period", "until lies before since, {since}", {"since": since.isoformat()}
            )
        return until

    def conditions(self) -> list[ColumnElement[bool]]:
        """The SQL conditions, for `select(...).where(*filter.conditions())`."""
        conditions: list[ColumnElement[bool]] = []
        if self.airline is not None:
            conditions.append(Flight.airline_code == self.airline)
        if self.origin is not None:
            conditions.append(Flight.origin_code == self.origin)
        if self.destination is not None:
            conditions.append(Flight.destination_code == self.destination)
        if self.since is not None:
            conditions.append(Flight.day >= self.since)
        if self.until is not None:
            conditions.append(Flight.day <= self.until)
        return conditions


class FlightQuery(FlightFilter):
    """Which flights, in which order, and which page of them."""

    number: FlightNumber | None = None
    tail_number: TailNumber | None = None
    status: Status | None = None
    min_delay: int | None = Field(
        None, ge=-120, le=3000, description="departure delay, minutes; below 0 is early"
    )
    order: Order = "departure"
    limit: int = Field(50, ge=1, le=500)
    offset: int = Field(0, ge=0, le=10_000_000)

    def conditions(self) -> list[ColumnElement[bool]]:
        conditions = super().conditions()
        if self.number is not None:
            conditions.append(Flight.number == self.number)
        if self.tail_number is not None:
            conditions.append(Flight.tail_number == self.tail_number)
        if self.status is not None:
            conditions.append(Flight.status == self.status)
        if self.min_delay is not None:
            conditions.append(Flight.departure_delay >= self.min_delay)
        return conditions

    def ordering(self) -> tuple[UnaryExpression[Any], ...]:
        """What to sort by. The id comes last, so that no flight is on two pages or on none."""
        column = _ORDERS[self.order.removeprefix("-")]
        if self.order.startswith("-"):
            return column.desc().nulls_last(), Flight.id.desc()
        return column.asc().nulls_last(), Flight.id.asc()
