"""`python -m bench`: see README.md."""

import argparse
import importlib.util
import os
import shlex
import sys
from pathlib import Path

from rich.console import Console

from bench.cases import SUITES, select
from bench.harness import callgrind, report
from bench.harness.compare import compare
from bench.harness.plot import draw
from bench.harness.rounds import Plan, Run, Side

RESULTS = Path(__file__).parent / "results"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("suite", nargs="*", help=f"of {', '.join(SUITES)}; default: the core ones")
    parser.add_argument("--quick", action="store_true", help="under a minute, with wider spreads")
    parser.add_argument("--only", metavar="TEXT", help="cases whose name contains TEXT")
    parser.add_argument("--instructions", action="store_true", help="count instructions as well")
    parser.add_argument("--rounds", type=int, help="alternating rounds (5; quick 2)")
    parser.add_argument("--core", type=int, help="the core to pin to (the last one)")
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    parser.add_argument("--ours", default="trivium.fastapi", help="a module with FastAPI's names")
    parser.add_argument("--peer", default="fastapi", help="the module to compare with")
    parser.add_argument("--out", type=Path, default=RESULTS / "core", help="path without suffix")
    parser.add_argument("--no-files", action="store_true", help="print only")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> Plan:
    core = max(os.sched_getaffinity(0)) if options.core is None else options.core
    if options.quick:
        return Plan(options.rounds or 2, samples=2, seconds=0.01, core=core, loop=options.loop)
    return Plan(options.rounds or 5, samples=5, seconds=0.05, core=core, loop=options.loop)


def main() -> int:
    options = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 180)
    cases = select(options.suite, options.only, quick=options.quick)
    if options.list:
        for case in cases:
            console.print(f"{case.name:40} {case.title} [{case.unit}]", highlight=False)
        return 0
    if options.instructions and (reason := callgrind.available()):
        console.print(f"[red]{reason}[/]")
        return 2
    ours = Side("trivium" if options.ours.startswith("trivium") else "ours", options.ours)
    peer = Side("fastapi" if options.peer == "fastapi" else "peer", options.peer)
    plan = _plan(options)
    with console.status("starting") as status:
        run = Run(cases, [ours, peer], plan, say=status.update)
        run.check()
        run.measure()
        if options.instructions:
            run.count()
    lines = compare(run.measured, ours.name, peer.name)
    report.show(console, lines, ours.name, peer.name)
    for line in lines:
        if line.measured.problem:
            console.print(f"[red]VOID {line.measured.case.name}[/]\n{line.measured.problem}")
    if not options.no_files:
        command = shlex.join(["python", "-m", "bench", *sys.argv[1:]])
        base: Path = options.out
        base.parent.mkdir(parents=True, exist_ok=True)
        of = (lines, ours.name, peer.name, plan, command)
        base.with_suffix(".json").write_text(report.record(*of))
        base.with_suffix(".md").write_text(report.markdown(*of))
        if importlib.util.find_spec("matplotlib"):
            draw(lines, ours.name, peer.name, base.with_suffix(".svg"))
        else:
            console.print("no picture: pip install -r bench/requirements.txt brings matplotlib")
        console.print(f"written: {base}.json, .md and .svg")
    void = any(line.measured.problem for line in lines)
    missed = any(not verdict.met for line in lines for verdict in line.verdicts)
    return 1 if void or (options.strict and missed) else 0


if __name__ == "__main__":
    sys.exit(main())
