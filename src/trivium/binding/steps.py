"""The dependencies of a handler as a list of steps, in the order in which they are called.

The tree is flattened once: children before parents, what is shared called once. A request runs
through the list. Neighbouring ``def`` callables make one group, and a group is one visit to a
worker thread.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

from trivium.binding.analysis import analyse
from trivium.binding.callables import CallKind
from trivium.binding.dependant import CacheKey, Dependant
from trivium.binding.lifetimes import enter_async, hold_sync
from trivium.binding.values import Arguments, Run
from trivium.exchange import Exchange
from trivium.threads import in_thread

__all__ = ["Overrides", "Run", "Step", "compile_steps", "grouped", "run_groups"]

Overrides: TypeAlias = Mapping[Callable[..., Any], Callable[..., Any]]


class Step:
    """One call, with everything decided that does not depend on the request."""

    __slots__ = ("arguments", "call", "dependant", "index", "kind", "make_context", "reuses")

    def __init__(
        self, dependant: Dependant, arguments: Arguments, reuses: int | None = None
    ) -> None:
        self.dependant = dependant
        self.arguments = arguments
        self.index = arguments.index
        self.call: Callable[..., Any] = dependant.call  # type: ignore[assignment]  # always set here
        self.kind = dependant.kind
        self.reuses = reuses
        self.make_context: Callable[..., Any] | None = None
        if self.kind is CallKind.ASYNC_GENERATOR:
            self.make_context = asynccontextmanager(self.call)
        elif self.kind is CallKind.SYNC_GENERATOR:
            self.make_context = contextmanager(self.call)

    @property
    def runs_in_thread(self) -> bool:
        """Whether the step is part of a worker thread's visit."""
        return (
            self.reuses is None
            and self.dependant.scope != "app"
            and self.kind in (CallKind.SYNC, CallKind.SYNC_GENERATOR)
        )

    def repeat(self, run: Run) -> None:
        """Takes the value of the step that was called already, or notes its errors again."""
        first = self.index if self.reuses is None else self.reuses
        if run.failed and first in run.failed:
            run.note(self.index, run.failed[first])
        run.values[self.index] = run.values[first]

    def run_in_thread(self, ex: Exchange, run: Run) -> None:
        """Calls a ``def`` function, class or generator; the caller is in a worker thread."""
        arguments = self.arguments.make(ex, run)
        if arguments is None:
            return
        if self.make_context is None:
            run.values[self.index] = self.call(**arguments)
            return
        context = self.make_context(**arguments)
        run.values[self.index] = context.__enter__()
        hold_sync(self._stack(ex), context)
        ex.is_holding = True

    async def run(self, ex: Exchange, run: Run) -> None:
        """Calls an ``async def`` function or generator."""
        arguments = self.arguments.make(ex, run)
        if arguments is None:
            return
        if self.make_context is None:
            run.values[self.index] = await self.call(**arguments)
            return
        context = self.make_context(**arguments)
        run.values[self.index] = await enter_async(ex.request_stack, self._stack(ex), context)

    async def run_limited(self, ex: Exchange, run: Run) -> None:
        """Calls within the declared concurrency; a generator keeps its place until it is left."""
        semaphore = self.dependant.limit.get_semaphore()
        if self.make_context is not None:
            await self._stack(ex).enter_async_context(semaphore)
            await self.run_anywhere(ex, run)
            return
        async with semaphore:
            await self.run_anywhere(ex, run)

    async def run_anywhere(self, ex: Exchange, run: Run) -> None:
        """Takes the step's parts of a form, then calls where it belongs."""
        await self.arguments.take_form(run)
        if self.runs_in_thread:
            await in_thread(self.run_in_thread, ex, run, limited=not ex.is_holding)
        else:
            await self.run(ex, run)

    def _stack(self, ex: Exchange) -> Any:
        return ex.function_stack if self.dependant.scope == "function" else ex.request_stack


Group: TypeAlias = Callable[[Exchange, Run], Awaitable[None]]


