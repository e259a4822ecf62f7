"""The database servers that the tests of the data room run on, and an empty database on each.

The servers are found at the usual addresses, or where TRIVIUM_TEST_POSTGRES and
TRIVIUM_TEST_MARIADB say. Where one is missing its tests are skipped, but for a build machine (CI is
set), where they fail.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy import make_url

POSTGRES = os.environ.get("TRIVIUM_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
MARIADB = os.environ.get("TRIVIUM_TEST_MARIADB", "mysql://root@127.0.0.1:3306/")

# One database for each worker of pytest, so that they can run at the same time.
NAME = f"trivium_test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"


def missing(server: str, error: Exception) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{server} is needed and cannot be reached: {error}")
    pytest.skip(f"{server} cannot be reached: {error}")


@contextmanager
def postgres(sql: str | None = None) -> Iterator[Any]:
    """A connection to the server, outside of transactions."""
    with psycopg.connect(sql or POSTGRES, autocommit=True, connect_timeout=5) as connection:
        yield connection


@contextmanager
def mariadb() -> Iterator[Any]:
    url = make_url(MARIADB)
    connection = pymysql.connect(
        host=url.host or "127.0.0.1",
        port=url.port or 3306,
        user=url.username or "root",
        password=url.password or "",
        autocommit=True,
        connect_timeout=5,
    )
    try:
        yield connection.cursor()
    finally:
        connection.close()


@cache
def own_postgres(name: str) -> str:
    """The address of a database of this worker's own; made once."""
    with postgres() as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
    OWN.append(name)
    return make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)


OWN: list[str] = []


def empty_postgres(suffix: str = "") -> str:
    """The address of this worker's own database, with nothing in it."""
    try:
        url = own_postgres(NAME + suffix)
    except psycopg.OperationalError as error:
        missing("PostgreSQL", error)
        raise
    with postgres(url) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return url


def empty_mariadb() -> str:
    try:
        with mariadb() as server:
            server.execute(f"DROP DATABASE IF EXISTS {NAME}")
            server.execute(f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4")
    except pymysql.OperationalError as error:
        missing("MariaDB", error)
        raise
    return make_url(MARIADB).set(database=NAME).render_as_string(hide_password=False)


def empty_database(kind: str, folder: Path, suffix: str = "") -> str:
    """The address of an empty database of a kind: sqlite, postgresql or mariadb.

    suffix: for a second one, on SQLite and PostgreSQL.
    """
    if kind == "postgresql":
        return empty_postgres(suffix)
    if kind == "mariadb":
        return empty_mariadb()
    return f"sqlite:///{folder / f'test{suffix}.db'}"


def remove_databases() -> None:
    """Removes what this worker has made."""
    if OWN:
        with postgres() as server:
            for name in OWN:
                server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    try:
        with mariadb() as server:
            server.execute(f"DROP DATABASE IF EXISTS {NAME}")
    except pymysql.OperationalError:
        return  # there is no such server, so there is nothing to remove
