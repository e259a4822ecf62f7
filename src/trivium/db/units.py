"""The unit of work: what belongs together, and ends together.

A request is one, ``async with database.session():`` is one, a test is one. The current unit is
found by whoever runs in it, without being handed around; tasks and worker threads started in it
see it too. Nothing is made before it is used: a unit that asks no database costs nothing.

A unit has a *lane* for each database that it uses: the session, and how far its transaction is.

Where no transaction is open, a lane reads without one, on a replica if there are any, and gives the
connection back after each statement. A write begins a transaction on the primary, which lasts until
it is committed, and from then on the unit reads from the primary.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

from anyio import CancelScope
from sqlalchemy.util.concurrency import greenlet_spawn

from trivium.db.callbacks import Callbacks
from trivium.db.errors import (
    DbError,
    NoSession,
    TransactionMisuse,
    UncommittedWork,
    UnknownDatabase,
)
from trivium.db.held import Held
from trivium.db.loose import Loose

if TYPE_CHECKING:
    from trivium.db.database import Database
    from trivium.db.sessions import Session
    from trivium.storage.protocol import Storage

__all__ = ["Lane", "Unit", "Using", "current_session", "current_unit", "entered", "unit_or_none"]

Settle: TypeAlias = Callable[[BaseException | None], Awaitable[None]]
Using: TypeAlias = "str | Database | None"
"""Which database: its name, the Database itself, or ``None`` for the first."""

_current: ContextVar["Unit | None"] = ContextVar("trivium_unit_of_work", default=None)


class State(Enum):
    """How far a unit has come."""

    OPEN = "open"
    OVER = "over"


class Lane:
    """A unit's way to one database."""

    __slots__ = (
        "_loose",
        "_session",
        "callbacks",
        "database",
        "depth",
        "held",
        "is_open",
        "is_streaming",
        "unit",
        "user",
        "wrote",
    )

    def __init__(self, unit: "Unit", database: "Database") -> None:
        self.unit = unit
        self.database = database
        self.depth = 0
        """How many ``atomic`` blocks are open."""
        self.is_open = False
        """Whether a transaction was begun by a write, and waits to be committed by the program."""
        self.is_streaming = False
        """Whether rows are still to come over the session's connection."""
        self.wrote = False
        """Whether the unit has written, so that a replica may not know it yet."""
        self.user: object = None
        """The task that is using the session at this moment."""
        self.held: Held | None = None
        """The connection of a transaction that began without the session."""
        self.callbacks = Callbacks()
        self._session: Session | None = None
        self._loose: Loose | None = None

    @property
    def loose(self) -> Loose:
        """Objects that were read without the session, by their identity."""
        if self._loose is None:
            self._loose = Loose()
        return self._loose

    @property
    def has_loose(self) -> bool:
        """Whether there may be objects that the session does not know yet."""
        return self._loose is not None

    def take_in(self, session: "Session") -> None:
        """Gives the objects that were read or stored without the session to it."""
        loose, self._loose = self._loose, None
        if loose is None:
            return
        for instance in loose.living():
            if instance not in session:
                session.add(instance)
        if loose.created:
            session.note_new(loose.created)

    @property
    def has_changes(self) -> bool:
        """Whether an object was changed that the session does not know yet."""
        return self._loose is not None and bool(self._loose.changed)

    def is_known_directly(self, saved: object = None) -> bool:
        """Whether the transaction can go on, and what it has to do with is known without the
        session, but for changes of the object with the state ``saved``."""
        if self.held is not None:
            if not self.held.is_usable or not (self._session is None or self._session.is_blank):
                return False
        elif self.is_used:
            # the session has a connection of its own
            return False
        return self.has_no_changes_but(saved)

    def has_no_changes_but(self, saved: object) -> bool:
        """Whether no object was changed without the session but that with the state ``saved``."""
        return not self.has_changes or self.loose.changed == {saved}

    @property
    def is_used(self) -> bool:
        """Whether the session has begun something, or holds an object."""
        session = self._session
        return session is not None and session.is_used

    @property
    def is_held(self) -> bool:
        """Whether statements belong to a transaction that is under way or to be begun."""
        return self.depth > 0 or self.is_open or self.unit.is_transactional

    @property
    def session(self) -> "Session":
        """The session; made when it is first asked for."""
        if self._session is None:
            self._session = self.database.new_session(self)
        return self._session

    @property
    def has_session(self) -> bool:
        return self._session is not None

    async def end(self, error: BaseException | None, *, commit: bool) -> None:
        """Commits or rolls back, and gives the connection back whatever happens."""
        if error is None and commit and self.has_changes:
            self.take_in(self.session)
        session, self._session = self._session, None
        if session is None or not session.is_used:
            # what was begun was begun without the session
            with CancelScope(shield=True):
                try:
                    await self.end_held(commit=error is None and commit)
                except BaseException:
                    await self.forget()
                    raise
                if error is not None:
                    await self.forget()
            if error is None and self.callbacks:
                await self.callbacks.run()
            return
        left = ""
        with CancelScope(shield=True):
            try:
                if error is None and commit:
                    await session.commit_all()
                elif error is None:
                    left = _left_behind(self, session)
            finally:
                # closing forgets the objects first, so that they can still be read
                await self._close(session)
                if error is not None or left:
                    await self.forget()
        if left:
            raise UncommittedWork(left)
        if error is None:
            await self.callbacks.run()

    async def end_held(self, *, commit: bool) -> None:
        """Ends the transaction that began without the session, which has no part in it."""
        held = self.held
        if held is None:
            return
        try:
            if commit:
                await held.commit()
                if self._loose is not None:
                    self._loose.created.clear()
            else:
                await held.rollback()
        finally:
            if self.held is not None:
                await greenlet_spawn(self.release_held)

    def release_held(self) -> None:
        """Gives the connection back; what was not committed is undone."""
        held, self.held = self.held, None
        if held is not None:
            held.release()

    async def abandon(self) -> None:
        """Gives the connection back; what was not committed is undone, and nobody is told."""
        session, self._session = self._session, None
        await self._close(session)
        await self.forget()

    async def forget(self) -> None:
        """Forgets what waits for a commit, and undoes what was done for one."""
        self.callbacks.clear()
        await self.callbacks.undo()

    async def _close(self, session: "Session | None") -> None:
        try:
            try:
                if session is not None:
                    await session.close()
            finally:
                await self.end_held(commit=False)
        finally:
            if (pin := self.database.pinned) is not None:
                pin.release(self)


