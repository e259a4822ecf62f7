"""Alternating rounds: each side in its own process, all pinned to one core, one at a time."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.harness import callgrind
from bench.harness.case import Case
from bench.harness.worker import Job, Mode, Outcome

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Side:
    """A name for the tables, and the module that has FastAPI's names."""

    name: str
    module: str


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: `rounds` rounds of `samples` samples of `seconds` CPU seconds each."""

    rounds: int
    samples: int
    seconds: float
    core: int
    loop: str
    count_times: int = 20


@dataclass(slots=True)
class Measured:
    """All figures of one case: side name to one figure per round, and instructions per request."""

    case: Case
    figures: dict[str, list[float]] = field(default_factory=dict)
    instructions: dict[str, float] = field(default_factory=dict)
    problem: str | None = None


class Run:
    """One run: checks, rounds and counts over `cases` for `sides` (the peer last)."""

    def __init__(self, cases: list[Case], sides: list[Side], plan: Plan, say: Say) -> None:
        self._sides, self._plan, self._say = sides, plan, say
        self.measured = {case.name: Measured(case) for case in cases}

    @property
    def _sound(self) -> list[Case]:
        return [entry.case for entry in self.measured.values() if entry.problem is None]

    def check(self) -> None:
        """Marks every case whose replies differ between the sides: it is not measured."""
        replies: dict[str, list[Outcome]] = {}
        for side in self._sides:
            self._say(f"checking replies: {side.name}")
            for outcome in self._spawn(side, "check", self._sound):
                replies.setdefault(outcome.case, []).append(outcome)
        for name, outcomes in replies.items():
            self.measured[name].problem = self._problem(outcomes)

    def _problem(self, outcomes: list[Outcome]) -> str | None:
        for side, outcome in zip(self._sides, outcomes, strict=True):
            if outcome.error:
                return f"{side.name}: {outcome.error.strip()}"
        first, *others = [outcome.replies or [] for outcome in outcomes]
        for other in others:
            for reply, expected in zip(first, other, strict=True):
                if difference := reply.difference(expected):
                    return f"the replies differ: {difference}"
        return None

    def measure(self) -> None:
        """All rounds. The order of the sides turns round each time, so that drift cancels."""
        for number in range(self._plan.rounds):
            order = self._sides if number % 2 == 0 else self._sides[::-1]
            for side in order:
                self._say(f"round {number + 1} of {self._plan.rounds}: {side.name}")
                for outcome in self._spawn(side, "measure", self._sound):
                    entry = self.measured[outcome.case]
                    if outcome.figure is None:
                        entry.problem = f"{side.name}: {outcome.error}"
                    else:
                        entry.figures.setdefault(side.name, []).append(outcome.figure)

    def count(self) -> None:
        """Instructions of one request: the difference between N and 2N requests under Callgrind."""
        for side in self._sides:
            self._say(f"counting instructions: {side.name}")
            # Of the slow requests only our own side, which is what their goals look at.
            shared = [
                case
                for case in self._sound
                if not case.isolated and (not case.slow or side is self._sides[0])
            ]
            alone = [[case] for case in self._sound if case.isolated]
            for cases in [shared, *alone]:
                if cases:
                    self._count(side, cases)

    def _count(self, side: Side, cases: list[Case]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "callgrind"
            prefix = [*callgrind.COMMAND, f"--callgrind-out-file={out}"]
            list(self._process(side, "count", cases, prefix))
            for name, number in callgrind.read_dumps(Path(folder), out.name).items():
                self.measured[name].instructions[side.name] = number

    def _spawn(self, side: Side, mode: Mode, cases: list[Case]) -> Iterator[Outcome]:
        shared = [case for case in cases if not case.isolated]
        if shared:
            yield from self._process(side, mode, shared, [])
        for case in cases:
            if case.isolated:
                yield from self._process(side, mode, [case], [])

    def _process(
        self, side: Side, mode: Mode, cases: list[Case], prefix: list[str]
    ) -> Iterator[Outcome]:
        plan = self._plan
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "outcomes"
            job = Job(
                module=side.module,
                loop=plan.loop,
                mode=mode,
                cases=[case.name for case in cases],
                core=plan.core,
                seconds=plan.seconds,
                samples=plan.samples,
                out=str(out),
                times=plan.count_times,
            )
            command = [
                *prefix,
                sys.executable,
                "-m",
                "bench.harness.worker",
                json.dumps(asdict(job)),
            ]
            # Hash seeds differ between processes otherwise, and with them the layout of every dict.
            environment = {**os.environ, "PYTHONHASHSEED": "0"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            lines = out.read_text().splitlines() if out.exists() else []
        outcomes = [Outcome.load(line) for line in lines]
        yield from outcomes
        for case in cases[len(outcomes) :]:
            yield Outcome(case.name, error=f"the worker ended early: {done.stderr[-2000:]}")
