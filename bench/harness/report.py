"""The results as a terminal table, as Markdown and as JSON: one source of rows for all three."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.harness.compare import Line, Verdict
from bench.harness.rounds import Plan

PACKAGES = ("trivium", "fastapi", "starlette", "pydantic", "pydantic-core", "anyio", "uvloop")


def environment() -> dict[str, str]:
    """What the figures depend on besides the code."""
    found = {"python": platform.python_version(), "machine": _processor()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    return platform.machine()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _verdict(verdict: Verdict) -> str:
    target = f" × {verdict.goal.to}" if verdict.goal.to else ""
    decisive = verdict.ratio.middle if verdict.exact is None else verdict.exact
    return (
        f"{'met' if verdict.met else 'MISSED'}: {decisive:.2f} ≤ {verdict.goal.at_most:.2f}{target}"
    )


def header(ours: str, peer: str) -> list[str]:
    return ["case", "unit", ours, peer, f"{ours}/{peer}", "spread", "instr. ratio", "goal"]


def row(line: Line, ours: str, peer: str) -> list[str]:
    """The cells of one case."""
    case = line.measured.case
    if line.measured.problem is not None:
        reason = line.measured.problem.splitlines()[-1]
        return [case.title, case.unit, "–", "–", "–", "–", "–", f"VOID: {reason}"]
    return [
        case.title,
        case.unit,
        *(_number(line.middles[side]) if side in line.middles else "–" for side in (ours, peer)),
        f"{line.ratio.middle:.3f}" if line.ratio else "–",
        f"{line.ratio.low:.3f}–{line.ratio.high:.3f}" if line.ratio else "–",
        f"{line.exact:.3f}" if line.exact else "–",
        "; ".join(map(_verdict, line.verdicts)),
    ]


def show(console: Console, lines: Iterable[Line], ours: str, peer: str) -> None:
    """Prints the table: green where the goals are met, red where one is missed or void."""
    table = Table(title=f"{ours} beside {peer}: medians over rounds, smaller is better")
    for number, name in enumerate(header(ours, peer)):
        table.add_column(name, justify="left" if number in (0, 1, 7) else "right")
    for line in lines:
        bad = line.measured.problem is not None or not all(each.met for each in line.verdicts)
        style = "red" if bad else "green" if line.verdicts else None
        table.add_row(*row(line, ours, peer), style=style)
    console.print(table)


def markdown(lines: Iterable[Line], ours: str, peer: str, plan: Plan, command: str) -> str:
    """The same table as a page, with what made it."""
    cells = [header(ours, peer), *(row(line, ours, peer) for line in lines)]
    made = "; ".join(f"{name} {value}" for name, value in environment().items())
    text = [
        f"# {ours} beside {peer}, in process",
        "",
        f"Made by `{command}`: {plan.rounds} alternating rounds, each side in its own process "
        f"pinned to core {plan.core}, event loop {plan.loop}. Figures are medians over rounds, "
        "ratios the median of each round's ratio with their extremes. CPU time counts every thread "
        "of the process. Instructions are counted by Callgrind as the difference between N and 2N "
        "requests, and decide a goal where they were counted. Smaller is better.",
        "",
        f"{made}.",
        "",
        *(_markdown_row(each) for each in cells[:1]),
        "|" + "---|" * len(cells[0]),
        *(_markdown_row(each) for each in cells[1:]),
        "",
    ]
    return "\n".join(text)


def _markdown_row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def record(lines: Iterable[Line], ours: str, peer: str, plan: Plan, command: str) -> str:
    """Everything measured, every round of it, as JSON."""
    cases: dict[str, Any] = {}
    for line in lines:
        entry = line.measured
        cases[entry.case.name] = {
            "title": entry.case.title,
            "unit": entry.case.unit,
            "problem": entry.problem,
            "figures": entry.figures,
            "instructions": entry.instructions,
            "medians": line.middles,
            "ratio": line.ratio and asdict(line.ratio),
            "instruction_ratio": line.exact,
            "goals": [
                {
                    **asdict(each.goal),
                    "ratio": asdict(each.ratio),
                    "exact": each.exact,
                    "met": each.met,
                }
                for each in line.verdicts
            ],
        }
    content = {
        "command": command,
        "sides": {"ours": ours, "peer": peer},
        "plan": asdict(plan),
        "environment": environment(),
        "cases": cases,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
