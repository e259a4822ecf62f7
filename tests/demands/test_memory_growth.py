"""Memory stays flat however many requests are served. `bench growth` sends a million."""

import asyncio
import gc
import json
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import pytest
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from bench.harness.asgi import Call, lifespan, repeat
from bench.harness.case import resident
from trivium import App, BackgroundTasks, Depends, HTTPException, Request

JSON = (("content-type", "application/json"),)
FORM = (("content-type", "application/x-www-form-urlencoded"),)


class Item(BaseModel):
    name: str
    tags: list[str] = []


def program() -> App:
    app = App()

    async def connection() -> AsyncIterator[bytearray]:
        yield bytearray(1_000)

    def threaded() -> Iterator[bytearray]:
        yield bytearray(1_000)

    @app.get("/items/{item_id}")
    async def read(
        item_id: int, db: Annotated[bytearray, Depends(connection)], request: Request, q: str = ""
    ) -> dict[str, object]:
        return {"id": item_id, "q": q, "path": request.url.path, "db": len(db)}

    @app.get("/threaded")
    def read_in_thread(db: Annotated[bytearray, Depends(threaded)]) -> int:
        return len(db)

    @app.post("/items")
    async def create(item: Item, tasks: BackgroundTasks) -> Item:
        tasks.add_task(len, item.tags)
        return item

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"x" * 100

        return StreamingResponse(chunks())

    @app.get("/conflict")
    async def conflict() -> None:
        raise HTTPException(409)

    return app


BODY = json.dumps({"name": "x" * 200, "tags": ["a", "b"]}).encode()
CALLS = [
    Call("/items/7?q=word"),
    Call("/items", method="POST", headers=JSON, body=BODY),
    Call("/items", method="POST", headers=JSON, body=b'{"name": 1}', status=422),
    Call("/items", method="POST", headers=JSON, body=b"{", status=422),
    Call("/items/seven", status=422),
    Call("/threaded"),
    Call("/stream"),
    Call("/conflict", status=409),
    Call("/items", method="DELETE", status=405),
]


async def _mixed(app: App, times: int) -> None:
    """`times` requests of all kinds; every path of the last kind is one never seen before."""
    share = times // (len(CALLS) + 1)
    for call in CALLS:
        await repeat(app, call, share)
    for number in range(share):
        await repeat(app, Call(f"/never/{number}/{id(app)}", status=404), 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_resident_memory_is_flat_over_50_000_requests() -> None:
    async def measure() -> float:
        app = program()
        async with lifespan(app):
            await _mixed(app, 10_000)
            before = resident()
            await _mixed(app, 50_000)
            return resident() - before

    # A leak of 100 bytes a request would be 5 MiB; the allocator's own noise is below one.
    assert asyncio.run(measure()) < 2.0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_python_object_remains_of_a_request() -> None:
    async def measure() -> int:
        app = program()
        async with lifespan(app):
            await _mixed(app, 1_000)
            gc.collect()
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            await _mixed(app, 5_000)
            gc.collect()
            after = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            return after - before

    # 20 bytes a request: less than the smallest object that could remain of each.
    assert asyncio.run(measure()) < 5_000 * 20


@pytest.mark.slow
def test_a_request_leaves_no_reference_cycles_behind() -> None:
    async def measure() -> int:
        app = program()
        async with lifespan(app):
            await repeat(app, CALLS[0], 10)
            gc.collect()
            gc.disable()
            try:
                await repeat(app, CALLS[0], 100)
                return gc.collect()
            finally:
                gc.enable()

    assert asyncio.run(measure()) < 100
