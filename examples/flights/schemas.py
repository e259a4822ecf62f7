"""What goes in and out as JSON. Moments are in UTC; a `day` is one of New York's calendar."""

from datetime import date, datetime, timedelta
from typing import Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from .fields import AirlineCode, AirportCode, FlightNumber, Origin, TailNumber
from .models import Status

LONGEST_FLIGHT = timedelta(hours=24)

Item = TypeVar("Item")


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


class Page(BaseModel, Generic[Item]):
    """A part of a longer list."""

    total: int = Field(description="how many there are in all")
    limit: int
    offset: int
    items: list[Item]


class FromRow(BaseModel):
    """A schema that is filled from the attributes of a row."""

    model_config = ConfigDict(from_attributes=True)


class AirlineOut(FromRow):
    code: str
    name: str


class AirportOut(FromRow):
    code: str
    name: str


class PlaneOut(FromRow):
    tail_number: str
    year: int | None
    type: str | None
    manufacturer: str | None
    model: str | None
    engines: int | None
    seats: int | None
    engine: str | None


class WeatherOut(FromRow):
    hour: datetime
    temperature_f: float | None
    humidity: float | None
    wind_direction: int | None
    wind_mph: float | None
    gust_mph: float | None
    precipitation_inches: float | None
    pressure_millibar: float | None
    visibility_miles: float | None


class FlightSummary(FromRow):
    """A flight, as in a list."""

    id: int
    name: str = Field(description="what a passenger calls it", examples=["UA 1545"])
    day: date
    airline: AirlineOut
    number: int
    tail_number: str | None
    origin: AirportOut
    destination: AirportOut
    scheduled_departure: datetime
    scheduled_arrival: datetime
    status: Status
    departure_delay: int | None = Field(description="minutes; below 0 is early")
    arrival_delay: int | None
    distance_miles: int


class FlightDetails(FlightSummary):
    """A flight with all that is known of it."""

    air_minutes: int | None
    plane: PlaneOut | None
    weather: WeatherOut | None = Field(description="at the origin, in the hour of the departure")


class NewFlight(BaseModel):
    """A flight to plan. Its airline, airports and plane must be known."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "airline": "UA",
                "number": 2013,
                "origin": "JFK",
                "destination": "SFO",
                "tail_number": "N14228",
                "scheduled_departure": "2013-12-31T18:00:00-05:00",
                "scheduled_arrival": "2013-12-31T21:30:00-08:00",
            }
        },
    )

    airline: AirlineCode
    number: FlightNumber
    origin: Origin
    destination: AirportCode
    tail_number: TailNumber | None = None
    scheduled_departure: AwareDatetime
    scheduled_arrival: AwareDatetime

    @field_validator("destination")
    @classmethod
    def _leads_somewhere(cls, destination: str, info: ValidationInfo) -> str:
        if destination == info.data.get("origin"):
            raise PydanticCustomError("round_trip", "a flight cannot end where it began")
        return destination

    @field_validator("scheduled_arrival")
    @classmethod
    def _arrives_after_it_left(cls, arrival: datetime, info: ValidationInfo) -> datetime:
        departure = info.data.get("scheduled_departure")
        if departure is not None and not timedelta(0) < arrival - departure <= LONGEST_FLIGHT:
            raise PydanticCustomError(
                "duration", "the arrival must lie within the 24 hours after the departure"
            )
        return arrival


class Delays(FromRow):
    """What the flights of a group have in common. A mean or a share of nothing is null."""

    flights: int
    cancelled: int
    diverted: int
    mean_departure_delay: float | None = Field(description="minutes")
    mean_arrival_delay: float | None
    worst_departure_delay: int | None
    on_time: float | None = Field(
        description="share of the landed flights that came less than 15 minutes late, 0 to 1"
    )


class AirlineDelays(Delays):
    airline: str
    name: str


class MonthDelays(Delays):
    month: str = Field(examples=["2013-01"])


class WeatherDelays(Delays):
    band: str = Field(examples=["under 1 mile"])


class ReportOut(BaseModel):
    """A report that has been built."""

    day: date
    url: str
    bytes: int
    built: datetime


class Token(BaseModel):
    """What a login gives: send it as `Authorization: Bearer <access_token>`."""

    access_token: str
    token_type: str = "bearer"
    expires_in: int = Field(description="seconds")
    scope: str = Field(description="what it allows, separated by spaces")


class AccountOut(FromRow):
    """Who is asking, and what the token allows."""

    username: str
    full_name: str
    scopes: list[str]
