"""A pytest plugin: `fastapi` means Trivium before anything is collected, and to the end.

It is loaded with ``-p``, before any conftest, so no test has imported `fastapi` yet. The processes
that tests start get the same from ``children/sitecustomize.py``.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

NAME = "fastapi"
CHILDREN = Path(__file__).resolve().parent / "children"


def refuse_the_real_package() -> None:
    """Raises pytest.UsageError if the real package lies anywhere on the path."""
    # PathFinder sees files only, neither sys.modules nor the name that Trivium lends.
    if (spec := PathFinder.find_spec(NAME)) is not None:
        places = spec.origin or spec.submodule_search_locations
        raise pytest.UsageError(f"the real fastapi can be imported here, from {places}")


refuse_the_real_package()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    # The first moment after pytest has looked through the installed plugins. Earlier, importing
    # Trivium would import Pydantic's plugins, some of which are pytest's too, and it warns of that.
    import trivium.fastapi

    trivium.fastapi.install()


def pytest_collection(session: pytest.Session) -> None:
    # The processes that the tests start: they start where the tests run. Not pytest's own workers,
    # which the controller starts, for the reason above.
    runs_tests = hasattr(session.config, "workerinput") or not session.config.getoption(
        "numprocesses"
    )
    if runs_tests:
        rest = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join([str(CHILDREN), *filter(None, rest)])


def strangers(home: Path) -> list[str]:
    """The loaded modules named `fastapi` or `fastapi.…` whose file is not Trivium's."""
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.split(".")[0] == NAME and file and not Path(file).resolve().is_relative_to(home):
            found.append(f"{name} ({file})")
    return found


def pytest_sessionfinish() -> None:
    import trivium

    refuse_the_real_package()
    if found := strangers(Path(str(trivium.__file__)).resolve().parent):
        raise pytest.UsageError(f"not Trivium: {', '.join(found)}")
