"""How long the properties fuzz: a fixed, short run by default, a long random one on demand."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

DEEP = os.environ.get("TRIVIUM_DIFFERENTIAL") == "deep"
# How many times more examples a deep run takes.
FACTOR = int(os.environ.get("TRIVIUM_DIFFERENTIAL_FACTOR", "30"))


def fuzz(examples: int) -> Callable[[Any], Any]:
    """Settings for a property: `examples` of them, the same ones at each run unless it is deep."""
    profile = settings(
        max_examples=examples * FACTOR if DEEP else examples,
        derandomize=not DEEP,
        database=None,
        deadline=None,
        print_blob=DEEP,
        suppress_health_check=list(HealthCheck),
    )

    def decorate(test: Any) -> Any:
        return pytest.mark.timeout(0 if DEEP else 300)(profile(test))

    return decorate
