"""What the tests of every room share. Anything that one room alone needs stands in that room."""

from __future__ import annotations

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
