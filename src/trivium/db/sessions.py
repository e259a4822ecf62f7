"""The session of a unit of work: SQLAlchemy's, with the unit's rules.

It refuses to be used by two tasks at once, raises this room's errors, sends reads that belong to no
transaction to where they should go, and gives their connection back at once.
"""

import re
from asyncio import current_task
from collections.abc import Callable, Coroutine, Iterable
from functools import lru_cache, partial, wraps
from time import monotonic
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import sqlalchemy.orm
from sqlalchemy import Connection, Engine, TextClause, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction
from sqlalchemy.orm.attributes import instance_dict

from trivium.db.errors import ConcurrentUse, TransactionMisuse, Unavailable, translated
from trivium.db.units import current_session

if TYPE_CHECKING:
    from trivium.db.units import Lane

__all__ = [
    "UNDONE",
    "Session",
    "SyncSession",
    "begin_savepoint",
    "refuse_concurrent",
    "release_savepoint",
    "session",
    "undo_savepoint",
]

_FLUSHES = 100
"""How often receivers may change what they are told of, as SQLAlchemy has it for a commit."""
_AT_ONCE = 0.5
"""Seconds within which a connection that died in the pool is found to be dead."""

P = ParamSpec("P")
T = TypeVar("T")


class SyncSession(sqlalchemy.orm.Session):
    """The synchronous half, which chooses a connection for each statement."""

    def __init__(self, *args: Any, lane: "Lane", **options: Any) -> None:
        super().__init__(*args, **options)
        self.lane = lane
        self.undone: list[tuple[Any, dict[str, Any], set[str]]] = []
        """The values that objects had before a rollback that is under way."""

    def get_bind(
        self, mapper: Any = None, *, clause: Any = None, bind: Any = None, **_: Any
    ) -> Engine | Connection:
        """Where a statement is sent."""
        if bind is not None:
            return bind  # type: ignore[no-any-return]  # an Engine or a Connection
        lane = self.lane
        reads = _only_reads(clause) and not self._flushing
        if lane.held is not None:
            if not reads:
                lane.wrote = True
            return lane.held.connection
        if lane.is_held:
            if not reads:
                lane.wrote = True
            return lane.database.primary
        if lane.is_streaming:
            # a cursor lives in a transaction, which the reader does not begin
            return lane.database.primary
        if reads:
            return lane.database.reader(after_write=lane.wrote)
        lane.is_open = lane.wrote = True
        return lane.database.primary


def _only_reads(clause: Any) -> bool:
    if isinstance(clause, TextClause):
        return _text_reads(clause.text)
    # there is no public way to ask a statement whether it locks rows
    return getattr(clause, "is_select", False) and getattr(clause, "_for_update_arg", None) is None


_READING = re.compile(r"\s*\(?\s*(?:select|show|values)\b", re.IGNORECASE)
_LOCKING = re.compile(
    r"\bfor\s+(?:no\s+key\s+)?(?:key\s+)?(?:update|share)\b|\binto\b", re.IGNORECASE
)


@lru_cache(maxsize=512)
def _text_reads(text: str) -> bool:
    """Whether SQL surely only reads; what is not known to is taken for a write."""
    return _READING.match(text) is not None and _LOCKING.search(text) is None


def guarded(
    method: Callable[P, Coroutine[Any, Any, T]], *, settles: bool = True, reads: bool = False
) -> Callable[P, Coroutine[Any, Any, T]]:
    """The method of ``Session``, one task at a time, with this room's errors.

    settles: what was only read holds no connection afterwards.
    reads: where no transaction is open it may be called again, if the connection turns out at once
        to be dead: the pool has others, or makes one.
    """

    @wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        own: Any = args[0]
        lane: Lane = own.lane
        task = current_task()
        outer = lane.user
        if outer is not None and outer is not task:
            raise refuse_concurrent(lane)
        lane.user = task
        started = monotonic() if reads else 0.0
        pin = lane.database.pinned
        try:
            if lane.has_loose:
                lane.take_in(own)
            if pin is not None:
                await pin.take(lane)
            try:
                result = await method(*args, **kwargs)
            except DBAPIError as error:
                if not (reads and error.connection_invalidated) or lane.is_held:
                    raise
                if monotonic() - started > _AT_ONCE:
                    raise  # it died at work, which may have been the work's fault
                await AsyncSession.run_sync(own, _give_back)
                result = await method(*args, **kwargs)
            if settles and outer is None and not lane.is_held and not lane.is_streaming:
                await AsyncSession.run_sync(own, _give_back)
        except SQLAlchemyError as error:
            other = translated(error)
            if other is error:
                raise
            raise other from error
        finally:
            lane.user = outer
            if lane.callbacks.to_undo:
                await lane.callbacks.undo()
            if pin is not None and outer is None and not lane.is_held:
                pin.release(lane)
        return result

    return call


