"""`make bench-data`: Trivium's models beside other ORMs on PostgreSQL; see ../README.md."""

import argparse
import asyncio
import json
import os
import subprocess
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

from bench.data.operations import COLUMNS, CREATE, OPERATIONS, ROWS, TABLE, row
from bench.serving import environment

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results"
PLACE = ROOT / ".cache" / "bench-data-venv"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
PROGRAMS = {
    "raw": "raw asyncpg",
    "trivium_models": "Trivium",
    "sqlalchemy_session": "SQLAlchemy session",
    "django_models": "Django, sync",
    "django_async": "Django, async",
    "tortoise_models": "Tortoise",
    "piccolo_tables": "Piccolo",
}
DATABASE = f"trivium_bench_{os.getpid()}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.data", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help=f"programs, of {', '.join(PROGRAMS)}")
    parser.add_argument(
        "--server",
        default=os.environ.get("TRIVIUM_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432"),
        help="a PostgreSQL in which a database may be made",
    )
    parser.add_argument("--python", help="an environment that has the peers")
    parser.add_argument("--no-files", action="store_true", help="print only")
    return parser.parse_args()


async def _make_table(server: str) -> str:
    """Makes the database and its table anew. Gives its address."""
    base = server.rsplit("/", 1)[0] if server.count("/") > 2 else server
    admin = await asyncpg.connect(f"{base}/postgres")
    try:
        await admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        await admin.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await admin.close()
    url = f"{base}/{DATABASE}"
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(CREATE)
        rows = [tuple(row(number).values()) for number in range(ROWS)]
        await connection.copy_records_to_table(TABLE, records=rows, columns=COLUMNS)
        await connection.execute(f"ANALYZE {TABLE}")
    finally:
        await connection.close()
    return url


async def _drop(url: str) -> None:
    admin = await asyncpg.connect(url.replace(f"/{DATABASE}", "/postgres"))
    try:
        await admin.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    finally:
        await admin.close()


def _figures(python: Path, program: str, url: str) -> dict[str, float]:
    """Of one round of one program; it runs on the last core alone."""
    core = sorted(os.sched_getaffinity(0))[-1]
    done = subprocess.run(
        ["taskset", "-c", str(core), python, "-m", "bench.data.worker", program],
        cwd=ROOT,
        env={**os.environ, "BENCH_DATABASE": url, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{program} failed:\n{done.stderr[-3000:]}")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _table(rounds: dict[str, list[dict[str, float]]]) -> list[str]:
    head = ["| library |", *(f" {each.title} |" for each in OPERATIONS)]
    lines = ["".join(head), "|---|" + "---|" * len(OPERATIONS)]
    raw = rounds["raw"]
    for program, figures in rounds.items():
        cells = []
        for operation in OPERATIONS:
            name = operation.name
            ratio = median(mine[name] / base[name] for mine, base in zip(figures, raw, strict=True))
            spent = median(mine[name] for mine in figures) * 1e6
            cells.append(f" {ratio:.2f} ({spent:,.0f} µs) |")
        lines.append(f"| {PROGRAMS[program]} |{''.join(cells)}")
    return lines


def _verdicts(rounds: dict[str, list[dict[str, float]]]) -> list[str]:
    lines = []
    mine, raw = rounds["trivium_models"], rounds["raw"]
    for operation in OPERATIONS:
        name = operation.name
        ratio = median(own[name] / base[name] for own, base in zip(mine, raw, strict=True))
        goal = operation.goal
        verdict = "met" if goal is None or ratio <= goal else "MISSED"
        wanted = "" if goal is None else f", at most {goal}: {verdict}"
        spent = median(own[name] for own in mine)
        ahead = [
            PROGRAMS[peer]
            for peer, figures in rounds.items()
            if peer not in ("raw", "trivium_models")
            and median(each[name] for each in figures) <= spent
        ]
        behind = f"; behind {', '.join(ahead)}" if ahead else "; ahead of every other library"
        lines.append(f"- {operation.title}: {ratio:.2f}{wanted}{behind}")
    return lines


def main() -> None:
    arguments = _arguments()
    chosen = list(PROGRAMS) if not arguments.only else arguments.only.split(",")
    chosen = list(dict.fromkeys(["raw", *chosen]))
    if unknown := [name for name in chosen if name not in PROGRAMS]:
        raise SystemExit(f"There is no {unknown[0]!r}. There are: {', '.join(PROGRAMS)}")
    python = Path(arguments.python) if arguments.python else PLACE / "bin" / "python"
    if not arguments.python:
        failed = environment.make(REQUIREMENTS, PLACE)
        for name, reason in failed.items():
            print(f"{name} cannot be installed: {reason}")
    url = asyncio.run(_make_table(arguments.server))
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in chosen}
    try:
        for number in range(arguments.rounds):
            # the order turns round, so that nobody is always the first
            for name in chosen if number % 2 == 0 else reversed(chosen):
                print(f"round {number + 1}: {PROGRAMS[name]}", flush=True)
                rounds[name].append(_figures(python, name, url))
    finally:
        asyncio.run(_drop(url))
    lines = [
        "# CPU time of one operation, raw asyncpg = 1",
        "",
        f"Made by `python -m bench.data --rounds {arguments.rounds}`. CPU time of the client's"
        " process, on one core; the ratio is the median of each round's. Each operation takes a"
        " connection from a pool, or a session or unit of work of its own, as in a request.",
        "",
        *_table(rounds),
        "",
        *(_verdicts(rounds) if "trivium_models" in rounds else []),
    ]
    print("\n".join(lines))
    if not arguments.no_files:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "data.md").write_text("\n".join(lines) + "\n")
        document: dict[str, Any] = {"rounds": rounds}
        (RESULTS / "data.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
