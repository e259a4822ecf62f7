"""A database for tests: made from nothing, given its tables, and removed."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from anyio import to_thread
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from trivium.db.database import Database
from trivium.db.errors import DbError
from trivium.db.migrations import Migrations, migrate

__all__ = ["Schema", "made_test_database", "name_for_worker"]

Schema: TypeAlias = Literal["metadata"] | Path | Callable[[Database], Awaitable[None]]

# The database of a server that is always there, from which others are made.
_MAINTENANCE = {"postgresql": "postgres", "mysql": None, "mariadb": None}


def name_for_worker(name: str) -> str:
    """The test database of a database: ``test_flights``, of pytest's third worker
    ``test_flights_gw2``."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    return f"test_{name}_{worker}" if worker else f"test_{name}"


@asynccontextmanager
async def made_test_database(
    database: Database, *, folder: Path, schema: Schema = "metadata"
) -> AsyncIterator[Database]:
    """A database like ``database``, empty but for its tables; removed at the end of the block.

    It lies beside the real one, with a name of its own: see ``name_for_worker``. One of that name
    that an earlier run has left behind is removed first.

    folder: where SQLite's files are made.
    schema: the tables are created from the models, or by the migrations in a directory, which tests
        those as well, or by a function of your own.
    """
    url = _url_for_test(database.url, folder, database.name)
    await _remove(url)
    await _make(url)
    try:
        # without a pool: a connection belongs to one event loop, and each test may have its own
        twin = database.at(url, poolclass=NullPool)
        await _fill(twin, schema)
        yield twin
    finally:
        await _remove(url)


async def _fill(database: Database, schema: Schema) -> None:
    if isinstance(schema, Path):
        await migrate(Migrations.of(database, schema))
    elif callable(schema):
        await schema(database)
    elif schema == "metadata":
        await database.create_tables()
    else:
        raise DbError(f"schema={schema!r} is neither 'metadata' nor a Path nor a function")


def _url_for_test(url: URL, folder: Path, name: str) -> URL:
    if url.get_backend_name() == "sqlite":
        return url.set(database=str(folder / f"{name_for_worker(name)}.db"))
    if not url.database:
        raise DbError(f"{url!r} names no database, so it has no test database")
    return url.set(database=name_for_worker(url.database))


def _server(url: URL) -> AsyncEngine:
    kind = url.get_backend_name()
    if kind not in _MAINTENANCE:
        raise DbError(f"How to make a database on {kind} is not known: give schema=")
    return create_async_engine(
        url._replace(database=_MAINTENANCE[kind]), isolation_level="AUTOCOMMIT"
    )


async def _make(url: URL) -> None:
    if url.get_backend_name() != "sqlite":
        await _run(url, "CREATE DATABASE {name}")


async def _remove(url: URL) -> None:
    kind = url.get_backend_name()
    if kind == "sqlite":
        await to_thread.run_sync(_remove_file, str(url.database))
    else:
        # connections of a run that was killed would keep it
        force = " WITH (FORCE)" if kind == "postgresql" else ""
        await _run(url, "DROP DATABASE IF EXISTS {name}" + force)


def _remove_file(path: str) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)


async def _run(url: URL, statement: str) -> None:
    engine = _server(url)
    try:
        async with engine.connect() as connection:
            quoted = engine.dialect.identifier_preparer.quote_identifier(str(url.database))
            await connection.execute(text(statement.format(name=quoted)))
    finally:
        await engine.dispose()
