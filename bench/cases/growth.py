"""Memory over a million mixed requests. Asked for by name: `python -m bench growth --rounds 1`."""

import json
from typing import Annotated

from pydantic import BaseModel

from bench.harness.asgi import ASGIApp, Call
from bench.harness.case import Case, GrowthCase
from bench.harness.framework import Framework


class Item(BaseModel):
    name: str
    tags: list[str] = []


def _program(framework: Framework) -> ASGIApp:
    app, depends = framework.application(), framework.Depends

    async def connection():
        yield bytearray(1_000)

    @app.get("/items/{item_id}")
    async def read(item_id: int, db: Annotated[bytearray, depends(connection)], q: str = ""):
        return {"id": item_id, "q": q, "db": len(db)}

    @app.post("/items", response_model=Item)
    async def create(item: Item):
        return item

    @app.get("/fail")
    async def fail():
        raise framework.HTTPException(409, "taken")

    return app


_BODY = json.dumps({"name": "x" * 200, "tags": ["a", "b"]}).encode()
_JSON = (("content-type", "application/json"),)

CASES: list[Case] = [
    GrowthCase(
        name="growth_million",
        title="memory gained in a million requests",
        build=_program,
        calls=(
            Call("/items/7?q=word"),
            Call("/items", method="POST", headers=_JSON, body=_BODY),
            Call("/items/seven", status=422),
            Call("/fail", status=409),
            Call("/missing", status=404),
        ),
        times=1_000_000,
    ),
]