def _give_back(own: sqlalchemy.orm.Session) -> None:
    # ends what the read began without flushing anything and without forgetting what was read
    if (transaction := own.get_transaction()) is not None:
        transaction.close()


def refuse_concurrent(lane: "Lane") -> ConcurrentUse:
    """The error for a second task on one session."""
    return ConcurrentUse(
        f"Two tasks use the session of {lane.database.name!r} at the same time. A session is one"
        " conversation with the database.\n"
        "    written:  await gather(first(), second())\n"
        "    instead:  await first(); await second()\n"
        "    or:       async with database.session(): ...   # in each task, a session of its own"
    )


class Session(AsyncSession):
    """An ``AsyncSession`` that belongs to a unit of work; the unit closes it.

    A handler need not commit: see ``docs/database.md`` for when that happens by itself. Raises the
    errors of ``trivium.db.errors``.
    """

    def __init__(self, lane: "Lane", **options: Any) -> None:
        self.lane = lane
        self._options = options

    def __getattr__(self, name: str) -> Any:
        # A session is made for many who never use it, so the rest of it is made on first use.
        options = self.__dict__.pop("_options", None)
        if options is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        super().__init__(lane=self.lane, **options)
        return getattr(self, name)

    @property
    def is_used(self) -> bool:
        """Whether it has begun something, or holds an object."""
        if "_options" in self.__dict__:
            return False
        own = self.sync_session
        return own.get_transaction() is not None or bool(own.identity_map) or bool(own.new)

    @property
    def is_blank(self) -> bool:
        """Whether it holds no object and no savepoint, and nothing has failed."""
        if "_options" in self.__dict__:
            return True
        own = self.sync_session
        return not (own.identity_map or own._new or own.in_nested_transaction()) and own.is_active

    def note_new(self, states: Iterable[Any]) -> None:
        """Has objects that were stored in this transaction be new again where it is rolled back."""
        transaction = self.sync_session._autobegin_t()
        for state in states:
            transaction._new[state] = True

    async def commit(self) -> None:
        """Commits what was written so far, and calls what waits for that.

        Raises TransactionMisuse inside of ``atomic``, which commits by itself.
        """
        self._refuse_in_atomic("commit")
        await self.commit_all()
        await self.lane.callbacks.run()

    async def commit_all(self) -> None:
        """Commits, whatever is open around, and calls nothing."""
        await flush_told(self)
        try:
            await _commit(self)
        except Unavailable:
            # it may have been committed: nothing that was done for it is undone
            self.lane.callbacks.forget()
            raise

    async def rollback(self) -> None:
        """Undoes what was written since the last commit.

        Raises TransactionMisuse inside of ``atomic``, which an error rolls back.
        """
        self._refuse_in_atomic("rollback")
        await self.rollback_all()

    async def rollback_all(self) -> None:
        """Rolls back, whatever is open around."""
        await _rollback(self)
        await self.lane.end_held(commit=False)
        # the session tells of a rollback only where something had begun
        await self.lane.forget()

    def begin(self) -> AsyncSessionTransaction:
        """SQLAlchemy's own block; ``atomic()`` nests and knows ``on_commit``."""
        if not self.lane.is_held:
            self.lane.is_open = True
        return super().begin()

    async def stream(self, *args: Any, **options: Any) -> Any:
        """Executes, and gives the rows as they come; the connection is kept meanwhile."""
        before, self.lane.is_streaming = self.lane.is_streaming, True
        try:
            return await _stream(self, *args, **options)
        except BaseException:
            self.lane.is_streaming = before
            raise

    def _refuse_in_atomic(self, verb: str) -> None:
        if self.lane.depth:
            raise TransactionMisuse(
                f"{verb}() is called inside of atomic(), which commits at its end, and rolls back"
                " around an error.\n"
                f"    written:  async with atomic(): ...; await session.{verb}()\n"
                "    instead:  leave the block, or raise an error that leaves it"
            )


def _joined(own: SyncSession) -> None:
    if own.lane.held is not None and not own.in_nested_transaction():
        # what began without the session is committed with it
        own.connection()


