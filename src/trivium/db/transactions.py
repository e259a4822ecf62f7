"""``atomic``: all of it, or nothing of it."""

import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from random import uniform
from typing import Any, ParamSpec, TypeVar, overload

import anyio
from anyio import CancelScope
from sqlalchemy.ext.asyncio import AsyncSessionTransaction

from trivium.db.callbacks import Callback, called
from trivium.db.errors import SerializationFailure, TransactionMisuse, Unavailable
from trivium.db.sessions import (
    Session,
    begin_savepoint,
    release_savepoint,
    undo_savepoint,
)
from trivium.db.units import Lane, Using, current_unit

__all__ = ["Atomic", "atomic", "on_commit", "without_transaction"]

P = ParamSpec("P")
T = TypeVar("T")

_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 1.0


class Atomic:
    """What ``atomic()`` returns: a block, and a decorator of coroutine functions."""

    def __init__(self, using: Using, *, savepoint: bool, durable: bool, retry: int) -> None:
        self._using = using
        self._savepoint = savepoint
        self._durable = durable
        self._retry = retry
        self._open: _Block | None = None

    async def __aenter__(self) -> Session:
        if self._retry:
            raise TransactionMisuse(
                "A block cannot be run again, a function can.\n"
                f"    written:  async with atomic(retry={self._retry}): ...\n"
                f"    instead:  @atomic(retry={self._retry}) on the function that holds the block"
            )
        if self._open is not None:
            raise TransactionMisuse(
                "One atomic() is entered twice.\n"
                "    instead:  async with atomic(): ...   # a new one each time"
            )
        block = await self._begun()
        self._open = block
        return block.lane.session

    async def __aexit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        block, self._open = self._open, None
        if block is not None:
            await block.end(error)

    def __call__(self, function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        if not inspect.iscoroutinefunction(function):
            raise TransactionMisuse(
                f"@atomic needs an async function, and {function!r} is not one.\n"
                "    instead:  async def, or `async with atomic():` around the call"
            )

        @wraps(function)
        async def run(*args: P.args, **kwargs: P.kwargs) -> T:
            for attempt in range(self._retry):
                try:
                    return await self._once(function, args, kwargs)
                except SerializationFailure:
                    pause = min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE)
                    # of random length, so that those who collided do not collide again
                    await anyio.sleep(uniform(pause / 2, pause))
            return await self._once(function, args, kwargs)

        return run

    async def _once(self, function: Callable[..., Awaitable[T]], args: Any, kwargs: Any) -> T:
        block = await self._begun()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            await block.end(error)
            raise
        await block.end(None)
        return result

    async def _begun(self) -> "_Block":
        lane = current_unit().lane(self._using)
        if not lane.is_held:
            _refuse_stream(lane)
            lane.depth = 1
            return _Block(lane, None, is_outermost=True)
        if self._durable:
            raise _inside_of(lane, "durable=True", "its end would not be the commit")
        if self._retry:
            raise _inside_of(lane, f"retry={self._retry}", "a part cannot be tried again alone")
        savepoint = await begin_savepoint(lane.session) if self._savepoint else None
        lane.depth += 1
        return _Block(lane, savepoint, is_outermost=False)


