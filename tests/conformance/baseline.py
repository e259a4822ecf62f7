"""What passes on the real package, worked out once for a set of installed versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from tests.conformance import session
from tests.conformance.environments import Environments
from tests.conformance.session import Item, Session
from tests.conformance.suite import VERSION, CannotPrepare, Suite

EXPECTED: Mapping[str, int] = {"tutorial": 1398, "all": 4980, "whole": 5222}
"""How many items pass with the versions of 2026. Others may skip a few, but never many."""

TOLERANCE = 0.02


def of(scope: str, *, cache: Path, suite: Suite, environments: Environments, jobs: int) -> Session:
    """Returns the real package's session over `scope`, from the cache if the versions are the same.

    Raises CannotPrepare if far fewer items pass than they do elsewhere: then this machine lacks
    something, and a comparison would flatter Trivium.
    """
    stored = cache / f"baseline-{scope}-{environments.key}.json"
    if stored.exists():
        return Session(
            {
                node: Item(**item)
                for node, item in json.loads(stored.read_text(encoding="utf-8")).items()
            }
        )
    print(f"Running the same tests on the real fastapi {VERSION}, once for these versions")
    found = session.run(
        environments.real,
        suite=suite.home,
        scope=scope,
        record=cache / f"real-{scope}.jsonl",
        on_trivium=False,
        jobs=jobs,
    )
    check(scope, found)
    content = {node: asdict(item) for node, item in sorted(found.items.items())}
    stored.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return found


def check(scope: str, found: Session) -> None:
    least = int(EXPECTED[scope] * (1 - TOLERANCE))
    if found.uncollected or len(found.passed) < least:
        trouble = [f"{path}: {error}" for path, error in found.uncollected.items()]
        trouble += [
            f"{node}: {item.error}"
            for node, item in found.items.items()
            if item.outcome == "failed"
        ]
        raise CannotPrepare(
            f"On this machine the real package passes {len(found.passed)} items of {scope!r}, "
            f"where {EXPECTED[scope]} are expected. Something the tests need is missing:\n\n"
            + "\n".join(trouble[:20])
        )
