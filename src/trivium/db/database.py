"""The database of an application: one address, one pool of connections, the units of work on it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from itertools import cycle
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import URL, Connection, Engine, MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine

from trivium.checks import Check
from trivium.db.budget import BUDGET
from trivium.db.engines import is_in_memory, make_engine, reading_from
from trivium.db.errors import DbError
from trivium.db.flushing import TellingSession
from trivium.db.pinning import Pin
from trivium.db.sessions import Session
from trivium.db.units import Lane, Unit, UnitBlock, Using
from trivium.db.urls import complete_url

if TYPE_CHECKING:
    from trivium.app import App
    from trivium.storage.protocol import Storage

__all__ = ["Database"]

WRITING_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Database:
    """A database that an application, a script or a test uses.

        app.install(Database("postgresql://localhost/flights"))

    An application opens and closes its own. Elsewhere, ``async with database:`` does, or whoever
    has made it calls ``close()``. Nothing is connected before the first statement.

    url: ``sqlite:///app.db``, ``postgresql://user:password@host/name``, ``mysql://...``; a driver
        may be named (``postgresql+psycopg://``).
    name: what ``using=`` calls it.
    models: declarative base classes, models, or MetaData: the tables that belong here. Without it
        those of ``Model``.
    replicas: addresses of copies that may be read from. What is read outside of a transaction comes
        from them in turn, until the unit of work has written something.
    also: further databases of the application, used with ``using=``.
    pool_size, max_overflow: connections that are kept, and how many more may be opened for a while.
    pool_timeout: seconds to wait for a free connection before PoolExhausted, which an application
        answers with 503.
    connect_timeout: seconds after which a server that does not answer is CannotConnect: 503 too.
    busy_timeout: seconds for which SQLite waits for another writer.
    transaction_methods: the HTTP methods whose requests are one transaction each.
    not_found: answers a DoesNotExist that a handler lets pass with 404.
    query_budget: how many queries a request may send before it is reported; in development and in
        tests alone. The same query sent more than three times is reported too. None: nothing is.
    storages: where file columns have their files, by name; ``"default"`` is for columns that name
        none.
    options: further options of SQLAlchemy's ``create_async_engine``.

    Raises DbError for an address that cannot be used, MissingDriver where a package is missing.
    """

    def __init__(
        self,
        url: str | URL = "sqlite:///app.db",
        *,
        name: str = "default",
        models: Any = None,
        replicas: Iterable[str | URL] = (),
        also: "Iterable[Database]" = (),
        pool_size: int = 5,
        max_overflow: int = 10,
        pool_timeout: float = 2.0,
        pool_recycle: int = -1,
        connect_timeout: float = 5.0,
        busy_timeout: float = 5.0,
        echo: bool = False,
        transaction_methods: Iterable[str] = WRITING_METHODS,
        not_found: bool = False,
        query_budget: int | None = BUDGET,
        storages: "Mapping[str, Storage] | None" = None,
        **options: Any,
    ) -> None:
        self.url = complete_url(url)
        self.name = name
        self.not_found = not_found
        self.query_budget = query_budget
        self.storages: dict[str, Storage] = dict(storages or {})
        self.transaction_methods = frozenset(transaction_methods)
        self._given_models = models
        self._make: dict[str, Any] = {
            "pool": {
                "pool_size": pool_size,
                "max_overflow": max_overflow,
                "pool_timeout": pool_timeout,
                "pool_recycle": pool_recycle,
            },
            "connect_timeout": connect_timeout,
            "busy_timeout": busy_timeout,
            "options": {"echo": echo, **options},
        }
        self.engine: AsyncEngine = make_engine(self.url, **self._make)
        self._own_reader = reading_from(self.engine).sync_engine
        self._replicas = [make_engine(complete_url(each), **self._make) for each in replicas]
        self._readers = cycle([reading_from(each).sync_engine for each in self._replicas])
        self._pin: Pin | None = None
        self._stand_in: Database | None = None
        self.databases: Mapping[str, Database] = _by_name([self, *also])

    def __repr__(self) -> str:
        return f"Database({self.url.render_as_string(hide_password=True)!r}, name={self.name!r})"

    @property
    def dialect(self) -> str:
        """The kind: ``"sqlite"``, ``"postgresql"``, ``"mysql"`` or ``"mariadb"``."""
        return self.engine.dialect.name

    @property
    def metadatas(self) -> list[MetaData]:
        """The tables that belong here, as SQLAlchemy has them."""
        given = self._given_models
        if given is None:
            from trivium.db.models.base import Model

            given = Model
        each = given if isinstance(given, list | tuple | set | frozenset) else [given]
        found: list[MetaData] = []
        for one in each:
            metadata = one if isinstance(one, MetaData) else getattr(one, "metadata", None)
            if not isinstance(metadata, MetaData):
                raise DbError(
                    f"models={one!r} has no tables.\n"
                    "    instead:  models=Model, a declarative base class, or a MetaData"
                )
            if metadata not in found:
                found.append(metadata)
        return found

    # Where statements go

    @property
    def primary(self) -> Engine | Connection:
        """Where transactions are."""
        if (pin := self._pin) is not None:
            return pin.connection
        return (self._stand_in or self).engine.sync_engine

    def reader(self, *, after_write: bool = False) -> Engine | Connection:
        """Where to read outside of a transaction: the next replica, or the primary."""
        if (pin := self._pin) is not None:
            return pin.connection
        if self._stand_in is not None:
            return self._stand_in._own_reader
        if self._replicas and not after_write:
            return next(self._readers)
        return self._own_reader

    @property
    def pinned(self) -> Pin | None:
        """The one connection that everything goes over, while there is one."""
        return self._pin

    def pin(self, pin: Pin | None) -> None:
        """Has everything go over one connection, until ``pin(None)``: for tests."""
        self._pin = pin

    def redirect(self, other: "Database | None") -> None:
        """Has another database stand in for this one, until ``redirect(None)``: for tests."""
        self._stand_in = other

    def at(self, url: str | URL, **options: Any) -> "Database":
        """One like this at another address, without its replicas and further databases.

        options: those of the constructor that are to be different.
        """
        make = self._make
        same: dict[str, Any] = {
            "name": self.name,
            "models": self._given_models,
            "connect_timeout": make["connect_timeout"],
            "busy_timeout": make["busy_timeout"],
            "transaction_methods": self.transaction_methods,
            "not_found": self.not_found,
            "storages": self.storages,
            **make["pool"],
            **make["options"],
        }
        return Database(url, **{**same, **options})

    def new_session(self, lane: Lane) -> Session:
        """A session for a unit of work, which closes it."""
        return Session(
            lane,
            bind=self.engine,
            sync_session_class=TellingSession,
            # objects stay readable after a commit: reading one again would need another query
            expire_on_commit=False,
            join_transaction_mode="create_savepoint",
        )

    # Opening and closing

    async def open(self) -> None:
        """Opens every database that belongs to this one; a connection is made on first use."""

    async def close(self) -> None:
        """Closes every connection, of the replicas and of the further databases too.

        The database may be used again afterwards.
        """
        for database in self.databases.values():
            for engine in (database.engine, *database._replicas):
                await engine.dispose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def session(self, using: Using = None) -> AbstractAsyncContextManager[Session]:
        """A unit of work of its own: in a script, a job, a task beside the request.

        Each write by ``Model.objects`` commits by itself, ``atomic()`` makes transactions, and what
        is added to the session is committed with ``await session.commit()``. Raises UncommittedWork
        at the end of the block where that was forgotten.

        using: the database of the session; this one without it.
        """
        return UnitBlock(Unit(self.databases), using)

    async def create_tables(self) -> None:
        """Creates the tables that are not there. For tests and first steps: no migrations."""
        async with self.engine.begin() as connection:
            for metadata in self.metadatas:
                await connection.run_sync(metadata.create_all)

    async def drop_tables(self) -> None:
        """Drops the tables, with what is in them."""
        async with self.engine.begin() as connection:
            for metadata in self.metadatas:
                await connection.run_sync(metadata.drop_all)

    # As a battery

    def install(self, app: "App") -> None:
        """Gives each request of the application its unit of work. Called by ``app.install``."""
        from trivium.db.requests import install

        install(self, app)

    def checks(self, app: "App", *, deploy: bool) -> Iterator[Check]:
        """What ``trivium check`` says of it."""
        for each in self.databases.values():
            if deploy:
                yield from _of_deployment(each)

    async def ping(self) -> None:
        """Asks the primary and the replicas for a sign of life. Raises what is wrong."""
        for engine in (self.engine, *self._replicas):
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))

    def lifespan(self, app: "App") -> AbstractAsyncContextManager[Any]:
        """Open while the application runs."""
        return self


def _of_deployment(database: Database) -> Iterator[Check]:
    name = database.name
    if is_in_memory(database.url):
        yield Check(
            "error",
            "db.in_memory",
            f"The database {name!r} lives in the memory of one process, and is gone with it.",
            'Database("postgresql://..."), or a file: Database("sqlite:///app.db")',
        )
    if database.engine.echo:
        yield Check(
            "warning",
            "db.echo",
            f"Every statement of the database {name!r} is logged with its values.",
            "Leave out echo=True.",
        )


def _by_name(databases: Iterable[Database]) -> dict[str, Database]:
    found: dict[str, Database] = {}
    for database in databases:
        if database.name in found:
            raise DbError(
                f"Two databases are called {database.name!r}.\n"
                "    instead:  Database(url, name='analytics')"
            )
        found[database.name] = database
    return found
