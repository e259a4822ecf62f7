"""The report of a day: its flights as a CSV file. It is built in the background."""

import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from anyio import to_thread

from .models import NEW_YORK, Flight

COLUMNS = ("flight", "from", "to", "scheduled", "status", "departure_delay", "arrival_delay")


def report_path(folder: Path, day: date) -> Path:
    """Where the report of that day is, once it is built."""
    return folder / f"{day.isoformat()}.csv"


def built_reports(folder: Path) -> list[tuple[date, Path]]:
    """The reports that are there, the newest day first."""
    paths = sorted(folder.glob("????-??-??.csv"), reverse=True)
    return [(date.fromisoformat(path.stem), path) for path in paths]


def built_at(path: Path) -> datetime:
    """When the report was built."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


async def build_report(folder: Path, day: date) -> None:
    """Write the report of that day. This runs after the response, so the flights are committed."""
    flights = await Flight.objects.filter(day=day).order_by("scheduled_departure", "id")
    await to_thread.run_sync(_write, report_path(folder, day), flights)


def _write(path: Path, flights: Sequence[Flight]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two reports of one day may be written at once, and a reader must never see half of one.
    unfinished = path.with_suffix(f".{id(flights)}")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(COLUMNS)
        for flight in flights:
            local = flight.scheduled_departure.astimezone(NEW_YORK)
            lines.writerow(
                (
                    flight.name,
                    flight.origin_code,
                    flight.destination_code,
                    local.strftime("%H:%M"),
                    flight.status,
                    flight.departure_delay,
                    flight.arrival_delay,
                )
            )
    unfinished.replace(path)