class _Block:
    """One that is open."""

    __slots__ = ("_callbacks_before", "_is_outermost", "_savepoint", "lane")

    def __init__(
        self, lane: Lane, savepoint: AsyncSessionTransaction | None, *, is_outermost: bool
    ) -> None:
        self.lane = lane
        self._savepoint = savepoint
        self._is_outermost = is_outermost
        self._callbacks_before = len(lane.callbacks)

    async def end(self, error: BaseException | None) -> None:
        """Commits, or rolls back around an error, whoever else is cancelled meanwhile."""
        lane = self.lane
        with CancelScope(shield=True):
            try:
                if self._is_outermost:
                    await self._end_transaction(error)
                elif self._savepoint is not None:
                    await self._end_savepoint(self._savepoint, error)
            finally:
                lane.depth -= 1
        if self._is_outermost and error is None:
            await lane.callbacks.run()

    async def _end_transaction(self, error: BaseException | None) -> None:
        lane = self.lane
        if error is None:
            try:
                if lane.is_used or lane.has_changes:
                    await lane.session.commit_all()
                else:
                    # the session has no part in it
                    await lane.end_held(commit=True)
            except BaseException:
                await lane.session.rollback_all()
                raise
        else:
            await lane.session.rollback_all()

    async def _end_savepoint(
        self, savepoint: AsyncSessionTransaction, error: BaseException | None
    ) -> None:
        if error is None:
            try:
                await release_savepoint(self.lane.session, savepoint)
            except BaseException:
                await self._undo(savepoint)
                raise
        else:
            await self._undo(savepoint)

    async def _undo(self, savepoint: AsyncSessionTransaction) -> None:
        self.lane.callbacks.drop_after(self._callbacks_before)
        try:
            await undo_savepoint(self.lane.session, savepoint)
        except Unavailable:
            # the error that led here says so too, and the whole transaction is undone with it
            return


def _refuse_stream(lane: Lane) -> None:
    if lane.is_streaming:
        raise TransactionMisuse(
            "A stream is being read on this session, and a transaction cannot begin before its"
            " end.\n"
            "    instead:  async with database.session(): ...   # a session of its own for one"
        )


def _inside_of(lane: Lane, option: str, why: str) -> TransactionMisuse:
    around = "the request's transaction" if lane.unit.is_transactional else "another transaction"
    fix = (
        "dependencies=[Depends(without_transaction)] on the route"
        if lane.unit.is_transactional
        else "call it outside of the other one"
    )
    return TransactionMisuse(
        f"atomic({option}) stands inside of {around}: {why}.\n    instead:  {fix}"
    )


@overload
def atomic(using: Callable[P, Awaitable[T]], /) -> Callable[P, Awaitable[T]]: ...


@overload
def atomic(
    using: Using = None, *, savepoint: bool = True, durable: bool = False, retry: int = 0
) -> Atomic: ...


def atomic(
    using: Any = None, *, savepoint: bool = True, durable: bool = False, retry: int = 0
) -> Any:
    """A transaction: committed at the end, rolled back around an error.

        async with atomic() as session: ...

        @atomic(retry=3)
        async def transfer(...) -> None: ...

    Inside of another transaction it is a savepoint: an error undoes only this part.

    using: the name of the database, or the Database; the first one without it.
    savepoint: False joins the transaction around without one, which costs nothing; an error that is
        caught then undoes nothing by itself.
    durable: raises TransactionMisuse where this is not the outermost, so that what was done is
        surely committed afterwards.
    retry: how often a function is run again when another transaction was in the way
        (SerializationFailure), with a short pause of random length before each time.
    """
    if inspect.isfunction(using):
        return Atomic(None, savepoint=True, durable=False, retry=0)(using)
    return Atomic(using, savepoint=savepoint, durable=durable, retry=retry)


async def on_commit(callback: Callback, *, using: Using = None) -> None:
    """Has ``callback`` called when the transaction is committed; at once where there is none.

    It is called without arguments and awaited if that can be done. If the transaction, or the
    savepoint in which it was added, is rolled back, it is forgotten. All callbacks are called, also
    after one that failed; then its error is raised, when nothing can be undone any more.
    """
    lane = current_unit().lane(using)
    if lane.is_held:
        lane.callbacks.add(callback)
    else:
        await called(callback)


async def without_transaction() -> None:
    """The dependency that turns off the transaction of a request.

    Each write then commits by itself, and ``atomic`` begins transactions::

        @app.post("/import", dependencies=[Depends(without_transaction)])
    """
    current_unit().begin_without_transaction()
