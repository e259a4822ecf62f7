"""The data set becomes a SQLite file: once, and wholly or not at all.

The file is made under another name and takes its own when it is complete. So a database that is
there is a whole one, and a load that was killed leaves nothing that could be mistaken for data.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine, insert, select
from sqlalchemy.schema import CreateIndex, CreateTable

from .dataset import Dataset, Row
from .models import Airline, Airport, Base, Flight, Plane, Weather

# Written into the file. Raise it when the tables change: an older file is then refused.
LAYOUT = 2
ROWS_PER_INSERT = 10_000
# How long one process waits for another that is loading the same file.
PATIENCE_SECONDS = 300

# Told what is being done, and how much of it: a label, the part done and the whole.
OnProgress = Callable[[str, int, int], None]


class NotADatabase(Exception):
    """A file stands where the database should be, and is not one; the message says what to do."""


def ensure_loaded(
    path: Path,
    *,
    until: date | None = None,
    dataset: Dataset | None = None,
    on_progress: OnProgress | None = None,
) -> bool:
    """Load the flights up to the day `until` into the file `path`, unless it is there already.

    Returns whether it loaded. Raises `DatasetMissing` when there is nothing to load from, and
    `NotADatabase` when `path` is something else.
    """
    if _is_loaded(path):
        return False
    dataset = dataset or Dataset.installed()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Nothing in this folder belongs in version control, and the folder says so itself.
    (path.parent / ".gitignore").write_text("*\n")
    with _one_at_a_time(path.with_suffix(".lock")):
        if _is_loaded(path):  # by the process that we waited for
            return False
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        try:
            _fill(unfinished, dataset, until, on_progress or _say_nothing)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return True


def _is_loaded(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(path)) as connection:
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise NotADatabase(
            f"{path} cannot be read ({error}). Move it away and try again."
        ) from error
    if layout != LAYOUT:
        raise NotADatabase(
            f"{path} was made by another version of this program"
            f" (its layout is {layout}, this one reads {LAYOUT}). Move it away and try again."
        )
    return True


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """Hold a lock that several processes share, and that dies with its holder.

    SQLite's own lock does this on every system; a file that merely exists would outlive a crash.
    """
    with closing(sqlite3.connect(lock, timeout=PATIENCE_SECONDS, isolation_level=None)) as holder:
        holder.execute("PRAGMA journal_mode = OFF")  # or a second file would be left behind
        holder.execute("BEGIN EXCLUSIVE")
        yield


def _fill(path: Path, dataset: Dataset, until: date | None, on_progress: OnProgress) -> None:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as connection:
        # The file is thrown away if anything fails, so it needs neither a journal nor patience.
        connection.exec_driver_sql("PRAGMA journal_mode = OFF")
        connection.exec_driver_sql("PRAGMA synchronous = OFF")
        for table in Base.metadata.sorted_tables:
            connection.execute(CreateTable(table))

        _insert(connection, Airline, dataset.airlines())
        _insert(connection, Airport, dataset.airports())
        _insert(connection, Plane, dataset.planes())
        _insert(connection, Weather, dataset.weather())
        flights = dataset.flights(until, lambda done, size: on_progress("Flights", done, size))
        _insert(connection, Flight, flights)
        _add_unknown_planes(connection)

        # An index is built faster over rows that are there than row by row.
        indexes = [index for table in Base.metadata.sorted_tables for index in table.indexes]
        for done, index in enumerate(indexes):
            on_progress("Indexes", done, len(indexes))
            connection.execute(CreateIndex(index))
        on_progress("Indexes", len(indexes), len(indexes))

        connection.exec_driver_sql("ANALYZE")
        _check_references(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {LAYOUT}")
        connection.commit()
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _insert(connection: Connection, model: type[Base], rows: Iterable[Row]) -> None:
    rows = iter(rows)
    while batch := list(islice(rows, ROWS_PER_INSERT)):
        connection.execute(insert(model), batch)


def _add_unknown_planes(connection: Connection) -> None:
    """Every sixth plane that flew is missing in planes.csv: keep at least its tail number."""
    known = select(Plane.tail_number)
    unknown = (
        select(Flight.tail_number)
        .where(Flight.tail_number.is_not(None), Flight.tail_number.not_in(known))
        .distinct()
    )
    connection.execute(insert(Plane).from_select(["tail_number"], unknown))


def _check_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken is not None:
        raise ValueError(f"the data set names something that it does not hold: {tuple(broken)}")


def _say_nothing(label: str, done: int, whole: int) -> None:
    """Report to nobody."""
