"""Values of the application that need one another."""

from collections.abc import Iterator
from typing import Annotated

from trivium import App, Depends
from trivium.testing import TestClient


def test_a_value_of_the_application_may_need_another_one() -> None:
    events: list[str] = []

    def pool() -> Iterator[str]:
        events.append("open pool")
        yield "pool"
        events.append("close pool")

    async def cache(below: Annotated[str, Depends(pool, scope="app")]) -> str:
        events.append("make cache")
        return f"cache on {below}"

    app = App()

    @app.get("/")
    async def read(cache: Annotated[str, Depends(cache, scope="app")]) -> str:
        return cache

    with TestClient(app) as client:
        assert client.get("/").json() == "cache on pool"
        assert client.get("/").json() == "cache on pool"

    assert events == ["open pool", "make cache", "close pool"]
