"""Fixtures: the framework under test, its app, and `send` through each entrance."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

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
    """The app that the test module makes with its `make_app(framework)`."""
    return request.module.make_app(framework)


@pytest.fixture(scope="module", params=["asgi", "socket"])
def send(request: pytest.FixtureRequest, app: Any) -> Iterator[Send]:
    entrance = in_process if request.param == "asgi" else over_a_socket
    with entrance(app) as call:
        yield call


@pytest.fixture(scope="module")
def send_in_process(app: Any) -> Iterator[Send]:
    """For what no HTTP server lets through."""
    with in_process(app) as call:
        yield call
