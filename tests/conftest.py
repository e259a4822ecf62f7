"""What the tests of every room share. Anything that one room alone needs stands in that room."""

from __future__ import annotations

import re
from typing import Any, cast

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


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # A parameter shown by its `repr` may hold an address, which differs from process to process:
    # pytest's workers would refuse to share the tests, and `--last-failed` would not find them.
    for marker in metafunc.definition.iter_markers("parametrize"):
        if (ids := marker.kwargs.get("ids")) is not None:
            options = cast("dict[str, Any]", marker.kwargs)
            options["ids"] = without_addresses(ids)


def without_addresses(ids: Any) -> Any:
    """The same ids, a list or a function of a parameter, that say nothing of where it lies."""
    if callable(ids):
        return lambda value: stable(ids(value))
    return [stable(each) for each in ids]


def stable(shown: object) -> object:
    return ADDRESS.sub("", shown) if isinstance(shown, str) else shown
