"""What a comparison found, as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trivium.cli.benchmark.comparison import Comparison, Row, Sample
from trivium.cli.benchmark.engines import Engine
from trivium.cli.benchmark.requests import Skipped


def view(
    comparison: Comparison, engines: Sequence[Engine], skipped: Sequence[Skipped]
) -> RenderableType:
    """The table for people: requests down, the engines' figures across."""
    ours, theirs = engines
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("REQUEST")
    for heading in (
        f"{ours.name}/s",
        f"{theirs.name}/s",
        "RATIO",
        "ROUNDS",
        "P99 MS",
        "CPU µS",
    ):
        table.add_column(heading, justify="right")
    for row in comparison.rows:
        if row.problem is None:
            table.add_row(*_cells(row, ours.name, theirs.name))
    parts: list[RenderableType] = [table] if table.row_count else []
    if standing := _standing(comparison, engines):
        parts.append(Text("\n" + "\n".join(standing)))
    notes = [f"not compared: {row.request.title}: {row.problem}" for row in _void(comparison)]
    notes += [f"not asked: {each.title}: {each.reason}" for each in skipped]
    if any(row.varies for row in comparison.rows):
        notes.append("* the body is another one each time: status and content type were compared")
    if _limited(comparison):
        notes.append("! the client had its whole core: the server can do more than is shown")
    if notes:
        parts.append(Text("\n" + "\n".join(notes), style="yellow"))
    return Group(*parts)


def as_json(
    comparison: Comparison, engines: Sequence[Engine], skipped: Sequence[Skipped]
) -> dict[str, Any]:
    """Every figure of every round."""
    ours, theirs = engines
    return {
        "engines": {engine.name: engine.title for engine in engines},
        "requests": [
            {
                "request": row.request.title,
                "problem": row.problem,
                "body_varies": row.varies,
                "ratio": row.ratio(ours.name, theirs.name),
                "samples": {
                    name: [asdict(each) for each in samples]
                    for name, samples in row.samples.items()
                },
            }
            for row in comparison.rows
        ],
        "servers": {name: asdict(standing) for name, standing in comparison.standing.items()},
        "skipped": [asdict(each) for each in skipped],
    }


def failed(comparison: Comparison) -> bool:
    """Whether there is less than was asked for.

    An operation of the document that both engines refuse, because a value was made up for it, is
    no failure; a request that the user wrote is, and so is nothing at all.
    """
    void = _void(comparison)
    wanting = [row for row in void if row.request.written or not row.unfit]
    return bool(wanting) or len(void) == len(comparison.rows)


def _cells(row: Row, ours: str, theirs: str) -> list[str]:
    one, other = row.samples[ours], row.samples[theirs]
    ratio = row.ratio(ours, theirs)
    middle, low, high = ratio if ratio is not None else (0.0, 0.0, 0.0)
    return [
        row.request.title + ("*" if row.varies else ""),
        _figure(one, "rate") + ("!" if _is_limited(one) else ""),
        _figure(other, "rate") + ("!" if _is_limited(other) else ""),
        f"{middle:.2f}",
        f"{low:.2f}–{high:.2f}",
        f"{_figure(one, 'p99')} / {_figure(other, 'p99')}",
        f"{_figure(one, 'cpu_micros')} / {_figure(other, 'cpu_micros')}",
    ]


def _figure(samples: Sequence[Sample], name: str) -> str:
    value = median(getattr(each, name) for each in samples)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _is_limited(samples: Sequence[Sample]) -> bool:
    return median(each.client_busy for each in samples) > 0.9


def _limited(comparison: Comparison) -> bool:
    return any(_is_limited(each) for row in comparison.rows for each in row.samples.values())


def _standing(comparison: Comparison, engines: Sequence[Engine]) -> list[str]:
    lines = []
    for engine in engines:
        found = comparison.standing[engine.name]
        if found.memory:
            held = median(each.pss for each in found.memory)
            started = median(found.startup_seconds)
            lines.append(
                f"{engine.title}: {held:.0f} MiB (PSS), {started:.2f} s to the first reply"
            )
    return lines


def _void(comparison: Comparison) -> list[Row]:
    return [row for row in comparison.rows if row.problem is not None]
