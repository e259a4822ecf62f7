"""A pytest plugin: `fastapi` means Trivium before anything is collected, and to the end.

It is loaded with ``-p``, which pytest handles before it looks for installed plugins and before any
conftest, so no other code has imported `fastapi` yet. The processes that tests start get the same
from ``children/sitecustomize.py``.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

NAME = "fastapi"


def refuse_the_real_package() -> None:
    """Raises pytest.UsageError if the real package is installed or anywhere on the path."""
    try:
        version = importlib.metadata.version(NAME)
    except importlib.metadata.PackageNotFoundError:
        pass
    else:
        raise pytest.UsageError(f"fastapi {version} is installed in {sys.prefix}")
    # PathFinder sees files only, neither sys.modules nor the name that Trivium lends.
    if (spec := PathFinder.find_spec(NAME)) is not None:
        raise pytest.UsageError(
            f"`fastapi` can be imported from {spec.origin or spec.submodule_search_locations}"
        )


refuse_the_real_package()

import trivium  # noqa: E402  # nothing of Trivium is imported until the real package is ruled out
import trivium.fastapi  # noqa: E402  # the same

HOME = Path(trivium.__file__).resolve().parent
CHILDREN = Path(__file__).resolve().parent / "children"

trivium.fastapi.install()
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(CHILDREN), *filter(None, [os.environ.get("PYTHONPATH")])]
)


def strangers() -> list[str]:
    """The loaded modules named `fastapi` or `fastapi.…` whose file is not Trivium's."""
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.split(".")[0] == NAME and file and not Path(file).resolve().is_relative_to(HOME):
            found.append(f"{name} ({file})")
    return found


def pytest_sessionfinish() -> None:
    refuse_the_real_package()
    if found := strangers():
        raise pytest.UsageError(f"not Trivium: {', '.join(found)}")
