"""Flights: list them, read one, plan a new one."""

from datetime import UTC
from typing import Annotated, Any

from trivium import (
    APIRouter,
    BackgroundTasks,
    HTTPException,
    Path,
    Query,
    Request,
    Response,
    Security,
    status,
)
from trivium.db import IntegrityFailure
from trivium.errors import RequestValidationError

from ..accounts import WRITE
from ..dependencies import SettingsDep, get_grant
from ..fields import FlightId
from ..filters import FlightQuery
from ..models import NEW_YORK, Airline, Airport, Flight, Plane, Status
from ..reports import build_report
from ..schemas import FlightDetails, FlightSummary, NewFlight, Page, Problem

router = APIRouter(prefix="/flights", tags=["flights"])


@router.get("")
async def list_flights(query: Annotated[FlightQuery, Query()]) -> Page[FlightSummary]:
    """List flights, a page at a time."""
    chosen = Flight.objects.filter(**query.lookups())
    ordered = chosen.select_related(*Flight.SUMMARY).order_by(*query.ordering())
    flights = await ordered[query.offset : query.offset + query.limit]
    return Page(
        total=await chosen.count(),
        limit=query.limit,
        offset=query.offset,
        items=[FlightSummary.model_validate(flight) for flight in flights],
    )


@router.get("/{flight_id}", responses={404: {"model": Problem}})
async def read_flight(flight_id: Annotated[FlightId, Path()]) -> FlightDetails:
    """Read a flight with its plane and the weather when it left."""
    flight = await Flight.objects.select_related(*Flight.DETAILS).filter(id=flight_id).first()
    if flight is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no flight {flight_id}")
    return FlightDetails.model_validate(flight)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    dependencies=[Security(get_grant, scopes=[WRITE])],
    responses={401: {"model": Problem}, 403: {"model": Problem}, 409: {"model": Problem}},
)
async def plan_flight(
    new: NewFlight,
    settings: SettingsDep,
    tasks: BackgroundTasks,
    request: Request,
    response: Response,
) -> FlightDetails:
    """Plan a flight. The report of its day is then built anew, in the background."""
    flight = await _flight(new)
    try:
        await flight.save()
    except IntegrityFailure:
        # The database decides, not a query before: two requests may plan one flight at once.
        raise HTTPException(
            status.HTTP_409_CONFLICT,
            f"{flight.name} from {new.origin} on {flight.day} is already planned",
        ) from None
    tasks.add_task(build_report, settings.reports, flight.day)
    response.headers["Location"] = str(request.url_for("read_flight", flight_id=flight.id))
    response.headers["Link"] = (
        f'<{request.url_for("read_report", day=flight.day)}>; rel="related"; title="daily report"'
    )
    planned = await Flight.objects.select_related(*Flight.DETAILS).get(id=flight.id)
    return FlightDetails.model_validate(planned)


async def _flight(new: NewFlight) -> Flight:
    """The row for a new flight; raises a 422 that lists everything it names and nobody knows."""
    airline = await Airline.objects.filter(code=new.airline).first()
    airports = await Airport.objects.in_bulk([new.origin, new.destination])
    origin, destination = airports.get(new.origin), airports.get(new.destination)
    plane = await Plane.objects.filter(tail_number=new.tail_number).first()
    unknown = [
        _unknown(field, value)
        for field, value, row in (
            ("airline", new.airline, airline),
            ("origin", new.origin, origin),
            ("destination", new.destination, destination),
            ("tail_number", new.tail_number, plane),
        )
        if value is not None and row is None
    ]
    if airline is None or origin is None or destination is None or unknown:
        raise RequestValidationError(unknown)
    departure = new.scheduled_departure.astimezone(UTC)
    return Flight(
        day=departure.astimezone(NEW_YORK).date(),
        airline_code=airline.code,
        number=new.number,
        tail_number=new.tail_number,
        origin_code=origin.code,
        destination_code=destination.code,
        scheduled_departure=departure,
        scheduled_arrival=new.scheduled_arrival,
        weather_hour=departure.replace(minute=0, second=0, microsecond=0),
        status=Status.SCHEDULED,
        distance_miles=origin.miles_to(destination),
    )


def _unknown(field: str, value: str | None) -> dict[str, Any]:
    """An error as validation reports them, so that a client treats both alike."""
    return {
        "type": "unknown",
        "loc": ("body", field),
        "msg": f"There is no {field.replace('_', ' ')} {value}",
        "input": value,
    }