def compile_steps(
    root: Dependant, *, embed: bool, is_form: bool, overrides: Overrides | None = None
) -> tuple[list[Step], Step]:
    """The steps of the dependencies in order, and the last one, the handler itself."""
    steps: list[Step] = []
    first_of: dict[CacheKey, int] = {}

    def visit(declared: Dependant, effective: Dependant) -> int:
        inputs, children = visit_children(effective)
        key = declared.cache_key
        index = len(steps)
        reuses = first_of.get(key) if declared.use_cache else None
        first_of.setdefault(key, index)
        arguments = Arguments(effective, index, inputs, children, embed=embed, is_form=is_form)
        steps.append(Step(effective, arguments, reuses))
        return index

    def visit_children(parent: Dependant) -> tuple[list[tuple[str, int]], frozenset[int]]:
        inputs: list[tuple[str, int]] = []
        children: set[int] = set()
        # what is made once for the application brings its own dependencies along
        for child in parent.dependencies if parent.scope != "app" or parent is root else ():
            index = visit(child, _overridden(child, overrides))
            children.add(index)
            if child.name is not None:
                inputs.append((child.name, index))
        return inputs, frozenset(children)

    inputs, children = visit_children(root)
    arguments = Arguments(root, len(steps), inputs, children, embed=embed, is_form=is_form)
    return steps, Step(root, arguments)


def grouped(steps: Sequence[Step]) -> tuple[list[Group], list[Step]]:
    """The steps as groups to await, and the ``def`` steps at the end.

    The last ones are left to the caller, who may call a ``def`` handler in the same visit.
    """
    groups: list[Group] = []
    in_thread: list[Step] = []
    for step in steps:
        if step.runs_in_thread and step.dependant.limit is None and not step.arguments.reads_form:
            in_thread.append(step)
            continue
        if step.reuses is not None and in_thread:
            in_thread.append(step)
            continue
        if in_thread:
            groups.append(thread_group(in_thread))
            in_thread = []
        groups.append(_lone_group(step))
    return groups, in_thread


def thread_group(steps: Sequence[Step]) -> Group:
    """One visit to a worker thread for all the steps."""
    visit = visitor(steps)

    async def group(ex: Exchange, run: Run) -> None:
        await in_thread(visit, ex, run, limited=not ex.is_holding)

    return group


def visitor(steps: Sequence[Step]) -> Callable[[Exchange, Run], None]:
    """What a worker thread does for neighbouring ``def`` steps."""
    calls = [_repeated(step) if step.reuses is not None else step.run_in_thread for step in steps]

    def visit(ex: Exchange, run: Run) -> None:
        for call in calls:
            call(ex, run)

    return visit


async def run_groups(groups: Sequence[Group], ex: Exchange, run: Run) -> None:
    for group in groups:
        await group(ex, run)


def _lone_group(step: Step) -> Group:
    if step.reuses is not None:
        repeat = _repeated(step)

        async def reuse(ex: Exchange, run: Run) -> None:
            repeat(ex, run)

        return reuse
    if step.dependant.scope == "app":
        return _app_group(step)
    if step.dependant.limit is not None:
        return step.run_limited
    return step.run if not step.arguments.reads_form else step.run_anywhere


def _app_group(step: Step) -> Group:
    dependant, index = step.dependant, step.index

    async def take(ex: Exchange, run: Run) -> None:
        run.values[index] = await ex.container.value_of(dependant)

    return take


def _repeated(step: Step) -> Callable[[Exchange, Run], None]:
    def repeat(ex: Exchange, run: Run) -> None:
        step.repeat(run)

    return repeat


def _overridden(declared: Dependant, overrides: Overrides | None) -> Dependant:
    if not overrides or declared.call is None or declared.call not in overrides:
        return declared
    return analyse(
        declared.path or "",
        overrides[declared.call],
        name=declared.name,
        parent_oauth_scopes=declared.oauth_scopes,
        scope=declared.scope,
        limit=declared.limit,
    )
