"""The command: ``python -m tests.conformance``. See the package's docstring for the map."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

from tests.conformance import baseline, compatibility, environments, last, session, suite, verdict
from tests.conformance.environments import ROOT
from tests.conformance.session import Session
from tests.conformance.verdict import Verdict

CACHE = ROOT / ".cache" / "conformance"
PAGE = ROOT / "docs" / "compatibility.md"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    started = time.monotonic()
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        differences = compatibility.read(PAGE)
        tests = suite.prepare(CACHE)
        machines = environments.prepare(CACHE, tests)
        real = baseline.of(
            options.scope, cache=CACHE, suite=tests, environments=machines, jobs=options.jobs
        )
        if options.baseline:
            print(
                f"baseline: the real package passes {len(real.passed)} items of {options.scope!r}"
            )
            return 0
        nodes = [node for node in last.read(CACHE) if node in real.items]
        if options.last_failed and not nodes:
            print(f"Nothing of {options.scope!r} failed when it was last run.")
            return 0
        complete = not options.last_failed and not options.keyword
        record = last.fresh_record(CACHE)
        ours = session.run(
            machines.trivium,
            suite=tests.home,
            scope=options.scope,
            record=record,
            on_trivium=True,
            jobs=options.jobs,
            keyword=options.keyword,
            nodes=nodes if options.last_failed else None,
        )
    except (suite.CannotPrepare, session.SessionBroke, compatibility.BadTable) as error:
        print(f"conformance: could not run\n\n{error}", file=sys.stderr)
        return 2
    result = verdict.compare(real, ours, differences, complete=complete)
    remember(result, ours)
    code = publish(result, options, complete=complete, seconds=time.monotonic() - started)
    if result.failures:
        print(f"tracebacks: {record.with_suffix('.log')}")
    return 0 if options.keep_going else code


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance",
        description="Run FastAPI's own tests on Trivium and compare with what passes on the real "
        "package. Without options: tests/test_tutorial, the gate.",
    )
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument(
        "--all",
        dest="scope",
        action="store_const",
        const="all",
        default="tutorial",
        help="the whole suite outside its telemetry tests",
    )
    scope.add_argument(
        "--whole", dest="scope", action="store_const", const="whole", help="the telemetry tests too"
    )
    parser.add_argument(
        "-k", dest="keyword", metavar="EXPRESSION", help="only what pytest's -k would run"
    )
    parser.add_argument(
        "--last-failed", action="store_true", help="only what failed when it last ran"
    )
    parser.add_argument(
        "--keep-going",
        action="store_true",
        help="exit with 0 whatever is found; for looking, not for gates",
    )
    parser.add_argument(
        "--baseline", action="store_true", help="only work out what the real package passes"
    )
    parser.add_argument(
        "-n", dest="jobs", type=int, default=2, metavar="N", help="worker processes (2)"
    )
    return parser.parse_args(arguments)


def remember(result: Verdict, ours: Session) -> None:
    failing = [failure.node for failure in result.failures]
    last.update(CACHE, ran=[*ours.items, *failing], failing=failing)


def publish(result: Verdict, options: argparse.Namespace, *, complete: bool, seconds: float) -> int:
    """Prints the result, writes the report of a complete run, and returns the exit code."""
    lines = verdict.failure_lines(result.failures)
    if lines:
        print("\nPasses on the real package, fails on Trivium:\n")
        print("\n".join(lines))
    print()
    print(verdict.table(result, everything=options.scope == "tutorial" and complete))
    findings = result.findings()
    if complete:
        report = {
            "fastapi": suite.VERSION,
            "scope": options.scope,
            "seconds": round(seconds, 1),
            **verdict.as_json(result),
        }
        text = json.dumps(report, indent=1)
        (CACHE / "report.json").write_text(text, encoding="utf-8")
        (CACHE / f"report-{options.scope}.json").write_text(text, encoding="utf-8")
    for unused in result.unused:
        if options.scope != "tutorial" or unused.pattern.startswith(session.TUTORIAL):
            print(f"note: docs/compatibility.md explains {unused.pattern}, which does not fail")
    for finding in findings:
        print(f"not yet: {finding}")
    ended = result.total
    print(
        f"conformance: {ended.passed} of {ended.baseline} items of {options.scope!r} pass as on "
        f"fastapi {suite.VERSION} ({verdict.rounded(ended):.2f}%), in {seconds:.0f} s"
    )
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
