"""An app is an ASGI application: other servers run it too, on plain ASGI."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request

import pytest

from tests.server.project import PATIENCE, Project

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def fetched(url: str) -> str:
    """What is there, once there is anything."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
                return str(reply.read().decode())
        except urllib.error.URLError as error:
            if isinstance(error, urllib.error.HTTPError) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize(
    "command",
    [
        ("hypercorn", "--bind", "127.0.0.1:{port}", "main:app"),
        ("granian", "--interface", "asgi", "--port", "{port}", "main:app"),
        ("uvicorn", "--port", "{port}", "main:app"),
    ],
    ids=lambda command: command[0],
)
def test_another_server_runs_the_app_and_its_lifespan(
    served: Project, command: tuple[str, ...]
) -> None:
    port = free_port()
    live = served.python("-m", *(each.format(port=port) for each in command))

    assert int(fetched(f"http://127.0.0.1:{port}/pid")) > 0
    assert "openapi" in fetched(f"http://127.0.0.1:{port}/openapi.json")

    live.stopped()
    assert served.story() == ["started", "cleaned up"]
