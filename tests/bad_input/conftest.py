"""Fixtures: the framework under test, its app, and `send` through each entrance."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import trivium

from .entrances import Send, in_process, over_a_socket

ROOT = os.environ.get("TRIVIUM_BAD_INPUT_ROOT", "trivium.fastapi")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "improves(status): FastAPI 0.165.0 answers with this status instead"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if ROOT != "fastapi":
        return
    for item in items:
        if item.get_closest_marker("improves"):
            item.add_marker(pytest.mark.xfail(reason="FastAPI does worse", strict=True))


@pytest.fixture(scope="session")
def framework() -> ModuleType:
    return importlib.import_module(ROOT)


@pytest.fixture(scope="module")
def app(framework: ModuleType, request: pytest.FixtureRequest) -> Any:
    """The app that the test module makes with its `make_app(framework, class)`."""
    return request.module.make_app(framework, framework.FastAPI)


# An app of Trivium's own kind is no other house: its defaults differ, not what it refuses.
ENTRANCES = ["asgi", "socket"] if ROOT == "fastapi" else ["asgi", "socket", "App"]


@pytest.fixture(scope="module", params=ENTRANCES)
def send(request: pytest.FixtureRequest, framework: ModuleType, app: Any) -> Iterator[Send]:
    entrance = over_a_socket if request.param == "socket" else in_process
    if request.param == "App":
        app = request.module.make_app(framework, trivium.App)
    with entrance(app) as call:
        yield call


@pytest.fixture(scope="module")
def send_in_process(app: Any) -> Iterator[Send]:
    """For what no HTTP server lets through."""
    with in_process(app) as call:
        yield call
