"""The results for the terminal, as Markdown and as JSON: one source of rows for all three."""

import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.serving.alone import Alone
from bench.serving.endpoints import Endpoint
from bench.serving.goals import Verdict
from bench.serving.lasting import Growth, Streams
from bench.serving.peers import Peer
from bench.serving.rounds import Results, Sample
from trivium.cli.benchmark.processes import Memory

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text. `bad` and `good`: numbers of rows to colour."""

    title: str
    header: list[str]
    rows: list[list[str]]
    bad: tuple[int, ...] = ()
    good: tuple[int, ...] = ()
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that one command measured."""

    command: str
    how: str
    environment: Mapping[str, str]
    peers: list[Peer]
    endpoints: list[Endpoint]
    results: Results
    alone: Mapping[str, Alone]
    streams: Mapping[str, Streams | str]
    growth: Mapping[str, Growth | str]
    verdicts: list[Verdict]


VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""


def environment(python: str, peers: Iterable[Peer]) -> dict[str, str]:
    """What the figures depend on besides the code."""
    packages = sorted({"uvloop", "pydantic", *(name for peer in peers for name in peer.packages)})
    found = {"python": platform.python_version(), "machine": _processor()}
    for package in packages:
        done = subprocess.run([python, "-c", VERSIONS, package], capture_output=True, text=True)
        found |= json.loads(done.stdout) if done.returncode == 0 else {package: "not installed"}
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    return platform.machine()


def tables(outcome: Outcome) -> list[Table]:
    """Every table of the run; those with nothing in them are left out."""
    every = [
        _goals(outcome.verdicts),
        _asked(outcome),
        _who(outcome),
        _rates(outcome),
        _details(outcome),
        _latency(outcome, "p50", "Median latency, ms"),
        _latency(outcome, "p99", "99th percentile of latency, ms"),
        _cpu(outcome),
        _alone(outcome),
        _streams(outcome.streams),
        _growth(outcome.growth),
        _reasons(outcome),
    ]
    return [table for table in every if table.rows]


def _goals(verdicts: Sequence[Verdict]) -> Table:
    rows = []
    verdicts = [verdict for verdict in verdicts if verdict.asked]
    for verdict in verdicts:
        ratio, sign = verdict.ratio, "≥" if verdict.at_least else "≤"
        said = {True: "met", False: "MISSED", None: "not measured"}[verdict.met]
        rows.append(
            [
                verdict.what,
                f"{sign} {verdict.bound:.3g}",
                f"{ratio.middle:.3g}" if ratio else NOTHING,
                f"{ratio.low:.3g}–{ratio.high:.3g}" if ratio else NOTHING,
                f"{verdict.cpu:.3g}" if verdict.cpu is not None else NOTHING,
                f"{said} ({verdict.note})" if verdict.note else said,
            ]
        )
    return Table(
        "Goals",
        ["what", "goal", "ratio", "spread", "in CPU time", "verdict"],
        rows,
        bad=tuple(n for n, verdict in enumerate(verdicts) if verdict.met is False),
        good=tuple(n for n, verdict in enumerate(verdicts) if verdict.met),
        explanation="A ratio is the median of the rounds' ratios. Requests per second decide, "
        "where nothing else is said; the ratio of the server's CPU time a request stands beside.",
    )


def _asked(outcome: Outcome) -> Table:
    rows = [
        [each.name, each.title, f"{each.method} {each.path}", str(each.connections)]
        for each in outcome.endpoints
        if outcome.results.samples.get(each.name)
    ]
    return Table("What is asked", ["", "", "", "connections"], rows)


def _who(outcome: Outcome) -> Table:
    rows = []
    for peer in outcome.peers:
        versions = [f"{name} {outcome.environment.get(name, '?')}" for name in peer.packages]
        rows.append([peer.name, peer.framework, peer.server, ", ".join(versions)])
    return Table("Who is asked", ["", "framework", "server", "versions"], rows)


Pick = Callable[[Sample], float | None]


def _by_endpoint(outcome: Outcome, title: str, pick: Pick, text: str) -> Table:
    """Peers down, endpoints across."""
    shown = [
        endpoint
        for endpoint in outcome.endpoints
        if any(
            pick(sample) is not None
            for peer in outcome.peers
            for sample in outcome.results.of(endpoint.name, peer.name)
        )
    ]
    rows = []
    for peer in outcome.peers:
        cells = [_cell(outcome.results.of(each.name, peer.name), pick) for each in shown]
        if any(cell != NOTHING for cell in cells):
            rows.append([peer.name, *cells])
    return Table(title, ["", *(each.name for each in shown)], rows, explanation=text)


def _cell(samples: Sequence[Sample], pick: Pick) -> str:
    values = [value for each in samples if (value := pick(each)) is not None]
    if not values:
        return NOTHING
    limited = "*" if sum(each.limited_by_client for each in samples) > len(samples) / 2 else ""
    return _number(median(values)) + limited


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _rates(outcome: Outcome) -> Table:
    return _by_endpoint(
        outcome,
        "Requests, events or messages per second",
        lambda sample: sample.rate,
        "Medians over rounds. An asterisk: the server had less than 90% of its core and the client "
        "more of its own, so that the figure is the load's limit and not the server's.",
    )


def _latency(outcome: Outcome, which: str, title: str) -> Table:
    return _by_endpoint(outcome, title, lambda sample: getattr(sample, which), "")


