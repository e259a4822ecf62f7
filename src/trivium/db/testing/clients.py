"""A synchronous client in the event loop in which the test's transaction lives."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from anyio.from_thread import BlockingPortal
from starlette.types import ASGIApp

from trivium.testing import AsyncTestClient, TestClient

__all__ = ["client_on"]


@contextmanager
def client_on(portal: BlockingPortal, app: ASGIApp) -> Iterator[TestClient]:
    """A ``TestClient`` of an app that runs, lifespan included, in the loop of ``portal``."""
    client = TestClient(app)
    # a client with a portal starts no loop of its own
    client.portal = portal
    with portal.wrap_async_context_manager(_started(app, client.app_state)):
        yield client


@asynccontextmanager
async def _started(app: ASGIApp, state: dict[str, Any]) -> AsyncIterator[None]:
    async with AsyncTestClient(app) as started:
        state.update(started.app_state)
        yield