def _ended(own: SyncSession, transaction: sqlalchemy.orm.SessionTransaction) -> None:
    if transaction.parent is None:
        own.lane.is_open = own.lane.is_streaming = False
        own.lane.release_held()


_callbacks_before: WeakKeyDictionary[sqlalchemy.orm.SessionTransaction, int] = WeakKeyDictionary()
"""How many callbacks there were when a savepoint was set."""


def _begun(own: SyncSession, transaction: sqlalchemy.orm.SessionTransaction) -> None:
    if transaction.nested:
        _callbacks_before[transaction] = len(own.lane.callbacks)


def _undone(own: SyncSession, transaction: sqlalchemy.orm.SessionTransaction) -> None:
    # a flush that fails takes what is around it along, up to the next savepoint
    undone: sqlalchemy.orm.SessionTransaction | None = transaction
    while undone is not None and not undone.nested:
        undone = undone.parent
    own.lane.callbacks.drop_after(0 if undone is None else _callbacks_before.get(undone, 0))


UNDONE = "_trivium_undone"
"""Stands in an object whose values may not be those of its row, because of a rollback."""


def _note_values(own: SyncSession) -> None:
    own.undone = [
        (state, dict(state.dict), set(state.expired_attributes))
        for state in own.identity_map.all_states()
    ]


def _give_values_back(own: SyncSession, transaction: sqlalchemy.orm.SessionTransaction) -> None:
    """Objects stay readable after a rollback, as they do after a commit.

    SQLAlchemy empties them, and reading one again would need a query that nobody awaits.
    """
    undone, own.undone = own.undone, []
    for state, values, expired in undone:
        instance = state.obj()
        if instance is None or not state.expired:
            continue
        kept: dict[str, Any] = instance_dict(instance)
        for name, value in values.items():
            # a list that was emptied cannot be used again
            if name not in kept and not hasattr(value, "_sa_adapter"):
                kept[name] = value
        kept[UNDONE] = True
        state._commit_all(kept)
        state.expired_attributes = expired


event.listen(SyncSession, "after_transaction_create", _begun)
event.listen(SyncSession, "before_commit", _joined)
event.listen(SyncSession, "after_transaction_end", _ended)
event.listen(SyncSession, "after_soft_rollback", _undone)
event.listen(SyncSession, "after_rollback", _note_values)
event.listen(SyncSession, "after_soft_rollback", _give_values_back)

_commit = guarded(AsyncSession.commit, settles=False)
_stream = guarded(AsyncSession.stream, settles=False)
_rollback = guarded(AsyncSession.rollback, settles=False)

for _name in ("execute", "scalar", "scalars", "get", "get_one", "refresh"):
    setattr(Session, _name, guarded(getattr(AsyncSession, _name), reads=True))
for _name in ("merge", "merge_all", "delete", "delete_all", "flush", "run_sync"):
    setattr(Session, _name, guarded(getattr(AsyncSession, _name)))
# What asks for the connection wants to keep it.
for _name in ("connection", "close", "invalidate", "reset"):
    setattr(Session, _name, guarded(getattr(AsyncSession, _name), settles=False))


async def flush_told(own: AsyncSession) -> None:
    """Flushes ahead of what would flush by itself, in a moment at which receivers cannot write."""
    session: Any = own.sync_session
    if session.tells:
        for _ in range(_FLUSHES):
            if not (session.new or session.dirty or session.deleted):
                return
            await own.flush()


@partial(guarded, settles=False)
async def begin_savepoint(own: AsyncSession) -> AsyncSessionTransaction:
    """Writes what waits in the session, and sets a savepoint."""
    await flush_told(own)
    return await AsyncSession.begin_nested(own)


@partial(guarded, settles=False)
async def release_savepoint(own: AsyncSession, savepoint: AsyncSessionTransaction) -> None:
    """Writes what waits in the session, and keeps it for the transaction around."""
    await flush_told(own)
    await savepoint.commit()


@partial(guarded, settles=False)
async def undo_savepoint(own: AsyncSession, savepoint: AsyncSessionTransaction) -> None:
    """Undoes what was done since, and leaves the transaction around usable."""
    begun: Any = own.sync_session.get_nested_transaction()
    while begun is not None:
        # a flush that failed has rolled it back already, and waits for somebody to take note
        if begun is savepoint.sync_transaction:
            await savepoint.rollback()
            return
        begun = begun.parent


async def session() -> AsyncSession:
    """The dependency: ``db: AsyncSession = Depends(session)``."""
    return current_session()
