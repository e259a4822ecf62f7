"""Values that outlive a request, and dependencies outside of requests.

One container belongs to one application. A dependency with ``scope="app"`` is made when it is
first asked for, whoever asks (a request, a job, a command, start-up), and closed at shutdown.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import anyio

from trivium.binding.analysis import analyse
from trivium.binding.callables import CallKind, name_of
from trivium.binding.dependant import Dependant
from trivium.binding.steps import Overrides, compile_steps, grouped, run_groups, thread_group
from trivium.binding.values import Run
from trivium.errors import TriviumError, place_of
from trivium.exchange import Exchange

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

__all__ = ["Container", "Resolver"]

T = TypeVar("T")


@dataclass
class _Order:
    """A value asked for from the task that owns all values of the application."""

    dependant: Dependant
    made: "anyio.Event"
    value: Any = None
    error: BaseException | None = None


class Container:
    """The values of one application.

    One task makes and closes them: what a generator opens (a task group, a cancel scope) belongs to
    one task, and requests come and go. The application enters its container in its lifespan. On
    asyncio the task starts with the first value that is asked for: many an application has none,
    and then AnyIO's backend is not even imported.
    """

    def __init__(self, overrides: Callable[[], Overrides]) -> None:
        self._overrides = overrides
        self._values: dict[Callable[..., Any], Any] = {}
        self._orders: MemoryObjectSendStream[_Order] | None = None
        self._tasks: TaskGroup | None = None
        self._owner: asyncio.Task[None] | None = None
        self._context: Context | None = None
        """The lifespan's, where the task is still to be started."""
        self._unowned: Exchange | None = None

    async def __aenter__(self) -> "Container":
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # Trio, whose tasks have a parent from their start
            self._tasks = anyio.create_task_group()
            await self._tasks.__aenter__()
            self._tasks.start_soon(self._own, self._ordered())
        else:
            self._context = copy_context()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        tasks, owner, orders = self._tasks, self._owner, self._orders
        self._tasks = self._owner = self._orders = self._context = None
        if orders is not None:
            orders.close()
        if owner is not None:
            await owner
        if tasks is not None:
            try:
                await tasks.__aexit__(None, None, None)
            except BaseExceptionGroup as group:
                raise _alone(group) from None
        self._values.clear()

    async def value_of(self, dependant: Dependant) -> Any:
        """The one value of an application-scoped dependency."""
        call = cast(Callable[..., Any], dependant.call)
        if call in self._values:
            return self._values[call]
        if self._context is not None:
            work = self._own(self._ordered())
            self._owner = asyncio.create_task(work, context=self._context)
            self._context = None
        if self._orders is None:
            # no lifespan, so no shutdown either: the value stays as long as the process
            return await self._make(dependant, self._lasting_exchange())
        order = _Order(dependant, anyio.Event())
        await self._orders.send(order)
        await order.made.wait()
        if order.error is not None:
            raise order.error
        return order.value

    @asynccontextmanager
    async def resolver(self) -> AsyncIterator["Resolver"]:
        """A scope outside of requests, in which dependencies can be asked for.

        Generators entered in it are left at its end; application-scoped values stay. Overrides
        count here as they do in requests.
        """
        async with AsyncExitStack() as stack:
            ex = _exchange(self)
            stack.push_async_exit(_closing(ex))
            yield Resolver(ex, self._overrides)

    def _ordered(self) -> "MemoryObjectReceiveStream[_Order]":
        self._orders, receive = anyio.create_memory_object_stream[_Order]()
        return receive

    async def _own(self, orders: "MemoryObjectReceiveStream[_Order]") -> None:
        ex = _exchange(self)
        ex.container = _Within(self, ex)
        async with AsyncExitStack() as stack, orders:
            stack.push_async_exit(_closing(ex))
            async for order in orders:
                try:
                    order.value = await self._make(order.dependant, ex)
                except Exception as error:
                    order.error = error
                order.made.set()

    async def _make(self, dependant: Dependant, ex: Exchange) -> Any:
        call = cast(Callable[..., Any], dependant.call)
        if call not in self._values:
            self._values[call] = await _value(dependant, ex, self._overrides())
        return self._values[call]

    def _lasting_exchange(self) -> Exchange:
        if self._unowned is None:
            self._unowned = _exchange(self)
        return self._unowned


class _Within:
    """The container as seen by what it is making: the task that makes cannot wait for itself."""

    def __init__(self, container: Container, ex: Exchange) -> None:
        self._container = container
        self._ex = ex

    async def value_of(self, dependant: Dependant) -> Any:
        return await self._container._make(dependant, self._ex)


class Resolver:
    """Makes dependencies outside of a request: ``session = await resolver.get(get_session)``."""

    def __init__(self, ex: Exchange, overrides: Callable[[], Overrides]) -> None:
        self._ex = ex
        self._overrides = overrides
        self._values: dict[Callable[..., Any], Any] = {}

    async def get(self, dependency: Callable[..., Any], *, scope: str | None = None) -> Any:
        """The value of a dependency, made once in this scope (``scope="app"``: once for ever).

        Raises TriviumError, naming the parameter, for one that is read from a request.
        """
        if dependency in self._values:
            return self._values[dependency]
        dependant = analyse("", dependency, scope="app" if scope == "app" else None)
        overrides = self._overrides()
        if dependency in overrides:
            dependant = analyse("", overrides[dependency], scope=dependant.scope)
        if dependant.scope == "app":
            return await self._ex.container.value_of(dependant)
        _refuse_request(dependant)
        value = await _value(dependant, self._ex, overrides)
        self._values[dependency] = value
        return value


async def _value(dependant: Dependant, ex: Exchange, overrides: Overrides) -> Any:
    steps, last = compile_steps(dependant, embed=False, is_form=False, overrides=overrides)
    groups, in_thread = grouped(steps)
    run = Run(len(steps) + 1, None)
    await run_groups(groups, ex, run)
    if last.kind in (CallKind.SYNC, CallKind.SYNC_GENERATOR):
        await thread_group([*in_thread, last])(ex, run)
    else:
        if in_thread:
            await thread_group(in_thread)(ex, run)
        await last.run(ex, run)
    return run.values[last.index]


def _refuse_request(dependant: Dependant) -> None:
    for below in dependant.walk():
        for param in (*below.parameters, *below.body_params):
            if param.required:
                raise TriviumError(
                    f"{name_of(below.call)} reads {param.name!r} from a request, and there is none"
                    f" here.\n  {place_of(below.call)}"
                )


def _exchange(container: Container) -> Exchange:
    async def nothing(*_: Any) -> Any:
        raise TriviumError("There is no request outside of a request")

    scope = {"type": "app", "headers": [], "query_string": b"", "path": "", "path_params": {}}
    return Exchange(scope, nothing, nothing, container=container)


def _closing(ex: Exchange) -> Any:
    async def close(
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        try:
            swallowed = await ex.close_function(error)
        except BaseException as failure:
            await ex.close_request(failure)
            raise
        return await ex.close_request(None if swallowed else error) or swallowed

    return close


def _alone(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
