"""What the tests of every room share. Anything that one room alone needs stands in that room."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, so that a red build is about the change; no deadline, because a
# busy machine is not a bug. The properties in `differential` have a long, random mode of their own.
settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def pytest_itemcollected(item: pytest.Item) -> None:
    # A parameter shown by its `repr` may hold an address, which differs from process to process:
    # pytest's workers would refuse to share the tests, and `--last-failed` would not find them.
    item._nodeid = ADDRESS.sub("", item.nodeid)
