"""A day of departures, played again at any speed."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from .fields import Origin
from .models import NEW_YORK, Flight, Status


def _this_day_in_2013() -> date:
    today = datetime.now(NEW_YORK).date()
    # 2013 had no 29 February.
    return date(2013, today.month, min(today.day, 28) if today.month == 2 else today.day)


class Replay(BaseModel):
    """Which day to play, from when, and how fast."""

    model_config = ConfigDict(extra="forbid")

    day: date = Field(default_factory=_this_day_in_2013, description="default: today, in 2013")
    start: time | None = Field(
        None, description="the clock at New York when it begins; default: the first departure"
    )
    recent: int = Field(
        0, ge=0, le=100, description="how many earlier departures to send first, without waiting"
    )
    speed: float = Field(
        60, gt=0, le=3600, description="how much faster than life: 60 plays a minute in a second"
    )

    @field_validator("start")
    @classmethod
    def _is_new_york_time(cls, start: time | None) -> time | None:
        if start is not None and start.tzinfo is not None:
            raise PydanticCustomError("time_zone", "the clock is New York's: leave out the zone")
        return start


class Opening(BaseModel):
    """What a stream is going to play."""

    day: date
    begins: datetime
    departures: int


class Departure(BaseModel):
    """A flight as a departures board shows it."""

    id: int = Field(description="of the flight, for /flights/{id}")
    name: str
    airline: str
    origin: str
    destination: str
    destination_name: str
    scheduled: datetime
    moment: datetime = Field(description="when it left, or should have left if it never did")
    delay: int | None = Field(description="minutes; below 0 is early")
    status: Status

    @property
    def event(self) -> str:
        """What kind of news it is."""
        return "cancellation" if self.status is Status.CANCELLED else "departure"


def _departure(flight: Flight) -> Departure:
    return Departure(
        id=flight.id,
        name=flight.name,
        airline=flight.airline.name,
        origin=flight.origin_code,
        destination=flight.destination_code,
        destination_name=flight.destination.name,
        scheduled=flight.scheduled_departure,
        moment=flight.scheduled_departure + timedelta(minutes=flight.departure_delay or 0),
        delay=flight.departure_delay,
        status=flight.status,
    )


class Pace:
    """How time passes for a replay. Tests put their own in its place and do not wait."""

    def __init__(self) -> None:
        self._closing = asyncio.Event()

    def stop(self) -> None:
        """End every wait: the server is closing."""
        self._closing.set()

    async def wait(self, seconds: float) -> bool:
        """Return True after that time, or False as soon as the server is closing."""
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return True
        return False


@dataclass(frozen=True)
class Reel:
    """What there is to play: departures in the order in which they happened."""

    begins: datetime
    departures: Sequence[Departure]

    @classmethod
    async def of(cls, replay: Replay, origin: Origin | None = None) -> Self:
        """The departures that `replay` asks for, from all three airports or from `origin`."""
        flights = Flight.objects.filter(day=replay.day).select_related("airline", "destination")
        if origin is not None:
            flights = flights.filter(origin_code=origin)
        departures = [_departure(flight) for flight in await flights]
        departures.sort(key=lambda departure: (departure.moment, departure.id))
        if replay.start is not None:
            begins = datetime.combine(replay.day, replay.start, NEW_YORK)
            first = bisect_left(departures, begins, key=lambda departure: departure.moment)
            departures = departures[max(0, first - replay.recent) :]
        elif departures:
            begins = departures[0].moment
        else:
            begins = datetime.combine(replay.day, time(), NEW_YORK)
        return cls(begins, departures)

    def after(self, flight_id: int) -> Self | None:
        """What follows the departure of that flight; None if it is not on this reel."""
        for index, departure in enumerate(self.departures):
            if departure.id == flight_id:
                return replace(
                    self,
                    begins=max(self.begins, departure.moment),
                    departures=self.departures[index + 1 :],
                )
        return None

    async def play(self, speed: float, pace: Pace) -> AsyncIterator[Departure | None]:
        """Yield each departure when its time has come, then None: the day is over.

        When the server closes, the iteration ends without the None: the day is not over yet.
        """
        now = self.begins
        for departure in self.departures:
            if departure.moment > now:
                if not await pace.wait((departure.moment - now).total_seconds() / speed):
                    return
                now = departure.moment
            yield departure
        yield None
