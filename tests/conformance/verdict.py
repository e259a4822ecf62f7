"""Trivium's session against the baseline: what differs, as a table and as findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.conformance.compatibility import Difference, reason_for
from tests.conformance.session import TUTORIAL, Session

GATE = 99.0
"""Of `tests/test_tutorial`, in percent of what passes on the real package."""


@dataclass(frozen=True)
class Group:
    """One row of the table: a package or a file of tests."""

    name: str
    baseline: int
    passed: int

    @property
    def percent(self) -> float:
        return 100.0 * self.passed / self.baseline if self.baseline else 100.0


@dataclass(frozen=True)
class Failure:
    """An item that passes only on the real package; `reason` is None unless it is explained."""

    node: str
    error: str
    reason: str | None


@dataclass(frozen=True)
class Verdict:
    """The comparison of one scope, whole or in part."""

    groups: Sequence[Group]
    failures: Sequence[Failure]
    unused: Sequence[Difference]

    @property
    def total(self) -> Group:
        return total("total", self.groups)

    @property
    def tutorial(self) -> Group:
        prefix = TUTORIAL.removeprefix("tests/")
        return total(TUTORIAL, [group for group in self.groups if group.name.startswith(prefix)])

    def findings(self) -> list[str]:
        """What stands in the way of a pass, as sentences; nothing if the run passes."""
        found = []
        if self.tutorial.percent < GATE:
            found.append(
                f"{TUTORIAL} is at {rounded(self.tutorial):.2f}%, under the {GATE:g}% that it "
                f"needs ({self.tutorial.passed} of {self.tutorial.baseline})."
            )
        unexplained = sum(failure.reason is None for failure in self.failures)
        if unexplained:
            found.append(f"{unexplained} differences are not explained in docs/compatibility.md.")
        return found


def total(name: str, groups: Collection[Group]) -> Group:
    return Group(
        name, sum(group.baseline for group in groups), sum(group.passed for group in groups)
    )


def compare(
    baseline: Session, ours: Session, differences: Sequence[Difference], *, complete: bool
) -> Verdict:
    """Compares Trivium's session with the baseline.

    In a `complete` run an item of the baseline that did not run counts as failed; otherwise only
    the items that were chosen count, and those of a file that could not be collected.
    """
    asked = [
        node
        for node in sorted(baseline.passed)
        if complete or node in ours.items or file_of(node) in ours.uncollected
    ]
    failing = [node for node in asked if node not in ours.passed]
    failures = [
        Failure(node, error_of(node, ours), reason_for(node, differences)) for node in failing
    ]
    asked_by_group, failing_by_group = (
        Counter(map(group_of, asked)),
        Counter(map(group_of, failing)),
    )
    groups = [
        Group(name, baseline=count, passed=count - failing_by_group[name])
        for name, count in sorted(asked_by_group.items())
    ]
    unused = (
        [each for each in differences if not any(map(each.covers, failing))] if complete else []
    )
    return Verdict(groups=groups, failures=failures, unused=unused)


def file_of(node: str) -> str:
    return node.split("::", 1)[0]


def group_of(node: str) -> str:
    """`test_tutorial/test_body` for a tutorial's item, else the package or file right under
    `tests`."""
    parts = file_of(node).split("/")
    depth = 3 if node.startswith(f"{TUTORIAL}/") else 2
    return "/".join(parts[1:depth])


def error_of(node: str, ours: Session) -> str:
    if (item := ours.items.get(node)) is not None:
        return item.error or f"{item.outcome}, where the real package passes"
    if (error := ours.uncollected.get(file_of(node))) is not None:
        return f"not collected: {error}"
    return "not collected under this id"


# -- For the reader -------------------------------------------------------------------------------


def table(verdict: Verdict, *, everything: bool) -> str:
    """A row for each group, or only for those with a difference, and the totals."""
    shown = [group for group in verdict.groups if everything or group.passed < group.baseline]
    totals = [verdict.tutorial] if verdict.tutorial.baseline else []
    totals.append(verdict.total)
    width = max(len(group.name) for group in [*shown, *totals])
    rule = f"{'-' * width}  {'-' * 8}  {'-' * 7}  {'-' * 7}"
    lines = [f"{'tests':<{width}}  {'baseline':>8}  {'Trivium':>7}  {'percent':>7}", rule]
    lines += [row(group, width) for group in shown]
    if hidden := len(verdict.groups) - len(shown):
        lines.append(f"({hidden} more, each at 100%)")
    return "\n".join([*lines, rule, *(row(group, width) for group in totals)])


def row(group: Group, width: int) -> str:
    percent = rounded(group)
    return f"{group.name:<{width}}  {group.baseline:>8}  {group.passed:>7}  {percent:>7.2f}"


def rounded(group: Group) -> float:
    """Percent to two places, downwards: 99.999 is not 100."""
    return int(group.percent * 100) / 100


def failure_lines(failures: Sequence[Failure]) -> list[str]:
    lines = []
    for failure in failures:
        lines.append(failure.node)
        lines.append(f"    {failure.error}")
        if failure.reason is not None:
            lines.append(f"    explained: {failure.reason}")
    return lines


def as_json(verdict: Verdict) -> Mapping[str, Any]:
    def figures(group: Group) -> Mapping[str, Any]:
        return {
            "name": group.name,
            "baseline": group.baseline,
            "trivium": group.passed,
            "percent": round(group.percent, 3),
        }

    return {
        "total": figures(verdict.total),
        "tutorial": figures(verdict.tutorial),
        "groups": [figures(group) for group in verdict.groups],
        "failing": [
            {"id": each.node, "error": each.error, "reason": each.reason}
            for each in verdict.failures
        ],
        "findings": verdict.findings(),
    }
