"""`python -m bench.serving`: Trivium and its peers over real sockets; see ../README.md."""

import argparse
import importlib.util
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table as RichTable

from bench.serving import alone, environment, lasting, load, report
from bench.serving.endpoints import BY_NAME as ENDPOINTS
from bench.serving.endpoints import Endpoint
from bench.serving.goals import verdicts
from bench.serving.peers import BY_NAME as PEERS
from bench.serving.peers import Peer
from bench.serving.plot import draw
from bench.serving.rounds import Plan, Run
from trivium.cli.benchmark.errors import LoadFailed, NotServing
from trivium.cli.benchmark.processes import cores

RESULTS = Path(__file__).parents[1] / "results"
QUICK_PEERS = ("limit", "bare", "trivium", "trivium-asgi", "fastapi", "starlette", "flask")
QUICK_ENDPOINTS = ("json", "params", "body", "def", "production")
STREAMING = ("trivium", "fastapi", "starlette", "blacksheep", "sanic", "django-bolt")

LOADED = 2.0
"""Seconds of load before the memory of a program of one route is read."""

T = TypeVar("T")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under three minutes, a few peers")
    parser.add_argument("--only", metavar="NAMES", help=f"endpoints, of {', '.join(ENDPOINTS)}")
    parser.add_argument("--peers", metavar="NAMES", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=int, help="alternating rounds (4; quick 2)")
    parser.add_argument("--seconds", type=float, help="of one sample (what the budget allows)")
    parser.add_argument("--minutes", type=float, help="for everything but --streams and --growth")
    parser.add_argument("--no-alone", action="store_true", help="no memory, start-up and import")
    parser.add_argument("--no-rounds", action="store_true", help="nothing per endpoint")
    parser.add_argument(
        "--streams", type=int, nargs="?", const=10_000, metavar="N", help="hold N open (10,000)"
    )
    parser.add_argument("--hold", type=float, default=60.0, help="seconds to hold them (60)")
    parser.add_argument(
        "--growth", type=int, nargs="?", const=1_000_000, metavar="N", help="memory over N requests"
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "serving", help="path, no suffix")
    parser.add_argument("--no-files", action="store_true", help="print only")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--python", help="an environment that has the peers, instead of making one")
    return parser.parse_args()


def _chosen(names: str | None, known: dict[str, T], default: tuple[str, ...]) -> list[T]:
    """What was named, in the order in which it is known. Raises SystemExit for an unknown name."""
    wanted = names.split(",") if names else list(default)
    if unknown := [name for name in wanted if name not in known]:
        raise SystemExit(f"Nothing is named {', '.join(unknown)}; there are {', '.join(known)}.")
    return [value for name, value in known.items() if name in wanted]


def main() -> int:
    options = _arguments()
    if missing := load.wrk_missing():
        print(missing, file=sys.stderr)
        return 2
    endpoints = _chosen(
        options.only, ENDPOINTS, QUICK_ENDPOINTS if options.quick else tuple(ENDPOINTS)
    )
    peers = _chosen(options.peers, PEERS, QUICK_PEERS if options.quick else tuple(PEERS))
    failed = {} if options.python else environment.make()
    python = options.python or str(environment.PYTHON)
    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - began:5.0f} s  {text}", flush=True)

    outcome = _measure(options, endpoints, peers, python, failed, say)
    _tell(outcome, options)
    missed = any(verdict.met is False for verdict in outcome.verdicts)
    return 1 if options.strict and missed else 0


def _measure(
    options: argparse.Namespace,
    endpoints: list[Endpoint],
    peers: list[Peer],
    python: str,
    failed: dict[str, str],
    say: Callable[[str], None],
) -> report.Outcome:
    load_core, server_core = both = cores()
    began = time.perf_counter()
    budget = (options.minutes or (2.5 if options.quick else 11.0)) * 60
    rounds = options.rounds or (2 if options.quick else 4)
    plan = Plan(rounds, options.seconds, load_core, server_core, python)
    run = Run(endpoints, peers, plan, say)
    for peer in peers:
        for package in peer.packages:
            if package in failed:
                run.results.reasons["", peer.name] = f"not installed: {failed[package]}"
    repetitions = 2 if options.quick else 3
    present = [peer for peer in peers if ("", peer.name) not in run.results.reasons]
    if not options.no_rounds:
        run.check()
        # The programs of one route start about as fast as the others; importing them is timed too.
        starts = sum(seconds for (_, production), seconds in run.starting.items() if not production)
        afterwards = 0 if options.no_alone else starts * repetitions * 1.6 + LOADED * len(present)
        run.measure(until=began + budget - afterwards)
    single = {}
    if not options.no_alone:
        single = alone.measure(
            [peer for peer in present if ("", peer.name) not in run.results.reasons],
            repetitions=repetitions,
            seconds=LOADED,
            python=python,
            cores=both,
            say=say,
        )
    streams: dict[str, lasting.Streams | str] = {}
    growth: dict[str, lasting.Growth | str] = {}
    for peer in present:
        if options.streams and peer.name in (STREAMING if not options.peers else PEERS):
            say(f"{peer.name}: {options.streams:,} streams for {options.hold:.0f} s")
            try:
                streams[peer.name] = lasting.hold_streams(
                    peer, streams=options.streams, seconds=options.hold, python=python, cores=both
                )
            except (NotServing, LoadFailed) as error:
                streams[peer.name] = str(error)
        if options.growth and (options.peers or peer.framework == "Trivium"):
            try:
                growth[peer.name] = lasting.grow(
                    peer, early=10_000, late=options.growth, python=python, cores=both, say=say
                )
            except (NotServing, LoadFailed) as error:
                growth[peer.name] = str(error)
    command = shlex.join(["python", "-m", "bench.serving", *sys.argv[1:]])
    how = (
        f"Made by `{command}`: the server on core {server_core}, the load on core {load_core}, "
        f"{rounds} rounds in which the peers take turns; every server is up and paused while "
        "another is measured. Access logs are off everywhere. 64 connections where nothing else "
        "is said, 16 for streams and WebSockets."
    )
    return report.Outcome(
        command,
        how,
        report.environment(python, peers),
        peers,
        endpoints,
        run.results,
        single,
        streams,
        growth,
        verdicts(run.results, single, streams, growth),
    )


def _tell(outcome: report.Outcome, options: argparse.Namespace) -> None:
    console = Console(width=None if sys.stdout.isatty() else 200)
    for table in report.tables(outcome):
        shown = RichTable(title=table.title, caption=table.explanation or None)
        for number, name in enumerate(table.header):
            shown.add_column(name, justify="left" if number == 0 else "right")
        for number, cells in enumerate(table.rows):
            style = "red" if number in table.bad else "green" if number in table.good else None
            shown.add_row(*cells, style=style)
        console.print(shown)
    if options.no_files:
        return
    base: Path = options.out
    base.parent.mkdir(parents=True, exist_ok=True)
    base.with_suffix(".json").write_text(report.record(outcome))
    base.with_suffix(".md").write_text(report.markdown(outcome))
    if not outcome.results.samples:
        return
    if importlib.util.find_spec("matplotlib"):
        draw(outcome, base.with_suffix(".svg"))
    else:
        console.print("no picture: pip install -r bench/requirements.txt brings matplotlib")
    console.print(f"written: {base}.json, .md and .svg")


if __name__ == "__main__":
    sys.exit(main())
