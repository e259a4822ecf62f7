"""What runs leave in the cache: their records, and what failed, for ``--last-failed``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection
from pathlib import Path

KEPT = 6
"""Runs whose records stay; each has up to three files: record, log, chosen nodes."""


def read(cache: Path) -> list[str]:
    """The node ids that failed when each was last run, in order; none if nothing has run yet."""
    path = cache / "failing.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def update(cache: Path, *, ran: Collection[str], failing: Collection[str]) -> None:
    """Forgets what ran, and remembers what of it failed."""
    kept = set(read(cache)) - set(ran) | set(failing)
    (cache / "failing.json").write_text(json.dumps(sorted(kept), indent=1), encoding="utf-8")


def fresh_record(cache: Path) -> Path:
    """A path for this run's record, its own even if two run at once; old records are removed."""
    runs = cache / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    # Names begin with the time, so the order of names is the order of runs.
    for old in sorted(runs.iterdir())[: -3 * KEPT]:
        old.unlink(missing_ok=True)
    return runs / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.jsonl"
