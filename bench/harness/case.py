"""What a benchmark case is, and the kinds there are."""

import ctypes
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from bench.harness.asgi import ASGIApp, Call, Reply, exchange, lifespan, repeat
from bench.harness.callgrind import Counter
from bench.harness.framework import Framework


@dataclass(frozen=True, slots=True)
class Goal:
    """An upper bound on a ratio: to the peer's figure, or to our own figure of case `to`."""

    at_most: float
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Effort:
    """How long one sample lasts (CPU seconds), and of how many the least disturbed one counts."""

    seconds: float
    samples: int


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing measured. `name` is its key in results; smaller figures are better."""

    name: str
    title: str
    goals: tuple[Goal, ...] = ()
    # Left out of a quick run, and not counted for the peer, where it takes seconds.
    slow: bool = False
    unit: ClassVar[str]
    # A case whose figure depends on what its process did before gets a process of its own.
    isolated: ClassVar[bool] = False

    def check(self, framework: Framework) -> list[Reply]:
        """What the application answers: compared between sides before anything is measured."""
        raise NotImplementedError

    def measure(self, framework: Framework, effort: Effort) -> float:
        """The figure of one round, in `unit`."""
        raise NotImplementedError

    def count(self, framework: Framework, counter: Counter, times: int) -> None:
        """Counts `times` and twice `times` under Callgrind, unless that makes no sense here.

        The counts are labelled with the case's name and how often it ran.
        """


Build = Callable[[Framework], ASGIApp]


async def _replies(app: ASGIApp, calls: tuple[Call, ...]) -> list[Reply]:
    async with lifespan(app):
        return [await exchange(app, call) for call in calls]


@dataclass(frozen=True, kw_only=True)
class RequestCase(Case):
    """CPU time of one request, every thread of the process counted, in microseconds."""

    build: Build
    call: Call
    # Requests that must be answered alike as well, but are not measured (the error path, say).
    also: tuple[Call, ...] = ()
    # False where the request visits another thread: Callgrind's difference would hold its waiting.
    countable: bool = True
    unit: ClassVar[str] = "µs"

    def check(self, framework: Framework) -> list[Reply]:
        replies = framework.run(_replies(self.build(framework), (self.call, *self.also)))
        if replies[0].status != self.call.status:
            raise RuntimeError(f"{self.call} answered {replies[0]}")
        return replies

    def measure(self, framework: Framework, effort: Effort) -> float:
        return framework.run(self._measure(self.build(framework), effort))

    async def _measure(self, app: ASGIApp, effort: Effort) -> float:
        async with lifespan(app):
            times = await self._calibrate(app, effort.seconds)
            figures = []
            for _ in range(effort.samples):
                gc.collect()
                before = time.process_time()
                await repeat(app, self.call, times)
                figures.append((time.process_time() - before) / times * 1e6)
            # Other programs on the machine only ever add to a sample.
            return min(figures)

    async def _calibrate(self, app: ASGIApp, seconds: float) -> int:
        """How many requests last `seconds`; warms up on the way."""
        # The first request may compile what was only declared so far.
        await repeat(app, self.call, 5)
        times = 2
        while True:
            before = time.process_time()
            await repeat(app, self.call, times)
            spent = time.process_time() - before
            if spent >= seconds / 4:
                return max(2, round(times * seconds / spent))
            times *= 2

    def count(self, framework: Framework, counter: Counter, times: int) -> None:
        if self.countable:
            framework.run(self._count(self.build(framework), counter, times))

    async def _count(self, app: ASGIApp, counter: Counter, times: int) -> None:
        async with lifespan(app):
            await repeat(app, self.call, 3)
            before = time.process_time()
            await repeat(app, self.call, times)
            if time.process_time() - before > 1:  # Valgrind makes it ten times slower yet
                times = max(2, times // 10)
            gc.collect()
            gc.disable()  # a collection in one of the two counts would not cancel out
            # The counter wraps a plain callable, so the loop of requests is stepped by hand:
            # nothing in it may leave the event loop.
            for number in (times, times * 2):
                counter.count(_stepped(repeat, app, self.call, number), f"{self.name} {number}")
            gc.enable()


def _stepped(work: Callable[..., Any], *arguments: Any) -> Callable[[], None]:
    def run() -> None:
        coroutine = work(*arguments)
        try:
            coroutine.send(None)
        except StopIteration:
            return
        coroutine.close()
        raise RuntimeError("the request left the event loop: its instructions are not countable")

    return run


@dataclass(frozen=True, kw_only=True)
class BuildCase(Case):
    """CPU time from the first declaration to the first reply, in milliseconds, in a new process.

    `prepare` makes what a program has before it declares routes (its models), and is not timed.
    """

    prepare: Callable[[Framework], Any]
    declare: Callable[[Framework, Any], ASGIApp]
    call: Call
    unit: ClassVar[str] = "ms"
    isolated: ClassVar[bool] = True

    def check(self, framework: Framework) -> list[Reply]:
        app = self.declare(framework, self.prepare(framework))
        return framework.run(_replies(app, (self.call,)))

    def measure(self, framework: Framework, effort: Effort) -> float:
        prepared = self.prepare(framework)
        gc.collect()
        before = time.process_time()
        framework.run(_replies(self.declare(framework, prepared), (self.call,)))
        return (time.process_time() - before) * 1e3

    def count(self, framework: Framework, counter: Counter, times: int) -> None:
        """Counts one build: a second one would find what the first has left in caches."""
        prepared = self.prepare(framework)
        gc.collect()
        gc.disable()
        counter.count(lambda: None, f"{self.name} 0")
        counter.count(
            lambda: framework.run(_replies(self.declare(framework, prepared), (self.call,))),
            f"{self.name} 1",
        )
        gc.enable()


def resident() -> float:
    """The private memory of this process after returning what is free to the system, in MiB."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        pass  # not glibc
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/smaps_rollup has no Private_Dirty")


@dataclass(frozen=True, kw_only=True)
class MemoryCase(BuildCase):
    """Private memory that the built application holds after its first reply, in MiB."""

    unit: ClassVar[str] = "MiB"

    def measure(self, framework: Framework, effort: Effort) -> float:
        prepared = self.prepare(framework)
        before = resident()
        app = self.declare(framework, prepared)
        framework.run(_replies(app, (self.call,)))
        return resident() - before

    def count(self, framework: Framework, counter: Counter, times: int) -> None:
        """Instructions say nothing about memory."""


@dataclass(frozen=True, kw_only=True)
class GrowthCase(Case):
    """Private memory gained by `times` requests after the warm-up, in MiB."""

    build: Build
    calls: tuple[Call, ...]
    times: int
    unit: ClassVar[str] = "MiB"
    isolated: ClassVar[bool] = True
    _warm: int = field(default=2_000, repr=False)

    def check(self, framework: Framework) -> list[Reply]:
        return framework.run(_replies(self.build(framework), self.calls))

    def measure(self, framework: Framework, effort: Effort) -> float:
        return framework.run(self._measure(self.build(framework)))

    async def _measure(self, app: ASGIApp) -> float:
        async with lifespan(app):
            await self._mixed(app, self._warm)
            before = resident()
            await self._mixed(app, self.times)
            return resident() - before

    async def _mixed(self, app: ASGIApp, times: int) -> None:
        for call in self.calls:
            await repeat(app, call, times // len(self.calls))
