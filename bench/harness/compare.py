"""From figures to ratios and verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.harness.case import Goal
from bench.harness.rounds import Measured


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median over rounds of one figure divided by another, with the extremes seen."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, above: Sequence[float], below: Sequence[float]) -> "Ratio":
        # Round by round: what slowed the machine down in a round slowed both.
        each = [one / other for one, other in zip(above, below, strict=True)]
        return cls(median(each), min(each), max(each))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and its ratio. `exact`, the same ratio in instructions, decides where counted."""

    goal: Goal
    ratio: Ratio
    exact: float | None

    @property
    def met(self) -> bool:
        decisive = self.ratio.middle if self.exact is None else self.exact
        return decisive <= self.goal.at_most


@dataclass(frozen=True, slots=True)
class Line:
    """One case, compared. `ratio` is None where only one side was measured."""

    measured: Measured
    middles: dict[str, float]
    ratio: Ratio | None
    exact: float | None
    verdicts: tuple[Verdict, ...]


def _quotient(above: float | None, below: float | None) -> float | None:
    return above / below if above and below else None


def compare(measured: dict[str, Measured], ours: str, peer: str) -> list[Line]:
    """One line per case, in the order in which they were measured."""
    return [_line(entry, measured, ours, peer) for entry in measured.values()]


def _line(entry: Measured, measured: dict[str, Measured], ours: str, peer: str) -> Line:
    figures, counts = entry.figures, entry.instructions
    ratio = exact = None
    # A figure of nothing (memory that did not grow) is no measure for another one.
    if entry.problem is None and ours in figures and all(figures.get(peer, [0.0])):
        ratio = Ratio.of(figures[ours], figures[peer])
        exact = _quotient(counts.get(ours), counts.get(peer))
    verdicts = []
    for goal in entry.case.goals if entry.problem is None else ():
        if goal.to is None:
            if ratio is not None:
                verdicts.append(Verdict(goal, ratio, exact))
        elif (base := measured.get(goal.to)) and ours in figures and ours in base.figures:
            within = Ratio.of(figures[ours], base.figures[ours])
            verdicts.append(
                Verdict(goal, within, _quotient(counts.get(ours), base.instructions.get(ours)))
            )
    middles = {side: median(values) for side, values in figures.items()}
    return Line(entry, middles, ratio, exact, tuple(verdicts))