def _cpu(outcome: Outcome) -> Table:
    return _by_endpoint(
        outcome,
        "CPU time of the server, µs for a request, event or message",
        lambda sample: sample.cpu_micros,
        "User and system time of all its processes and threads.",
    )


def _details(outcome: Outcome) -> Table:
    """How far the rounds lie apart."""
    rows = []
    for endpoint in outcome.endpoints:
        for peer in outcome.peers:
            samples = outcome.results.of(endpoint.name, peer.name)
            if len(samples) > 1 and endpoint.core:
                rates = [each.rate for each in samples]
                spread = (max(rates) - min(rates)) / median(rates)
                each = ", ".join(_number(rate) for rate in rates)
                rows.append([endpoint.name, peer.name, each, f"{spread:.0%}"])
    return Table("Rounds", ["", "", "each round", "spread"], rows)


def _alone(outcome: Outcome) -> Table:
    rows = []
    for peer in outcome.peers:
        if (found := outcome.alone.get(peer.name)) is None:
            continue
        rows.append(
            [
                peer.name,
                _memory(found.started, "rss"),
                _memory(found.started, "pss"),
                _memory(found.loaded, "rss"),
                _memory(found.loaded, "pss"),
                _milliseconds(found.startup),
                _milliseconds(found.startup_cpu),
                _milliseconds(found.imported),
                _milliseconds(found.imported_cpu),
            ]
        )
    header = ["", "RSS, started", "PSS, started", "RSS, loaded", "PSS, loaded"]
    header += ["start to reply, ms", "its CPU, ms", "import, ms", "its CPU, ms"]
    return Table(
        "One route: memory of all processes (MiB) and start",
        header,
        rows,
        explanation="RSS counts a page that two processes share twice, PSS once.",
    )


def _memory(memories: Sequence[Memory], which: str) -> str:
    return f"{median(getattr(each, which) for each in memories):.1f}" if memories else NOTHING


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{median(seconds) * 1000:.0f}" if seconds else NOTHING


def _streams(streams: Mapping[str, Streams | str]) -> Table:
    rows = []
    for name, found in streams.items():
        if isinstance(found, str):
            rows.append([name, *[NOTHING] * 6, found.splitlines()[-1]])
            continue
        rows.append(
            [
                name,
                f"{found.opened:,}",
                f"{found.seconds:.0f}",
                f"{found.events:,}",
                str(found.closed),
                str(found.lost),
                f"{found.kib_a_stream:.1f}",
                "held" if found.held else f"not held: a stream had {found.fewest} events",
            ]
        )
    header = ["", "opened", "seconds", "events", "closed", "gaps", "KiB a stream (PSS)", ""]
    return Table("Streams held open on one worker", header, rows)


def _growth(growth: Mapping[str, Growth | str]) -> Table:
    rows = []
    for name, found in growth.items():
        if isinstance(found, str):
            rows.append([name, NOTHING, NOTHING, NOTHING, found.splitlines()[-1]])
            continue
        rows.append(
            [
                name,
                f"{found.memory_early.rss:.1f} after {found.early:,}",
                f"{found.memory_late.rss:.1f} after {found.late:,}",
                f"{found.memory_late.pss:.1f}",
                f"{found.ratio - 1:+.2%}",
            ]
        )
    return Table("Memory over many requests, MiB", ["", "RSS", "RSS", "PSS at the end", ""], rows)


def _reasons(outcome: Outcome) -> Table:
    rows = []
    asked = {"", *(endpoint.name for endpoint in outcome.endpoints)}
    for (endpoint, peer), reason in sorted(outcome.results.reasons.items()):
        if endpoint in asked and reason != "not measured: no such program":
            lines = reason.splitlines()
            short = lines[0] if len(lines) == 1 else f"{lines[0]} … {lines[-1]}"
            rows.append([peer, endpoint or "everything", short[:300]])
    for peer, found in outcome.alone.items():
        if found.reason:
            rows.append([peer, "one route", found.reason.splitlines()[-1][:300]])
    return Table("What was not measured, and why", ["peer", "what", "why"], rows)


def markdown(outcome: Outcome) -> str:
    """The page of a run."""
    made = "; ".join(f"{name} {value}" for name, value in outcome.environment.items())
    text = ["# Serving, over real sockets", "", outcome.how, "", f"{made}.", ""]
    for table in tables(outcome):
        text += [f"## {table.title}", ""]
        if table.explanation:
            text += [table.explanation, ""]
        text += [_row(table.header), "|" + "---|" * len(table.header), *map(_row, table.rows), ""]
    return "\n".join(text)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def record(outcome: Outcome) -> str:
    """Everything measured, every round of it, as JSON."""
    results = outcome.results
    content: dict[str, Any] = {
        "command": outcome.command,
        "environment": dict(outcome.environment),
        "goals": [{**asdict(each), "met": each.met} for each in outcome.verdicts],
        "samples": {
            endpoint: {
                peer: [each and asdict(each) for each in samples]
                for peer, samples in by_peer.items()
            }
            for endpoint, by_peer in results.samples.items()
        },
        "one_route": {peer: asdict(alone) for peer, alone in outcome.alone.items()},
        "streams": {peer: _plain(found) for peer, found in outcome.streams.items()},
        "growth": {peer: _plain(found) for peer, found in outcome.growth.items()},
        "reasons": [
            {"peer": peer, "endpoint": endpoint or None, "reason": reason}
            for (endpoint, peer), reason in sorted(results.reasons.items())
        ],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _plain(found: Streams | Growth | str) -> Any:
    return found if isinstance(found, str) else asdict(found)
