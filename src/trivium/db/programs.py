"""The program that people talk to a database with, and how it is called for one."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import URL

from trivium.db.errors import DbError

__all__ = ["Call", "client_of"]

PACKAGES = {"sqlite3": "sqlite3", "psql": "postgresql-client", "mariadb": "mariadb-client"}
"""What Debian calls the package of each program."""


class Call(NamedTuple):
    """A program, its arguments, and what its environment needs besides: passwords stay out of the
    list of processes."""

    program: str
    arguments: list[str]
    environment: dict[str, str]


def client_of(url: URL) -> Call:
    """How to call the program for a database. Raises DbError for a kind that has none here."""
    kind = url.get_backend_name()
    if kind == "sqlite":
        return Call("sqlite3", [url.database or ":memory:"], {})
    if kind == "postgresql":
        options = {"-h": url.host, "-p": url.port, "-U": url.username, "-d": url.database}
        secret = {"PGPASSWORD": str(url.password)} if url.password else {}
        return Call("psql", _options(options), secret)
    if kind in ("mysql", "mariadb"):
        options = {"--host": url.host, "--port": url.port, "--user": url.username}
        given = [f"{name}={value}" for name, value in options.items() if value is not None]
        secret = {"MYSQL_PWD": str(url.password)} if url.password else {}
        return Call("mariadb", [*given, *([url.database] if url.database else [])], secret)
    raise DbError(f"Which program talks to {kind} is not known")


def _options(options: Mapping[str, object]) -> list[str]:
    return [
        part for name, value in options.items() if value is not None for part in (name, str(value))
    ]
