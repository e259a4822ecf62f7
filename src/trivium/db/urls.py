"""The address of a database: short as people write it, complete as SQLAlchemy wants it."""

from importlib.util import find_spec

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from trivium.db.errors import DbError, MissingDriver

__all__ = ["complete_url"]

# The asynchronous drivers of each kind, the preferred first, by the module that has to be there.
_DRIVERS = {
    "sqlite": {"aiosqlite": "aiosqlite"},
    "postgresql": {"asyncpg": "asyncpg", "psycopg": "psycopg"},
    "mysql": {"asyncmy": "asyncmy", "aiomysql": "aiomysql"},
    "mariadb": {"asyncmy": "asyncmy", "aiomysql": "aiomysql"},
}
_OTHER_NAMES = {"postgres": "postgresql", "sqlite3": "sqlite"}
_EXTRAS = {"sqlite": "db", "postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}


def complete_url(written: str | URL) -> URL:
    """The address with an asynchronous driver: ``postgresql://`` is ``postgresql+asyncpg://``.

    Raises DbError for what is no address, or names a driver that is not asynchronous, and
    MissingDriver, naming the package, where no driver is installed.
    """
    try:
        url = make_url(written)
    except ArgumentError:
        raise DbError(
            f"This is not the address of a database: {_without_password(str(written))!r}\n"
            "  sqlite:///app.db, postgresql://user:password@host/name, mysql://user@host/name"
        ) from None
    kind, _, driver = url.drivername.partition("+")
    kind = _OTHER_NAMES.get(kind, kind)
    drivers = _DRIVERS.get(kind)
    if drivers is None:
        # SQLAlchemy has dialects of others; with a driver named, it says itself what it lacks
        if driver:
            return url
        raise DbError(f"{kind!r} is no kind of database that is known: {', '.join(_DRIVERS)}")
    if driver:
        if driver not in drivers:
            raise DbError(
                f"{driver!r} cannot be used here, because it is not asynchronous.\n"
                f"    written:  {kind}+{driver}://\n"
                f"    instead:  {kind}://, or one of {', '.join(f'{kind}+{d}://' for d in drivers)}"
            )
        return url.set(drivername=f"{kind}+{driver}")
    for name, module in drivers.items():
        if find_spec(module) is not None:
            return url.set(drivername=f"{kind}+{name}")
    raise MissingDriver(
        f"Nothing that talks to {kind} is installed. Install it with:\n"
        f"    pip install 'trivium[{_EXTRAS[kind]}]'"
    )


def _without_password(written: str) -> str:
    before, at, after = written.rpartition("@")
    return f"{before.partition(':')[0]}:***@{after}" if at else written
