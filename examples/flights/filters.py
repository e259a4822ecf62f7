"""Query parameters that choose flights, and the SQL conditions they mean."""

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement

from trivium.db import F

from .fields import AirlineCode, AirportCode, FlightNumber, Origin, TailNumber
from .models import Flight, Status

Order = Literal["departure", "-departure", "delay", "-delay", "distance", "-distance"]

_ORDERS = {"departure": "scheduled_departure", "distance": "distance_miles"}


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

    def lookups(self) -> dict[str, Any]:
        """What `Flight.objects.filter(**chosen.lookups())` is to hold to."""
        given = {
            "airline_code": self.airline,
            "origin_code": self.origin,
            "destination_code": self.destination,
            "day__gte": self.since,
            "day__lte": self.until,
        }
        return {name: value for name, value in given.items() if value is not None}

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same as SQL, for `select(...).where(*chosen.conditions())`."""
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

    def lookups(self) -> dict[str, Any]:
        given = {
            "number": self.number,
            "tail_number": self.tail_number,
            "status": self.status,
            "departure_delay__gte": self.min_delay,
        }
        return super().lookups() | {name: v for name, v in given.items() if v is not None}

    def ordering(self) -> tuple[Any, ...]:
        """What to sort by. The id comes last, so that no flight is on two pages or on none."""
        sign = "-" if self.order.startswith("-") else ""
        name = self.order.removeprefix("-")
        if name != "delay":
            return f"{sign}{_ORDERS[name]}", f"{sign}id"
        # Some flights have no delay, because they never left: they come last either way.
        delay = F("departure_delay")
        if sign:
            return delay.desc(nulls_last=True), "-id"
        return delay.asc(nulls_last=True), "id"