def _left_behind(lane: Lane, session: "Session") -> str:
    """What is wrong with ending a unit that does not commit by itself; empty where nothing is."""
    if not (lane.is_open or session.new or session.deleted):
        return ""
    return (
        f"Changes of {lane.database.name!r} were not committed, and have been rolled back.\n"
        "    written:  session.add(...)\n"
        "    instead:  async with atomic(): session.add(...)\n"
        "    or:       await session.commit()"
    )


class Unit:
    """A unit of work over the databases of one application or program.

    transactional: everything is one transaction for each database, committed at the end. Two
        databases are committed one after the other.
    on_use: called with what settles the unit, when a database is used for the first time, and again
        when that is so after it was settled.
    """

    __slots__ = ("_databases", "_lanes", "_on_use", "is_transactional", "state")

    def __init__(
        self,
        databases: "Mapping[str, Database]",
        *,
        transactional: bool = False,
        on_use: Callable[[Settle], None] | None = None,
    ) -> None:
        self._databases = databases
        self._on_use = on_use
        self._lanes: dict[str, Lane] | None = None
        self.is_transactional = transactional
        self.state = State.OPEN

    def lane(self, using: Using = None) -> Lane:
        """The lane to one database. Raises NoSession when the unit is over."""
        if self.state is State.OVER:
            raise NoSession(
                "The unit of work that this task was started in has ended.\n"
                "    instead:  async with database.session(): ...   # inside of the task"
            )
        database = self._database(using)
        if self._lanes is None:
            self._lanes = {}
            if self._on_use is not None:
                self._on_use(self.settle)
        lane = self._lanes.get(database.name)
        if lane is None:
            lane = self._lanes[database.name] = Lane(self, database)
        return lane

    def _database(self, using: Using) -> "Database":
        if using is None:
            for database in self._databases.values():
                return database
        elif not isinstance(using, str):
            return using
        elif using in self._databases:
            return self._databases[using]
        raise UnknownDatabase(
            f"There is no database {using!r}. There are: {', '.join(self._databases)}"
        )

    def storage(self, name: str) -> "Storage":
        """A storage of the databases, by its name. Raises DbError where there is none."""
        for database in self._databases.values():
            if name in database.storages:
                return database.storages[name]
        raise DbError(
            f"There is no storage {name!r}.\n"
            f'    instead:  Database(url, storages={{{name!r}: LocalStorage("media")}})'
        )

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """Those that are in use."""
        return tuple((self._lanes or {}).values())

    def begin_without_transaction(self) -> None:
        """Has each write commit by itself. Raises TransactionMisuse once a database was used."""
        if any(lane.has_session or lane.held is not None for lane in self.lanes):
            raise TransactionMisuse(
                "The transaction of this request has begun already: what turns it off has to come"
                " before what uses the database"
            )
        self.is_transactional = False

    async def settle(self, error: BaseException | None = None) -> None:
        """Commits, or rolls back around an error, and gives all connections back.

        The unit may be used again afterwards; each write then commits by itself.
        """
        lanes, self._lanes = self.lanes, None
        commit, self.is_transactional = self.is_transactional, False
        failure = error
        for lane in lanes:
            try:
                await lane.end(failure, commit=commit)
            except BaseException as other:
                # the other lanes are rolled back around it
                failure = failure or other
        if failure is not None and failure is not error:
            raise failure

    async def abandon(self) -> None:
        """Undoes what was not committed, tells nobody, and refuses everything from then on."""
        lanes, self._lanes = self.lanes, None
        self.state = State.OVER
        with CancelScope(shield=True):
            for lane in lanes:
                await lane.abandon()

    async def end(self, error: BaseException | None = None) -> None:
        """Settles, and refuses everything from then on."""
        try:
            await self.settle(error)
        finally:
            self.state = State.OVER


