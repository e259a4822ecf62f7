"""When a worker has served long enough."""

import time

import pytest

from trivium.server.recycling import Limits, resident_memory
from trivium.server.settings import ServerSettings


def test_without_limits_a_worker_serves_for_ever() -> None:
    assert Limits.of(ServerSettings()).exceeded(10**9) is None


def test_requests_are_counted() -> None:
    limits = Limits.of(ServerSettings(max_requests=10, recycle_jitter=0))

    assert limits.exceeded(9) is None
    assert limits.exceeded(10) == "it has answered 10 requests"


def test_age_is_counted_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits.of(ServerSettings(max_worker_age=60, recycle_jitter=0))
    begin = limits.born

    monkeypatch.setattr(time, "monotonic", lambda: begin + 59)
    assert limits.exceeded(0) is None
    monkeypatch.setattr(time, "monotonic", lambda: begin + 61)
    assert limits.exceeded(0) == "it is 61 seconds old"


def test_memory_is_that_of_the_process() -> None:
    used = resident_memory()

    assert used is not None
    assert used > 10_000_000
    assert Limits.of(ServerSettings(max_worker_memory=1)).exceeded(0) is not None
    assert Limits.of(ServerSettings(max_worker_memory=2**50)).exceeded(0) is None


def test_workers_started_together_do_not_end_together() -> None:
    settings = ServerSettings(max_requests=10_000, max_worker_age=1000, recycle_jitter=0.2)

    limits = [Limits.of(settings) for _ in range(20)]

    assert len({each.requests for each in limits}) > 1
    assert all(10_000 <= (each.requests or 0) <= 12_000 for each in limits)
    assert all(1000 <= (each.age or 0) <= 1200 for each in limits)
