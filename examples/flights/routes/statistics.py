"""Who is late, when, and in which weather."""

from typing import Annotated

from trivium import APIRouter, Query

from ..dependencies import SessionDep
from ..filters import FlightFilter
from ..schemas import AirlineDelays, MonthDelays, WeatherDelays
from ..statistics import Condition, delays_by_airline, delays_by_month, delays_by_weather

router = APIRouter(prefix="/statistics", tags=["statistics"])


@router.get("/airlines")
async def read_airlines(
    chosen: Annotated[FlightFilter, Query()], session: SessionDep
) -> list[AirlineDelays]:
    """Delays by airline, the most punctual first."""
    rows = await delays_by_airline(session, chosen)
    return [AirlineDelays.model_validate(row) for row in rows]


@router.get("/months")
async def read_months(
    chosen: Annotated[FlightFilter, Query()], session: SessionDep
) -> list[MonthDelays]:
    """Delays by month."""
    rows = await delays_by_month(session, chosen)
    return [MonthDelays.model_validate(row) for row in rows]


@router.get("/weather/{condition}")
async def read_weather(
    condition: Condition, chosen: Annotated[FlightFilter, Query()], session: SessionDep
) -> list[WeatherDelays]:
    """Delays by the weather at the airport when the flight should have left."""
    rows = await delays_by_weather(session, chosen, condition)
    return [WeatherDelays.model_validate(row) for row in rows]
