"""Both entrances, for one and the same test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

import httpx2
import pytest

from tests.server.live import HTTPTOOLS, served
from trivium import App
from trivium.testing import TestClient

Entrance: TypeAlias = Callable[[App], AbstractContextManager[httpx2.Client]]

HEADERS = {"host": "example.com", "accept-encoding": "identity"}


@contextmanager
def by_asgi(app: App) -> Iterator[httpx2.Client]:
    with TestClient(
        app,
        headers=HEADERS,
        client=("127.0.0.1", 50000),
        raise_server_exceptions=False,
        follow_redirects=False,
    ) as client:
        yield client


@contextmanager
def by_socket(app: App, **options: Any) -> Iterator[httpx2.Client]:
    with served(app, lifespan="on", **options) as live:
        host, port = live.listener.getsockname()
        with httpx2.Client(base_url=f"http://{host}:{port}", headers=HEADERS) as client:
            yield client


def by_uvicorn(app: App) -> AbstractContextManager[httpx2.Client]:
    return by_socket(app, http=HTTPTOOLS)


@pytest.fixture(params=[by_asgi, by_socket], ids=["asgi", "direct"])
def entrance(request: pytest.FixtureRequest) -> Entrance:
    """Opens a client of an application, by ASGI or over a socket to the direct protocol."""
    way: Entrance = request.param
    return way