class entered:  # a context manager, named for how it reads
    """Makes a unit the current one: ``with entered(unit):``."""

    __slots__ = ("_token", "_unit")

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def __enter__(self) -> Unit:
        self._token = _current.set(self._unit)
        return self._unit

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


class UnitBlock(AbstractAsyncContextManager["Session"]):
    """The block of ``database.session()``: it enters a unit, and ends it."""

    __slots__ = ("_entered", "_unit", "_using")

    def __init__(self, unit: Unit, using: Using) -> None:
        self._unit = unit
        self._using = using
        self._entered = entered(unit)

    async def __aenter__(self) -> "Session":
        self._entered.__enter__()
        return self._unit.lane(self._using).session

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._unit.end(error)
        finally:
            self._entered.__exit__()


def make_current(unit: Unit | None) -> None:
    """Makes a unit the current one for the rest of this task's context."""
    _current.set(unit)


def unit_or_none() -> Unit | None:
    """The current unit of work, if there is one."""
    return _current.get()


def current_unit() -> Unit:
    """The current unit of work. Raises NoSession, naming the fix, where there is none."""
    unit = _current.get()
    if unit is None:
        raise NoSession(
            "There is no unit of work here, so there is no session.\n"
            "    in a request:  app.install(Database(url)) before the routes are served\n"
            "    in a script:   async with database.session(): ...\n"
            "    in a test:     def test(db): ...   # the fixture of trivium.db.testing"
        )
    return unit


def current_session(using: Using = None) -> "Session":
    """The session of the current unit of work: ``Depends(session)`` gives the same one.

    using: the name of the database, or the Database; the first one without it.
    """
    return current_unit().lane(using).session
